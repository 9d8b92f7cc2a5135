import {
  MemorySessionStore,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  BOTH_CLEARED,
  BOUND_COOKIE,
  BoundBrowser,
  challengeIn,
  cookiesOf,
  offerIn,
} from '../support/bound-browser.js';
import { send } from '../support/browser.js';
import { readToken } from '../support/forged-token.js';
import { openTestApp } from '../support/opened-apps.js';
import { copyOf, linesOf, valueOf } from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import {
  adapters,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import {
  maxAgeOf,
  REFRESH_COOKIE,
  RefreshController,
  refreshLinesOf,
  refreshOf,
} from '../support/token-pair.js';

type Options = Partial<SessionJwtModuleOptions>;

const ACCESS = 300;
const DEVICE = '/session/device';
const REFRESH = '/session/device/refresh';
const REQUEST = { method: 'POST', path: '/session/refresh', body: {} };

const KINDS: [kind: string, options: () => Options][] = [
  ['stateless', () => ({})],
  ['recorded', () => ({ store: new MemorySessionStore() })],
];

const cases = adapters.flatMap(([adapter]) =>
  KINDS.map(([kind, options]) => [adapter, kind, options] as const),
);

function open(
  adapter: AdapterName,
  session: Options = {},
  options: TestAppOptions = {},
): Promise<TestApp> {
  return openTestApp(adapter, {
    ...options,
    session: {
      refreshToken: { accessLifetime: ACCESS },
      dataRefreshInterval: ACCESS,
      deviceBinding: true,
      ...session,
    },
    extras: { routes: true, ...options.extras },
  });
}

/** A browser that has signed in and bound its session. */
async function boundIn(app: TestApp, body: object = {}): Promise<BoundBrowser> {
  const browser = new BoundBrowser(app);
  const signIn = await browser.post('/login', { user: 'ada', ...body });
  expect(signIn.status).toBe(200);
  expect(browser.device.isBound).toBe(true);
  return browser;
}

/** The requests that the browser itself has made. */
function ownOf(browser: BoundBrowser): string[] {
  return browser.own.splice(0).map(({ path, status }) => `${path} ${status}`);
}

describe.each(cases)('bound sessions on %s, %s', (adapter, kind, options) => {
  it('are offered by the sign-in alone, and bound in the background', async () => {
    const app = await open(adapter, options());
    const browser = new BoundBrowser(app);
    const signIn = await browser.post('/login', { user: 'ada' });
    expect(signIn.headers['secure-session-registration']).toMatch(
      /^\(ES256 RS256\);path="\/session\/device";challenge="[\w.-]+"$/,
    );
    expect(signIn.headers['access-control-expose-headers']).toBeUndefined();
    expect(ownOf(browser)).toEqual([`${DEVICE} 200`]);
    const me = await browser.get('/session');
    expect(me.json).toMatchObject({ subject: 'ada', isBound: true });
    expect(me.headers['secure-session-registration']).toBeUndefined();
    expect(app.eventsOf('bound')).toMatchObject([{ subject: 'ada' }]);
    const { claims } = readToken((await browser.cookie())!);
    expect(claims).toMatchObject({ cnf: { jkt: expect.any(String) } });
  });

  it('go on with a browser that cannot bind them, as before', async () => {
    const app = await open(adapter, options());
    const browser = await app.signIn();
    expect((await browser.get('/session')).json).toMatchObject({
      isBound: false,
    });
    app.clock.advance(ACCESS);
    const renewed = await browser.get('/session');
    expect(renewed.status).toBe(200);
    expect(refreshLinesOf(renewed)).toHaveLength(1);
  });

  it.each(['ES256', 'RS256'] as const)(
    'refresh with proofs by %s, once for many requests',
    async (algorithm) => {
      const app = await open(adapter, options());
      const browser = new BoundBrowser(app, algorithm);
      await browser.post('/login', { user: 'ada' });
      ownOf(browser);
      for (let round = 0; round < 3; round += 1) {
        app.clock.advance(ACCESS);
        const answers = await Promise.all(
          Array.from({ length: 20 }, () => browser.get('/session')),
        );
        expect(answers.map(({ status }) => status)).toEqual(
          answers.map(() => 200),
        );
        expect(ownOf(browser)).toEqual([`${REFRESH} 403`, `${REFRESH} 200`]);
      }
      expect(app.eventsOf('refreshed')).toHaveLength(3);
    },
  );

  it('have a cookie that ends by itself, a little before its token', async () => {
    const app = await open(adapter, options());
    const browser = new BoundBrowser(app);
    await browser.post('/login', { user: 'ada', persistent: false });
    app.clock.advance(ACCESS);
    const sent: string[][] = [];
    const take = browser.take.bind(browser);
    browser.take = async (response) => {
      sent.push(response.setCookie);
      await take(response);
    };
    await browser.get('/session');
    const answer = { setCookie: sent.find((lines) => lines.length > 0)! };
    const [line] = linesOf(answer as never, BOUND_COOKIE);
    const { exp, iat } = readToken(valueOf(line)).claims as {
      exp: number;
      iat: number;
    };
    expect(exp - iat - maxAgeOf(line)).toBe(10);
    // The session itself still ends with the browser.
    expect(maxAgeOf(refreshLinesOf(answer as never)[0])).toBeNaN();
  });

  it('keep their cookie in step with a short lifetime', async () => {
    const app = await open(adapter, {
      ...options(),
      refreshToken: { accessLifetime: 20 },
      dataRefreshInterval: 20,
    });
    const browser = await boundIn(app);
    app.clock.advance(20);
    expect((await browser.get('/session')).status).toBe(200);
    const { exp, iat } = readToken((await browser.cookie())!).claims as {
      exp: number;
      iat: number;
    };
    app.clock.advance(exp - iat - 2);
    expect(await browser.cookie()).toBeDefined();
    await browser.expireCookie();
    expect(await browser.cookie()).toBeUndefined();
  });

  it('get a challenge ahead if it will still be good, which saves a request', async () => {
    const app = await open(adapter, {
      ...options(),
      refreshToken: { accessLifetime: 20 },
      dataRefreshInterval: 20,
    });
    const browser = await boundIn(app);
    ownOf(browser);
    for (let round = 0; round < 3; round += 1) {
      app.clock.advance(20);
      expect((await browser.get('/session')).status).toBe(200);
      expect(ownOf(browser)).toEqual([`${REFRESH} 200`]);
    }
  });

  it('stay bound through reloads and updates, which move no end', async () => {
    const app = await open(adapter, {
      ...options(),
      refreshToken: { accessLifetime: ACCESS },
      dataRefreshInterval: 60,
    });
    const browser = await boundIn(app);
    const before = readToken((await browser.cookie())!).claims as any;
    app.clock.advance(60);
    expect((await browser.get('/me')).status).toBe(200);
    expect((await browser.post('/attributes', { theme: 'dark' })).status).toBe(
      200,
    );
    const after = readToken((await browser.cookie())!).claims as any;
    expect(after.attrs).toEqual({ theme: 'dark' });
    expect(after.jti).not.toBe(before.jti);
    expect({ cnf: after.cnf, exp: after.exp }).toEqual({
      cnf: before.cnf,
      exp: before.exp,
    });
    app.clock.advance(ACCESS);
    expect((await browser.get('/session')).json).toMatchObject({
      isBound: true,
      attributes: { theme: 'dark' },
    });
  });

  it('are refreshed by nothing but a proof', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    app.clock.advance(ACCESS);
    const thief = await copyOf(browser);
    for (const attempt of [
      () => thief.get('/me'),
      () => thief.post('/session/refresh'),
      () => send(app.port, { path: '/me', headers: asCookiesOf(browser) }),
    ]) {
      const answer = await attempt();
      expect(answer.status).toBe(401);
      expect(answer.setCookie).toEqual([]);
      expect(answer.headers['refresh']).toBeUndefined();
    }
    const token = (await refreshOf(thief))!;
    await expect(app.sessions.refresh(token)).rejects.toMatchObject({
      code: 'PROOF_REQUIRED',
    });
    expect(app.eventsOf('boundRefused').map(({ reason }) => reason)).toEqual(
      Array.from({ length: 4 }, () => 'no-proof'),
    );
    expect((await browser.get('/me')).status).toBe(200);

    function asCookiesOf(owner: BoundBrowser) {
      const cookies = owner.jar.getCookiesSync('https://app.example');
      return { Cookie: cookies.map((each) => each.cookieString()).join('; ') };
    }
  });

  it.each(['unreachable', 'server_error', 'quota_exceeded'])(
    'answer 503 to a browser whose refresh failed: %s',
    async (reason) => {
      const app = await open(adapter, options());
      const browser = await boundIn(app);
      app.clock.advance(ACCESS);
      const own = await copyOf(browser);
      for (const [method, path] of [
        ['GET', '/me'],
        ['POST', '/session/refresh'],
      ] as const) {
        const answer = await own.send({
          method,
          path,
          headers: {
            ...(method === 'POST' && { 'Content-Length': '0' }),
            'Secure-Session-Skipped': `${reason};session_identifier="x"`,
          },
        });
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toBe('1');
        expect(answer.setCookie).toEqual([]);
      }
      expect(app.eventsOf('boundRefused')).toEqual([]);
      expect((await browser.get('/me')).status).toBe(200);
    },
  );

  it.each([
    ['a link of another site', 'GET', 'cross-site', 'document', '0'],
    ['a link of another host of the site', 'GET', 'same-site', 'document', '0'],
    ['a page of our own', 'GET', 'same-origin', 'document', undefined],
    ['a frame of another site', 'GET', 'cross-site', 'iframe', undefined],
    ['a form of another site', 'POST', 'cross-site', 'document', undefined],
  ])(
    'have the page loaded again that was opened by %s: %s %s %s',
    async (_by, method, site, dest, expected) => {
      const app = await open(adapter, options());
      const browser = await boundIn(app);
      app.clock.advance(ACCESS);
      const own = await copyOf(browser);
      const answer = await own.send({
        method,
        path: method === 'GET' ? '/me' : '/change',
        headers: {
          ...(method === 'POST' && { 'Content-Length': '0' }),
          'Sec-Fetch-Site': site,
          'Sec-Fetch-Mode': 'navigate',
          'Sec-Fetch-Dest': dest,
        },
      });
      expect(answer.status).toBe(method === 'GET' ? 401 : 403);
      expect(answer.headers['refresh']).toBe(expected);
      expect(answer.setCookie).toEqual([]);
    },
  );

  it('are fresh for a client that asks the ready-made route for a refresh', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    app.clock.advance(ACCESS);
    ownOf(browser);
    const answer = await browser.post('/session/refresh');
    expect(answer.status).toBe(200);
    expect(answer.setCookie).toEqual([]);
    expect(answer.json).toEqual({
      data: { id: 'ada', role: 'admin' },
      expiresAt: expect.any(String),
    });
    // The browser has done it before the request.
    expect(ownOf(browser)).toEqual([`${REFRESH} 403`, `${REFRESH} 200`]);
    expect(app.eventsOf('refreshed')).toHaveLength(1);
    const foreign = await browser.send({
      method: 'POST',
      path: '/session/refresh',
      headers: {
        'Content-Length': '0',
        Origin: 'https://evil.example',
        'Sec-Fetch-Site': 'cross-site',
      },
    });
    expect(foreign.status).toBe(403);
  });

  it('are fresh for a client that asks a route of the application for a refresh', async () => {
    const app = await open(adapter, options(), {
      controllers: [RefreshController],
    });
    const browser = await boundIn(app);
    app.clock.advance(ACCESS);
    const answer = await browser.post('/refresh');
    expect(answer.status).toBe(200);
    expect(answer.setCookie).toEqual([]);
    expect(answer.json.data).toEqual({ id: 'ada', role: 'admin' });
    expect(app.eventsOf('refreshed')).toHaveLength(1);
    expect(app.eventsOf('boundRefused')).toEqual([]);
    expect(app.eventsOf('undelivered')).toEqual([]);
  });

  it('are ended by a sign-out, and the browser forgets them', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    const other = await copyOf(browser);
    await browser.post('/logout');
    const forgotten = await sendRefresh(app, await cookiesOf(browser));
    expect(forgotten.status).toBe(200);
    expect(forgotten.json).toEqual({ continue: false });
    expect(forgotten.setCookie).toEqual([]);
    // A second tab that was faster than the sign-out.
    app.clock.advance(ACCESS);
    const challenged = await sendRefresh(app, await cookiesOf(other));
    const proof = browser.device.proofOf(challengeIn(challenged));
    const ended = await sendRefresh(app, await cookiesOf(other), proof);
    expect(ended.json).toEqual({ continue: false });
    expect(ended.setCookie).toEqual(BOTH_CLEARED);
  });

  it('are replaced by a second sign-in in the same browser', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    const first = readToken((await browser.cookie())!).claims as any;
    await browser.post('/login', { user: 'bob' });
    expect(app.eventsOf('bound').map(({ subject }) => subject)).toEqual([
      'ada',
      'bob',
    ]);
    const second = readToken((await browser.cookie())!).claims as any;
    expect(second.cnf.jkt).toBe(first.cnf.jkt);
    ownOf(browser);
    app.clock.advance(ACCESS);
    expect((await browser.get('/session')).json).toMatchObject({
      subject: 'bob',
      isBound: true,
    });
    expect(ownOf(browser)).toEqual([`${REFRESH} 403`, `${REFRESH} 200`]);
  });

  it('refuse the key of a former sign-in, and clear nothing', async () => {
    const app = await open(adapter, options());
    const former = await boundIn(app);
    const browser = await boundIn(app);
    app.clock.advance(ACCESS);
    await browser.dropSessionCookie();
    const cookies = await cookiesOf(browser);
    const challenge = challengeIn(await sendRefresh(app, cookies));
    const proof = former.device.proofOf(challenge);
    const refused = await sendRefresh(app, cookies, proof);
    expect(refused.status).toBe(401);
    expect(refused.setCookie).toEqual([]);
    expect(app.eventsOf('boundRefused')).toMatchObject([
      { reason: 'other-key', subject: 'ada' },
    ]);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('answer a repeated proof with the same tokens', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    app.clock.advance(ACCESS);
    await browser.dropSessionCookie();
    const cookies = await cookiesOf(browser);
    const challenge = challengeIn(await sendRefresh(app, cookies));
    const proof = browser.device.proofOf(challenge);
    const answers = [];
    for (let i = 0; i < 3; i += 1) {
      answers.push(await sendRefresh(app, cookies, proof));
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(app.eventsOf('refreshReused')).toEqual([]);
    app.clock.advance(60);
    const stale = await sendRefresh(app, cookies, proof);
    expect(stale.status).toBe(403);
    expect(challengeIn(stale)).not.toBe(challenge);
  });

  it('survive an outage of the loader', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    app.clock.advance(ACCESS);
    app.users.failure = new Error('down');
    expect((await browser.get('/me')).status).toBe(503);
    expect(ownOf(browser)).toContain(`${REFRESH} 503`);
    expect(browser.device.isBound).toBe(true);
    app.users.failure = undefined;
    app.clock.advance(30);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('end when the loader says so', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    app.clock.advance(ACCESS);
    app.users.all.delete('ada');
    expect((await browser.get('/me')).status).toBe(401);
    expect(browser.device.isBound).toBe(false);
    expect(await refreshOf(browser)).toBeUndefined();
  });

  it('stay alive while the user is active, and end when only polling goes on', async () => {
    const app = await open(adapter, {
      ...options(),
      lifetime: { idle: '30m', absolute: '30d' },
    });
    const active = await boundIn(app);
    const idle = await boundIn(app, { user: 'bob' });
    const passive = { 'Session-Passive': '?1' };
    let endedAt: number | undefined;
    for (let minute = 1; minute <= 90; minute += 1) {
      app.clock.advance('1m');
      if (minute % 10 === 0) {
        expect([minute, (await active.get('/me')).status]).toEqual([
          minute,
          200,
        ]);
      }
      const polled = await idle.get('/me', passive);
      if (polled.status === 401) endedAt ??= minute;
    }
    // Once the session token is gone, within one lifetime of it.
    expect(endedAt).toBeGreaterThanOrEqual(30);
    expect(endedAt).toBeLessThanOrEqual(35);
  });

  it('do not outlive the absolute end', async () => {
    const app = await open(adapter, {
      ...options(),
      lifetime: { idle: '30m', absolute: '1h' },
    });
    const browser = await boundIn(app);
    for (let minute = 5; minute < 60; minute += 5) {
      app.clock.advance('5m');
      expect((await browser.get('/me')).status).toBe(200);
    }
    app.clock.advance('5m');
    expect((await browser.get('/me')).status).toBe(401);
    expect(browser.device.isBound).toBe(false);
  });

  it('let no copied cookie keep a connection open', async () => {
    const app = await open(adapter, options());
    const browser = await boundIn(app);
    const { claims } = readToken((await browser.cookie())!);
    const session = await app.sessions.verify((await browser.cookie())!);
    const signal = app.sessions.endSignal(session);
    const { exp, iat } = claims as { exp: number; iat: number };
    app.clock.advance(exp - iat - 1);
    await new Promise(setImmediate);
    expect(signal.aborted).toBe(false);
    app.clock.advance(1);
    await new Promise(setImmediate);
    expect(signal.aborted).toBe(true);
  });

  it('are required, if the application says so: others end with their first session token', async () => {
    const app = await open(adapter, {
      ...options(),
      deviceBinding: { required: true },
    });
    const bound = await boundIn(app);
    const unbound = await app.signIn();
    expect((await unbound.get('/me')).status).toBe(200);
    app.clock.advance(ACCESS);
    const over = await unbound.get('/me');
    expect(over.status).toBe(401);
    expect(over.setCookie).toEqual(BOTH_CLEARED);
    expect((await bound.get('/me')).status).toBe(200);
  });

  it('are bound below a global prefix, and where a proxy moves the routes', async () => {
    const prefixed = await open(adapter, options(), {
      configure: (app) => app.setGlobalPrefix('api/v1'),
    });
    const browser = new BoundBrowser(prefixed);
    const signIn = await browser.post('/api/v1/login', { user: 'ada' });
    expect(signIn.headers['secure-session-registration']).toContain(
      'path="/api/v1/session/device"',
    );
    expect(browser.device.isBound).toBe(true);
    prefixed.clock.advance(ACCESS);
    expect((await browser.get('/api/v1/me')).status).toBe(200);

    const excluded = await open(adapter, options(), {
      configure: (app) =>
        app.setGlobalPrefix('api', { exclude: ['session/{*path}'] }),
    });
    const other = new BoundBrowser(excluded);
    await other.post('/api/login', { user: 'ada' });
    expect(ownOf(other)).toEqual([`${DEVICE} 200`]);

    const moved = await open(adapter, {
      ...options(),
      deviceBinding: { path: '/app/session' },
    });
    const visitor = await moved.browser().post('/login', { user: 'ada' });
    expect(visitor.headers['secure-session-registration']).toContain(
      'path="/app/session/device"',
    );
  });

  it('name the binding the same for every sign-in at one host', async () => {
    const app = await open(adapter, options());
    const identifiers = new Set<string>();
    for (const user of ['ada', 'bob']) {
      const browser = await boundIn(app, { user });
      app.clock.advance(ACCESS);
      const answer = await sendRefresh(app, await cookiesOf(browser));
      const header = String(answer.headers['secure-session-challenge']);
      identifiers.add(/id="([\w-]+)"/.exec(header)![1]!);
    }
    expect(identifiers.size).toBe(1);
  });

  it('work with a domain and a path, whose attributes the instructions repeat', async () => {
    const app = await open(
      adapter,
      { ...options(), cookie: { domain: 'app.example', path: '/app' } },
      { configure: (each) => each.setGlobalPrefix('app') },
    );
    const browser = new BoundBrowser(app);
    const signIn = await browser.post('/app/login', { user: 'ada' });
    const line = signIn.setCookie[0]!;
    const proof = browser.device.proofOf(offerIn(signIn), {
      isRegistration: true,
    });
    const cookie = signIn.setCookie.map((each) => each.split(';')[0]);
    const answer = await send(app.port, {
      method: 'POST',
      path: '/app/session/device',
      headers: {
        Cookie: cookie.join('; '),
        'Content-Length': '0',
        'Secure-Session-Response': proof,
      },
    });
    expect(answer.status).toBe(200);
    const attributes = line.replace(/^[^;]+; Max-Age=\d+; /, '');
    expect(answer.json).toEqual({
      session_identifier: expect.stringMatching(/^[\w-]{43}$/),
      refresh_url: '/app/session/device/refresh',
      scope: { include_site: false },
      credentials: [{ type: 'cookie', name: '__Secure-session', attributes }],
    });
    expect(answer.setCookie[0]).toContain(attributes);
    expect(attributes).toBe(
      'Domain=app.example; Path=/app; HttpOnly; Secure; SameSite=Lax',
    );
    expect(kind).toMatch(/stateless|recorded/);
  });
});

