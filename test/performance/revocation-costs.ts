/**
 * A program: what live revocations cost a request of the guard, and each of them in memory. Sends the figures to its
 * parent.
 */
import 'reflect-metadata';
import {
  Injectable,
  Module,
  type CanActivate,
  type INestApplicationContext,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GuardsConsumer } from '@nestjs/core/guards/index.js';
import {
  MemoryRevocationLog,
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { randomId } from '../../lib/session/model/random-id.js';
import type { Revocation } from '../../lib/session/revocations/revocation.js';
import { createTestSession } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { createExchange } from '../support/node-exchange.js';
import { SECRET } from '../support/secrets.js';

/** Live entries; `none` is an application without a log. */
export type Entries = 'none' | '0' | '1000' | 'many';

export interface RevocationCosts {
  /** Microseconds of the processor for one request, one for each round; those of a round belong together. */
  readonly times: Readonly<Record<Entries, readonly number[]>>;
  /** Bytes of the heap for one live entry. */
  readonly bytes: number;
  /** How many entries are `many`. */
  readonly many: number;
}

const ROUNDS = rounds(41, 11);
const MANY = rounds(1_000_000, 200_000);
const WARM_UP_ROUNDS = 8;
const REQUESTS = 400;

class Loader extends SessionDataLoader<string, object> {
  load(id: string): object {
    return { id };
  }
}
Injectable()(Loader);

class Routes {
  handle(): void {}
}

const consumer = new GuardsConsumer();
const routes = new Routes();

async function openApp(hasLog: boolean): Promise<INestApplicationContext> {
  class AppModule {}
  Module({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        transport: 'header',
        dataLoader: Loader,
        ...(hasLog && {
          revocations: {
            log: new MemoryRevocationLog(),
            maxLag: '60s',
            maxEntries: 10_000_000,
          },
        }),
      }),
    ],
  })(AppModule);
  return NestFactory.createApplicationContext(AppModule, {
    logger: false,
    abortOnError: false,
  });
}

/** Adds live entries of different sessions and subjects, as a follower receives them. */
function fill(app: INestApplicationContext, count: number): number {
  const { live } =
    app.get<SessionRuntime>(SESSION_RUNTIME).revocations!.journal;
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  const until = Math.floor(Date.now() / 1000) + 900;
  for (let i = 0; i < count; i += 1) {
    const entry = JSON.stringify({
      kind: 'session',
      sid: randomId(32),
      sub: `user-${i}`,
      at: until - 900,
      until: until + (i % 900),
      how: 'ended',
    });
    live.add(JSON.parse(entry) as Revocation);
  }
  globalThis.gc!();
  return (process.memoryUsage().heapUsed - before) / count;
}

async function microsecondsOf(
  guards: CanActivate[],
  authorization: string,
): Promise<number> {
  const bytes = Buffer.from(authorization);
  const before = process.cpuUsage();
  for (let i = 0; i < REQUESTS; i += 1) {
    const { request, response } = createExchange({
      authorization: bytes.toString('latin1'),
    });
    const admitted = await consumer.tryActivate(
      guards,
      [request, response],
      routes,
      routes.handle,
      'http',
    );
    if (!admitted) {
      throw new Error('a good session was refused');
    }
    response.writeHead(200);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / REQUESTS;
}

const apps: Record<Entries, INestApplicationContext> = {
  none: await openApp(false),
  '0': await openApp(true),
  '1000': await openApp(true),
  many: await openApp(true),
};
const headers: Record<string, string> = {};
const guards: Record<string, CanActivate[]> = {};
for (const [name, app] of Object.entries(apps)) {
  headers[name] = (await createTestSession(app, 'ada')).header;
  guards[name] = [app.get(SessionGuard)];
}
fill(apps['1000'], 1_000);
const bytes = fill(apps.many, MANY);
const names = Object.keys(apps) as Entries[];
const times: Record<Entries, number[]> = {
  none: [],
  '0': [],
  '1000': [],
  many: [],
};
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
  for (const name of round % 2 === 0 ? names : names.toReversed()) {
    const microseconds = await microsecondsOf(guards[name]!, headers[name]!);
    if (round >= WARM_UP_ROUNDS) {
      times[name].push(microseconds);
    }
  }
}
process.send!({ times, bytes, many: MANY }, () => process.exit(0));
