import type { INestApplication } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';

/** An application of your own has one of the two; the sample runs on both. */
export function createAdapter(
  name = process.env.ADAPTER ?? 'express',
): AbstractHttpAdapter {
  return name === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
}

/** What `main.ts` and the test share. */
export function setUp(app: INestApplication): INestApplication {
  return app.useWebSocketAdapter(new WsAdapter(app)).enableShutdownHooks();
}
