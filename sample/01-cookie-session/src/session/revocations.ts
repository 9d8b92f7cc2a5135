import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RedisRevocationLog } from 'nestjs-session-jwt/redis';

/** With a `REDIS_URL`, a sign-out reaches every process of this sample at once. Redis holds no session. */
@Injectable()
export class Revocations implements OnApplicationShutdown {
  readonly log: RedisRevocationLog | undefined;
  private readonly redis: Redis | undefined;

  constructor() {
    const url = process.env.REDIS_URL;
    this.redis = url ? connect(url) : undefined;
    this.log = this.redis && new RedisRevocationLog({ client: this.redis });
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }
}

/** Fails at once while Redis is away, so that sign-outs do not wait in a queue. */
function connect(url: string): Redis {
  const logger = new Logger('Redis');
  const redis = new Redis(url, {
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 1_000,
  });
  redis.on('ready', () => logger.log('connected'));
  redis.on('error', (error: NodeJS.ErrnoException) =>
    logger.warn(error.code ?? error.message),
  );
  return redis;
}
