import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Post,
  Res,
} from '@nestjs/common';
import {
  MemorySessionStore,
  RequireAuthentication,
  Session,
  SessionConfigError,
  SessionError,
  SessionService,
  SessionStore,
  type ActiveSession,
  type ReauthenticationOptions,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import { send, type Browser, type TestResponse } from '../support/browser.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn, DAY, MINUTE } from '../support/session-claims.js';
import { copyOf, linesOf, valueOf } from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import {
  adapters,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import {
  BOTH_CLEARED,
  pairIn,
  RefreshController,
  refreshClaimsIn,
  refreshLinesOf,
  refreshOf,
} from '../support/token-pair.js';

/** What the handlers of a test wait for, and what was thrown there. */
let gate: Promise<void> = Promise.resolve();
let thrown: unknown;
let kept: ActiveSession | undefined;
let waiting = 0;
beforeEach(() => {
  gate = Promise.resolve();
  thrown = kept = undefined;
  waiting = 0;
});

const read = ({ time, refreshToken: _token, ...rest }: Record<string, any>) =>
  ({
    ...rest,
    ...(time && { time: new Date(time) }),
  }) as ReauthenticationOptions;

@Controller()
class ProofController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Post('prove') @HttpCode(200) async prove(
    @Session() session: ActiveSession,
    @Body() body: Record<string, any>,
  ) {
    return this.sessions
      .reauthenticated(session, read(body))
      .catch((error: unknown) => {
        thrown = error;
        throw error;
      });
  }

  /** Issues its tokens immediately, and answers later. */
  @Post('prove-slowly') @HttpCode(200) async proveSlowly(
    @Session() session: ActiveSession,
    @Body() body: Record<string, any>,
  ) {
    const issued = await this.sessions.reauthenticated(session, read(body));
    waiting += 1;
    await gate;
    return issued;
  }

  @Post('prove-and-change') @HttpCode(200) async proveAndChange(
    @Session() session: ActiveSession,
  ) {
    await this.sessions.reauthenticated(session, { acr: 'gold' });
    await this.sessions.reload(session);
    await this.sessions.update(session, { theme: 'dark' });
    return {};
  }

  @Post('keep') keep(@Session() session: ActiveSession) {
    kept = session;
  }

  /** With the response of this request, although the session came with another. */
  @Post('prove-kept') async proveKept(
    @Res({ passthrough: true }) response: object,
  ) {
    const issued = this.sessions.reauthenticated(kept!, { response });
    await issued.catch((error: unknown) => {
      thrown = error;
    });
  }

  @Post('end-and-prove') async endAndProve(@Session() session: ActiveSession) {
    await this.sessions.revoke(session);
    return this.sessions.reauthenticated(session);
  }

  @Get('slow') async slow() {
    waiting += 1;
    await gate;
    return {};
  }

  @Post('slow-update') @HttpCode(200) async slowUpdate(
    @Session() session: ActiveSession,
  ) {
    waiting += 1;
    await gate;
    await this.sessions.update(session, { theme: 'light' });
    return {};
  }

  @RequireAuthentication({ maxAge: '10m' }) @Get('recent') recent(
    @Session() { acr, amr }: ActiveSession,
  ) {
    return { acr, amr };
  }

  @RequireAuthentication({ acr: ['gold', 'platinum'], amr: ['pwd', 'otp'] })
  @Get('gold')
  gold() {
    return {};
  }
}

const PROFILES: Record<string, () => Partial<SessionJwtModuleOptions>> = {
  cookie: () => ({}),
  stored: () => ({ store: new MemorySessionStore() }),
  'stored data': () => ({
    store: new MemorySessionStore(),
    keepDataIn: 'store',
  }),
  'cookie pair': () => ({ refreshToken: {} }),
  'stored cookie pair': () => ({
    refreshToken: {},
    store: new MemorySessionStore(),
  }),
};
const isPair = (profile: string): boolean => profile.endsWith('pair');

const open = (
  adapter: AdapterName,
  session: Partial<SessionJwtModuleOptions> = {},
): Promise<TestApp> =>
  openTestApp(adapter, {
    session,
    controllers: [ProofController, RefreshController],
  });

const statusOf = async (browser: Browser, path: string): Promise<number> =>
  (await browser.get(path)).status;

const authTimeIn = (response: TestResponse): number | undefined => {
  const [line] = linesOf(response);
  return line === undefined ? line : claimsIn(valueOf(line)).auth_time;
};

const CHALLENGE = {
  statusCode: 401,
  message: 'Unauthorized',
  errorCode: 'REAUTHENTICATION_REQUIRED',
  max_age: 600,
};

describe.each(adapters)('reauthenticated() on %s', (adapter) => {
  describe.each(Object.keys(PROFILES))('with the profile %s', (profile) => {
    let app: TestApp;
    beforeEach(async () => {
      app = await open(adapter, PROFILES[profile]!());
    });

    it('makes the proof of a session recent, of the stated class and methods, in both tokens', async () => {
      const browser = await app.signIn('ada', {
        authentication: { acr: 'silver', amr: ['pwd', 'swk'] },
      });
      const before = claimsIn(await browser.cookie());
      expect(before).toMatchObject({ acr: 'silver', amr: ['pwd', 'swk'] });
      app.clock.advance(601);
      const refused = await browser.get('/recent');
      expect(refused.json).toEqual(CHALLENGE);
      expect(refused.headers['www-authenticate']).toBe(
        'Bearer error="insufficient_user_authentication", error_description="Another or more recent authentication is required", max_age="600"',
      );
      expect(refused.headers['cache-control']).toBe('no-store');
      expect(refused.setCookie).toEqual([]);
      app.events.length = 0;
      const proved = await browser.post('/prove', { amr: ['pwd', 'otp'] });
      expect(proved.status).toBe(200);
      const claims = claimsIn(valueOf(linesOf(proved)[0]));
      expect(claims).toMatchObject({
        auth_time: before.auth_time + 601,
        amr: ['pwd', 'otp'],
        sid: before.sid,
        oiat: before.oiat,
      });
      expect(claims).not.toHaveProperty('acr');
      expect(refreshLinesOf(proved)).toHaveLength(Number(isPair(profile)));
      if (isPair(profile)) {
        const refresh = refreshClaimsIn(pairIn(proved).refresh);
        const { auth_time, amr } = claims;
        expect(refresh).toMatchObject({ auth_time, amr });
        expect(refresh).not.toHaveProperty('acr');
      }
      expect(app.eventsOf('reauthenticated')).toHaveLength(1);
      expect((await browser.get('/recent')).json).toEqual({
        amr: ['pwd', 'otp'],
      });
      expect(await statusOf(browser, '/gold')).toBe(401);
      app.clock.advance(600);
      expect(await statusOf(browser, '/recent')).toBe(200);
      app.clock.advance(1);
      expect(await statusOf(browser, '/recent')).toBe(401);
    });

    it('is kept by reloads, refreshes and updates, and never gets into the record', async () => {
      const browser = await app.signIn();
      await browser.post('/prove', { acr: 'gold', amr: ['pwd', 'otp'] });
      const { auth_time, sid } = claimsIn(await browser.cookie());
      const proof = { auth_time, acr: 'gold', amr: ['pwd', 'otp'] };
      for (let i = 0; i < 3; i += 1) {
        app.clock.advance('16m');
        expect(await statusOf(browser, '/gold')).toBe(200);
        expect(claimsIn(await browser.cookie())).toMatchObject(proof);
        await browser.post('/attributes', { page: i });
        expect(claimsIn(await browser.cookie())).toMatchObject(proof);
        await browser.post('/reload');
        expect(claimsIn(await browser.cookie())).toMatchObject(proof);
        if (isPair(profile)) {
          expect(refreshClaimsIn(await refreshOf(browser))).toMatchObject(
            proof,
          );
        }
      }
      const { store } = PROFILES[profile]!();
      if (store) {
        const records = await app.app
          .get(SessionStore, { strict: false })
          .list('ada');
        expect(records.map(({ id }) => id)).toEqual([sid]);
        // An id is random, and may have any three letters.
        const content = records.map((record) => ({ ...record, id: '' }));
        expect(JSON.stringify(content)).not.toMatch(/gold|otp|auth/);
      }
    });

    it('does not raise copies of former tokens, whatever they share', async () => {
      const browser = await app.signIn();
      const thief = await copyOf(browser);
      app.clock.advance(601);
      await browser.post('/prove', { acr: 'gold', amr: ['pwd', 'otp'] });
      expect(await statusOf(browser, '/gold')).toBe(200);
      expect(await statusOf(thief, '/gold')).toBe(401);
      // The store notices such a copy at its next exchange: see below.
      if (profile === 'stored cookie pair') return;
      // Within the grace period of an exchange, and while both are due for one load.
      app.clock.advance(isPair(profile) ? 30 : 15 * MINUTE);
      const closed = createGate();
      app.users.gate = closed.promise;
      const path = isPair(profile) ? '/refresh' : '/me';
      const both = [browser, thief].map((each) =>
        isPair(profile) ? each.post(path) : each.get(path),
      );
      await until(() => app.users.loads.length > 1, 'a load');
      for (let i = 0; i < 20; i += 1) await turn();
      closed.open();
      app.users.gate = undefined;
      expect((await Promise.all(both)).map(({ status }) => status)).toEqual([
        200, 200,
      ]);
      expect(await statusOf(browser, '/gold')).toBe(200);
      expect(await statusOf(thief, '/gold')).toBe(401);
      // One after the other, by the same result.
      app.clock.advance(DAY);
      for (const [each, status] of [
        [browser, 200],
        [thief, 401],
        [browser, 200],
        [thief, 401],
      ] as const) {
        expect(await statusOf(each, '/gold')).toBe(status);
        const { acr } = claimsIn(await each.cookie());
        expect(acr).toBe(status === 200 ? 'gold' : undefined);
      }
    });

    it('is not overwritten by a slower response with the former proof', async () => {
      const browser = await app.signIn();
      const tab = await copyOf(browser);
      // Due, so that the slow request brings new tokens.
      app.clock.advance(16 * MINUTE);
      const closed = createGate();
      gate = closed.promise;
      const slow = tab.get('/slow');
      await until(() => waiting === 1, 'the slow request');
      const proved = await browser.post('/prove');
      expect(authTimeIn(proved)).toBe(app.clock.nowSeconds());
      closed.open();
      const late = await slow;
      expect(late.status).toBe(200);
      expect(late.setCookie).toEqual([]);
    });

    it('is not overwritten by an update of a request that came before', async () => {
      const browser = await app.signIn();
      const tab = await copyOf(browser);
      app.clock.advance(60);
      const closed = createGate();
      gate = closed.promise;
      const slow = tab.post('/slow-update');
      await until(() => waiting === 1, 'the slow request');
      await browser.post('/prove');
      app.clock.advance(1);
      closed.open();
      const late = await slow;
      expect(late.status).toBe(200);
      expect(late.setCookie).toEqual([]);
      app.clock.advance(1);
      expect(await statusOf(browser, '/recent')).toBe(200);
    });

    it('is delivered by its own response, however slow, if nothing newer came', async () => {
      const browser = await app.signIn();
      const tab = await copyOf(browser);
      app.clock.advance(16 * MINUTE);
      const closed = createGate();
      gate = closed.promise;
      const slow = tab.post('/prove-slowly');
      await until(() => waiting === 1, 'the slow request');
      // Answered later than the proof was made, and before it is delivered.
      const fast = await browser.get('/me');
      expect(fast.status).toBe(200);
      expect(fast.setCookie).toEqual([]);
      closed.open();
      expect(authTimeIn(await slow)).toBe(app.clock.nowSeconds());
    });

    it('is not overwritten by a slower one that is older', async () => {
      const browser = await app.signIn();
      const tab = await copyOf(browser);
      const closed = createGate();
      gate = closed.promise;
      app.clock.advance(60);
      const slow = tab.post('/prove-slowly', { acr: 'first' });
      await until(() => waiting === 1, 'the slow request');
      const second = await browser.post('/prove', { acr: 'second' });
      expect(claimsIn(valueOf(linesOf(second)[0])).acr).toBe('second');
      closed.open();
      expect((await slow).setCookie).toEqual([]);
    });

    it('may be lost: the client goes on with its former tokens, and gets new ones a minute later', async () => {
      const browser = await app.signIn();
      app.clock.advance(14 * MINUTE);
      await browser.sendOnly({ method: 'POST', path: '/prove', body: {} });
      app.clock.advance(2 * MINUTE);
      const next = await browser.get('/me');
      expect(next.status).toBe(200);
      expect(authTimeIn(next)).toBe(app.clock.nowSeconds() - 16 * MINUTE);
      for (let i = 0; i < 4; i += 1) {
        app.clock.advance('20m');
        expect(await statusOf(browser, '/me')).toBe(200);
      }
      expect(app.eventsOf('refreshReused')).toEqual([]);
    });

    it('survives a reload and an update in the same handler', async () => {
      const browser = await app.signIn();
      app.clock.advance(60);
      const changed = await browser.post('/prove-and-change');
      expect(changed.status).toBe(200);
      const proof = { auth_time: app.clock.nowSeconds(), acr: 'gold' };
      expect(claimsIn(await browser.cookie())).toMatchObject(proof);
      if (isPair(profile)) {
        expect(refreshClaimsIn(await refreshOf(browser))).toMatchObject(proof);
      }
      app.clock.advance('16m');
      expect((await browser.get('/me')).json).toMatchObject({
        attributes: { theme: 'dark' },
        acr: 'gold',
      });
    });

    it('is refused for an ended session, whose tokens are cleared', async () => {
      const browser = await app.signIn();
      const response = await browser.post('/end-and-prove');
      expect(response.status).toBe(401);
      expect(response.json.errorCode).toBe('SESSION_REQUIRED');
      expect(response.setCookie.length).toBe(isPair(profile) ? 2 : 1);
      expect(response.setCookie.join()).toMatch(/Max-Age=0/);
      expect(app.eventsOf('reauthenticated')).toEqual([]);
    });

    it('is refused if the loader ends the session meanwhile', async () => {
      const browser = await app.signIn();
      app.users.all.delete('ada');
      const response = await browser.post('/prove');
      expect(response.status).toBe(401);
      expect(response.json.errorCode).toBe('SESSION_REQUIRED');
      expect(app.eventsOf('ended')).toMatchObject([{ reason: 'loader' }]);
      expect(await browser.cookie()).toBeUndefined();
    });

    it('changes nothing while the loader is down', async () => {
      const browser = await app.signIn();
      app.users.failure = new Error('down');
      app.clock.advance(60);
      const response = await browser.post('/prove');
      expect(response.status).toBe(503);
      expect(response.setCookie).toEqual([]);
      app.users.failure = undefined;
      app.clock.advance(60);
      expect((await browser.post('/prove')).status).toBe(200);
      expect(app.eventsOf('reauthenticated')).toHaveLength(1);
    });

    it.each<[string, (now: number) => object, string]>([
      [
        'in the future',
        (now) => ({ time: (now + 6) * 1000 }),
        'time: expected no time in the future',
      ],
      [
        'before the present proof',
        (now) => ({ time: (now - 61) * 1000 }),
        'time: expected no time before the last proof',
      ],
      [
        'that is no Date',
        () => ({ time: 'x' }),
        'time: expected a Date after 1970',
      ],
      ['with a wrong class', () => ({ acr: 'a"b' }), 'acr: expected a string'],
      ['with wrong methods', () => ({ amr: 'pwd' }), 'amr: expected an array'],
      ['with an unknown option', () => ({ arc: 'a' }), 'arc: unknown option'],
    ])('is refused for a proof %s', async (_what, bodyOf, fault) => {
      const browser = await app.signIn();
      app.clock.advance(60);
      const response = await browser.post(
        '/prove',
        bodyOf(app.clock.nowSeconds()),
      );
      expect(response.status).toBe(500);
      expect(response.setCookie).toEqual([]);
      expect(thrown).toBeInstanceOf(SessionConfigError);
      expect(String(thrown)).toContain(`reauthenticated: ${fault}`);
    });

    it.each([
      ['ahead within the tolerance, as now', 5, 0],
      ['a little earlier', -30, -30],
      ['of the present proof', -60, -60],
    ])('takes a time %s', async (_what, given, expected) => {
      const browser = await app.signIn();
      app.clock.advance(60);
      const now = app.clock.nowSeconds();
      const time = (now + given) * 1000;
      expect(authTimeIn(await browser.post('/prove', { time }))).toBe(
        now + expected,
      );
    });

    it('is refused for the session of another request', async () => {
      const browser = await app.signIn();
      await browser.post('/keep');
      for (const each of [browser, await app.signIn('bob')]) {
        const response = await each.post('/prove-kept');
        expect(response.setCookie).toEqual([]);
        expect(thrown).toMatchObject({
          code: 'SESSION_FOREIGN',
          message: expect.stringContaining('the current HTTP request'),
        });
        thrown = undefined;
      }
      const verified = await app.sessions.verify((await browser.cookie())!);
      await expect(app.sessions.reauthenticated(verified)).rejects.toThrow(
        expect.objectContaining({ code: 'SESSION_FOREIGN' }),
      );
      await expect(
        app.sessions.reauthenticated(kept!, { response: {} }),
      ).rejects.toThrow(SessionError);
    });

    it('is refused for a request of another site', async () => {
      const browser = await app.signIn();
      const forged = await browser.post(
        '/prove',
        {},
        { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
      );
      expect(forged.status).toBe(403);
      expect(app.eventsOf('reauthenticated')).toEqual([]);
    });
  });

  describe('with a pair', () => {
    it('exchanges once with a store, and again only within the grace period', async () => {
      const store = new SickStore();
      const app = await open(adapter, { refreshToken: {}, store });
      const browser = await app.signIn();
      const before = await copyOf(browser);
      store.takeCalls();
      await browser.post('/prove', { acr: 'gold' });
      expect(store.takeCalls().filter((each) => each === 'rotate')).toEqual([
        'rotate',
      ]);
      const { gen } = refreshClaimsIn(await refreshOf(browser));
      expect(gen).toBe(1);
      // The repeated exchange could overtake the first one: it brings no cookies.
      app.clock.advance(MINUTE / 2);
      const repeated = await before.post('/refresh');
      expect(repeated.status).toBe(200);
      expect(repeated.setCookie).toEqual([]);
      expect(await statusOf(browser, '/me')).toBe(200);
      expect(app.eventsOf('refreshReused')).toEqual([]);
    });

    it('ends the session for a stale refresh token: reuse', async () => {
      const app = await open(adapter, {
        refreshToken: {},
        store: new MemorySessionStore(),
      });
      const browser = await app.signIn();
      const thief = await copyOf(browser);
      await browser.post('/refresh');
      await browser.post('/refresh');
      expect(await statusOf(browser, '/me')).toBe(200);
      const reused = await thief.post('/prove');
      expect(reused.status).toBe(401);
      expect(reused.setCookie).toEqual(BOTH_CLEARED);
      expect(app.eventsOf('refreshReused')).toHaveLength(1);
      expect(app.eventsOf('reauthenticated')).toEqual([]);
      expect(await statusOf(browser, '/me')).toBe(401);
    });

    it('is 503 while the store is down, and loses nothing', async () => {
      const store = new SickStore();
      const app = await open(adapter, { refreshToken: {}, store });
      const browser = await app.signIn();
      const refresh = await refreshOf(browser);
      for (const operation of ['read', 'rotate'] as const) {
        store.fall('rejects', operation);
        const response = await browser.post('/prove', { acr: 'gold' });
        expect(response.status).toBe(503);
        expect(response.headers['retry-after']).toBe('1');
        expect(response.setCookie).toEqual([]);
        store.recover();
        app.clock.advance(DAY);
        await browser.post('/refresh');
      }
      expect(await refreshOf(browser)).not.toBe(refresh);
      expect((await browser.post('/prove', { acr: 'gold' })).status).toBe(200);
      expect(app.eventsOf('reauthenticated')).toHaveLength(1);
    });

    it('needs the refresh token of the request', async () => {
      const app = await open(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      const session = await browser.cookie();
      const headers = { Cookie: `__Host-Http-session=${session}` };
      const response = await send(app.port, {
        method: 'POST',
        path: '/prove',
        headers,
        body: {},
      });
      expect(response.status).toBe(500);
      expect(response.setCookie).toEqual([]);
      expect(String(thrown)).toContain(
        'expected the refresh token in the request, got none; send it in the body field of refreshToken.field',
      );
    });

    it('exchanges after the guard has refreshed in the same request', async () => {
      const app = await open(adapter, {
        refreshToken: {},
        store: new MemorySessionStore(),
      });
      const browser = await app.signIn();
      app.clock.advance('16m');
      const proved = pairIn(await browser.post('/prove', { acr: 'gold' }));
      expect(refreshClaimsIn(proved.refresh)).toMatchObject({
        gen: 1,
        acr: 'gold',
      });
      app.clock.advance('16m');
      expect(await statusOf(browser, '/me')).toBe(200);
      expect(refreshClaimsIn(await refreshOf(browser))).toMatchObject({
        gen: 2,
        acr: 'gold',
      });
      expect(app.eventsOf('refreshReused')).toEqual([]);
    });
  });

  describe('over the header transport', () => {
    const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
    const post = (app: TestApp, path: string, token: string, body: object) =>
      send(app.port, { method: 'POST', path, headers: bearer(token), body });

    it('returns both tokens, for the refresh token in the body', async () => {
      const app = await open(adapter, {
        transport: 'header',
        refreshToken: {},
        store: new MemorySessionStore(),
      });
      const { token, refreshToken } = (
        await post(app, '/login', '', { user: 'ada' })
      ).json;
      const other = (await post(app, '/login', '', { user: 'bob' })).json;
      app.clock.advance(60);
      const proved = await post(app, '/prove', token, { refreshToken });
      expect(Object.keys(proved.json).toSorted()).toEqual([
        'data',
        'expiresAt',
        'refreshToken',
        'token',
      ]);
      expect(proved.headers['session-token']).toBe(proved.json.token);
      expect(proved.headers['session-refresh-token']).toBe(
        proved.json.refreshToken,
      );
      for (const each of [proved.json.token, proved.json.refreshToken]) {
        expect(claimsIn(each).auth_time).toBe(app.clock.nowSeconds());
      }
      const wrong = await post(app, '/prove', token, {
        refreshToken: other.refreshToken,
      });
      expect(wrong.status).toBe(401);
      const broken = await post(app, '/prove', token, { refreshToken: 'x' });
      expect(broken.status).toBe(401);
      const ada = await send(app.port, {
        path: '/me',
        headers: bearer(proved.json.token),
      });
      expect(ada.status).toBe(200);
    });

    it('gives a copy of the former refresh token the same child with the former proof, and no better one ever after', async () => {
      const app = await open(adapter, {
        transport: 'header',
        refreshToken: {},
        store: new MemorySessionStore(),
      });
      const first = (await post(app, '/login', '', { user: 'ada' })).json;
      app.clock.advance(10);
      const { refreshToken } = first;
      let owner = (
        await post(app, '/prove', first.token, { refreshToken, acr: 'gold' })
      ).json;
      let thief = (await post(app, '/refresh', '', { refreshToken })).json;
      const jtis = (): unknown[] =>
        [owner, thief].map((each) => refreshClaimsIn(each.refreshToken).jti);
      for (let i = 1; i < 4; i += 1) {
        expect(new Set(jtis()).size).toBe(1);
        const claims = [owner, thief].map((each) => claimsIn(each.token));
        expect(claims.map(({ acr }) => acr)).toEqual(['gold', undefined]);
        expect(claims[0]!.auth_time).toBe(claims[1]!.auth_time + 10);
        // Both at a time, so that neither may share the exchange of the other.
        const closed = createGate();
        app.users.gate = closed.promise;
        const loads = app.users.loads.length;
        const both = [owner, thief].map((each) =>
          post(app, '/refresh', '', { refreshToken: each.refreshToken }),
        );
        await until(() => app.users.loads.length > loads, 'a load');
        for (let j = 0; j < 20; j += 1) await turn();
        closed.open();
        app.users.gate = undefined;
        [owner, thief] = (await Promise.all(both)).map(({ json }) => json);
      }
      expect(app.eventsOf('refreshReused')).toEqual([]);
    });

    it('answers the challenge with a scheme of the application', async () => {
      const app = await open(adapter, {
        transport: ['cookie', 'header'],
        header: { name: 'X-Session', scheme: 'Session' },
      });
      const browser = await app.signIn();
      const refused = await browser.get('/gold');
      expect(refused.headers['www-authenticate']).toBe(
        'Session error="insufficient_user_authentication", error_description="Another or more recent authentication is required", acr_values="gold platinum"',
      );
      expect(refused.json).toEqual({
        statusCode: 401,
        message: 'Unauthorized',
        errorCode: 'REAUTHENTICATION_REQUIRED',
        acr_values: 'gold platinum',
      });
    });
  });
});
