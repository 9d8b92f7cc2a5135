import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import {
  MemorySessionStore,
  Session,
  SessionService,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { BOUND_COOKIE, BoundBrowser } from '../support/bound-browser.js';
import { type Browser, type TestResponse } from '../support/browser.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn } from '../support/session-claims.js';
import { copyOf, linesOf, valueOf } from '../support/set-cookie.js';
import {
  adapters,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { refreshLinesOf, refreshOf } from '../support/token-pair.js';

type Options = Partial<SessionJwtModuleOptions>;

const ACCESS = 300;
/** Ends before its session token would: activity moves the end soon. */
const SHORT = { lifetime: { idle: 1_800 } };

@Controller()
class ProofController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Post('prove') @HttpCode(200) prove(
    @Session() session: ActiveSession,
    @Body() { acr }: { acr?: string },
  ) {
    return this.sessions.reauthenticated(session, acr ? { acr } : {});
  }
}

const KINDS: [kind: string, options: () => Options][] = [
  ['stateless', () => ({})],
  ['recorded', () => ({ store: new MemorySessionStore() })],
];

const cases = adapters.flatMap(([adapter]) =>
  KINDS.map(([kind, options]) => [adapter, kind, options] as const),
);

function open(adapter: AdapterName, session: Options): Promise<TestApp> {
  return openTestApp(adapter, {
    session: {
      refreshToken: { accessLifetime: ACCESS },
      dataRefreshInterval: ACCESS,
      deviceBinding: true,
      ...session,
    },
    extras: { routes: true },
    controllers: [ProofController],
  });
}

async function boundIn(app: TestApp): Promise<BoundBrowser> {
  const browser = new BoundBrowser(app);
  await browser.post('/login', { user: 'ada' });
  expect(browser.device.isBound).toBe(true);
  browser.own.length = 0;
  return browser;
}

/** A browser whose session was bound by a registration that came without cookies. */
async function boundByRedirect(
  app: TestApp,
  body: object = {},
): Promise<BoundBrowser> {
  const browser = new BoundBrowser(app);
  const signIn = await browser.sendOnly({
    method: 'POST',
    path: '/login',
    body: { user: 'ada', ...body },
  });
  // No cookie is in the jar yet.
  await browser.device.register(signIn);
  await browser.take(signIn);
  expect(browser.own).toEqual([{ path: '/session/device', status: 200 }]);
  browser.own.length = 0;
  expect(claimsIn(await browser.cookie()).cnf).toBeUndefined();
  return browser;
}

/** When the user last proved who they are, as both tokens of an answer say. */
function authTimesIn(answer: TestResponse): number[] {
  const lines = [linesOf(answer, BOUND_COOKIE), refreshLinesOf(answer)];
  expect(lines.map(({ length }) => length)).toEqual([1, 1]);
  return lines.map(([line]) => claimsIn(valueOf(line)).auth_time);
}

async function authTimesOf(browser: Browser): Promise<number[]> {
  const tokens = [await browser.cookie(BOUND_COOKIE), await refreshOf(browser)];
  return tokens.map((token) => claimsIn(token).auth_time);
}

const offerIn = ({ headers }: TestResponse) =>
  headers['secure-session-registration'];

/** The browser goes on by proofs, bound, with the tokens that it has. */
async function expectBoundSince(
  app: TestApp,
  browser: BoundBrowser,
  authTime: number,
): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    app.clock.advance(ACCESS);
    const { json } = await browser.get('/session');
    expect(json).toMatchObject({ subject: 'ada', isBound: true });
    expect(browser.own.splice(0).map(({ status }) => status)).toEqual([
      403, 200,
    ]);
    expect(await authTimesOf(browser)).toEqual([authTime, authTime]);
  }
  expect(app.eventsOf('refreshed')).toHaveLength(3);
  expect(app.eventsOf('ended')).toEqual([]);
  expect(app.eventsOf('refreshReused')).toEqual([]);
}

