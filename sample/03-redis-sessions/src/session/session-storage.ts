import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { MemorySessionStore } from 'nestjs-session-jwt';
import type { SessionStore } from 'nestjs-session-jwt';
import { RedisSessionStore } from 'nestjs-session-jwt/redis';

/** How long a request waits for Redis, in seconds; then it is answered with 503. */
export const STORE_TIMEOUT = Number(process.env.STORE_TIMEOUT ?? 0.25);

/** Keeps sessions in Redis where there is a `REDIS_URL`, and otherwise in the memory of this one process. */
@Injectable()
export class SessionStorage implements OnModuleInit, OnApplicationShutdown {
  readonly store: SessionStore;
  private readonly redis: Redis | undefined;

  constructor() {
    const url = process.env.REDIS_URL;
    this.redis = url ? connect(url) : undefined;
    this.store = this.redis
      ? new RedisSessionStore({ client: this.redis })
      : new MemorySessionStore();
  }

  get place(): string {
    return this.redis ? 'Redis' : 'memory';
  }

  /** The first request finds a connection, if there is one; the application starts without Redis too. */
  async onModuleInit(): Promise<void> {
    await this.redis?.connect().catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }
}

/** Fails at once while Redis is away, so that requests get their 503 instead of waiting in a queue. */
function connect(url: string): Redis {
  const logger = new Logger('Redis');
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    enableOfflineQueue: false, // what cannot be sent now fails now,
    maxRetriesPerRequest: 0, // what was on its way when the connection broke fails too,
    socketTimeout: 8_000 * STORE_TIMEOUT, // and a connection on which no answer comes is replaced
    retryStrategy: () => 1_000,
  });
  redis.on('ready', () => logger.log('connected'));
  redis.on('error', (error: NodeJS.ErrnoException) =>
    logger.warn(error.code ?? error.message),
  );
  return redis;
}
