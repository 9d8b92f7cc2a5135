/** A program: the time of the processor that a request takes with guards, and sends the figures to its parent. */
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
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { createExchange } from '../support/node-exchange.js';
import { SECRET } from '../support/secrets.js';

/** Microseconds of the processor for one request, one for each round; those of a round belong together. */
export interface GuardTimes {
  readonly noOp: readonly number[];
  readonly remembered: readonly number[];
  readonly verifiedEachTime: readonly number[];
}

const ROUNDS = rounds(41, 15);
const WARM_UP_ROUNDS = 8;
const REQUESTS = 400;

class Loader extends SessionDataLoader<string, object> {
  load(userId: string): object {
    return {
      name: `User ${userId}`,
      email: `${userId}@company.example`,
      roles: ['member', 'editor', 'billing'],
      tenant: { id: 'tenant-7', plan: 'team', region: 'eu-west-1' },
      flags: { beta: true, darkMode: true, newsletter: false },
      avatar: `https://cdn.example/avatars/${userId}.png`,
    };
  }
}
Injectable()(Loader);

class Routes {
  handle(): void {}
}

const noOpGuard: CanActivate = { canActivate: () => true };
const consumer = new GuardsConsumer();
const routes = new Routes();

async function openApp(
  options: Partial<SessionJwtModuleOptions>,
): Promise<INestApplicationContext> {
  class AppModule {}
  Module({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        transport: 'header',
        dataLoader: Loader,
        ...options,
      }),
    ],
  })(AppModule);
  return NestFactory.createApplicationContext(AppModule, {
    logger: false,
    abortOnError: false,
  });
}

/** Requests as node and the router handle them: made, let through by their guards, the head of the answer written. */
async function microsecondsOf(
  guards: CanActivate[],
  authorization: string,
): Promise<number> {
  const bytes = Buffer.from(authorization);
  globalThis.gc!();
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

const remembering = await openApp({});
const forgetting = await openApp({ cache: false });
const { header } = await createTestSession(remembering, 'ada');
const guards: Record<keyof GuardTimes, CanActivate[]> = {
  noOp: [noOpGuard],
  remembered: [remembering.get(SessionGuard)],
  verifiedEachTime: [forgetting.get(SessionGuard)],
};
const names = Object.keys(guards) as (keyof GuardTimes)[];
const times: Record<keyof GuardTimes, number[]> = {
  noOp: [],
  remembered: [],
  verifiedEachTime: [],
};
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
  for (const name of round % 2 === 0 ? names : names.toReversed()) {
    const microseconds = await microsecondsOf(guards[name], header);
    if (round >= WARM_UP_ROUNDS) {
      times[name].push(microseconds);
    }
  }
}
process.send!(times, () => process.exit(0));