describe.each(cases)(
  'a new proof of who the user is, on %s, %s',
  (adapter, kind, options) => {
    it('reaches both tokens of a bound session, and exchanges nothing', async () => {
      const app = await open(adapter, options());
      const browser = await boundIn(app);
      const before = claimsIn(await browser.cookie());
      const refreshBefore = claimsIn(await refreshOf(browser));
      app.clock.advance(60);
      const authTime = app.clock.nowSeconds();
      const proved = await browser.post('/prove', { acr: 'gold' });
      expect(proved.status).toBe(200);
      expect(authTimesIn(proved)).toEqual([authTime, authTime]);
      expect(offerIn(proved)).toBeUndefined();
      const after = claimsIn(await browser.cookie());
      expect(after).toMatchObject({
        cnf: before.cnf,
        exp: before.exp,
        acr: 'gold',
      });
      const refreshAfter = claimsIn(await refreshOf(browser));
      expect(refreshAfter).toMatchObject({
        ...(refreshBefore.cnf && { cnf: refreshBefore.cnf }),
        exp: refreshBefore.exp,
        acr: 'gold',
      });
      expect(refreshAfter.gen).toBe(refreshBefore.gen);
      expect(app.eventsOf('refreshed')).toEqual([]);
      expect(app.eventsOf('reauthenticated')).toMatchObject([
        { subject: 'ada' },
      ]);
      expect(app.eventsOf('boundRefused')).toEqual([]);
      await expectBoundSince(app, browser, authTime);
      expect(claimsIn(await browser.cookie()).acr).toBe('gold');
    });

    it('lifts no copy of the former cookies', async () => {
      const app = await open(adapter, options());
      const browser = await boundIn(app);
      const [former] = await authTimesOf(browser);
      const thief = await copyOf(browser);
      app.clock.advance(60);
      const authTime = app.clock.nowSeconds();
      expect((await browser.post('/prove', { acr: 'gold' })).status).toBe(200);
      for (const path of ['/me', '/session', '/reload', '/attributes']) {
        await (path.startsWith('/me') || path === '/session'
          ? thief.get(path)
          : thief.post(path));
        expect(await authTimesOf(thief)).toEqual([former, former]);
        expect(claimsIn(await thief.cookie(BOUND_COOKIE)).acr).toBeUndefined();
      }
      app.clock.advance(ACCESS);
      expect((await thief.get('/me')).status).toBe(401);
      expect((await thief.post('/prove')).status).toBe(401);
      expect((await browser.get('/me')).status).toBe(200);
      expect(await authTimesOf(browser)).toEqual([authTime, authTime]);
    });

    it('lifts no copy that the browser has refreshed with meanwhile', async () => {
      const app = await open(adapter, options());
      const browser = await boundIn(app);
      app.clock.advance(ACCESS);
      await browser.get('/me');
      browser.own.length = 0;
      const thief = await copyOf(browser);
      app.clock.advance(10);
      const authTime = app.clock.nowSeconds();
      expect(authTimesIn(await browser.post('/prove'))).toEqual([
        authTime,
        authTime,
      ]);
      app.clock.advance(ACCESS);
      expect((await thief.get('/me')).status).toBe(401);
      expect((await browser.get('/me')).status).toBe(200);
      expect(await authTimesOf(browser)).toEqual([authTime, authTime]);
    });

    it('of an unbound session offers to bind it once more', async () => {
      const app = await open(adapter, options());
      const browser = await app.signIn();
      app.clock.advance(60);
      const authTime = app.clock.nowSeconds();
      const proved = await browser.post('/prove');
      expect(authTimesIn(proved)).toEqual([authTime, authTime]);
      expect(offerIn(proved)).toContain('path="/session/device"');
      expect(app.eventsOf('refreshed')).toHaveLength(1);
      const late = new BoundBrowser(app);
      await late.take(proved);
      const answer = await late.device.register(proved);
      expect(answer).toMatchObject({ status: 200 });
      expect((await late.get('/session')).json).toMatchObject({
        isBound: true,
      });
      app.clock.advance(ACCESS);
      expect((await late.get('/me')).status).toBe(200);
      expect(await authTimesOf(late)).toEqual([authTime, authTime]);
    });

    it('of a session that must be bound, but is not yet, moves no end', async () => {
      const app = await open(adapter, {
        ...options(),
        deviceBinding: { required: true },
      });
      const browser = await app.signIn();
      const before = claimsIn(await browser.cookie(BOUND_COOKIE));
      app.clock.advance(60);
      const authTime = app.clock.nowSeconds();
      const proved = await browser.post('/prove');
      expect(proved.status).toBe(200);
      expect(authTimesIn(proved)).toEqual([authTime, authTime]);
      expect(offerIn(proved)).toBeDefined();
      const after = claimsIn(await browser.cookie(BOUND_COOKIE));
      expect(after.exp).toBe(before.exp);
      expect(app.eventsOf('refreshed')).toEqual([]);
      app.clock.advance(ACCESS);
      expect((await browser.get('/me')).status).toBe(401);
    });

    it('may come twice', async () => {
      const app = await open(adapter, options());
      const browser = await boundIn(app);
      let authTime = 0;
      for (let i = 0; i < 2; i += 1) {
        app.clock.advance(30);
        authTime = app.clock.nowSeconds();
        expect(authTimesIn(await browser.post('/prove'))).toEqual([
          authTime,
          authTime,
        ]);
      }
      await expectBoundSince(app, browser, authTime);
      expect(kind).toMatch(/stateless|recorded/);
    });
  },
);

