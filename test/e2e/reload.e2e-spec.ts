import { HttpException } from '@nestjs/common';
import { CookieJar } from 'tough-cookie';
import { SessionDataLoader, SessionEndedError } from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { arrived, createGate, until } from '../support/asynchrony.js';
import { ORIGIN, type Browser, type TestResponse } from '../support/browser.js';
import { claimsIn, DAY, MINUTE } from '../support/session-claims.js';
import { platforms } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import {
  startTestApp,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

const adapters = platforms('express');

const UNAUTHORIZED = {
  statusCode: 401,
  message: 'Unauthorized',
  errorCode: 'SESSION_REQUIRED',
};
const UNAVAILABLE = {
  statusCode: 503,
  message: 'Service Unavailable',
  errorCode: 'SESSION_UNAVAILABLE',
};

type Break = (app: TestApp) => void;

const throwing =
  (error: unknown): Break =>
  ({ users }) => {
    users.failure = error;
  };
const giving =
  (role: unknown): Break =>
  ({ users }) => {
    users.all.get('ada')!.role = role as string;
  };

const ENDS: [string, Break][] = [
  ['returns null', ({ users }) => users.all.delete('ada')],
  ['throws SessionEndedError', throwing(new SessionEndedError('banned'))],
  [
    'finds a sign-in from before "log out everywhere"',
    ({ users, clock }) => {
      users.all.get('ada')!.sessionsValidFrom = new Date(
        (clock.nowSeconds() - 1) * 1000,
      );
    },
  ],
  ...[401, 403, 404, 410].map((status): [string, Break] => [
    `throws an HttpException ${status}`,
    throwing(new HttpException('over', status)),
  ]),
];

const FAILS: [string, Break, string][] = [
  [
    'throws an Error',
    throwing(new Error('connection refused')),
    'LOADER_UNAVAILABLE',
  ],
  [
    'throws an HttpException 503',
    throwing(new HttpException('busy', 503)),
    'LOADER_UNAVAILABLE',
  ],
  ['throws a string', throwing('no'), 'LOADER_UNAVAILABLE'],
  [
    'takes longer than its timeout',
    ({ users }) => {
      users.gate = new Promise(() => undefined);
    },
    'LOADER_UNAVAILABLE',
  ],
  [
    'returns what cannot be serialised',
    giving(new Date(0)),
    'NOT_SERIALIZABLE',
  ],
  [
    'returns more than a cookie holds',
    giving('x'.repeat(4_000)),
    'SESSION_TOO_LARGE',
  ],
];

describe.each(adapters)('a session whose data is due, on %s', (adapter) => {
  let app: TestApp;

  async function start(options: TestAppOptions = {}): Promise<TestApp> {
    const { session = {}, ...others } = options;
    app = await startTestApp(adapter, {
      ...others,
      // On a busy machine no load may pass its timeout unless a test wants that.
      session: { ...session, loader: { timeout: 60, ...session.loader } },
    });
    return app;
  }

  afterEach(() => app.close());

  const loads = () =>
    app.users.loads.filter(({ context }) => context.reason === 'reload');

  /** Many requests with the cookies of now, as one page makes them. */
  function together(browser: Browser, count: number) {
    return Promise.all(
      Array.from({ length: count }, () => browser.sendOnly({ path: '/me' })),
    );
  }

  /** Many requests that all arrive before the load is answered. */
  async function togetherInOneLoad(
    browser: Browser,
    count: number,
  ): Promise<TestResponse[]> {
    const gate = createGate();
    app.users.gate = gate.promise;
    const all = arrived(app.app.getHttpServer(), count);
    const responses = together(browser, count);
    await all;
    gate.open();
    app.users.gate = undefined;
    return responses;
  }

  describe('and a loader that', () => {
    it('returns data: the handler sees it, and the cookie is written again', async () => {
      await start();
      const browser = await app.signIn();
      const before = await browser.cookie();
      app.users.all.get('ada')!.role = 'owner';
      app.clock.advance('15m');
      const me = await browser.get('/me');
      expect(me.status).toBe(200);
      expect(me.json.data).toEqual({ id: 'ada', role: 'owner' });
      expect(me.setCookie).toHaveLength(1);
      expect(me.setCookie[0]).toMatch(
        /^__Host-Http-session=[\w.-]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
      expect(me.headers['cache-control']).toBe('no-store');
      const after = await browser.cookie();
      expect(after === before).toBe(false);
      expect(claimsIn(after)).toMatchObject({
        sid: claimsIn(before).sid,
        lat: app.clock.nowSeconds(),
        data: { id: 'ada', role: 'owner' },
      });
      expect(app.eventsOf('reloaded')).toHaveLength(1);
    });

    it.each(ENDS)(
      '%s: 401, cleared, and over for every copy of the token (F-20)',
      async (_what, breakIt) => {
        await start();
        const browser = await app.signIn();
        const copy = `__Host-Http-session=${await browser.cookie()}`;
        app.clock.advance('15m');
        breakIt(app);
        const me = await browser.get('/me');
        expect(me.status).toBe(401);
        expect(me.json).toEqual(UNAUTHORIZED);
        expect(me.setCookie).toHaveLength(1);
        expect(me.setCookie[0]).toMatch(/^__Host-Http-session=; Max-Age=0;/);
        expect(await browser.cookie()).toBeUndefined();
        expect(app.account.handled).toBe(0);

        const again = await app.browser().get('/me', { Cookie: copy });
        expect(again.status).toBe(401);
        expect(loads().length).toBe(1);
        expect(app.eventsOf('ended')).toHaveLength(1);
        expect(app.eventsOf('ended')[0]).toMatchObject({
          reason: 'loader',
          reach: 'process',
          subject: 'ada',
        });
        expect(app.eventsOf('loaderFailed')).toEqual([]);
      },
    );

    it.each(FAILS)(
      '%s: old data for a while, then 503, and the cookie is never touched',
      async (_what, breakIt, code) => {
        await start({ session: { loader: { timeout: 0.01 } } });
        const browser = await app.signIn();
        const before = await browser.cookie();
        app.clock.advance('15m');
        breakIt(app);
        const stale = await browser.get('/me');
        expect(stale.status).toBe(200);
        expect(stale.json.data).toEqual({ id: 'ada', role: 'admin' });
        expect(stale.setCookie).toEqual([]);

        app.clock.advance('15m');
        const handled = app.account.handled;
        const unavailable = await browser.get('/me');
        expect(unavailable.status).toBe(503);
        expect(unavailable.json).toEqual(UNAVAILABLE);
        expect(unavailable.headers['retry-after']).toMatch(/^[1-5]$/);
        expect(unavailable.setCookie).toEqual([]);
        expect(app.account.handled).toBe(handled);
        expect((await browser.cookie()) === before).toBe(true);

        expect(app.eventsOf('ended')).toEqual([]);
        expect(app.eventsOf('loaderFailed').length).toBe(2);
        expect(app.eventsOf('loaderFailed')[0]).toMatchObject({
          code,
          subject: 'ada',
        });
      },
    );

    it('recovers: the very session that got 503 goes on', async () => {
      await start();
      const browser = await app.signIn();
      app.users.failure = new Error('connection refused');
      app.clock.advance('30m');
      expect((await browser.get('/me')).status).toBe(503);
      app.users.failure = undefined;
      app.clock.advance(30);
      const me = await browser.get('/me');
      expect(me.status).toBe(200);
      expect(me.setCookie).toHaveLength(1);
    });

    it.each<[string, number, Break]>([
      ['throws', 401, throwing(new Error('connection refused'))],
      ['returns what cannot be serialised', 200, giving(NaN)],
    ])(
      "%s, under loader.onError: 'end': %i",
      async (_what, status, breakIt) => {
        await start({ session: { loader: { onError: 'end' } } });
        const browser = await app.signIn();
        app.clock.advance('15m');
        breakIt(app);
        expect((await browser.get('/me')).status).toBe(status);
        expect((await browser.cookie()) === undefined).toBe(status === 401);
      },
    );

    it("passes its timeout, under loader.onError: 'end': nobody is logged out", async () => {
      await start({
        session: { loader: { onError: 'end', timeout: 0.01 } },
      });
      const browser = await app.signIn();
      app.clock.advance('15m');
      app.users.gate = new Promise(() => undefined);
      expect((await browser.get('/me')).status).toBe(200);
      expect(app.eventsOf('ended')).toEqual([]);
    });

    it('no longer accepts the params: 401, cleared, and not a crash of the loader (A-074)', async () => {
      await start();
      const browser = await app.signIn();
      const loader = app.app.get(SessionDataLoader, { strict: false });
      loader.accepts = (params: unknown) => typeof params === 'number';
      app.clock.advance('15m');
      const me = await browser.get('/me');
      expect(me.status).toBe(401);
      expect(await browser.cookie()).toBeUndefined();
      expect(loads().length).toBe(0);
      expect(app.eventsOf('rejected')).toMatchObject([
        { code: 'TOKEN_INVALID', reason: 'params' },
      ]);
    });
  });

  describe('and a service method that needs data', () => {
    it.each<[string, Break, number]>([
      ['is down', throwing(new Error('connection refused')), 503],
      ['gives what cannot be serialised', giving(new Map()), 500],
      ['gives more than a cookie holds', giving('x'.repeat(4_000)), 500],
    ])(
      'throws where the loader %s, and keeps the cookie',
      async (_what, breakIt, status) => {
        await start();
        const browser = await app.signIn();
        breakIt(app);
        const response = await browser.post('/reload');
        expect(response.status).toBe(status);
        expect(response.setCookie).toEqual([]);
        expect((await browser.get('/me')).json.data.role).toBe('admin');
      },
    );

    it('throws what went wrong now, though another load failed a moment ago', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      app.users.failure = new Error('connection refused');
      expect((await browser.get('/me')).status).toBe(200);
      app.users.failure = undefined;
      app.users.all.get('ada')!.role = NaN as never;
      expect((await browser.post('/reload')).status).toBe(500);
      const codes = app.eventsOf('loaderFailed').map(({ code }) => code);
      expect(codes).toEqual(['LOADER_UNAVAILABLE', 'NOT_SERIALIZABLE']);
    });

    it('refuses and clears where the loader ends the session', async () => {
      await start();
      const browser = await app.signIn();
      app.users.all.get('ada')!.disabled = true;
      const response = await browser.post('/reload');
      expect(response.status).toBe(401);
      expect(response.json).toEqual(UNAUTHORIZED);
      expect(await browser.cookie()).toBeUndefined();
      expect(app.eventsOf('ended')).toHaveLength(1);
    });
  });

  describe('keeps its clocks apart', () => {
    it('a reload moves loadedAt and the idle end, never the sign-in or the authentication', async () => {
      await start();
      const authenticatedAt = new Date((app.clock.nowSeconds() - 3_600) * 1000);
      const { session, cookie } = await createTestSession(app.app, 'ada', {
        authentication: { time: authenticatedAt },
      });
      const begun = session.issuedAt;
      const browser = app.browser();
      await browser.jar.setCookie(`${cookie}; Secure; Path=/`, ORIGIN);
      for (let i = 1; i <= 5; i += 1) {
        app.clock.advance('1d');
        const { json } = await browser.get('/me');
        const now = app.clock.nowSeconds();
        expect(json).toMatchObject({
          issuedAt: begun.toISOString(),
          authenticatedAt: authenticatedAt.toISOString(),
          loadedAt: new Date(now * 1000).toISOString(),
          expiresAt: new Date((now + 7 * DAY) * 1000).toISOString(),
        });
      }
      expect(loads().length).toBe(5);
    });

    it('the idle end moves with each reload and stops at the absolute end', async () => {
      await start();
      const browser = await app.signIn();
      const begun = app.clock.nowSeconds();
      const ends: number[] = [];
      const ages: number[] = [];
      for (let day = 5; day < 30; day += 5) {
        app.clock.advance('5d');
        const me = await browser.get('/me');
        expect(me.status).toBe(200);
        ends.push((claimsIn(await browser.cookie()).exp - begun) / DAY);
        ages.push(Number(/Max-Age=(\d+)/.exec(me.setCookie[0]!)![1]) / DAY);
      }
      expect(ends).toEqual([12, 17, 22, 27, 30]);
      expect(ages).toEqual([7, 7, 7, 7, 5]);
      app.clock.advance(5 * DAY);
      expect((await browser.get('/me')).status).toBe(401);
    });

    it('an update of attributes moves neither the data age nor the idle end', async () => {
      await start();
      const browser = await app.signIn();
      const before = claimsIn(await browser.cookie());
      app.clock.advance('5m');
      await browser.post('/attributes', { theme: 'dark' });
      const after = claimsIn(await browser.cookie());
      expect(after).toMatchObject({
        lat: before.lat,
        exp: before.exp,
        oiat: before.oiat,
        auth_time: before.auth_time,
        attrs: { theme: 'dark' },
        rev: 1,
      });
      expect(after.jti === before.jti).toBe(false);
    });

    it('what generate was given survives 5 re-issues', async () => {
      await start();
      const browser = await app.signIn('ada', {
        persistent: false,
        lifetime: { idle: '2h', absolute: '6h' },
        dataRefreshInterval: '5m',
        attributes: { theme: 'dark' },
      });
      const first = claimsIn(await browser.cookie());
      const given = { per: false, idl: 7_200, abs: 21_600, int: 300 };
      expect(first).toMatchObject(given);
      for (let i = 1; i <= 5; i += 1) {
        app.clock.advance('1h');
        const me = await browser.get('/me');
        expect(me.setCookie).toHaveLength(1);
        expect(me.setCookie[0]).not.toMatch(/max-age|expires/i);
        expect(claimsIn(await browser.cookie())).toMatchObject({
          ...given,
          attrs: { theme: 'dark' },
          lat: app.clock.nowSeconds(),
          exp: Math.min(app.clock.nowSeconds() + 7_200, first.oiat + 21_600),
        });
      }
      app.clock.advance(3_599);
      expect((await browser.get('/me')).status).toBe(200);
      app.clock.advance(1);
      expect((await browser.get('/me')).status).toBe(401);
    });

    it('a session with a shorter interval reloads by it, the others do not', async () => {
      await start();
      const quick = await app.signIn('ada', { dataRefreshInterval: '1m' });
      const usual = await app.signIn('bob');
      app.clock.advance('1m');
      expect((await quick.get('/me')).setCookie).toHaveLength(1);
      expect((await usual.get('/me')).setCookie).toEqual([]);
      expect(loads().map(({ params }) => params)).toEqual(['ada']);
    });
  });

  describe('keeps its attributes', () => {
    it('over reloads, and the loader is told of them', async () => {
      await start();
      const browser = await app.signIn('ada', {
        attributes: { theme: 'dark' },
      });
      await browser.post('/attributes', { lang: 'en' });
      app.clock.advance('15m');
      const me = await browser.get('/me');
      expect(me.json.attributes).toEqual({ theme: 'dark', lang: 'en' });
      expect(loads()[0]!.context.attributes).toEqual({
        theme: 'dark',
        lang: 'en',
      });
      expect(claimsIn(await browser.cookie()).rev).toBe(1);
    });

    it('follows the newest revision, whichever token a request brings', async () => {
      await start();
      const browser = await app.signIn('ada', { attributes: { n: 0 } });
      const old = `__Host-Http-session=${await browser.cookie()}`;
      await browser.post('/attributes', { n: 1 });
      await browser.post('/attributes', { n: 2 });
      const behind = await app.browser().get('/me', { Cookie: old });
      expect(behind.json.attributes).toEqual({ n: 2 });
      expect(behind.setCookie).toHaveLength(1);
      const brought = /__Host-Http-session=([^;]*)/.exec(
        behind.setCookie[0]!,
      )![1];
      expect(claimsIn(brought)).toMatchObject({ attrs: { n: 2 }, rev: 2 });

      app.clock.advance('15m');
      const due = await app.browser().get('/me', { Cookie: old });
      expect(due.json.attributes).toEqual({ n: 2 });
    });

    it('removes an attribute that is set to null', async () => {
      await start();
      const browser = await app.signIn('ada', {
        attributes: { theme: 'dark', lang: 'en' },
      });
      await browser.post('/attributes', { theme: null });
      expect((await browser.get('/me')).json.attributes).toEqual({
        lang: 'en',
      });
    });

    it('two concurrent updates of different attributes both survive, in either order of arrival (S-122)', async () => {
      await start();
      const browser = await app.signIn();
      const post = (body: object) =>
        browser.sendOnly({ method: 'POST', path: '/attributes', body });
      const responses = await Promise.all([post({ a: 1 }), post({ b: 2 })]);
      expect(responses.map(({ status }) => status)).toEqual([200, 200]);
      for (const order of [responses, responses.toReversed()]) {
        for (const response of order) await browser.take(response);
        const me = await browser.get('/me');
        expect(me.json.attributes).toEqual({ a: 1, b: 2 });
      }
    });

    it('two updates of what was the same session to both of them both survive', async () => {
      await start();
      const { token } = await createTestSession(app.app, 'ada', {
        attributes: { theme: 'dark', lang: 'en' },
      });
      const [first, second] = [
        await app.sessions.verify(token),
        await app.sessions.verify(token),
      ];
      await app.sessions.update(first, { a: 1, lang: null });
      const last = await app.sessions.update(second, { b: 2 });
      expect(claimsIn(last.token)).toMatchObject({ rev: 2 });
      expect(last.session.attributes).toEqual({ theme: 'dark', a: 1, b: 2 });
    });

    it('an update during a reload is not undone by it', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      const gate = createGate();
      app.users.gate = gate.promise;
      const reload = browser.sendOnly({ path: '/me' });
      await until(() => loads().length === 1, 'a reload');
      const active = await app.sessions.verify((await browser.cookie())!);
      await app.sessions.update(active, { theme: 'dark' });
      gate.open();
      const me = await reload;
      expect(me.json.attributes).toEqual({ theme: 'dark' });
      await browser.take(me);
      expect((await browser.get('/me')).json.attributes).toEqual({
        theme: 'dark',
      });
    });
  });

  describe('is loaded once at a time', () => {
    it('F-17: 200 parallel requests share one load, its data and its token', async () => {
      await start();
      const browser = await app.signIn();
      app.users.all.get('ada')!.role = 'owner';
      app.clock.advance('15m');
      const responses = await togetherInOneLoad(browser, 200);
      const tokens = new Set(responses.flatMap(({ setCookie }) => setCookie));
      printFigures(
        'F-17',
        `${adapter}: 200 parallel requests of one session: ${loads().length} load, ${responses.filter(({ status }) => status === 200).length} x 200, ${tokens.size} token`,
      );
      expect(responses.map(({ status }) => status)).toEqual(
        Array(200).fill(200),
      );
      expect(responses.every(({ json }) => json.data.role === 'owner')).toBe(
        true,
      );
      expect(loads().length).toBe(1);
      expect(tokens.size).toBe(1);
      expect(responses.every(({ setCookie }) => setCookie.length === 1)).toBe(
        true,
      );
      expect(app.eventsOf('reloaded')).toHaveLength(1);
    });

    it('F-20: 20 parallel requests of a session that is over are one event, 20 times 401', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      app.users.all.get('ada')!.disabled = true;
      const responses = await together(browser, 20);
      expect(responses.map(({ status }) => status)).toEqual(
        Array(20).fill(401),
      );
      expect(loads().length).toBe(1);
      expect(app.eventsOf('ended')).toHaveLength(1);
      expect(app.eventsOf('rejected')).toHaveLength(20);
    });

    it('S-117: 20 parallel requests of a session whose load fails are one event', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      app.users.failure = new Error('connection refused');
      const responses = await togetherInOneLoad(browser, 20);
      expect(responses.every(({ status }) => status === 200)).toBe(true);
      expect(app.eventsOf('loaderFailed')).toHaveLength(1);
    });

    it('S-117: 20 parallel requests of a session whose data is too large are one event and one failure', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      app.users.all.get('ada')!.role = 'x'.repeat(4_000);
      const responses = await togetherInOneLoad(browser, 20);
      expect(responses.every(({ status }) => status === 200)).toBe(true);
      expect(app.eventsOf('loaderFailed')).toHaveLength(1);
      // One failure is one second of back-off, not the longest.
      app.clock.advance(2);
      await browser.get('/me');
      expect(loads().length).toBe(2);
    });

    it('F-22: 20 parallel responses leave a working jar in 1,000 random orders of arrival', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      const responses = await together(browser, 20);
      const orders = shuffles(responses, 1_000);
      const last = new Map<string, CookieJar>();
      for (const order of orders) {
        const jar = new CookieJar();
        for (const { setCookie } of order) {
          for (const line of setCookie) jar.setCookieSync(line, ORIGIN);
        }
        last.set(jar.getCookieStringSync(ORIGIN), jar);
      }
      for (const cookie of last.keys()) {
        const me = await app.browser().get('/me', { Cookie: cookie });
        expect(me.status).toBe(200);
        expect(me.setCookie).toEqual([]);
      }
      printFigures(
        'F-22',
        `${adapter}: 1,000 random orders of 20 responses leave ${last.size} cookie, and it works`,
      );
      expect(loads().length).toBe(1);
    });

    it('two sessions of one user do not share a load', async () => {
      await start();
      const browsers = [await app.signIn(), await app.signIn()];
      app.clock.advance('15m');
      const responses = await Promise.all(
        browsers.map((browser) => browser.get('/me')),
      );
      expect(loads().length).toBe(2);
      expect(new Set(responses.map(({ json }) => json.id)).size).toBe(2);
    });
  });

  describe('remembers its last result', () => {
    const asOldClient = async (browser: Browser) => {
      const cookie = `__Host-Http-session=${await browser.cookie()}`;
      return (): Promise<TestResponse> =>
        app.browser().get('/me', { Cookie: cookie });
    };

    it('a client that never takes its new token causes one load per interval, not per request', async () => {
      await start();
      const request = await asOldClient(await app.signIn());
      for (let interval = 1; interval <= 4; interval += 1) {
        app.users.all.get('ada')!.role = `role ${interval}`;
        app.clock.advance('15m');
        const lines = new Set<string>();
        for (let i = 0; i < 10; i += 1) {
          const me = await request();
          expect(me.status).toBe(200);
          expect(me.json.data.role).toBe(`role ${interval}`);
          expect(me.setCookie).toHaveLength(1);
          lines.add(me.setCookie[0]!);
        }
        expect(lines.size).toBe(1);
        expect(loads().length).toBe(interval);
      }
    });

    it('the Max-Age of a token that is offered again is what is left', async () => {
      await start();
      const request = await asOldClient(await app.signIn());
      app.clock.advance('15m');
      const first = await request();
      app.clock.advance('5m');
      const second = await request();
      const [a, b] = [first, second].map(({ setCookie }) =>
        /^[^=]+=([^;]+); Max-Age=(\d+)/.exec(setCookie[0]!)!.slice(1),
      );
      expect(a![0] === b![0]).toBe(true);
      expect(Number(a![1]) - Number(b![1])).toBe(5 * MINUTE);
    });

    it('goes on being used while the loader is down, by clients with older tokens too', async () => {
      await start();
      const request = await asOldClient(await app.signIn());
      app.users.all.get('ada')!.role = 'owner';
      app.clock.advance('15m');
      await request();
      app.users.failure = new Error('connection refused');
      app.clock.advance('15m');
      for (let i = 0; i < 3; i += 1) {
        const me = await request();
        expect(me.status).toBe(200);
        expect(me.json.data.role).toBe('owner');
      }
      app.clock.advance('15m');
      expect((await request()).status).toBe(503);
    });

    it('does not make a token live on that has expired', async () => {
      await start();
      const browser = await app.signIn();
      const request = await asOldClient(browser);
      app.clock.advance(7 * DAY - 10);
      expect((await request()).status).toBe(200);
      app.clock.advance(9);
      expect((await request()).status).toBe(200);
      app.clock.advance(1);
      expect((await request()).status).toBe(401);
    });

    it('does not make a session live on that has ended', async () => {
      await start();
      const browser = await app.signIn();
      const request = await asOldClient(browser);
      app.clock.advance('15m');
      expect((await request()).status).toBe(200);
      await browser.post('/sign-out');
      expect((await request()).status).toBe(401);
      expect((await request()).setCookie).toEqual([
        '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
      ]);
    });

    it('does not hand out a token that would be over', async () => {
      await start();
      const browser = await app.signIn('ada', {
        lifetime: { absolute: '1h' },
      });
      const request = await asOldClient(browser);
      app.clock.advance(3_590);
      const me = await request();
      expect(me.setCookie[0]).toMatch(/Max-Age=10;/);
      app.clock.advance(10);
      expect((await request()).status).toBe(401);
    });

    it('not with cache: false: then each request of such a client loads, and parallel ones still share', async () => {
      await start({ session: { cache: false } });
      const browser = await app.signIn();
      const request = await asOldClient(browser);
      app.clock.advance('15m');
      for (let i = 1; i <= 3; i += 1) {
        expect((await request()).status).toBe(200);
        expect(loads().length).toBe(i);
      }
      const responses = await togetherInOneLoad(browser, 20);
      expect(responses.every(({ status }) => status === 200)).toBe(true);
      expect(loads().length).toBe(4);

      await browser.get('/me');
      const loaded = loads().length;
      for (let i = 0; i < 3; i += 1) await browser.get('/me');
      expect(loads().length).toBe(loaded);
    });

    it('with cache: false the end of a session is remembered all the same', async () => {
      await start({ session: { cache: false } });
      const browser = await app.signIn();
      const request = await asOldClient(browser);
      await browser.post('/sign-out');
      expect((await request()).status).toBe(401);
    });
  });

  describe('can be reloaded by the application', () => {
    it('whatever its age, also in the second of the sign-in', async () => {
      await start();
      const browser = await app.signIn();
      for (const role of ['owner', 'guest', 'owner']) {
        app.users.all.get('ada')!.role = role;
        const response = await browser.post('/reload');
        expect(response.status).toBe(200);
        expect(response.json.data.role).toBe(role);
        expect((await browser.get('/me')).json.data.role).toBe(role);
      }
      expect(loads().length).toBe(3);
    });

    it('anew, even when a load is under way that began before', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      const gate = createGate();
      app.users.gate = gate.promise;
      const [first, second] = [
        browser.sendOnly({ path: '/me' }),
        (async () => {
          await until(() => loads().length === 1, 'a reload');
          const session = await app.sessions.verify((await browser.cookie())!);
          return app.sessions.reload(session);
        })(),
      ];
      await until(() => loads().length === 1, 'a reload');
      gate.open();
      app.users.gate = undefined;
      expect((await first).status).toBe(200);
      await second;
      expect(loads().length).toBe(2);
    });

    it('twice at once with one load after both calls', async () => {
      await start();
      const browser = await app.signIn();
      const session = await app.sessions.verify((await browser.cookie())!);
      const [a, b] = await Promise.all([
        app.sessions.reload(session),
        app.sessions.reload(session),
      ]);
      expect(a.data).toEqual(b.data);
      expect(loads().length).toBeLessThanOrEqual(2);
    });

    it('also when the token comes from a node whose clock is ahead of this one', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance('15m');
      await browser.get('/me');
      app.clock.advance(-3);
      app.users.all.get('ada')!.role = 'owner';
      const response = await browser.post('/reload');
      expect(response.status).toBe(200);
      expect(response.json.data.role).toBe('owner');
      const me = await browser.get('/me');
      expect(me.status).toBe(200);
      expect(me.json.data.role).toBe('owner');
    });

    it('while a back-off is on, because it was asked to', async () => {
      await start();
      const browser = await app.signIn();
      app.users.failure = new Error('connection refused');
      app.clock.advance('15m');
      await browser.get('/me');
      app.users.failure = undefined;
      expect((await browser.post('/reload')).status).toBe(200);
      expect((await browser.get('/me')).setCookie).toEqual([]);
    });
  });
});

function shuffles<T>(values: readonly T[], count: number): T[][] {
  // The same orders in every run (mulberry32).
  let state = 22;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Array.from({ length: count }, () =>
    values
      .map((value) => ({ value, at: random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ value }) => value),
  );
}
