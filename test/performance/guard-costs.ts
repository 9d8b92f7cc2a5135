/** A program: counts what requests cost in the guard, in a process of its own, and sends the figures to its parent. */
import 'reflect-metadata';
import { createHook } from 'node:async_hooks';
import crypto, { generateKeyPairSync } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import {
  Module,
  type ExecutionContext,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import express from 'express';
import {
  MemorySessionStore,
  SessionClock,
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { contextOf, createExchange } from '../support/node-exchange.js';
import { SECRET } from '../support/secrets.js';

/** What some requests cost altogether. */
export interface Costs {
  /** Asynchronous resources by their type: promises, timers, sockets. */
  readonly resources: Readonly<Record<string, number>>;
  readonly crypto: readonly string[];
  readonly storeCalls: number;
  readonly loaderCalls: number;
  readonly metadataReads: number;
}

export interface GuardCosts {
  readonly requests: number;
  /** By what carries the token, with and without a store. */
  readonly seenBefore: readonly (Costs & {
    readonly name: string;
    readonly bytesPerRequest: number;
    /** What the guard adds to the request and to the response of Node. */
    readonly properties: readonly string[];
    readonly propertiesOnExpress: readonly string[];
  })[];
  /** One request whose session is due: what shows that the counters count. */
  readonly due: Costs;
  readonly firstSight: readonly (Costs & {
    readonly name: string;
    readonly again: Costs;
  })[];
  /** Metadata read by the first and by the second request of each handler. */
  readonly metadata: readonly (readonly [first: number, second: number])[];
  /** Bytes of the heap that the tokens of so many sessions hold, by how the cache is bounded. */
  readonly heap: {
    readonly tokens: number;
    readonly maxTokens: number;
    readonly maxBytes: number;
    readonly unbounded: number;
    readonly byTokens: number;
    readonly byBytes: number;
    /** As before, each token in a Cookie header of 12 KB. */
    readonly byBytesInLongHeaders: number;
    readonly off: number;
  };
}

const REQUESTS = rounds(10_000, 2_000);
/** Enough for compiled code, and for an average. */
const FEWER_REQUESTS = rounds(2_000, 1_000);
const TOKENS = 3_000;
const UNBOUNDED = { maxTokens: 1_000_000, maxBytes: 2 ** 30 };
const MAX_TOKENS = TOKENS / 10;
const MAX_BYTES = 2 ** 20;

const CRYPTO = [
  'createHmac',
  'createHash',
  'createSign',
  'createVerify',
  'createCipheriv',
  'createDecipheriv',
  'sign',
  'verify',
  'randomBytes',
  'randomFillSync',
  'timingSafeEqual',
] as const;

const cryptoCalls: string[] = [];
let storeCalls = 0;
let loaderCalls = 0;
let metadataReads = 0;

/** Replaces a method by one that says so and goes on. */
function observe(target: object, name: string, note: () => void): void {
  const methods = target as Record<string, (...args: unknown[]) => unknown>;
  const original = methods[name]!;
  methods[name] = function (this: unknown, ...args: unknown[]) {
    note();
    return Reflect.apply(original, this, args);
  };
}

for (const name of CRYPTO) {
  observe(crypto, name, () => cryptoCalls.push(name));
}
syncBuiltinESMExports();
for (const name of ['create', 'read', 'rotate', 'update', 'end', 'list']) {
  observe(MemorySessionStore.prototype, name, () => {
    storeCalls += 1;
  });
}
observe(Reflect, 'getMetadata', () => {
  metadataReads += 1;
});

class Loader extends SessionDataLoader<string, object> {
  load(userId: string): Promise<object> {
    loaderCalls += 1;
    return Promise.resolve({ id: userId, role: 'admin' });
  }
}

let aheadSeconds = 0;

async function openApp(
  options: Partial<SessionJwtModuleOptions> = {},
): Promise<INestApplicationContext> {
  class AppModule {}
  Module({
    imports: [
      SessionJwtModule.forRoot({
        ...(!options.keys && { secret: SECRET }),
        dataLoader: Loader,
        ...options,
      }),
    ],
  })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: false,
    abortOnError: false,
  });
  const clock = app.get(SessionClock);
  const start = Math.floor(Date.now() / 1000);
  clock.nowSeconds = () => start + aheadSeconds;
  return app;
}