describe.each(adapters)(
  'a session that was bound without its cookies, on %s',
  (adapter) => {
    it('takes a new proof of who the user is, and offers no other key', async () => {
      const app = await open(adapter, { store: new MemorySessionStore() });
      const browser = await boundByRedirect(app);
      app.clock.advance(60);
      const authTime = app.clock.nowSeconds();
      const proved = await browser.post('/prove', { acr: 'gold' });
      expect(proved.status).toBe(200);
      expect(authTimesIn(proved)).toEqual([authTime, authTime]);
      // A browser would create another key for it, and so end the session.
      expect(offerIn(proved)).toBeUndefined();
      expect(app.eventsOf('boundRefused')).toEqual([]);
      expect(app.eventsOf('refreshed')).toEqual([]);
      await expectBoundSince(app, browser, authTime);
    });

    it('goes on with its token where an active request would exchange it early', async () => {
      const app = await open(adapter, {
        store: new MemorySessionStore(),
        refreshToken: { accessLifetime: 3_600 },
        dataRefreshInterval: 60,
      });
      const browser = await boundByRedirect(app, SHORT);
      for (let minute = 0; minute < 5; minute += 1) {
        app.clock.advance(61);
        const answer = await browser.get('/me');
        expect(answer.status).toBe(200);
        expect(refreshLinesOf(answer)).toEqual([]);
      }
      expect(app.eventsOf('boundRefused')).toEqual([]);
      expect(app.eventsOf('rejected')).toEqual([]);
    });

    it('goes on with its token where it must be bound, but is not yet', async () => {
      for (const store of [undefined, new MemorySessionStore()]) {
        const app = await open(adapter, {
          ...(store && { store }),
          deviceBinding: { required: true },
          refreshToken: { accessLifetime: 3_600 },
          dataRefreshInterval: 60,
        });
        const browser = await app.signIn('ada', SHORT);
        app.clock.advance(61);
        const answer = await browser.get('/me');
        expect(answer.status).toBe(200);
        expect(refreshLinesOf(answer)).toEqual([]);
        app.clock.advance(1_800);
        expect((await browser.get('/me')).status).toBe(401);
      }
    });
  },
);
