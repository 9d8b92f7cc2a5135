import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { CookieJar } from 'tough-cookie';
import {
  type ActiveSession,
  type CookieOptions,
  MemorySessionStore,
  Session,
  SessionConfigError,
  SessionError,
  SessionService,
} from '../../lib/index.js';
import { Acts, ActsModule, answersOf } from './answers.js';
import { createGate, until } from '../support/asynchrony.js';
import {
  type Browser,
  send,
  type TestRequest,
  type TestResponse,
} from '../support/browser.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { cookiesOf, createExchange } from '../support/node-exchange.js';
import { openTestApp } from '../support/opened-apps.js';
import { shuffled, type Random, seededRandom } from '../support/random.js';
import {
  CLEARED,
  CLEARED_PARTITIONED,
  CLEARED_REFRESH,
  CLEARED_REFRESH_PARTITIONED,
  COOKIE,
  cookiesIn,
  copyOf,
  linesOf,
  valueOf,
} from '../support/set-cookie.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

const PARALLEL = 20;
const ROUNDS = rounds(50, 6);
const ORDERS_A_ROUND = 10;
/** Loads that wait for a gate must not run into their deadline where the machine is busy. */
const PATIENT = { timeout: '30s' };

/** Counts arrivals, and says when the last one of a round is there. */
class Arrivals {
  #left = 0;
  #all = createGate();

  expect(count: number): Promise<void> {
    this.#left = count;
    this.#all = createGate();
    return this.#all.promise;
  }

  count(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#all.open();
  }
}

/** Updates the session when its guard has let all of them in. */
@Controller()
class SlowUpdates {
  reached = 0;
  gate = createGate();

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Post('slow-attributes')
  @HttpCode(200)
  async update(@Session() session: ActiveSession, @Body() changes: object) {
    this.reached += 1;
    await this.gate.promise;
    return this.sessions.update(session, changes);
  }
}

async function failureOf(promise: Promise<unknown>): Promise<SessionError> {
  const error: unknown = await promise.then(
    () => new Error('nothing failed'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SessionError)) throw error;
  return error;
}

async function take(
  browser: Browser,
  responses: readonly TestResponse[],
): Promise<void> {
  for (const response of responses) {
    await browser.take(response);
  }
}

describe.each(adapters)('parallel requests of one browser on %s', (adapter) => {
  let app: TestApp;
  let arrivals: Arrivals;
  let random: Random;

  beforeAll(async () => {
    arrivals = new Arrivals();
    random = seededRandom(22);
    app = await startTestApp(adapter, {
      session: { loader: PATIENT },
      configure: (nest) =>
        nest.use((_req: unknown, _res: unknown, next: () => void) => {
          arrivals.count();
          next();
        }),
    });
  });
  afterAll(() => app.close());

  it(`F-22, S-082: leave a working jar in each of ${ROUNDS * ORDERS_A_ROUND} orders of ${ROUNDS} rounds of ${PARALLEL}, with one loader call a round`, async () => {
    const browser = await app.signIn();
    const outcomes = { rounds: 0, orders: 0, tokens: 0 };

    for (let round = 0; round < ROUNDS; round += 1) {
      app.clock.advance('15m');
      const loads = app.users.loads.length;
      // The data comes when all of them wait for it.
      app.users.gate = arrivals.expect(PARALLEL);
      const responses = await Promise.all(
        Array.from({ length: PARALLEL }, () =>
          browser.sendOnly({ path: '/me' }),
        ),
      );
      app.users.gate = undefined;
      expect(responses.map(({ status }) => status)).toEqual(
        Array.from({ length: PARALLEL }, () => 200),
      );
      expect(app.users.loads.length - loads).toBe(1);
      const tokens = new Set(responses.flatMap((each) => linesOf(each)));
      outcomes.tokens += tokens.size;

      for (let order = 0; order < ORDERS_A_ROUND; order += 1) {
        const tab = await copyOf(browser);
        await take(tab, shuffled(responses, random));
        const next = await tab.send({ path: '/me' });
        expect(next.status).toBe(200);
        expect(next.setCookie).toEqual([]);
        outcomes.orders += 1;
      }
      expect(app.users.loads.length - loads).toBe(1);
      await take(browser, shuffled(responses, random));
      outcomes.rounds += 1;
    }

    // All responses of a round carry one and the same token.
    expect(outcomes).toEqual({
      rounds: ROUNDS,
      orders: ROUNDS * ORDERS_A_ROUND,
      tokens: ROUNDS,
    });
  });

  it('S-082: leave a working jar without any memory in the server too', async () => {
    const forgetful = await openTestApp(adapter, {
      session: { cache: false },
    });
    const browser = await forgetful.signIn();
    for (let round = 0; round < 5; round += 1) {
      forgetful.clock.advance('15m');
      const responses = await Promise.all(
        Array.from({ length: PARALLEL }, () =>
          browser.sendOnly({ path: '/me' }),
        ),
      );
      // Each of these comes too late for the load of the others.
      for (let late = 0; late < 3; late += 1) {
        responses.push(await browser.sendOnly({ path: '/me' }));
      }
      for (let order = 0; order < 5; order += 1) {
        const tab = await copyOf(browser);
        await take(tab, shuffled(responses, random));
        expect((await tab.get('/me')).status).toBe(200);
      }
      await take(browser, shuffled(responses, random));
    }
  });

  it('S-082: are offered the same token when they come with the old one later', async () => {
    const browser = await app.signIn();
    const old = await copyOf(browser);
    app.clock.advance('15m');
    const first = await browser.get('/me');
    const loads = app.users.loads.length;
    for (const seconds of [0, 1, 60, 600]) {
      app.clock.advance(seconds);
      const late = await old.sendOnly({ path: '/me' });
      expect(late.status).toBe(200);
      expect(linesOf(late).map(valueOf)).toEqual(linesOf(first).map(valueOf));
    }
    expect(app.users.loads.length).toBe(loads);
  });

  it('F-22: keep the cookie of each of 20 browsers its own', async () => {
    const browsers = await Promise.all(
      Array.from({ length: PARALLEL }, (_, i) =>
        app.signIn(i % 2 ? 'ada' : 'bob'),
      ),
    );
    app.clock.advance('15m');
    const loads = app.users.loads.length;
    await Promise.all(
      browsers.flatMap((browser) => [browser.get('/me'), browser.get('/me')]),
    );
    expect(app.users.loads.length - loads).toBe(PARALLEL);
    for (const [i, browser] of browsers.entries()) {
      const me = await browser.get('/me');
      expect(me.json.subject).toBe(i % 2 ? 'ada' : 'bob');
      expect(me.setCookie).toEqual([]);
    }
  });
});

