import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { createContext, runInContext, runInNewContext } from 'node:vm';
import type {
  SessionClient,
  SessionClientOptions,
} from '../../lib/client/index.js';
import { until } from '../support/asynchrony.js';
import { bundledClient } from '../support/client-script.js';
import { FakeStorage } from './fake-storage.js';
import { UnhandledErrors } from '../support/unhandled.js';

/** A time limit that passes when a test says so, in seconds. All shorter timers are real. */
const LIMIT = 60;
let limits = new Set<() => void>();

/** How many requests are under way whose limit has not passed. */
const limited = () => limits.size;

function passLimits(): void {
  const passed = limits;
  limits = new Set();
  for (const pass of passed) pass();
}

function setTimer(callback: () => void, milliseconds: number): unknown {
  if (milliseconds !== LIMIT * 1000) return setTimeout(callback, milliseconds);
  limits.add(callback);
  return callback;
}

function clearTimer(timer: NodeJS.Timeout | (() => void)): void {
  if (typeof timer === 'function') limits.delete(timer);
  else clearTimeout(timer);
}

/** What every supported runtime has; all else may be missing. */
const COMMON = {
  AbortController,
  Headers,
  Request,
  Response,
  URL,
  clearTimeout: clearTimer,
  console,
  fetch,
  performance,
  setTimeout: setTimer,
};

/** What a browser of today has besides, as far as a client might want it. */
const MODERN = {
  AbortSignal,
  BroadcastChannel,
  ReadableStream,
  crypto,
  localStorage: {},
  location: { href: 'http://127.0.0.1/page' },
  navigator: {
    locks: {
      request: (_name: string, _options: object, work: () => Promise<void>) =>
        work(),
    },
  },
};

/** What V8 has and Hermes of React Native lacks; a client that uses it fails there. */
const NOT_IN_HERMES = [
  'Array.fromAsync',
  'Array.prototype.findLast',
  'Array.prototype.findLastIndex',
  'Array.prototype.toReversed',
  'Array.prototype.toSorted',
  'Array.prototype.toSpliced',
  'Array.prototype.with',
  'Atomics',
  'Object.groupBy',
  'Promise.withResolvers',
  'SharedArrayBuffer',
  'String.prototype.isWellFormed',
  'String.prototype.toWellFormed',
  'WebAssembly',
].map((path) => `delete ${path};`);

/** `AbortSignal` of Safari 15 and of React Native. */
const OLD_SIGNAL = { prototype: AbortSignal.prototype };

type Kind = 'nothing' | 'half a body' | 'tokens';

let script: string;
let gc: () => void;
let opened: SessionClient[] = [];

function openIn(globals: object, options: SessionClientOptions): SessionClient {
  const context = createContext({ ...globals });
  if (globals === COMMON) runInContext(NOT_IN_HERMES.join(''), context);
  runInContext(script, context);
  const Client = runInContext('Client', context) as typeof SessionClient;
  const client = new Client(options);
  opened.push(client);
  return client;
}

const server = createServer((request, response) => {
  const { url = '', headers } = request;
  asked.push(url);
  if (url === '/me') {
    const isGood = headers.authorization === 'Bearer new';
    response.writeHead(isGood ? 200 : 401);
    response.end(isGood ? '{}' : '{"errorCode":"SESSION_REQUIRED"}');
  } else if (url === '/half') {
    response.writeHead(401).write('{"errorCode":');
  } else {
    answer(response, kind);
  }
});
let kind: Kind;
let asked: string[];
let closed: number;

function answer(response: ServerResponse, how: Kind): void {
  response.on('close', () => (closed += 1));
  if (how === 'tokens') {
    response.end('{"token":"new","refreshToken":"next"}');
  } else if (how === 'half a body') {
    response.write('{"token":');
  }
}

