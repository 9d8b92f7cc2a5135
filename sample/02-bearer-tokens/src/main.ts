import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { createAdapter, setUp } from './create-app.js';

const port = Number(process.env.PORT ?? 3000);
const app = setUp(await NestFactory.create(AppModule, createAdapter()));

await app.listen(port, 'localhost');
new Logger('Sample').log(`Listening on http://localhost:${port}`);
