import cluster from 'node:cluster';
import type { Server } from 'node:http';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { createAdapter, setUp } from './create-app.js';

const port = Number(process.env.PORT ?? 3000);
const app = setUp(
  await NestFactory.create(AppModule, createAdapter(), {
    forceCloseConnections: true, // a browser keeps its connections open, which would hold up Ctrl+C
  }),
);

if (cluster.isWorker) {
  // A new connection for each request, so that one browser meets both processes. For the demonstration only.
  (app.getHttpServer() as Server).maxRequestsPerSocket = 1;
}

// "localhost", not 127.0.0.1: there a browser keeps a Secure cookie without HTTPS too.
await app.listen(port, 'localhost');
new Logger('Sample').log(
  `Open http://localhost:${port} (process ${process.pid})`,
);
