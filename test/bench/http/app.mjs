/** The Nest application around each variant: only the code that finds the session differs. */
import { Session } from 'node:inspector/promises';
import 'reflect-metadata';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Req,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { answerOf } from './users.mjs';

export const SESSIONS = Number(process.env.SESSIONS ?? 1);
/** How many of the sessions, evenly spread, the load presents. */
export const PRESENTED = Number(process.env.PRESENTED ?? SESSIONS);
export const REDIS_PORT = Number(process.env.REDIS_PORT);
export const POSTGRES = {
  host: '127.0.0.1',
  port: Number(process.env.POSTGRES_PORT),
  user: 'postgres',
  password: 'postgres',
  database: 'postgres',
};
export const ADAPTER = process.env.ADAPTER ?? 'fastify';
/** `rest`: `GET /me`; `graphql`: the query `{ me }`. */
const API = process.env.API ?? 'rest';

const BATCH = 50;
/** Milliseconds, as in Fastify: with Node's 5 s a server could close connections that the load has not yet used. */
const KEEP_ALIVE = 72_000;

/** The requests of the runner to a server. */
const ANSWERS = {
  cpu() {
    const { user, system } = process.cpuUsage();
    return { cpu: user + system };
  },
  async startProfile() {
    inspector.connect();
    await inspector.post('Profiler.enable');
    await inspector.post('Profiler.setSamplingInterval', { interval: 200 });
    await inspector.post('Profiler.start');
    return {};
  },
  stopProfile: () => inspector.post('Profiler.stop'),
};
const inspector = new Session();

/** Declares what `@Injectable()` and the types of a TypeScript constructor declare. */
export function injectable(Class, ...dependencies) {
  Injectable()(Class);
  dependencies.forEach((token, i) => Inject(token)(Class, undefined, i));
  return Class;
}

/**
 * Serves `GET /me`, or the query `{ me }`, and reports to the runner the port and the header lines to send.
 *
 * @param {object} variant
 * @param variant.guard class of a guard of all routes
 * @param variant.sessionOf finds the user's data in a request that passed
 * @param variant.credentials returns the header lines, the first for session 0
 * @param variant.forge turns such a line into one that must be refused
 */
export async function serve({
  guard,
  imports = [],
  providers = [],
  setUp,
  sessionOf = (request) => request.session.data,
  credentials = () => ['X-Nothing: 1'],
  forge = forgeSignature,
}) {
  const answer = (request) => answerOf(sessionOf(request));
  const api = API === 'graphql' ? await resolver(answer) : controller(answer);

  class AppModule {}
  Module({
    imports: [...imports, ...(api.imports ?? [])],
    providers: [
      ...providers,
      ...(api.providers ?? []),
      ...(guard ? [{ provide: APP_GUARD, useClass: guard }] : []),
    ],
    controllers: api.controllers ?? [],
  })(AppModule);

  const adapter =
    ADAPTER === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(AppModule, adapter, {
    logger: ['error', 'warn'],
  });
  await setUp?.(app);
  app.getHttpServer().keepAliveTimeout = KEEP_ALIVE;
  await app.listen(0, '127.0.0.1');

  const lines = await credentials(app);
  process.on('message', async (question) =>
    process.send(await ANSWERS[question]()),
  );
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  process.send?.({
    port: app.getHttpServer().address().port,
    credentials: lines,
    forged: forge(lines[0]),
  });
}

function controller(answer) {
  class MeController {
    me(request) {
      return answer(request);
    }
  }
  const { prototype } = MeController;
  Req()(prototype, 'me', 0);
  Get()(prototype, 'me', Object.getOwnPropertyDescriptor(prototype, 'me'));
  Controller('me')(MeController);
  return { controllers: [MeController] };
}

async function resolver(answer) {
  const { ApolloDriver } = await import('@nestjs/apollo');
  const { Context, GraphQLModule, Query, Resolver } =
    await import('@nestjs/graphql');
  class MeResolver {
    me(request) {
      return JSON.stringify(answer(request));
    }
  }
  const { prototype } = MeResolver;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'me');
  Context('req')(prototype, 'me', 0);
  Query(() => String)(prototype, 'me', descriptor);
  Resolver()(MeResolver);
  return {
    imports: [
      GraphQLModule.forRoot({
        driver: ApolloDriver,
        autoSchemaFile: true,
        graphiql: false,
      }),
    ],
    providers: [MeResolver],
  };
}

/** Creates one line for each presented session, some at a time. */
export async function forEachSession(makeLine) {
  const stride = SESSIONS / PRESENTED;
  const lines = [];
  for (let first = 0; first < SESSIONS; first += BATCH) {
    const length = Math.min(BATCH, SESSIONS - first);
    const some = await Promise.all(
      Array.from({ length }, (_, i) => makeLine(first + i)),
    );
    lines.push(...some.filter((_, i) => (first + i) % stride === 0));
  }
  return lines;
}

export function bearer(token) {
  return `Authorization: Bearer ${token}`;
}

/** Puts the cookie between two others, as a browser sends it. */
export function cookie(name, value) {
  return `Cookie: _ga=GA1.1.123456789.1700000000; ${name}=${value}; theme=dark`;
}

/** Changes one character within the last part of the token, where every format has its signature. */
function forgeSignature(line) {
  const end = /(; theme=dark)?$/.exec(line).index;
  const place = end - 12;
  const other = line[place] === 'A' ? 'B' : 'A';
  return line.slice(0, place) + other + line.slice(place + 1);
}
