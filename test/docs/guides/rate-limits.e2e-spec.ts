import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import {
  Browser,
  send,
  type TestRequest,
  type TestResponse,
} from '../../support/browser.js';
import { platforms } from '../../support/effort.js';
import { ROOT } from '../../support/library-sources.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { SECRET } from '../../support/secrets.js';
import { Guide, type GuideFolder } from '../guide.js';
import type { LimitedAppSettings } from './limited-app.js';

// It runs src/app.module.ts, src/rate-limits.module.ts and src/redis-throttler-storage.ts.
const PROGRAM = join(ROOT, 'test/docs/guides/limited-app.ts');
const HOOKS = pathToFileURL(
  join(ROOT, 'test/runner/typescript-hooks.mjs'),
).href;
const REGISTER = `import { register } from 'node:module'; register('${HOOKS}');`;
const guide = new Guide('docs/guides/rate-limits.md');

let folder: GuideFolder;
let child: ChildProcess;

beforeAll(async () => {
  folder = guide.write();
  child = fork(PROGRAM, [folder.path], {
    execArgv: [
      '--import',
      `data:text/javascript,${encodeURIComponent(REGISTER)}`,
    ],
    env: { ...process.env, NODE_OPTIONS: '', SESSION_SECRET: SECRET },
  });
  await once(child, 'message');
});
afterAll(() => {
  child.kill();
  folder.remove();
});

interface App {
  readonly port: number;
  send(request: TestRequest): Promise<TestResponse>;
}

async function open(settings: LimitedAppSettings): Promise<App> {
  const answer = once(child, 'message');
  child.send(settings);
  const [port] = await answer;
  return { port, send: (request) => send(port, request) };
}