describe.each(adapters)(
  'responses that overtake each other on %s',
  (adapter) => {
    let app: TestApp;
    let acts: Acts;

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        session: { loader: PATIENT },
        controllers: [...answersOf[adapter], SlowUpdates],
        imports: [ActsModule],
      });
      acts = app.app.get(Acts);
    });
    afterAll(() => app.close());
    afterEach(() => acts.reset());

    const slowRequest = {
      path: '/answers/object',
      headers: { 'X-Act': 'wait' },
    };

    async function dueBrowser(): Promise<Browser> {
      const browser = await app.signIn();
      app.clock.advance('15m');
      return browser;
    }

    describe.each([['/logout'], ['/sign-out']])(
      'A-084: a sign-out by %s wins over a re-issue in flight',
      (path) => {
        const signOut = (browser: Browser) =>
          browser.sendOnly({ method: 'POST', path, body: {} });

        async function expectOver(browser: Browser): Promise<void> {
          const next = await browser.get('/me');
          expect(next.status).toBe(401);
          expect(await browser.cookie()).toBeUndefined();
        }

        it.each([
          ['arrives first', true],
          ['arrives last', false],
        ])(
          'where its head comes before that of the slow response, which %s',
          async (_order, slowArrivesFirst) => {
            const browser = await dueBrowser();
            const slow = browser.sendOnly(slowRequest);
            await acts.reached.promise;
            const signedOut = await signOut(browser);
            acts.gate.open();
            const late = await slow;
            expect(late.status).toBe(200);
            expect(late.setCookie).toEqual([]);
            expect(linesOf(signedOut)).toEqual([CLEARED]);

            await take(
              browser,
              slowArrivesFirst ? [late, signedOut] : [signedOut, late],
            );
            expect(await browser.cookie()).toBeUndefined();
            await expectOver(browser);
          },
        );

        it.each([
          ['arrives first', true],
          ['arrives last', false],
        ])(
          'where its head comes after that of the slow response, which %s',
          async (_order, slowArrivesFirst) => {
            const browser = await dueBrowser();
            const slow = await browser.sendOnly({ path: '/me' });
            const signedOut = await signOut(browser);
            expect(linesOf(slow)).toHaveLength(1);
            expect(linesOf(signedOut)).toEqual([CLEARED]);

            await take(
              browser,
              slowArrivesFirst ? [slow, signedOut] : [signedOut, slow],
            );
            await expectOver(browser);
          },
        );

        it('where the loader answers after it', async () => {
          const browser = await dueBrowser();
          const gate = createGate();
          app.users.gate = gate.promise;
          const loads = app.users.loads.length;
          const slow = browser.sendOnly({ path: '/me' });
          // The sign-out waits for the data too, where the guard stands before it.
          const signedOut = signOut(browser);
          if (path === '/logout') await signedOut;
          app.users.gate = undefined;
          gate.open();
          const [late, over] = await Promise.all([slow, signedOut]);
          expect(app.users.loads.length - loads).toBe(1);
          expect(over.status).toBe(204);
          await take(browser, [over, late]);
          await expectOver(browser);
        });
      },
    );

    describe('of an update and an older re-issue leave the highest revision', () => {
      async function expectDark(browser: Browser): Promise<void> {
        const next = await browser.get('/me');
        expect(next.status).toBe(200);
        expect(next.json.attributes).toEqual({ theme: 'dark' });
        const session = await app.sessions.verify(
          (await browser.cookie()) ?? '',
        );
        expect(session.attributes).toEqual({ theme: 'dark' });
      }

      const update = (browser: Browser, body: object = { theme: 'dark' }) =>
        browser.sendOnly({ method: 'POST', path: '/attributes', body });

      it.each([
        ['first', true],
        ['last', false],
      ])(
        'where the head of the update comes first, and the older response arrives %s',
        async (_order, olderArrivesFirst) => {
          const browser = await dueBrowser();
          const slow = browser.sendOnly(slowRequest);
          await acts.reached.promise;
          const updated = await update(browser);
          expect(updated.status).toBe(200);
          acts.gate.open();
          const older = await slow;
          expect(linesOf(updated)).toHaveLength(1);
          expect(linesOf(older)).toEqual([]);

          await take(
            browser,
            olderArrivesFirst ? [older, updated] : [updated, older],
          );
          await expectDark(browser);
        },
      );

      it.each([
        ['first', true],
        ['last', false],
      ])(
        'where the head of the update comes last, and the older response arrives %s',
        async (_order, olderArrivesFirst) => {
          const browser = await dueBrowser();
          const older = await browser.sendOnly({ path: '/me' });
          const updated = await update(browser);
          expect(linesOf(older)).toHaveLength(1);
          expect(linesOf(updated)).toHaveLength(1);

          await take(
            browser,
            olderArrivesFirst ? [older, updated] : [updated, older],
          );
          await expectDark(browser);
        },
      );

      it.each([
        ['first', true],
        ['last', false],
      ])(
        'of two updates of one token, both of which survive, the second arriving %s',
        async (_order, secondArrivesFirst) => {
          const browser = await app.signIn();
          const [first, second] = [
            await update(browser),
            await update(browser, { size: 'large' }),
          ];
          await take(
            browser,
            secondArrivesFirst ? [second, first] : [first, second],
          );
          const next = await browser.get('/me');
          expect(next.json.attributes).toEqual({
            theme: 'dark',
            size: 'large',
          });
          const session = await app.sessions.verify(
            (await browser.cookie()) ?? '',
          );
          expect(session.attributes).toEqual({ theme: 'dark', size: 'large' });
        },
      );
    });

    it.each([
      ['first', true],
      ['last', false],
    ])(
      'of two updates that began with the same revision keep both changes, the second arriving %s',
      async (_order, secondArrivesFirst) => {
        const slow = app.app.get(SlowUpdates);
        slow.reached = 0;
        slow.gate = createGate();
        const browser = await app.signIn();
        const updates = [{ theme: 'dark' }, { size: 'large' }].map((body) =>
          browser.sendOnly({ method: 'POST', path: '/slow-attributes', body }),
        );
        await until(() => slow.reached === 2, 'both are past the guard');
        slow.gate.open();
        const responses = await Promise.all(updates);
        expect(responses.map(({ status }) => status)).toEqual([200, 200]);

        await take(
          browser,
          secondArrivesFirst ? responses.toReversed() : responses,
        );
        const next = await browser.get('/me');
        expect(next.json.attributes).toEqual({ theme: 'dark', size: 'large' });
        const session = await app.sessions.verify(
          (await browser.cookie()) ?? '',
        );
        expect(session.attributes).toEqual({ theme: 'dark', size: 'large' });
      },
    );

    it('F-22: of a sign-in and a slower request of the old session leave the new one in both orders', async () => {
      for (const oldArrivesFirst of [true, false]) {
        acts.reset();
        const browser = await dueBrowser();
        const slow = browser.sendOnly(slowRequest);
        await acts.reached.promise;
        const signedIn = await browser.sendOnly({
          method: 'POST',
          path: '/login',
          body: { user: 'bob' },
        });
        acts.gate.open();
        const old = await slow;
        expect(linesOf(old)).toEqual([]);
        await take(
          browser,
          oldArrivesFirst ? [old, signedIn] : [signedIn, old],
        );
        expect((await browser.get('/me')).json.subject).toBe('bob');
      }
    });

    it('F-22: of a sign-in and a refused request of the old session leave the new one in both orders', async () => {
      for (const refusedArrivesFirst of [true, false]) {
        const browser = await app.signIn();
        const signedIn = await browser.sendOnly({
          method: 'POST',
          path: '/login',
          body: { user: 'bob' },
        });
        const refused = await browser.sendOnly({ path: '/me' });
        expect(refused.status).toBe(401);
        await take(
          browser,
          refusedArrivesFirst ? [refused, signedIn] : [signedIn, refused],
        );
        expect((await browser.get('/me')).json.subject).toBe('bob');
      }
    });
  },
);

