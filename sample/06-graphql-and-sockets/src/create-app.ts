import type { INestApplication } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { settings } from './settings.js';

/** Your application has one of the two; the sample runs on both. */
export function createAdapter(): AbstractHttpAdapter {
  return settings.adapter === 'fastify'
    ? new FastifyAdapter()
    : new ExpressAdapter();
}

/** What `main.ts` and the test share. */
export function setUp(app: INestApplication): INestApplication {
  const sockets =
    settings.sockets === 'ws' ? new WsAdapter(app) : new IoAdapter(app);
  return app.useWebSocketAdapter(sockets).enableShutdownHooks();
}