function addressOf(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What becomes of a request: its status, or the name of its error. */
function outcomeOf(request: Promise<Response>): Promise<number | string> {
  return request.then(
    ({ status }) => status,
    (error: Error) => error.name,
  );
}

beforeAll(async () => {
  setFlagsFromString('--expose-gc');
  gc = runInNewContext('gc') as () => void;
  const code = await bundledClient();
  script = `${code.replace('export class', 'class')}
    globalThis.Client = SessionClient;`;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

beforeEach(() => {
  asked = [];
  closed = 0;
  limits.clear();
});

afterEach(() => {
  for (const client of opened) client.close();
  opened = [];
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

describe.each<[missing: string, globals: object]>([
  ['nothing, as in a browser', { ...COMMON, ...MODERN }],
  ['a page, as in Node', { ...COMMON, ...MODERN, location: undefined }],
  [
    'AbortSignal.timeout and AbortSignal.any',
    { ...COMMON, ...MODERN, AbortSignal: OLD_SIGNAL },
  ],
  ['crypto', { ...COMMON, ...MODERN, crypto: undefined }],
  ['ReadableStream', { ...COMMON, ...MODERN, ReadableStream: undefined }],
  ['BroadcastChannel', { ...COMMON, ...MODERN, BroadcastChannel: undefined }],
  ['navigator.locks', { ...COMMON, ...MODERN, navigator: {} }],
  ['navigator', { ...COMMON, ...MODERN, navigator: undefined }],
  ['localStorage', { ...COMMON, ...MODERN, localStorage: undefined }],
  ['all of that, as in React Native', COMMON],
])('a session client in a runtime that lacks %s', (_missing, globals) => {
  const tokens = { token: 'old', refreshToken: 'refresh' };
  const options = (): SessionClientOptions => ({
    url: `${addressOf()}/session/`,
    tokens: 'memory',
    timeoutSeconds: LIMIT,
  });

  it('refreshes and signs out', async () => {
    kind = 'tokens';
    const client = openIn(globals, options());
    client.use(tokens);
    const body = new Blob(['a']).stream();
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    expect(await outcomeOf(client.fetch(`${addressOf()}/me`, init))).toBe(401);
    expect(await outcomeOf(client.fetch(`${addressOf()}/me`))).toBe(200);
    expect(await outcomeOf(client.signOut())).toBe(200);
    expect(asked).toEqual([
      '/me',
      '/session/refresh',
      '/me',
      '/session/logout',
    ]);
  });

  it('keeps its tokens in a storage, however long they are', async () => {
    kind = 'tokens';
    const storage = new FakeStorage();
    const withStorage = { ...options(), tokens: storage };
    const long = { ...tokens, token: 'é'.repeat(1000) };
    openIn(globals, withStorage).use(long);
    await until(() => storage.values.size > 3, 'the parts');
    const restarted = openIn(globals, withStorage);
    expect(await restarted.token()).toBe(long.token);
    restarted.use(tokens);
    expect(await outcomeOf(restarted.fetch(`${addressOf()}/me`))).toBe(200);
    const again = openIn(globals, withStorage);
    expect(await again.token()).toBe('new');
    await again.signOut();
    expect(storage.values.size).toBe(0);
  });

  it('gives up a refresh without an answer and a sign-out without its end, in that order', async () => {
    kind = 'nothing';
    const settled: string[] = [];
    const client = openIn(globals, {
      ...options(),
      onSessionEnded: () => settled.push('ended'),
    });
    client.use(tokens);
    const note = async (what: string, request: Promise<Response>) =>
      settled.push(`${what} ${await outcomeOf(request)}`);
    const me = note('me', client.fetch(`${addressOf()}/me`));
    await until(() => asked.includes('/session/refresh'), 'the refresh');
    kind = 'half a body';
    const signOut = note('sign-out', client.signOut());
    passLimits();
    await me;
    await until(() => asked.includes('/session/logout'), 'the sign-out');
    passLimits();
    await signOut;
    expect(settled).toEqual([
      'me TimeoutError',
      'ended',
      'sign-out TimeoutError',
    ]);
    await until(() => closed === 2, 'the end of both connections');
  });
});

describe('the time limit of a session client', () => {
  it.each<Kind>(['nothing', 'half a body'])(
    'holds for an answer of %s although the request could be garbage-collected',
    async (given) => {
      kind = given;
      const url = `${addressOf()}/session`;
      const client = openIn(COMMON, { url, timeoutSeconds: LIMIT });
      const signOut = outcomeOf(client.signOut());
      await until(() => asked.length === 1, 'the sign-out');
      // Then Node 20 forgets the signal of a request that nobody holds.
      gc();
      passLimits();
      expect(await signOut).toBe('TimeoutError');
      await until(() => closed === 1, 'the end of the connection');
    },
  );

  it('holds where fetch heeds no signal, and leaves no rejection to nobody', async () => {
    const unhandled = new UnhandledErrors();
    unhandled.start();
    try {
      const fetch = () => new Promise<never>(() => undefined);
      const options = { url: addressOf(), timeoutSeconds: LIMIT, fetch };
      const client = openIn(COMMON, options);
      const signOut = outcomeOf(client.signOut());
      await until(() => limited() === 1, 'the request');
      passLimits();
      expect(await signOut).toBe('TimeoutError');
      expect(await unhandled.settled()).toEqual([]);
    } finally {
      unhandled.stop();
    }
  });

  it('holds for the body of a 401, and one that does not end says nothing', async () => {
    const url = `${addressOf()}/session`;
    const client = openIn(COMMON, { url, timeoutSeconds: LIMIT });
    const post = { method: 'POST' };
    const request = outcomeOf(client.fetch(`${addressOf()}/half`, post));
    await until(() => limited() === 1, 'the body');
    passLimits();
    expect(await request).toBe(401);
    expect(asked).toEqual(['/half']);
  });

  it.each([0, -1, NaN, Infinity, 86_401])(
    'cannot be %p seconds',
    (timeoutSeconds) => {
      const create = () => openIn(COMMON, { url: addressOf(), timeoutSeconds });
      expect(create).toThrow(/timeoutSeconds: expected/);
    },
  );
});

it('the signal of a caller works although the request could be garbage-collected', async () => {
  kind = 'nothing';
  const client = openIn(COMMON, { url: `${addressOf()}/session` });
  const abort = new AbortController();
  const request = outcomeOf(
    client.fetch(`${addressOf()}/hangs`, { signal: abort.signal }),
  );
  await until(() => asked.includes('/hangs'), 'the request');
  gc();
  abort.abort();
  expect(await request).toBe('AbortError');
});