describe.each(adapters)('a real cookie jar on %s', (adapter) => {
  let app: TestApp;

  const start = async (cookie: CookieOptions = {}, prefix = '') =>
    (app = await openTestApp(adapter, {
      session: { cookie },
      configure: (nest) => {
        if (prefix) nest.setGlobalPrefix(prefix);
      },
    }));

  /** A page of a site that is not `https://app.example`, with its own jar. */
  async function visit(
    jar: CookieJar,
    url: string,
    given: Omit<TestRequest, 'path'> = {},
  ): Promise<TestResponse> {
    const { host, pathname, origin } = new URL(url);
    const cookie = await jar.getCookieString(url);
    const response = await send(app.port, {
      ...given,
      path: pathname,
      headers: {
        Host: host,
        ...(given.method && { Origin: origin }),
        ...(cookie && { Cookie: cookie }),
      },
    });
    for (const line of response.setCookie) {
      await jar.setCookie(line, url);
    }
    return response;
  }

  describe('S-081: forgets the cookie at sign-out', () => {
    it.each<[what: string, cookie: CookieOptions, stored: string]>([
      ['by default', {}, '__Host-Http-session app.example /'],
      [
        'with a domain',
        { domain: 'app.example' },
        '__Secure-session app.example /',
      ],
      ['with a path', { path: '/app' }, '__Secure-session app.example /app'],
      [
        'in a partition',
        { partitioned: true },
        '__Host-Http-session app.example /',
      ],
      [
        'with everything',
        {
          name: '__Secure-id',
          domain: 'app.example',
          path: '/app',
          sameSite: 'none',
          partitioned: true,
        },
        '__Secure-id app.example /app',
      ],
      [
        'that is strict',
        { sameSite: 'strict' },
        '__Host-Http-session app.example /',
      ],
      ['that is not secure', { secure: false }, 'session app.example /'],
    ])('%s', async (_what, cookie, stored) => {
      await start(cookie, 'app');
      const browser = app.browser();
      const signedIn = await browser.post('/app/login', { user: 'ada' });
      expect(signedIn.status).toBe(200);
      expect(await cookiesIn(browser)).toEqual([stored]);
      expect((await browser.get('/app/me')).status).toBe(200);

      expect((await browser.post('/app/logout')).status).toBe(204);
      expect(await cookiesIn(browser)).toEqual([]);
      expect((await browser.get('/app/me')).status).toBe(401);
    });
  });

  describe('S-081: after a change of domain', () => {
    const SITE = 'https://www.app.example';

    async function jarOfFormerDomain(): Promise<CookieJar> {
      const jar = new CookieJar();
      await start({ domain: 'app.example' });
      await visit(jar, `${SITE}/login`, {
        method: 'POST',
        body: { user: 'ada' },
      });
      expect((await visit(jar, `${SITE}/me`)).status).toBe(200);
      return jar;
    }

    const stored = async (jar: CookieJar) =>
      (await jar.getCookies(SITE, { allPaths: true })).map(
        ({ key, domain }) => `${key} ${domain}`,
      );

    it.each<[what: string, cookie: CookieOptions, name: string]>([
      [
        'to a narrower domain',
        { domain: 'www.app.example', formerDomains: ['app.example'] },
        '__Secure-session www.app.example',
      ],
      [
        'to the host alone',
        { formerDomains: ['app.example'] },
        '__Host-Http-session www.app.example',
      ],
    ])(
      'a sign-in leaves exactly the new cookie: %s',
      async (_what, cookie, name) => {
        const jar = await jarOfFormerDomain();
        await start(cookie);
        expect(await stored(jar)).toEqual(['__Secure-session app.example']);
        const signedIn = await visit(jar, `${SITE}/login`, {
          method: 'POST',
          body: { user: 'ada' },
        });
        expect(signedIn.status).toBe(200);
        expect(await stored(jar)).toEqual([name]);
        expect((await visit(jar, `${SITE}/me`)).status).toBe(200);
      },
    );

    it('S-078: two cookies of one name are refused and both cleared, so that the next sign-in works', async () => {
      const jar = await jarOfFormerDomain();
      await start({
        domain: 'www.app.example',
        formerDomains: ['app.example'],
      });
      const [former] = await jar.getCookies(SITE);
      await visit(jar, `${SITE}/login`, {
        method: 'POST',
        body: { user: 'ada' },
      });
      await jar.setCookie(former!, SITE);
      expect(await stored(jar)).toHaveLength(2);

      const refused = await visit(jar, `${SITE}/me`);
      expect(refused.status).toBe(401);
      expect(app.eventsOf('rejected')).toMatchObject([
        { code: 'TOKEN_CONFLICT', reason: 'ambiguous' },
      ]);
      expect(await stored(jar)).toEqual([]);
    });

    it('a sign-out leaves none', async () => {
      const jar = await jarOfFormerDomain();
      await start({ formerDomains: ['app.example'] });
      const signedOut = await visit(jar, `${SITE}/logout`, {
        method: 'POST',
        body: {},
      });
      expect(signedOut.status).toBe(204);
      expect(await stored(jar)).toEqual([]);
    });
  });

  describe('A-103: a cookie that a subdomain tosses in', () => {
    const TOSSED = 'Domain=app.example; Path=/me; Secure';

    it('is never stored under our name, because of its prefix', async () => {
      await start();
      const browser = await app.signIn();
      const own = await browser.cookie();
      await browser.jar.setCookie(
        `${COOKIE}=tossed; ${TOSSED}`,
        'https://evil.app.example/me',
      );
      expect(await cookiesIn(browser)).toEqual([
        '__Host-Http-session app.example /',
      ]);
      expect(await browser.cookie()).toBe(own);
      expect((await browser.get('/me')).status).toBe(200);
    });

    it('is refused where the cookie is shared with subdomains, although it is sent first', async () => {
      await start({ domain: 'app.example' });
      const attacker = await app.signIn('bob');
      const tossed = await attacker.cookie('__Secure-session');
      const browser = await app.signIn();
      await browser.jar.setCookie(
        `__Secure-session=${tossed}; ${TOSSED}`,
        'https://evil.app.example/me',
      );
      const sent = await browser.jar.getCookieString('https://app.example/me');
      expect(sent.indexOf(tossed!)).toBe('__Secure-session='.length);

      const refused = await browser.get('/me');
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toHaveLength(8);
      expect(app.account.handled).toBe(0);
      expect(await cookiesIn(browser)).toEqual([]);
    });
  });
});