describe.each(adapters)('registrations on %s', (adapter) => {
  it('bind by the challenge alone if they come without cookies, and hand out no token', async () => {
    const app = await open(adapter, { store: new MemorySessionStore() });
    const { browser, proof } = await offered(app);
    const answer = await register(app, proof);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ refresh_url: REFRESH });
    expect(answer.setCookie).toEqual([]);
    app.clock.advance(ACCESS);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('leave a stateless session unbound if they come without cookies', async () => {
    const app = await open(adapter);
    const { browser, proof } = await offered(app);
    const answer = await register(app, proof);
    expect(answer.status).toBe(401);
    expect(answer.setCookie).toEqual([]);
    expect(app.eventsOf('bound')).toEqual([]);
    app.clock.advance(ACCESS);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('may come twice with the same key', async () => {
    for (const options of [{}, { store: new MemorySessionStore() }]) {
      const app = await open(adapter, options);
      const { browser, proof } = await offered(app);
      const cookies = await cookiesOf(browser);
      for (let i = 0; i < 2; i += 1) {
        const answer = await register(app, proof, cookies);
        expect(answer.status).toBe(200);
        await browser.take(answer);
      }
      expect((await browser.get('/session')).json.isBound).toBe(true);
    }
  });

  it('end a recorded session if another key comes', async () => {
    const app = await open(adapter, { store: new MemorySessionStore() });
    const { browser, challenge, proof } = await offered(app);
    const cookies = await cookiesOf(browser);
    expect((await register(app, proof, cookies)).status).toBe(200);
    const other = new BoundBrowser(app).device;
    const second = other.proofOf(challenge, { isRegistration: true });
    const answer = await register(app, second, cookies);
    expect(answer.json).toEqual({ continue: false });
    expect(answer.setCookie).toEqual(BOTH_CLEARED);
    expect(app.eventsOf('boundRefused')).toMatchObject([
      { reason: 'other-key' },
    ]);
    expect(app.eventsOf('ended')).toMatchObject([{ reason: 'conflict' }]);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('do not bind a stateless session to a second key', async () => {
    const app = await open(adapter);
    const { browser, challenge, proof } = await offered(app);
    await browser.take(await register(app, proof, await cookiesOf(browser)));
    const other = new BoundBrowser(app).device;
    const second = other.proofOf(challenge, { isRegistration: true });
    const answer = await register(app, second, await cookiesOf(browser));
    expect(answer.status).toBe(401);
    expect(answer.setCookie).toEqual([]);
    expect(app.eventsOf('boundRefused')).toMatchObject([
      { reason: 'other-key' },
    ]);
  });

  it('do not bind the session of other cookies', async () => {
    for (const options of [{}, { store: new MemorySessionStore() }]) {
      const app = await open(adapter, options);
      const { proof } = await offered(app);
      const { browser } = await offered(app);
      const answer = await register(app, proof, await cookiesOf(browser));
      expect(answer.status).toBe(401);
      expect(answer.setCookie).toEqual([]);
      expect(app.eventsOf('boundRefused')).toMatchObject([
        { reason: 'other-session' },
      ]);
    }
  });

  it('are too late after 5 minutes', async () => {
    const app = await open(adapter, { store: new MemorySessionStore() });
    const { browser, proof } = await offered(app);
    app.clock.advance(299);
    expect((await register(app, proof)).status).toBe(200);
    const { proof: late } = await offered(app);
    app.clock.advance(300);
    const answer = await register(app, late);
    expect(answer.status).toBe(401);
    expect(answer.headers['secure-session-challenge']).toBeUndefined();
    expect(app.eventsOf('bound')).toHaveLength(1);
    expect(await refreshOf(browser)).toBeDefined();
  });

  it('of an ended session make the browser forget it', async () => {
    const app = await open(adapter, { store: new MemorySessionStore() });
    const { browser, proof } = await offered(app);
    await app.sessions.revokeAll('ada');
    const answer = await register(app, proof, await cookiesOf(browser));
    expect(answer.json).toEqual({ continue: false });
    expect(answer.setCookie).toEqual(BOTH_CLEARED);
  });

  it('bind the refresh tokens that were issued before', async () => {
    const app = await open(adapter, { store: new MemorySessionStore() });
    const { browser, proof } = await offered(app);
    const thief = await copyOf(browser);
    await browser.take(await register(app, proof, await cookiesOf(browser)));
    app.clock.advance(ACCESS);
    expect((await thief.get('/me')).status).toBe(401);
    expect(app.eventsOf('ended')).toEqual([]);
  });

  it('fail with 503 while the store is ill, and bind once it is back', async () => {
    const store = new SickStore();
    const app = await open(adapter, { store });
    const { browser, proof } = await offered(app);
    store.fall('rejects');
    const answer = await register(app, proof, await cookiesOf(browser));
    expect(answer.status).toBe(503);
    expect(answer.setCookie).toEqual([]);
    store.recover();
    app.clock.advance(5);
    expect((await register(app, proof, await cookiesOf(browser))).status).toBe(
      200,
    );
  });

  it('let no ended session ask for a refresh where the store is always asked', async () => {
    const store = new MemorySessionStore();
    const app = await open(adapter, { store, revocationCheck: 'always' });
    const browser = await boundIn(app);
    const { sid } = readToken((await browser.cookie())!).claims as any;
    expect((await browser.post('/session/refresh')).status).toBe(200);
    await store.end(sid, 'ada');
    expect((await browser.sendOnly(REQUEST)).status).toBe(401);
  });

  it('of another session in the same request refresh nothing', async () => {
    const app = await open(adapter, { store: new MemorySessionStore() });
    const [one, other] = [await boundIn(app), await boundIn(app)];
    const refresh = await refreshOf(one);
    const answer = await send(app.port, {
      ...REQUEST,
      headers: {
        Cookie: `${BOUND_COOKIE}=${await other.cookie()}; ${REFRESH_COOKIE}=${refresh}`,
      },
    });
    expect(answer.status).toBe(401);
  });

  it('show in the list of devices which of them are bound', async () => {
    const app = await open(adapter, { store: new MemorySessionStore() });
    await app.signIn();
    const browser = await boundIn(app);
    const devices = (await browser.get('/session/devices')).json as {
      isBound: boolean;
      isCurrent: boolean;
    }[];
    expect(
      new Map(devices.map(({ isCurrent, isBound }) => [isCurrent, isBound])),
    ).toEqual(
      new Map([
        [false, false],
        [true, true],
      ]),
    );
  });

  it('are not there without the option', async () => {
    const app = await openTestApp(adapter, {
      session: { refreshToken: {} },
      extras: { routes: true },
    });
    const signIn = await app.browser().post('/login', { user: 'ada' });
    expect(signIn.headers['secure-session-registration']).toBeUndefined();
    for (const path of [DEVICE, REFRESH]) {
      const headers = { 'Content-Length': '0' };
      const answer = await send(app.port, { method: 'POST', path, headers });
      expect(answer.status).toBe(404);
    }
  });
});

/** A sign-in whose offer the browser has not taken up yet. */
async function offered(app: TestApp) {
  const device = new BoundBrowser(app).device;
  const browser = app.browser();
  const signIn = await browser.post('/login', { user: 'ada' });
  const challenge = offerIn(signIn);
  const proof = device.proofOf(challenge, { isRegistration: true });
  return { browser, device, challenge, proof };
}

function register(
  app: TestApp,
  proof: string,
  cookies: Record<string, string> = {},
) {
  return send(app.port, {
    method: 'POST',
    path: DEVICE,
    headers: {
      ...cookies,
      'Content-Length': '0',
      'Secure-Session-Response': proof,
    },
  });
}

function sendRefresh(
  app: TestApp,
  cookies: Record<string, string>,
  proof?: string,
) {
  return send(app.port, {
    method: 'POST',
    path: REFRESH,
    headers: {
      ...cookies,
      'Content-Length': '0',
      'Sec-Secure-Session-Id': '"x"',
      ...(proof !== undefined && { 'Secure-Session-Response': proof }),
    },
  });
}
