import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { createAdapter, setUp } from './create-app.js';
import { settings } from './settings.js';

const app = setUp(
  await NestFactory.create(AppModule, createAdapter(), {
    forceCloseConnections: true, // browsers keep connections open, which would delay Ctrl+C
  }),
);
await app.listen(settings.port, 'localhost');
new Logger('Sample').log(`Open http://localhost:${settings.port}`);
