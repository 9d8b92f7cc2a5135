/**
 * A process of its own that serves token pairs over HTTP, as one of several nodes. Sends its port when it is ready,
 * and its figures whenever a message comes.
 */
import { NestFactory } from '@nestjs/core';
import { Controller, HttpCode, Module, Post, Req } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Redis } from 'ioredis';
import { Pool, type PoolConfig } from 'pg';
import {
  Public,
  SessionJwtModule,
  SessionService,
  type SessionRequest,
  type SessionStore,
} from '../../lib/index.js';
import { PostgresSessionStore } from '../../lib/stores/postgres/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';

/** What a node is told when it starts. */
export interface NodeSettings {
  readonly secret: string;
  readonly redis?: { readonly port: number; readonly prefix: string };
  readonly postgres?: PoolConfig;
  /** Kills its process in so many-th rotation: before the store hears of it, or before anybody hears of the answer. */
  readonly kill?: { readonly at: number; readonly when: 'before' | 'after' };
}

/** What a node tells of itself. */
export interface NodeFigures {
  /** How many events of each type there were. */
  readonly events: Readonly<Record<string, number>>;
  /** How many rotations the store was asked for. */
  readonly rotations: number;
}

const settings = JSON.parse(process.argv[2]!) as NodeSettings;
const figures = { events: {} as Record<string, number>, rotations: 0 };

@Controller()
class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('refresh')
  @HttpCode(200)
  refresh(@Req() request: SessionRequest) {
    return this.sessions.refresh(request);
  }
}

@Module({
  imports: [
    SessionJwtModule.forRoot({
      secret: settings.secret,
      transport: 'header',
      refreshToken: {},
      storeTimeout: '20s',
      dataLoader: false,
      store: counting(openStore()),
    }),
  ],
  controllers: [AccountController],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['fatal'] });
app.get(SessionService).events$.subscribe(({ type }) => {
  figures.events[type] = (figures.events[type] ?? 0) + 1;
});
app.enableShutdownHooks();
// A node that ends waits for connections in use, and clients would use theirs for ever.
let isEnding = false;
process.once('SIGTERM', () => (isEnding = true));
app.use((_: Request, response: Response, next: () => void) => {
  if (isEnding) response.setHeader('Connection', 'close');
  next();
});
await app.listen(0, '127.0.0.1');
process.on('message', () => process.send!(figures));
process.on('disconnect', () => process.exit());
process.send!({ port: app.getHttpServer().address().port });

function openStore(): SessionStore {
  const { redis, postgres } = settings;
  if (redis) {
    const client = new Redis(redis.port, '127.0.0.1');
    return new RedisSessionStore({ client, prefix: redis.prefix });
  }
  return new PostgresSessionStore({ pool: new Pool(postgres) });
}

function counting(store: SessionStore): SessionStore {
  const rotate = store.rotate.bind(store);
  store.rotate = async (...call) => {
    figures.rotations += 1;
    const isLast = figures.rotations === settings.kill?.at;
    if (isLast && settings.kill?.when === 'before') {
      process.kill(process.pid, 'SIGKILL');
    }
    const verdict = await rotate(...call);
    if (isLast) {
      process.kill(process.pid, 'SIGKILL');
    }
    return verdict;
  };
  return store;
}