describe.each(adapters)('the session cookie on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp(adapter);
  });
  afterAll(() => app.close());

  it('S-070, S-080: is a host cookie with an explicit SameSite', async () => {
    const response = await app.browser().post('/login', { user: 'ada' });
    expect(response.setCookie).toHaveLength(1);
    const [, ...attributes] = response.setCookie[0]!.split('; ');
    expect(response.setCookie[0]!.startsWith(`${COOKIE}=`)).toBe(true);
    expect(attributes).toEqual([
      'Max-Age=604800',
      'Path=/',
      'HttpOnly',
      'Secure',
      'SameSite=Lax',
    ]);
  });

  it('S-076: has a value of cookie octets alone', async () => {
    app.users.all.set('öé"\r\n; x=', {
      id: 'öé"\r\n; x=',
      role: 'ü, "quoted"; \\ \u{1f600}',
    });
    const response = await app
      .browser()
      .post('/login', { user: 'öé"\r\n; x=' });
    expect(response.status).toBe(200);
    expect(valueOf(response.setCookie[0])).toMatch(/^[\w.-]{100,}$/);
    expect(response.setCookie).toHaveLength(1);
  });

  it('S-079: names whole seconds to the end of the session, which only the server enforces', async () => {
    const browser = await app.signIn('ada', { lifetime: { idle: '1h' } });
    const [cookie] = await browser.jar.getCookies('https://app.example');
    expect(cookie?.maxAge).toBe(3600);

    const kept = { Cookie: `${COOKIE}=${await browser.cookie()}` };
    app.clock.advance(3599);
    expect((await app.browser().get('/optional', kept)).json.subject).toBe(
      'ada',
    );
    app.clock.advance(1);
    const over = await app.browser().get('/me', kept);
    expect(over.status).toBe(401);
    expect(over.setCookie).toEqual([CLEARED]);
  });

  it('S-079: ends with the browser where the session does not persist, at each re-issue too', async () => {
    const browser = await app.signIn('ada', { persistent: false });
    app.clock.advance('15m');
    const reissued = await browser.get('/me');
    const updated = await browser.post('/attributes', { theme: 'dark' });
    for (const response of [reissued, updated]) {
      expect(linesOf(response)[0]?.split('; ').slice(1)).toEqual([
        'Path=/',
        'HttpOnly',
        'Secure',
        'SameSite=Lax',
      ]);
    }
    const kept = { Cookie: `${COOKIE}=${await browser.cookie()}` };
    app.clock.advance('7d');
    expect((await app.browser().get('/me', kept)).status).toBe(401);
  });

  it.each([['lifetime.idle'], ['lifetime.absolute']])(
    'S-079: never lives longer than 400 days (%s)',
    async (option) => {
      const session = {
        lifetime: {
          absolute: option === 'lifetime.absolute' ? '401d' : '400d',
          idle: option === 'lifetime.idle' ? '401d' : '400d',
        },
      };
      await expect(startTestApp(adapter, { session })).rejects.toThrow(
        SessionConfigError,
      );
    },
  );

  it('S-080, A-111: stops the boot with SameSite=None without Secure', async () => {
    await expect(
      startTestApp(adapter, {
        session: { cookie: { sameSite: 'none', secure: false } },
      }),
    ).rejects.toThrow(SessionConfigError);
  });

  it('S-080: stops the boot with SameSite=None and every CSRF technique off', async () => {
    await expect(
      startTestApp(adapter, {
        session: { cookie: { sameSite: 'none' }, csrf: { origin: false } },
      }),
    ).rejects.toThrow(SessionConfigError);
  });

  it('S-071: is found by its exact name alone, and no other is cleared', async () => {
    const token = await (await app.signIn()).cookie();
    for (const name of ['__host-session', '__HOST-SESSION', 'session']) {
      const response = await app
        .browser()
        .get('/me', { Cookie: `${name}=${token}` });
      expect(response.status).toBe(401);
      expect(response.setCookie).toEqual([]);
    }
  });

  it('S-077: is found in each of several Cookie header lines', async () => {
    const own = `${COOKIE}=${await (await app.signIn()).cookie()}`;
    for (const lines of [
      [own, 'a=1'],
      ['a=1', own],
      ['a=1; b=2', own, 'c=3'],
    ]) {
      const response = await send(app.port, {
        path: '/me',
        headers: lines.map((line): [string, string] => ['Cookie', line]),
      });
      expect(response.status).toBe(200);
    }
  });

  it('S-077, S-078, A-102: is ambiguous in two Cookie header lines', async () => {
    const own = `${COOKIE}=${await (await app.signIn()).cookie()}`;
    const response = await send(app.port, {
      path: '/me',
      headers: [
        ['Cookie', own],
        ['Cookie', own],
      ],
    });
    expect(response.status).toBe(401);
    expect(response.setCookie).toEqual([CLEARED, CLEARED_PARTITIONED]);
  });

  it.each([
    ['different', (own: string, other: string) => [own, other]],
    ['different, the good one last', (own, other) => [other, own]],
    ['equal', (own) => [own, own]],
    ['a good one and an empty one', (own) => [own, `${COOKIE}=`]],
    ['a good one and garbage', (own) => [own, `${COOKIE}=x`]],
  ] as [string, (own: string, other: string) => string[]][])(
    'S-078, A-102: is refused and cleared where there are two, counted by an event: %s',
    async (_what, pair) => {
      const own = `${COOKIE}=${await (await app.signIn()).cookie()}`;
      const other = `${COOKIE}=${await (await app.signIn('bob')).cookie()}`;
      const before = app.eventsOf('rejected').length;
      const handled = app.account.handled;
      const response = await app
        .browser()
        .get('/me', { Cookie: pair(own, other).join('; ') });
      expect(response.status).toBe(401);
      expect(response.setCookie).toEqual([CLEARED, CLEARED_PARTITIONED]);
      expect(app.account.handled).toBe(handled);
      expect(app.eventsOf('rejected').slice(before)).toMatchObject([
        { code: 'TOKEN_CONFLICT', reason: 'ambiguous' },
      ]);
      // Nothing was ended: each of them still works alone.
      for (const cookie of [own, other]) {
        const alone = await app.browser().get('/me', { Cookie: cookie });
        expect(alone.status).toBe(200);
      }
    },
  );
});

