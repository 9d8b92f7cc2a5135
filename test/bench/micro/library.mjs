/**
 * Sets up the library as an application uses it, and the data of its sessions. Needs `npm run build`: the modules before
 * they are bundled, of which subjects measure some alone.
 */
import 'reflect-metadata';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, Module } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Test } from '@nestjs/testing';
import {
  SessionClock,
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
  SessionService,
} from '../../../.compiled/index.js';
import { SESSION_RUNTIME } from '../../../.compiled/nest/session-runtime.js';
import { TestSessionClock } from '../../../.compiled/testing/index.js';

export const SECRET = randomBytes(64).toString('base64url');
export const TOKENS = 10_000;

/** The data that a loader returns for a user: about 350 bytes of JSON. */
export function dataOf(userId) {
  const number = Number(userId.slice('user-'.length));
  return {
    name: `User Number ${number}`,
    email: `user.${number}@company.example`,
    roles: ['member', 'editor', 'billing'],
    locale: 'en-GB',
    timeZone: 'Europe/London',
    tenant: {
      id: createHash('sha256').update(userId).digest('hex').slice(0, 32),
      plan: 'team',
      region: 'eu-west-1',
    },
    flags: { beta: true, darkMode: true },
    avatar: `https://cdn.example/a/${number}.png`,
  };
}

export const userAt = (i) => `user-${i}`;

/** Answers immediately, so that only the library's own time is left. */
class UserLoader extends SessionDataLoader {
  #known = new Map();

  load(userId) {
    let data = this.#known.get(userId);
    if (!data) {
      data = dataOf(userId);
      this.#known.set(userId, data);
    }
    return Promise.resolve(data);
  }
}
Injectable()(UserLoader);

/** @param options of the session module, in addition to the secret */
export async function openLibrary(options = {}) {
  const clock = new TestSessionClock();
  class AppModule {}
  Module({
    imports: [
      SessionJwtModule.forRoot({
        ...(!options.keys && { secret: SECRET }),
        dataLoader: UserLoader,
        ...options,
      }),
    ],
  })(AppModule);
  const app = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(SessionClock)
    .useValue(clock)
    .compile();
  const runtime = app.get(SESSION_RUNTIME);
  return {
    clock,
    runtime,
    codec: runtime.keys.codec,
    guard: app.get(SessionGuard),
    sessions: app.get(SessionService),
    close: () => app.close(),
  };
}

/** Creates the session tokens of this many users. */
export async function tokensOf({ sessions }, count = TOKENS) {
  const tokens = [];
  for (let i = 0; i < count; i += 1) {
    tokens.push((await sessions.generate(userAt(i))).token);
  }
  return tokens;
}

/** Returns a text as the HTTP parser does: a new string for each request. */
export function asReceived(texts) {
  const bytes = texts.map((text) => Buffer.from(text, 'latin1'));
  return (i) => bytes[i % bytes.length].latin1Slice();
}

export const cookieOf = (token) =>
  `_ga=GA1.1.123456789.1700000000; __Host-Http-session=${token}; theme=dark`;
export const bearerOf = (token) => `Bearer ${token}`;

class Controller {
  handle() {
    // Never runs: guards only look for its metadata, and find none.
  }
}

/** Creates Node's own request and response without a connection, in the context that guards receive. */
export function contextOf(name, value) {
  const request = new IncomingMessage(null);
  request.method = 'GET';
  request.url = '/';
  request.rawHeaders = ['Host', 'app.example', name, value];
  request.headers = { host: 'app.example', [name]: value };
  return new ExecutionContextHost(
    [request, new ServerResponse(request)],
    Controller,
    Controller.prototype.handle,
  );
}

/** Creates a key pair in the form of the option `keys`. */
export function newPair(algorithm) {
  return algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('ed25519');
}
