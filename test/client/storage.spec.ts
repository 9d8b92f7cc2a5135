import { jest } from '@jest/globals';
import type {
  SessionClient,
  SessionClientOptions,
  SessionTokens,
} from '../../lib/client/index.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import {
  API,
  FakeRoutes,
  ROUTES,
  sessionRequired,
  tokensOf,
} from './fake-routes.js';
import { FakeStorage } from './fake-storage.js';

let routes: FakeRoutes;
let storage: FakeStorage;
let reported: ReturnType<typeof jest.spyOn>;

/** Starts the app, with what its storage holds. */
const start = (
  tokens: SessionClientOptions['tokens'] = storage,
  options: SessionClientOptions = {},
): SessionClient => routes.client({ tokens, ...options });

/** An app whose session token has expired. */
async function expired(options?: SessionClientOptions): Promise<SessionClient> {
  const client = start(storage, options);
  client.use(routes.tokens());
  await client.token();
  routes.expire();
  return client;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 60; i += 1) await turn();
}

const me = async (client: SessionClient): Promise<number> =>
  (await client.fetch(`${API}/me`)).status;

const refreshes = () => routes.to('/session/refresh').length;

const bearers = () =>
  routes.to('/me').map(({ headers }) => headers.get('authorization'));

beforeEach(() => {
  routes = new FakeRoutes(true);
  storage = new FakeStorage();
  reported = jest.spyOn(console, 'error').mockReturnValue();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('a session client with a storage', () => {
  it('continues at the next start of the app with the tokens of a sign-in', async () => {
    const client = start();
    client.use(routes.tokens());
    expect(await me(client)).toBe(200);
    const next = start(storage.restarted());
    expect(await next.token()).toBe('token-1');
    expect(await me(next)).toBe(200);
    expect(refreshes()).toBe(0);
    expect(reported).not.toHaveBeenCalled();
  });

  it('has stored the tokens of a refresh when the request resolves', async () => {
    const client = await expired();
    expect(await me(client)).toBe(200);
    const next = start(storage.restarted());
    expect(await me(next)).toBe(200);
    routes.expire();
    expect(await me(next)).toBe(200);
    expect(routes.to('/session/refresh').map(({ body }) => body)).toEqual([
      '{"refreshToken":"refresh-1"}',
      '{"refreshToken":"refresh-2"}',
    ]);
    expect(routes.ended).toEqual([]);
  });

  it('sends no request with new tokens before they are stored: until then the old refresh token still works', async () => {
    const client = await expired();
    const gate = createGate();
    storage.before = (call) =>
      call.startsWith('set') ? gate.promise : undefined;
    const first = me(client);
    await until(() => storage.count('set') === 2, 'the write');
    const second = me(client);
    await settle();
    expect(bearers()).toEqual(['Bearer token-1']);
    expect(await start(storage.restarted()).token()).toBe('token-1');
    gate.open();
    expect(await Promise.all([first, second])).toEqual([200, 200]);
    expect(bearers()).toEqual([
      'Bearer token-1',
      'Bearer token-2',
      'Bearer token-2',
    ]);
    expect(refreshes()).toBe(1);
  });

  it('sends a request whose 401 comes while they are stored again only after that', async () => {
    const client = await expired();
    const [late, stored] = [createGate(), createGate()];
    routes.answer = ({ url }) =>
      url === `${API}/late` && routes.to('/late').length === 1
        ? late.promise.then(sessionRequired)
        : undefined;
    const second = client.fetch(`${API}/late`);
    await until(() => routes.to('/late').length === 1, 'the request');
    storage.before = (call) =>
      call.startsWith('set') ? stored.promise : undefined;
    const first = me(client);
    await until(() => storage.count('set') === 2, 'the write');
    late.open();
    await settle();
    expect(routes.to('/late')).toHaveLength(1);
    stored.open();
    expect([await first, (await second).status]).toEqual([200, 200]);
    expect(refreshes()).toBe(1);
  });

  it('stores the tokens that a response brings, with the refresh token of before', async () => {
    const client = start();
    client.use(routes.tokens());
    routes.answer = () =>
      new Response(null, { headers: { 'session-token': 'token-7' } });
    await client.fetch(`${API}/me`);
    routes.answer = () => undefined;
    const next = start(storage.restarted());
    expect(await next.token()).toBe('token-7');
    routes.valid = 2;
    expect(await me(next)).toBe(200);
  });

  it('reads the storage once for ten requests that wait for it', async () => {
    await expired();
    storage.calls.length = 0;
    const next = start();
    const gate = createGate();
    storage.before = () => gate.promise;
    const statuses = Promise.all(Array.from({ length: 10 }, () => me(next)));
    await settle();
    expect(routes.seen).toEqual([]);
    gate.open();
    expect(await statuses).toEqual(Array(10).fill(200));
    expect(storage.count('get')).toBe(1);
    expect(refreshes()).toBe(1);
  });

  it('knows of a stored session, and announces its end after a restart', async () => {
    await expired();
    routes.valid = undefined;
    const next = start(storage);
    expect(await me(next)).toBe(401);
    expect(routes.ended).toEqual(['one']);
    expect(storage.values.size).toBe(0);
    expect(await me(next)).toBe(401);
    expect(storage.count('get')).toBe(1);
  });

  it.each([
    ['nothing', undefined],
    ['garbage', '{"token":"x"}'],
    ['a first part without its others', '1.0.3.abc.["token'],
  ])('is a visitor where the storage has %s', async (_what, value) => {
    if (value) storage.values.set('session-https___api.example_session', value);
    const client = start();
    expect(await me(client)).toBe(401);
    expect(bearers()).toEqual([null]);
    expect(routes.ended).toEqual([]);
    client.use(routes.tokens());
    expect(await me(client)).toBe(200);
    expect(await start(storage.restarted()).token()).toBe('token-1');
    expect(reported).not.toHaveBeenCalled();
  });

  it.each([
    ['a sign-in', () => tokensOf(7), 'token-7'],
    ['an end', () => undefined, undefined],
  ])('prefers %s to what it reads meanwhile', async (_what, tokens, is) => {
    await expired();
    const gate = createGate();
    const next = start({
      get: async (name) => {
        const value = await storage.get(name);
        await gate.promise;
        return value;
      },
      set: (name, value) => storage.set(name, value),
    });
    const request = me(next);
    await settle();
    next.use(tokensOf(6));
    if (tokens()) {
      next.use(tokens());
      routes.valid = 7;
    } else {
      routes.valid = undefined;
      expect(await me(next)).toBe(401);
    }
    gate.open();
    await request;
    expect(await next.token()).toBe(is);
  });

  it('deletes the tokens before the server is asked to sign out, which gets the stored ones', async () => {
    const client = start();
    client.use(routes.tokens());
    await client.token();
    const next = start();
    routes.answer = async () => {
      await settle();
      expect(storage.values.size).toBe(0);
      return undefined as never;
    };
    expect((await next.signOut()).status).toBe(204);
    expect(routes.seen).toMatchObject([
      { url: `${ROUTES}/logout`, body: '{"refreshToken":"refresh-1"}' },
    ]);
    expect(routes.seen[0]!.headers.get('authorization')).toBe('Bearer token-1');
    expect(await start(storage.restarted()).token()).toBeUndefined();
  });

  it('deletes all parts when it signs out offline, and those of a response that came meanwhile', async () => {
    const client = start();
    client.use({ token: 'x'.repeat(7000), refreshToken: 'refresh-1' });
    expect(storage.count('delete')).toBe(0);
    await client.token();
    expect(storage.values.size).toBe(4);
    const gate = createGate();
    routes.answer = async ({ url }) => {
      if (url !== `${ROUTES}/logout`) {
        return new Response(null, { headers: { 'session-token': 'token-7' } });
      }
      await gate.promise;
      throw new TypeError('fetch failed');
    };
    const signedOut = client.signOut();
    await until(() => routes.to('/session/logout').length === 1, 'the logout');
    await client.fetch(`${API}/me`);
    expect(storage.values.size).toBe(1);
    gate.open();
    await expect(signedOut).rejects.toThrow('fetch failed');
    expect(storage.values.size).toBe(0);
    expect(routes.ended).toEqual(['one']);
  });

  it('sends requests without tokens while the storage cannot be read, and reads it again for the next one', async () => {
    await expired();
    routes.valid = 1;
    const next = start();
    storage.before = () => Promise.reject(new Error('locked'));
    expect(await me(next)).toBe(401);
    expect(routes.ended).toEqual([]);
    storage.before = () => undefined;
    expect(await me(next)).toBe(200);
    expect(bearers()).toEqual([null, 'Bearer token-1']);
    expect(reported).toHaveBeenCalledTimes(1);
  });

  it('continues in memory while the storage cannot be written, and writes with the next request', async () => {
    const client = await expired();
    storage.before = () => Promise.reject(new Error('full'));
    expect(await me(client)).toBe(200);
    expect(await me(client)).toBe(200);
    expect(reported.mock.calls).toEqual([
      ['SessionClient: tokens.set failed', new Error('full')],
    ]);
    expect(await start(storage.restarted()).token()).toBe('token-1');
    storage.before = () => undefined;
    expect(await me(client)).toBe(200);
    expect(await start(storage.restarted()).token()).toBe('token-2');
    expect(refreshes()).toBe(1);
  });

  it('waits once for a storage that hangs, then continues without it', async () => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'],
    });
    const client = await expired();
    storage.before = () => new Promise(() => undefined);
    const first = me(client);
    await until(() => storage.count('set') === 2, 'the second token');
    await settle();
    await jest.advanceTimersByTimeAsync(30_000);
    expect(await first).toBe(200);
    routes.expire();
    expect(await me(client)).toBe(200);
    expect(refreshes()).toBe(2);
    expect(storage.count('set')).toBe(2);
    expect(reported).toHaveBeenCalledTimes(1);
    await client.signOut();
    expect(routes.ended).toEqual(['one']);
    expect(await me(client)).toBe(401);
  });

  it('takes a storage that is no object of promises, such as localStorage, and its errors', async () => {
    const values = new Map<string, string>();
    let isFull = false;
    const local: SessionClientOptions['tokens'] = {
      get: (name) => values.get(name),
      set: (name, value) => {
        if (isFull) throw new Error('QuotaExceededError');
        return value === null ? values.delete(name) : values.set(name, value);
      },
    };
    const client = start(local);
    client.use(routes.tokens());
    routes.expire();
    expect(await me(client)).toBe(200);
    expect(await start(local).token()).toBe('token-2');
    isFull = true;
    routes.expire();
    expect(await me(client)).toBe(200);
    expect(reported.mock.calls).toEqual([
      ['SessionClient: tokens.set failed', new Error('QuotaExceededError')],
    ]);
    expect(await start(local).token()).toBe('token-2');
  });

  it('lets a caller give up while it waits for the storage', async () => {
    const client = start();
    const gate = createGate();
    storage.before = () => gate.promise;
    const abort = new AbortController();
    const request = client.fetch(`${API}/me`, { signal: abort.signal });
    await settle();
    abort.abort();
    await expect(request).rejects.toMatchObject({ name: 'AbortError' });
    expect(routes.seen).toEqual([]);
    gate.open();
  });

  it('sends no cookies, and shows no token when it is printed', async () => {
    const client = await expired();
    expect(await me(client)).toBe(200);
    expect(routes.seen.map(({ credentials }) => credentials)).toEqual(
      Array(3).fill('same-origin'),
    );
    const { inspect } = await import('node:util');
    expect(inspect(client, { depth: 9 })).not.toMatch(/token-\d|refresh-\d/);
  });
});