describe.each(adapters)('a request with planted cookies on %s', (adapter) => {
  const store = new MemorySessionStore();
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp(adapter, {
      session: { store, refreshToken: {}, transport: ['cookie', 'header'] },
    });
  });
  afterAll(() => app.close());

  interface Issued {
    id: string;
    session: string;
    refresh: string;
    token: string;
  }

  async function issued(user: string): Promise<Issued> {
    const { session, token, refreshToken } = await app.sessions.generate(user);
    return {
      id: session.id,
      session: `${COOKIE}=${token}`,
      refresh: `${COOKIE}-refresh=${refreshToken}`,
      token,
    };
  }

  const lives = async ({ id }: Issued, user: string): Promise<boolean> =>
    (await app.sessions.list(user)).some((each) => each.id === id);
  const planted = (count: number, name = COOKIE): string[] =>
    Array.from({ length: count }, (_, i) => `${name}=planted.${i}.x`);

  it.each<
    [
      what: string,
      cookies: (own: Issued, attacker: Issued) => string[],
      ended: boolean,
    ]
  >([
    ['one', (own) => [...planted(1), own.session], true],
    ['one, behind it', (own) => [own.session, ...planted(1)], true],
    [
      'one for each kind',
      (own) => [
        ...planted(1),
        own.session,
        ...planted(1, `${COOKIE}-refresh`),
        own.refresh,
      ],
      true,
    ],
    [
      'one, with the refresh cookie alone',
      (own) => [...planted(1, `${COOKIE}-refresh`), own.refresh],
      true,
    ],
    ['a few', (own) => [...planted(15), own.session], true],
    ['hundreds, behind it', (own) => [own.session, ...planted(300)], false],
    [
      'one of the account of who planted it',
      (own, attacker) => [attacker.session, own.session],
      true,
    ],
  ])(
    'A-102, V-28: signs out of the session of every authentic cookie: %s',
    async (_what, cookies, isDecided) => {
      const own = await issued('ada');
      const attacker = await issued('bob');
      const Cookie = cookies(own, attacker).join('; ');
      const exchange = createExchange({ cookie: Cookie }, 'POST');
      const { request, response } = exchange;
      expect(await app.sessions.revoke(request, { response })).toBe(isDecided);
      expect(await lives(own, 'ada')).toBe(false);
      expect(await lives(attacker, 'bob')).toBe(
        !Cookie.includes(attacker.session),
      );
      expect(cookiesOf(exchange)).toEqual([
        CLEARED,
        CLEARED_REFRESH,
        CLEARED_PARTITIONED,
        CLEARED_REFRESH_PARTITIONED,
      ]);
    },
  );

  it('says that it does not know of a session behind too many cookies', async () => {
    const own = await issued('ada');
    const cookie = [...planted(300), own.session].join('; ');
    const { request, response } = createExchange({ cookie }, 'POST');
    expect(await app.sessions.revoke(request, { response })).toBe(false);
    expect(await lives(own, 'ada')).toBe(true);
  });

  it('signs out of the sessions of two headers', async () => {
    const [one, two] = [await issued('ada'), await issued('ada')];
    const response = await send(app.port, {
      method: 'POST',
      path: '/logout',
      body: {},
      headers: [
        ['Authorization', `Bearer ${one.token}`],
        ['Authorization', `Bearer ${two.token}`],
      ],
    });
    expect(response.status).toBe(204);
    expect(await lives(one, 'ada')).toBe(false);
    expect(await lives(two, 'ada')).toBe(false);
  });

  it('A-102, V-28: ends the session of every authentic cookie by a new sign-in, which works', async () => {
    const own = await issued('ada');
    const other = await issued('bob');
    const Cookie = [...planted(2), own.session, other.session].join('; ');
    const response = await app
      .browser()
      .post('/login', { user: 'ada' }, { Cookie });
    expect(response.status).toBe(200);
    expect(await lives(own, 'ada')).toBe(false);
    expect(await lives(other, 'bob')).toBe(false);
    const [cleared, clearedRefresh, session, refresh, ...more] =
      response.setCookie;
    expect([cleared, clearedRefresh, more]).toEqual([
      CLEARED_PARTITIONED,
      CLEARED_REFRESH_PARTITIONED,
      [],
    ]);
    expect(valueOf(session).length * valueOf(refresh).length).toBeGreaterThan(
      0,
    );
    const browser = app.browser();
    await browser.take(response);
    expect((await browser.get('/me')).status).toBe(200);
  });
});