/** Requests as they come from the network: each with a text of its own. */
function requestsOf(
  header: Readonly<Record<string, string>>,
  count: number,
): ExecutionContext[] {
  return Array.from({ length: count }, () =>
    contextOf(
      createExchange(
        Object.fromEntries(
          Object.entries(header).map(([name, value]) => [
            name,
            Buffer.from(value).toString('latin1'),
          ]),
        ),
      ),
    ),
  );
}

const judgeAll = (guard: SessionGuard, requests: ExecutionContext[]) =>
  requests.map((request) => guard.canActivate(request));

async function expectAdmitted(
  verdicts: (boolean | Promise<boolean>)[],
): Promise<void> {
  for (const verdict of verdicts) {
    if (!(await verdict)) {
      throw new Error('a good session was refused');
    }
  }
}

async function costsOf(
  guard: SessionGuard,
  requests: ExecutionContext[],
): Promise<Costs> {
  const resources: Record<string, number> = {};
  cryptoCalls.length = storeCalls = loaderCalls = metadataReads = 0;
  const hook = createHook({
    init(_id, type) {
      resources[type] = (resources[type] ?? 0) + 1;
    },
  });
  hook.enable();
  const verdicts = judgeAll(guard, requests);
  hook.disable();
  await expectAdmitted(verdicts);
  return {
    resources,
    crypto: [...cryptoCalls],
    storeCalls,
    loaderCalls,
    metadataReads,
  };
}

function collectGarbage(): void {
  globalThis.gc!();
}

function bytesOf(guard: SessionGuard, requests: ExecutionContext[]): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (const request of requests) void guard.canActivate(request);
  return (process.memoryUsage().heapUsed - before) / requests.length;
}

/** Gives a request and its response the prototypes of an Express application. */
function onExpress(context: ExecutionContext): ExecutionContext {
  const { request, response } = express();
  Object.setPrototypeOf(context.getArgByIndex(0), request);
  Object.setPrototypeOf(context.getArgByIndex(1), response);
  return context;
}

function propertiesAdded(
  guard: SessionGuard,
  context: ExecutionContext,
): string[] {
  const objects = context.getArgs<object[]>().slice(0, 2);
  const before = new Set(objects.flatMap(Reflect.ownKeys));
  void guard.canActivate(context);
  const after = objects.flatMap(Reflect.ownKeys);
  return after.filter((key) => !before.has(key)).map(String);
}

async function seenBefore(): Promise<GuardCosts['seenBefore']> {
  const figures: GuardCosts['seenBefore'][number][] = [];
  for (const store of [undefined, new MemorySessionStore()]) {
    const app = await openApp({
      transport: ['cookie', 'header'],
      ...(store && { store, refreshToken: {} }),
    });
    const guard = app.get(SessionGuard);
    const { cookie, header } = await createTestSession(app, 'ada');
    for (const [name, carried] of [
      ['cookie', { cookie }],
      ['header', { authorization: header }],
    ] as const) {
      // Compiled code and the cache are there before anything is counted.
      await expectAdmitted(
        judgeAll(guard, requestsOf(carried, FEWER_REQUESTS)),
      );
      const requests = requestsOf(carried, REQUESTS);
      const costs = await costsOf(guard, requests);
      figures.push({
        ...costs,
        name: `${name}, ${store ? 'with' : 'without'} a store`,
        bytesPerRequest: bytesOf(guard, requestsOf(carried, FEWER_REQUESTS)),
        properties: propertiesAdded(guard, requestsOf(carried, 1)[0]!),
        propertiesOnExpress: propertiesAdded(
          guard,
          onExpress(requestsOf(carried, 1)[0]!),
        ),
      });
    }
    await app.close();
  }
  return figures;
}