describe('the token of a session client', () => {
  it('is the one of a refresh in flight, also if that fails', async () => {
    const client = await expired();
    const gate = createGate();
    routes.gate = gate.promise;
    const request = me(client);
    await until(() => refreshes() === 1, 'the refresh');
    const token = client.token();
    gate.open();
    expect(await token).toBe('token-2');
    expect(await request).toBe(200);
    routes.expire();
    routes.answer = ({ url }) => {
      if (url === `${ROUTES}/refresh`) throw new TypeError('fetch failed');
      return undefined;
    };
    const failing = client.fetch(`${API}/me`).catch(() => undefined);
    await until(() => refreshes() === 2, 'the second refresh');
    expect(await client.token()).toBe('token-2');
    await failing;
  });

  it.each<['cookies' | 'memory', is: string | undefined]>([
    ['memory', 'token-1'],
    ['cookies', undefined],
  ])('is, with tokens: %p, %p', async (tokens, is) => {
    const client = start(tokens);
    expect(await client.token()).toBeUndefined();
    client.use(routes.tokens());
    expect(await client.token()).toBe(is);
    await client.signOut();
    expect(await client.token()).toBeUndefined();
  });
});

describe('the tabs of a browser with one storage', () => {
  const opened: SessionClient[] = [];

  beforeEach(() => {
    Object.defineProperty(globalThis, 'location', {
      value: { href: `${API}/page` },
      configurable: true,
    });
  });

  afterEach(() => {
    for (const client of opened.splice(0)) client.close();
    Reflect.deleteProperty(globalThis, 'location');
  });

  function openTab(name: string): SessionClient {
    const client = routes.client({ tokens: storage }, name);
    opened.push(client);
    return client;
  }

  it('refresh once, write once, and continue after all of them were closed', async () => {
    const tabs = ['a', 'b', 'c'].map(openTab);
    tabs[0]!.use(routes.tokens());
    await settle();
    routes.expire();
    expect(await Promise.all(tabs.map(me))).toEqual([200, 200, 200]);
    expect(refreshes()).toBe(1);
    expect(storage.count('set')).toBe(2);
    for (const tab of opened.splice(0)) tab.close();
    expect(await me(openTab('d'))).toBe(200);
    expect(refreshes()).toBe(1);
  });

  it('have no tokens left in the storage when one of them signs out', async () => {
    const [first, second] = ['a', 'b'].map(openTab);
    first!.use(routes.tokens());
    await settle();
    expect(await me(second!)).toBe(200);
    await second!.signOut();
    await settle();
    expect(routes.ended.toSorted()).toEqual(['a', 'b']);
    expect(storage.values.size).toBe(0);
    expect(await Promise.all([me(first!), me(second!)])).toEqual([401, 401]);
  });

  it('have no tokens left when one of them ends while another one writes', async () => {
    const [first, second] = ['a', 'b'].map(openTab);
    first!.use(routes.tokens());
    await settle();
    const gate = createGate();
    routes.answer = () =>
      new Response(null, { headers: { 'session-token': 'token-7' } });
    storage.before = (call) =>
      call.startsWith('set') ? gate.promise : undefined;
    const request = second!.fetch(`${API}/me`);
    await until(() => storage.count('set') === 2, 'the write');
    routes.answer = () => undefined;
    await first!.signOut();
    await until(() => routes.ended.length === 2, 'the end in both');
    gate.open();
    await request;
    expect(storage.values.size).toBe(0);
  });

  it('do not delete the tokens of a sign-in that follows a sign-out in another one', async () => {
    const [first, second] = ['a', 'b'].map(openTab);
    first!.use(routes.tokens());
    await settle();
    await first!.signOut();
    routes.valid = 5;
    const tokens: SessionTokens = routes.tokens();
    second!.use(tokens);
    await settle();
    for (const tab of opened.splice(0)) tab.close();
    expect(await openTab('c').token()).toBe('token-5');
  });
});
