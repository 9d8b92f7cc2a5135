/**
 * A process that serves the application of the guide on rate limits: Jest cannot load `@nestjs/throttler`, which is a
 * CommonJS package that requires the ES modules of Nest 12. Starts one for each message, and answers with its port.
 */
import { Controller, Get, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ThrottlerStorage } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import { Session } from '../../../lib/index.js';

/** What a test changes. */
export interface LimitedAppSettings {
  readonly adapter: 'express' | 'fastify';
  readonly trustsProxy?: boolean;
  /** Imports the modules of the page in the opposite order. */
  readonly isReversed?: boolean;
  readonly redisPort?: number;
}

const folder = process.argv[2]!;
const { AppModule } = await import(`${folder}/src/app.module.ts`);
const { RedisThrottlerStorage } = await import(
  `${folder}/src/redis-throttler-storage.ts`
);

@Controller()
class OrdersController {
  @Get('orders')
  orders(@Session('subject') user: string) {
    return { user };
  }

  @Get('others')
  others() {
    return {};
  }
}

async function start(settings: LimitedAppSettings): Promise<number> {
  const { adapter, trustsProxy = true, isReversed, redisPort } = settings;
  const read = (key: string): Type[] => Reflect.getMetadata(key, AppModule);

  @Module({
    imports: isReversed ? read('imports').toReversed() : read('imports'),
    controllers: [...read('controllers'), OrdersController],
  })
  class LimitedModule {}

  const proxy = trustsProxy ? '127.0.0.1' : false;
  const express = new ExpressAdapter();
  express.set('trust proxy', proxy);
  const app = await NestFactory.create(
    LimitedModule,
    adapter === 'express' ? express : new FastifyAdapter({ trustProxy: proxy }),
    { logger: ['fatal'] },
  );
  if (redisPort !== undefined) {
    const storage = new RedisThrottlerStorage(await connect(redisPort));
    const shared = app.get(ThrottlerStorage, { strict: false });
    shared.increment = storage.increment.bind(storage);
  }
  await app.listen(0, '127.0.0.1');
  return app.getHttpServer().address().port;
}

async function connect(port: number): Promise<Redis> {
  const redis = new Redis(port, '127.0.0.1', {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
  });
  redis.on('error', () => undefined);
  await redis.connect();
  return redis;
}

process.on('message', async (settings: LimitedAppSettings) => {
  process.send!(await start(settings));
});
process.on('disconnect', () => process.exit());
process.send!('ready');
