/** Compares the whole guard in process, on node's own request and response, with a hand-written guard. */
import { createHook } from 'node:async_hooks';
import { Reflector } from '@nestjs/core';
import { LRUCache } from 'lru-cache';
import { hmacTokens, readCookie } from './by-hand.mjs';
import { atMost } from './goals.mjs';
import {
  asReceived,
  bearerOf,
  contextOf,
  cookieOf,
  openLibrary,
  SECRET,
  TOKENS,
  tokensOf,
} from './library.mjs';
import { timeAll } from './timing.mjs';

const AMPLE = { maxTokens: 4 * TOKENS, maxBytes: 2 ** 30 };
const COUNTED = 10_000;

export async function measure(settings) {
  const remembering = await openLibrary({
    transport: ['cookie', 'header'],
    cache: AMPLE,
  });
  const headerOnly = await openLibrary({ transport: 'header', cache: AMPLE });
  const forgetting = await openLibrary({
    transport: ['cookie', 'header'],
    cache: false,
  });
  const tokens = await tokensOf(remembering);
  const byHand = guardByHand();
  const requests = {
    'header, 1 token': requestsWith('authorization', [bearerOf(tokens[0])]),
    'cookie, 1 token': requestsWith('cookie', [cookieOf(tokens[0])]),
    'header, 10,000 tokens': requestsWith(
      'authorization',
      tokens.map(bearerOf),
    ),
    'cookie, 10,000 tokens': requestsWith('cookie', tokens.map(cookieOf)),
  };
  const guards = {
    'no-op guard': { canActivate: () => true },
    'hand-written': byHand,
    ours: remembering.guard,
    'ours, first sight': forgetting.guard,
  };
  const functions = {};
  for (const [how, next] of Object.entries(requests)) {
    for (const [name, guard] of Object.entries(guards)) {
      functions[`${name}, ${how}`] = (i) => admitted(guard, next(i));
    }
    if (how.startsWith('header')) {
      functions[`ours, header transport alone, ${how}`] = (i) =>
        admitted(headerOnly.guard, next(i));
    }
  }
  for (const call of Object.values(functions)) {
    for (let i = 0; i < TOKENS; i += 1) call(i); // every token is cached
  }
  const timings = await timeAll(functions, settings);
  const added = (name, how) =>
    timings.difference(`${name}, ${how}`, `no-op guard, ${how}`);
  const counts = Object.entries(requests).map(([how, next]) => {
    const { promises, bytes } = count(remembering.guard, next);
    return [how, promises, bytes - count(guards['no-op guard'], next).bytes];
  });
  for (const { close } of [remembering, headerOnly, forgetting]) await close();

  return {
    goals: Object.keys(requests).map((how) =>
      atMost(
        1,
        'x',
        `guard, ${how}: what it adds, over what a hand-written guard adds`,
        added('ours', how) / added('hand-written', how),
      ),
    ),
    tables: [
      {
        title: 'The guard, a fresh token: what it adds over a no-op guard',
        columns: ['', 'µs'],
        rows: Object.keys(functions)
          .filter((name) => !name.startsWith('no-op'))
          .map((name) => [
            name,
            timings
              .difference(name, `no-op guard, ${requestOf(name)}`)
              .toFixed(2),
          ]),
      },
      {
        title: 'The guard, a fresh cached token: allocations per request',
        columns: ['', 'promises', 'bytes'],
        rows: counts,
      },
    ],
  };
}

/** Returns the part of a name that describes the requests: `cookie, 1 token`. */
function requestOf(name) {
  return name.split(', ').slice(-2).join(', ');
}

function requestsWith(name, values) {
  const next = asReceived(values);
  return (i) => contextOf(name, next(i));
}

function admitted(guard, context) {
  if (guard.canActivate(context) !== true) {
    throw new Error('not let through synchronously');
  }
  return context;
}

/** A guard as a performance-minded author would write it: metadata, one token, node:crypto, a cache. */
function guardByHand() {
  const reflector = new Reflector();
  const { verify } = hmacTokens(SECRET);
  const verified = new LRUCache({ max: 2 * TOKENS });
  return {
    canActivate(context) {
      const handlers = [context.getHandler(), context.getClass()];
      if (reflector.getAllAndOverride('isPublic', handlers)) {
        return true;
      }
      const request = context.switchToHttp().getRequest();
      const { cookie, authorization } = request.headers;
      const token =
        authorization?.slice('Bearer '.length) ??
        readCookie(cookie, '__Host-Http-session');
      let session = verified.get(token);
      if (!session) {
        session = verify(token);
        verified.set(token, session);
      }
      request.session = session;
      return session.exp > Date.now() / 1_000;
    },
  };
}

/** Counts the promises and bytes of one request; the guard must be warm. */
function count(guard, next) {
  const contexts = Array.from({ length: COUNTED }, (_, i) => next(i));
  let promises = 0;
  const hook = createHook({
    init(_id, type) {
      promises += Number(type === 'PROMISE');
    },
  });
  hook.enable();
  for (const context of contexts) guard.canActivate(context);
  hook.disable();

  const others = Array.from({ length: COUNTED }, (_, i) => next(i));
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (const context of others) guard.canActivate(context);
  const bytes = process.memoryUsage().heapUsed - before;
  return { promises: promises / COUNTED, bytes: Math.round(bytes / COUNTED) };
}
