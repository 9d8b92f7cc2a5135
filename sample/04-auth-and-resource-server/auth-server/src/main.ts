import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { createAdapter, setUp } from './create-app.js';

const app = setUp(await NestFactory.create(AppModule, createAdapter()));

await app.listen(Number(process.env.PORT ?? 3000), 'localhost');
const { port } = app.getHttpServer().address() as AddressInfo;
new Logger('Auth').log(`Listening on http://localhost:${port}`);
