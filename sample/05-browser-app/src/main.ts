import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { startAttacker } from './attacker.js';
import { createAdapter, setUp } from './create-app.js';
import { settings } from './settings.js';

const { port, attackerPort, isProtected } = settings;
const logger = new Logger('Sample');
const app = setUp(
  await NestFactory.create(AppModule, createAdapter(), {
    forceCloseConnections: true, // a browser keeps its connections open, which would hold up Ctrl+C
  }),
);
await app.listen(port, 'localhost');
const attacker = await startAttacker(attackerPort);
app.getHttpServer().on('close', () => attacker.close());

if (!isProtected) {
  logger.warn('PROTECTION=off: this application can be attacked.');
}
// A name below "localhost" can have a sibling of the same site, which "localhost" itself cannot.
logger.log(`Open http://notes.localhost:${port} (or http://localhost:${port})`);
logger.log(`Attack it from http://evil.notes.localhost:${attackerPort}`);