async function due(): Promise<Costs> {
  const store = new MemorySessionStore();
  const app = await openApp({ store });
  const { cookie } = await createTestSession(app, 'ada');
  aheadSeconds += 900;
  const costs = await costsOf(app.get(SessionGuard), requestsOf({ cookie }, 1));
  aheadSeconds = 0;
  await app.close();
  return costs;
}

async function firstSight(): Promise<GuardCosts['firstSight']> {
  const pairOf = (algorithm: 'ES256' | 'EdDSA') => {
    const { privateKey } =
      algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
    return { keys: [{ algorithm, privateKey }] };
  };
  const modes: [string, Partial<SessionJwtModuleOptions>][] = [
    ['HS256', {}],
    ['ES256', pairOf('ES256')],
    ['EdDSA', pairOf('EdDSA')],
    ['A256GCM', { encrypt: true }],
  ];
  const figures: GuardCosts['firstSight'][number][] = [];
  for (const [name, options] of modes) {
    const app = await openApp(options);
    const guard = app.get(SessionGuard);
    const { cookie } = await createTestSession(app, 'ada');
    const costs = await costsOf(guard, requestsOf({ cookie }, 1));
    const again = await costsOf(guard, requestsOf({ cookie }, 1));
    figures.push({ ...costs, name, again });
    await app.close();
  }
  return figures;
}

async function metadata(): Promise<GuardCosts['metadata']> {
  class Base {
    inherited(): void {}
  }
  class One extends Base {
    first(): void {}
    second(): void {}
  }
  class Two extends Base {}
  const app = await openApp();
  const guard = app.get(SessionGuard);
  const { cookie } = await createTestSession(app, 'ada');
  const readsOf = async (controller: Type, handler: () => void) => {
    const { request, response } = createExchange({ cookie });
    const exchange = [request, response];
    const context = new ExecutionContextHost(exchange, controller, handler);
    return (await costsOf(guard, [context])).metadataReads;
  };
  const { first, second, inherited } = One.prototype;
  const reads: [number, number][] = [];
  for (const [controller, handler] of [
    [One, first],
    [One, second],
    [One, inherited],
    [Two, inherited],
  ] as const) {
    const atFirst = await readsOf(controller, handler);
    reads.push([atFirst, await readsOf(controller, handler)]);
  }
  await app.close();
  return reads;
}

/** What the heap holds more after the tokens of so many sessions have been seen. */
async function heapWith(
  cache: SessionJwtModuleOptions['cache'],
  otherCookies = 'theme=dark',
): Promise<number> {
  const app = await openApp({ ...(cache !== undefined && { cache }) });
  const guard = app.get(SessionGuard);
  const admit = async (i: number) => {
    const { cookie } = await createTestSession(app, `user-${i}`);
    const headers = { cookie: `${otherCookies}; ${cookie}` };
    await expectAdmitted(judgeAll(guard, requestsOf(headers, 1)));
  };
  await admit(0);
  const before = await usedHeap();
  for (let i = 1; i <= TOKENS; i += 1) await admit(i);
  const bytes = (await usedHeap()) - before;
  await app.close();
  return bytes;
}

async function usedHeap(): Promise<number> {
  // Promises and weak references let go of their values only between turns.
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

const figures: GuardCosts = {
  requests: REQUESTS,
  seenBefore: await seenBefore(),
  due: await due(),
  firstSight: await firstSight(),
  metadata: await metadata(),
  heap: {
    tokens: TOKENS,
    maxTokens: MAX_TOKENS,
    maxBytes: MAX_BYTES,
    unbounded: await heapWith(UNBOUNDED),
    byTokens: await heapWith({ ...UNBOUNDED, maxTokens: MAX_TOKENS }),
    byBytes: await heapWith({ ...UNBOUNDED, maxBytes: MAX_BYTES }),
    byBytesInLongHeaders: await heapWith(
      { ...UNBOUNDED, maxBytes: MAX_BYTES },
      `other=${'x'.repeat(12_000)}`,
    ),
    off: await heapWith(false),
  },
};
process.send!(figures, () => process.exit(0));
