import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  INestApplication,
  InjectionToken,
  LoggerService,
  ModuleMetadata,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { SessionClock } from '../../lib/index.js';
import type { TestSessionClock } from '../../lib/testing/index.js';
import { send, type TestRequest, type TestResponse } from './browser.js';
import { CapturedLogs } from './captured-logs.js';
import { createAdapter, type AdapterName } from './test-app.js';

export interface BootOptions {
  adapter?: AdapterName | AbstractHttpAdapter;
  clock?: TestSessionClock;
  /** Replaces providers and guards before the modules are built. */
  override?: (builder: TestingModuleBuilder) => void;
  /** Called before the application is initialised. */
  configure?: (app: INestApplication) => void;
  /** Where the log goes; without it nowhere. */
  logger?: LoggerService;
}

/** An application of the test's own modules, on a free port of this machine. */
export class BootedApp {
  constructor(
    readonly app: INestApplication,
    readonly port: number,
  ) {}

  send(request: TestRequest): Promise<TestResponse> {
    return send(this.port, request);
  }

  get<T>(token: InjectionToken<T>): T {
    return this.app.get<T>(token, { strict: false });
  }
}

const running = new Set<INestApplication>();

/** Builds and starts an application; what stops it from starting is thrown as it is. */
export async function boot(
  metadata: ModuleMetadata,
  options: BootOptions = {},
): Promise<BootedApp> {
  const { adapter = 'express', clock, logger = new CapturedLogs() } = options;
  const builder = Test.createTestingModule(metadata).setLogger(logger);
  if (clock) builder.overrideProvider(SessionClock).useValue(clock);
  options.override?.(builder);
  const moduleRef = await builder.compile();
  const app = moduleRef.createNestApplication(
    typeof adapter === 'string' ? createAdapter(adapter) : adapter,
    { logger },
  );
  running.add(app);
  options.configure?.(app);
  await app.listen(0, '127.0.0.1');
  const server = app.getHttpServer() as Server;
  if (!server.listening) {
    await once(server, 'listening');
  }
  return new BootedApp(app, (server.address() as AddressInfo).port);
}

/** Stops what {@link boot} started: for `afterEach` or `afterAll`. */
export async function closeBooted(): Promise<void> {
  const apps = [...running];
  running.clear();
  await Promise.all(apps.map((app) => app.close()));
}

/** What stopped an application from starting. */
export async function bootError(
  metadata: ModuleMetadata,
  options?: BootOptions,
): Promise<unknown> {
  try {
    await boot(metadata, options);
  } catch (error) {
    return error;
  }
  throw new Error('the application started');
}
