import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { applicationOptions, createAdapter, setUp } from './create-app.js';
import { settings } from './settings.js';

const logger = new Logger('Sample');
const app = setUp(
  await NestFactory.create(AppModule, createAdapter(), applicationOptions),
);
await app.listen(settings.port, 'localhost');

if (!settings.isBinding) {
  logger.warn('DEVICE_BINDING=off: stolen cookies stay valid.');
}
logger.log(`Open https://localhost:${settings.port}`);
