/** A program: what fresh requests cost in the guard with and without device binding, and sends it to its parent. */
import 'reflect-metadata';
import { createHook } from 'node:async_hooks';
import { Module, type ExecutionContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  MemorySessionStore,
  SessionGuard,
  SessionJwtModule,
} from '../../lib/index.js';
import { hashedLink } from '../../lib/session/records/presented-refresh.js';
import { linkOf } from '../../lib/session/model/refresh-chain.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { TestDevice } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { contextOf, createExchange } from '../support/node-exchange.js';
import { SECRET } from '../support/secrets.js';

export interface BindingCost {
  /** Asynchronous resources by their type. */
  readonly resources: Readonly<Record<string, number>>;
  readonly storeCalls: number;
  /** Of one request, one for each round. */
  readonly bytes: readonly number[];
  /** The same, in the best part of the round. */
  readonly nanoseconds: readonly number[];
}

/** With a store and without: by whether sessions can be bound, and are. */
export type BindingCosts = Readonly<
  Record<'stateless' | 'recorded', Readonly<Record<Mode, BindingCost>>>
>;

const MODES = ['off', 'unbound', 'bound'] as const;
type Mode = (typeof MODES)[number];

const REQUESTS = 2_000;
const ROUNDS = rounds(25, 7);
/** So few take less than the time after which a busy machine turns to another process. */
const TIMED_TOGETHER = 100;

let storeCalls = 0;
const { prototype } = MemorySessionStore;
for (const name of [
  'read',
  'rotate',
  'update',
  'confirmUse',
  'bind',
] as const) {
  const original = prototype[name] as (...args: unknown[]) => unknown;
  (prototype as unknown as Record<string, unknown>)[name] = function (
    this: unknown,
    ...args: unknown[]
  ) {
    storeCalls += 1;
    return Reflect.apply(original, this, args);
  };
}

interface Opened {
  readonly guard: SessionGuard;
  readonly cookie: string;
}

async function open(mode: Mode, isRecorded: boolean): Promise<Opened> {
  class AppModule {}
  Module({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        dataLoader: false,
        refreshToken: {},
        routes: true,
        deviceBinding: mode !== 'off',
        // The same names, so that requests are equally long.
        cookie: { name: '__Host-session' },
        ...(isRecorded && { store: new MemorySessionStore() }),
      }),
    ],
  })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: false,
    abortOnError: false,
  });
  const runtime = app.get<SessionRuntime>(SESSION_RUNTIME);
  const signed = await runtime.issuing!.issuer.generate('ada', {}, undefined);
  const tokens = { session: signed.token, refresh: signed.refreshToken };
  const cookieOf = () =>
    `__Host-session=${tokens.session}; __Host-Http-session-refresh=${tokens.refresh}`;
  if (mode === 'bound') {
    const { claims, refresh } = signed.session;
    const link = refresh && linkOf(refresh);
    const offered = { ...claims, link: link && hashedLink(link) };
    const { deliveries } = runtime.binding!.instructions.offer(offered);
    const { value } = deliveries[0] as { value: string };
    const [, challenge = ''] = /challenge="([^"]+)"/.exec(value)!;
    const device = new TestDevice(async () => ({ status: 0, headers: {} }));
    const answer = await runtime.binding!.registration.register({
      method: 'POST',
      headers: {
        cookie: cookieOf(),
        'secure-session-response': device.proofOf(challenge, {
          isRegistration: true,
        }),
      },
    });
    if (answer.kind !== 'bound' || !answer.signed) throw new Error(answer.kind);
    tokens.session = answer.signed.token;
    tokens.refresh = answer.signed.refreshToken ?? tokens.refresh;
  }
  return { guard: app.get(SessionGuard), cookie: cookieOf() };
}

function requestsOf(cookie: string): ExecutionContext[] {
  const bytes = Buffer.from(cookie);
  return Array.from({ length: REQUESTS }, () =>
    contextOf(createExchange({ cookie: bytes.toString('latin1') })),
  );
}

function judge({ guard }: Opened, requests: ExecutionContext[]): void {
  for (const request of requests) {
    if (guard.canActivate(request) !== true) {
      throw new Error('a fresh session was not admitted immediately');
    }
  }
}

async function costsOf(
  isRecorded: boolean,
): Promise<Record<Mode, BindingCost>> {
  const apps = {} as Record<Mode, Opened>;
  const costs = {} as Record<
    Mode,
    BindingCost & { bytes: number[]; nanoseconds: number[] }
  >;
  for (const mode of MODES) {
    const app = (apps[mode] = await open(mode, isRecorded));
    // The first use of a generation is reported to the store.
    judge(app, requestsOf(app.cookie));
    await new Promise(setImmediate);
    const counted = requestsOf(app.cookie);
    const resources: Record<string, number> = {};
    storeCalls = 0;
    const hook = createHook({
      init(_id, type) {
        resources[type] = (resources[type] ?? 0) + 1;
      },
    }).enable();
    judge(app, counted);
    hook.disable();
    costs[mode] = {
      resources,
      storeCalls,
      bytes: [],
      nanoseconds: [],
    };
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const mode of round % 2 === 0 ? MODES : MODES.toReversed()) {
      const app = apps[mode];
      const requests = requestsOf(app.cookie);
      const parts = Array.from({ length: REQUESTS / TIMED_TOGETHER }, (_, i) =>
        requests.slice(i * TIMED_TOGETHER, (i + 1) * TIMED_TOGETHER),
      );
      globalThis.gc!();
      const before = process.memoryUsage().heapUsed;
      let nanoseconds = Infinity;
      for (const part of parts) {
        const start = process.hrtime.bigint();
        judge(app, part);
        const took = Number(process.hrtime.bigint() - start);
        nanoseconds = Math.min(nanoseconds, took / TIMED_TOGETHER);
      }
      const bytes = (process.memoryUsage().heapUsed - before) / REQUESTS;
      costs[mode].nanoseconds.push(nanoseconds);
      costs[mode].bytes.push(bytes);
    }
  }
  return costs;
}

const figures: BindingCosts = {
  stateless: await costsOf(false),
  recorded: await costsOf(true),
};
process.send!(figures, () => process.exit(0));