describe.each(platforms('express'))('rate limits, on %s', (adapter) => {
  const start = (settings: Partial<LimitedAppSettings> = {}) =>
    open({ adapter, ...settings });

  const signIn = (
    app: App,
    user: unknown,
    password: string,
    address = '198.51.100.1',
  ) =>
    app.send({
      method: 'POST',
      path: '/login',
      headers: { 'X-Forwarded-For': address },
      body: { user, password },
    });

  /** The `Cookie` headers of new sessions. */
  const sessionsOf = async (
    app: App,
    ...users: string[]
  ): Promise<string[]> => {
    const cookies: string[] = [];
    for (const user of users) {
      const { setCookie } = await signIn(app, user, 'correct');
      cookies.push(setCookie.map((line) => line.split(';')[0]).join('; '));
    }
    return cookies;
  };

  /** The statuses of so many requests, one after the other. */
  async function statuses(
    count: number,
    attempt: (index: number) => Promise<TestResponse>,
  ): Promise<Record<number, number>> {
    const counts: Record<number, number> = {};
    for (let i = 0; i < count; i += 1) {
      const { status } = await attempt(i);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  }

  it('ten attempts for each account and address, whatever the spelling', async () => {
    const app = await start();
    const spellings = ['ada', 'Ada', ' ada', 'ADA ', ['ada']];
    const guesses = await statuses(15, (i) =>
      signIn(app, spellings[i % spellings.length], 'wrong'),
    );
    expect(guesses).toEqual({ 401: 10, 429: 5 });
    // The right password is not a way to find out, and the owner is somewhere else.
    expect((await signIn(app, 'ada', 'correct')).status).toBe(429);
    expect((await signIn(app, 'ada', 'correct', '192.0.2.7')).status).toBe(204);
    expect((await signIn(app, 'bob', 'correct')).status).toBe(204);
  });

  it('thirty attempts for each address, whatever the accounts', async () => {
    const app = await start();
    const guess = (i: number) => signIn(app, `user-${i}`, 'wrong');
    expect(await statuses(35, guess)).toEqual({ 401: 30, 429: 5 });
    expect((await signIn(app, 'ada', 'correct', '192.0.2.7')).status).toBe(204);
  });

  it('no spelling of the path leads past them', async () => {
    const app = await start();
    const paths = ['/login', '/login/', '/LOGIN', '/login?a=1'];
    const guesses = await statuses(16, (i) =>
      app.send({
        method: 'POST',
        path: paths[i % paths.length]!,
        body: { user: 'ada', password: 'wrong' },
      }),
    );
    expect(guesses[401]).toBeLessThanOrEqual(10);
  });

  it('an IPv6 network is one address', async () => {
    const app = await start();
    const guess = (i: number) =>
      signIn(app, 'ada', 'wrong', `2001:db8::${i + 1}`);
    expect(await statuses(12, guess)).toEqual({ 401: 10, 429: 2 });
  });

  it('users are counted by user and route, in all of their sessions', async () => {
    const app = await start();
    const [ada, again, bob] = (await sessionsOf(app, 'ada', 'ada', 'bob')) as [
      string,
      string,
      string,
    ];
    const get = (path: string, cookie: string, address: string) =>
      app.send({ path, headers: { cookie, 'X-Forwarded-For': address } });
    const orders = await statuses(124, (i) =>
      get('/orders', i % 2 ? ada : again, `192.0.2.${i}`),
    );
    expect(orders).toEqual({ 200: 120, 429: 4 });
    expect((await get('/orders', bob, '192.0.2.1')).status).toBe(200);
    expect((await get('/others', ada, '192.0.2.1')).status).toBe(200);
  });

  it('requests with wrong tokens are refused before they are counted', async () => {
    const app = await start();
    const cookie = '__Host-Http-session=wrong';
    const get = () => app.send({ path: '/orders', headers: { cookie } });
    expect(await statuses(125, get)).toEqual({ 401: 125 });
  });

  it('knows no users if it comes before SessionJwtModule', async () => {
    const app = await start({ isReversed: true });
    const cookies = await sessionsOf(app, 'ada', 'bob');
    const get = (i: number) =>
      app.send({ path: '/orders', headers: { cookie: cookies[i % 2]! } });
    expect(await statuses(124, get)).toEqual({ 200: 120, 429: 4 });
  });

  it('the ready-made routes are limited, and a refused refresh ends no session', async () => {
    const app = await start();
    const browser = new Browser(app.port);
    await browser.post('/login', { user: 'ada', password: 'correct' });
    const tabs = await Promise.all(
      Array.from({ length: 5 }, () => browser.post('/session/refresh')),
    );
    expect(tabs.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const refreshes = await statuses(120, () =>
      browser.post('/session/refresh'),
    );
    expect(refreshes).toEqual({ 200: 115, 429: 5 });
    const refused = await browser.post('/session/refresh');
    expect(refused.setCookie).toEqual([]);
    expect((await browser.get('/orders')).json).toEqual({ user: 'ada' });
    for (const path of [
      '/session/logout',
      '/session/device',
      '/session/device/refresh',
    ]) {
      const counts = await statuses(122, () =>
        app.send({ method: 'POST', path, body: {} }),
      );
      expect({ path, limited: counts[429] }).toEqual({ path, limited: 2 });
    }
  });

  it('without trust proxy, everyone shares one limit', async () => {
    const app = await start({ trustsProxy: false });
    const guess = (i: number) => signIn(app, 'ada', 'wrong', `192.0.2.${i}`);
    expect(await statuses(12, guess)).toEqual({ 401: 10, 429: 2 });
  });

  describe('with the storage in Redis', () => {
    let server: RedisServer;

    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server.stop());

    it('two processes count together', async () => {
      const settings = { redisPort: server.port };
      const apps = [await start(settings), await start(settings)];
      const guess = (i: number) => signIn(apps[i % 2]!, 'ada', 'wrong');
      expect(await statuses(14, guess)).toEqual({ 401: 10, 429: 4 });
      const { headers } = await guess(0);
      expect(Number(headers['retry-after-account'])).toBeGreaterThan(0);
    });

    it('each key expires, when it is counted first, and when it is blocked', async () => {
      const { RedisThrottlerStorage } = await import(
        folder.pathOf('src/redis-throttler-storage.ts')
      );
      const redis = new Redis(server.port, '127.0.0.1');
      const storage = new RedisThrottlerStorage(redis);
      const count = () => storage.increment('a', 60_000, 1, 600_000);
      expect(await count()).toMatchObject({ totalHits: 1, isBlocked: false });
      const first = await redis.pttl('throttle:a');
      expect(first).toBeGreaterThan(0);
      expect(first).toBeLessThanOrEqual(60_000);
      expect(await count()).toMatchObject({ totalHits: 2, isBlocked: true });
      expect(await redis.pttl('throttle:a')).toBeGreaterThan(60_000);
      redis.disconnect();
    });

    it('nothing is limited while Redis is away', async () => {
      const app = await start({ redisPort: server.port });
      await server.stop();
      const guess = () => signIn(app, 'eve', 'wrong');
      expect(await statuses(12, guess)).toEqual({ 401: 12 });
    });
  });
});