describe.each(adapters)('the size of the session cookie on %s', (adapter) => {
  let app: TestApp;

  const LIMIT = 4_096;

  async function startWith(name = COOKIE): Promise<TestApp> {
    app = await openTestApp(adapter, { session: { cookie: { name } } });
    return app;
  }

  const grow = (bytes: number) => {
    app.users.all.get('ada')!.role = 'r'.repeat(bytes);
  };

  /** The longest role with which a sign-in works, and the length of its line. */
  async function largest(): Promise<{ role: number; line: number }> {
    let [fits, tooLarge] = [0, LIMIT];
    let line = 0;
    while (tooLarge - fits > 1) {
      const role = Math.floor((fits + tooLarge) / 2);
      grow(role);
      const response = await app.browser().post('/login', { user: 'ada' });
      if (response.status === 200) {
        fits = role;
        line = Buffer.byteLength(response.setCookie[0]!);
      } else {
        expect(response.status).toBe(500);
        expect(response.setCookie).toEqual([]);
        tooLarge = role;
      }
    }
    return { role: fits, line };
  }

  it('F-23, S-072: may be 4,096 bytes with name and attributes, and not 4,097', async () => {
    await startWith();
    const { role, line } = await largest();
    expect(line).toBeLessThanOrEqual(LIMIT);
    expect(line).toBeGreaterThan(LIMIT - 3);

    await startWith(COOKIE + 'n'.repeat(LIMIT - line));
    grow(role);
    const fits = await app.browser().post('/login', { user: 'ada' });
    expect(fits.status).toBe(200);
    expect(Buffer.byteLength(fits.setCookie[0]!)).toBe(LIMIT);
    const browser = app.browser();
    await browser.take(fits);
    expect((await browser.get('/me')).status).toBe(200);

    await startWith(COOKIE + 'n'.repeat(LIMIT - line + 1));
    grow(role);
    const refused = await app.browser().post('/login', { user: 'ada' });
    expect(refused.status).toBe(500);
    expect(refused.setCookie).toEqual([]);
    const error = await failureOf(app.sessions.generate('ada'));
    expect(error.code).toBe('SESSION_TOO_LARGE');
    expect(error.message).toContain(
      `n has ${LIMIT + 1} bytes, but browsers keep at most ${LIMIT}; the largest parts: data.role (${role + 2} bytes)`,
    );
    printFigures(
      'F-23',
      `a cookie of ${LIMIT} bytes: ${fits.status}; of ${LIMIT + 1} bytes: ${error.code}`,
    );
  });

  it('F-23: names the largest parts of an error, and what a client sees names nothing', async () => {
    await startWith();
    grow(3_000);
    const error = await failureOf(
      app.sessions.generate('ada', {
        attributes: { theme: 't'.repeat(500), size: 's'.repeat(50) },
      }),
    );
    expect(error.code).toBe('SESSION_TOO_LARGE');
    expect(error.message).toContain(
      'the largest parts: data.role (3002 bytes), attributes.theme (502 bytes), attributes.size (52 bytes)',
    );
    grow(4_000);
    const response = await app.browser().post('/login', { user: 'ada' });
    expect(response.status).toBe(500);
    expect(response.json).toEqual({
      statusCode: 500,
      message: 'Internal server error',
    });
  });

  it('F-23: a reload that grows past the limit keeps the old token, says so, and recovers', async () => {
    await startWith();
    const browser = await app.signIn();
    const token = await browser.cookie();
    grow(4_000);
    app.clock.advance('15m');
    const stale = await browser.get('/me');
    expect(stale.status).toBe(200);
    expect(stale.json.data.role).toBe('admin');
    expect(stale.setCookie).toEqual([]);
    expect(await browser.cookie()).toBe(token);
    expect(app.eventsOf('loaderFailed')).toMatchObject([
      { code: 'SESSION_TOO_LARGE', subject: 'ada' },
    ]);

    app.clock.advance('15m');
    const unavailable = await browser.get('/me');
    expect(unavailable.status).toBe(503);
    expect(unavailable.json).toMatchObject({
      errorCode: 'SESSION_UNAVAILABLE',
    });
    expect(unavailable.headers['retry-after']).toMatch(/^[1-5]$/);
    expect(unavailable.setCookie).toEqual([]);

    grow(10);
    app.clock.advance(30);
    const recovered = await browser.get('/me');
    expect(recovered.status).toBe(200);
    expect(recovered.json.data.role).toBe('r'.repeat(10));
    expect(await browser.cookie()).not.toBe(token);
  });

  it('F-23: an explicit reload past the limit is a 500 that leaves the session as it is', async () => {
    await startWith();
    const browser = await app.signIn();
    const token = await browser.cookie();
    grow(4_000);
    const response = await browser.post('/reload');
    expect(response.status).toBe(500);
    expect(response.setCookie).toEqual([]);
    expect(await browser.cookie()).toBe(token);
    expect((await browser.get('/me')).json.data.role).toBe('admin');
  });

  it('F-23: an update past the limit is a 500 that leaves the session as it is', async () => {
    await startWith();
    const browser = await app.signIn();
    const response = await browser.post('/attributes', {
      theme: 't'.repeat(4_000),
    });
    expect(response.status).toBe(500);
    expect(response.setCookie).toEqual([]);
    const me = await browser.get('/me');
    expect(me.status).toBe(200);
    expect(me.json.attributes).toEqual({});
    expect(me.setCookie).toEqual([]);
  });

  it('F-24, S-083: leaves 12 KB of the 16 KB of node to the cookies of others', async () => {
    await startWith();
    const { role } = await largest();
    grow(role);
    const browser = await app.signIn();
    const own = `${COOKIE}=${await browser.cookie()}`;
    expect(own.length).toBeLessThanOrEqual(8_192);
    const others = (bytes: number) => `other=${'o'.repeat(bytes)}`;
    for (const [bytes, status] of [
      [0, 200],
      [8_192, 200],
      [12_000, 200],
      [16_384, 431],
    ] as const) {
      const response = await send(app.port, {
        path: '/me',
        headers: { Cookie: `${others(bytes)}; ${own}` },
      });
      expect(response.status).toBe(status);
      printFigures(
        'F-24',
        `the session cookie of ${own.length} bytes and ${bytes} bytes of others: ${response.status}`,
      );
    }
  });
});
