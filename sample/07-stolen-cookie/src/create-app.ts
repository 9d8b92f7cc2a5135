import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { readCertificate } from './certificate.js';
import { settings } from './settings.js';

const https = readCertificate('localhost');

/** Express takes the certificate from here, Fastify from its adapter. */
export const applicationOptions: NestApplicationOptions = {
  httpsOptions: https,
  forceCloseConnections: true, // browsers keep connections open, which would delay Ctrl+C
};

/** Your application has one of the two; the sample runs on both. */
export function createAdapter(): AbstractHttpAdapter {
  return settings.adapter === 'fastify'
    ? new FastifyAdapter({ https })
    : new ExpressAdapter();
}

/** What `main.ts` and the test share. */
export function setUp(app: INestApplication): INestApplication {
  return app.enableShutdownHooks();
}
