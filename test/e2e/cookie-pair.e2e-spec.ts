import type { Server } from 'node:http';
import cookieParser from 'cookie-parser';
import fastifyCookie from '@fastify/cookie';
import { NotFoundException, type INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  SessionEndedError,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import {
  Acts,
  ActsModule,
  answersOf,
  kindsOf,
  cacheControlOf,
} from './answers.js';
import { createGate, turn, until } from '../support/asynchrony.js';
import { rounds } from '../support/effort.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { eachOnNest } from '../support/nest-version.js';
import { openTestApp } from '../support/opened-apps.js';
import { seededRandom, shuffled } from '../support/random.js';
import { claimsIn, DAY, MINUTE } from '../support/session-claims.js';
import {
  CLEARED_PARTITIONED,
  CLEARED_REFRESH_PARTITIONED,
  copyOf,
  fieldsOf,
  linesOf,
  valueOf,
} from '../support/set-cookie.js';
import {
  adapters,
  OTHER_SECRET,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import {
  asCookies,
  atNode,
  attributesOf,
  BOTH_CLEARED,
  cookieIn,
  expectNotExchanged,
  foreignLinesOf,
  maxAgeOf,
  pairIn,
  pairKinds,
  pairOptions,
  REFRESH_COOKIE,
  RefreshController,
  refreshClaimsIn,
  refreshLinesOf,
  refreshOf,
} from '../support/token-pair.js';

/** Handlers of every kind that differ in when and how the head is written. */
const KINDS = [
  'object',
  'nothing',
  'api',
  'streamable',
  'web-response',
  'pipe',
  'redirect',
  'framework-redirect',
  'http-exception',
  'error',
  'sse',
  'filtered',
  'own-cookies',
  'appended',
  'framework-cookie',
  'removed-headers',
  'raw-write',
  'head-object',
  'head-flat',
  'flushed',
  'hijacked',
];

const CROSS_SITE = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};

/** Where one of them comes twice. */
const TWICE_CLEARED = [
  ...BOTH_CLEARED,
  CLEARED_PARTITIONED,
  CLEARED_REFRESH_PARTITIONED,
];

const PARALLEL = 20;
const ROUNDS = rounds(10, 2);
const ORDERS_A_ROUND = 20;
/** Loads that wait for a gate must not run into their deadline where the machine is busy. */
const PATIENT = { timeout: '30s' };

interface Tokens {
  readonly session: string;
  readonly refresh: string;
}

function withCookies(adapter: AdapterName) {
  return (app: INestApplication): void => {
    if (adapter === 'express') {
      app.use(cookieParser());
    } else {
      void (app as NestFastifyApplication).register(fastifyCookie as never);
    }
  };
}

describe.each(adapters)('the cookie pair on %s', (adapter) => {
  describe.each(pairKinds)('%s', (kind) => {
    const open = (
      options: Partial<SessionJwtModuleOptions> = {},
      rest: TestAppOptions = {},
    ): Promise<TestApp> =>
      openTestApp(adapter, {
        session: pairOptions(kind, options),
        controllers: [RefreshController],
        ...rest,
      });

    /** Lets the session token of a browser expire. */
    const expire = (app: TestApp): void => app.clock.advance('15m');

    const meWith = (app: TestApp, tokens: Parameters<typeof asCookies>[0]) =>
      app.browser().get('/me', asCookies(tokens));

    describe('a sign-in', () => {
      it('writes both cookies, each with the time until its token ends', async () => {
        const app = await open();
        const response = await app.browser().post('/login', { user: 'ada' });
        const { session, refresh } = pairIn(response);
        const [sessionLine] = linesOf(response);
        const [refreshLine] = refreshLinesOf(response);
        expect(response.setCookie).toHaveLength(2);
        expect(attributesOf(sessionLine)).toBe(
          '__Host-Http-session; Path=/; HttpOnly; Secure; SameSite=Lax',
        );
        expect(attributesOf(refreshLine)).toBe(
          '__Host-Http-session-refresh; Path=/; HttpOnly; Secure; SameSite=Lax',
        );
        const now = app.clock.nowSeconds();
        const { exp } = claimsIn(session);
        expect(maxAgeOf(sessionLine)).toBe(exp - now);
        expect(exp).toBeGreaterThanOrEqual(now + 0.9 * 15 * MINUTE);
        expect(exp).toBeLessThanOrEqual(now + 15 * MINUTE);
        expect(maxAgeOf(refreshLine)).toBe(7 * DAY);
        expect(refreshClaimsIn(refresh).exp).toBe(now + 7 * DAY);
        expect(response.headers['cache-control']).toBe('no-store');
        expect(fieldsOf(response.headers['vary'])).toContain('cookie');
      });

      it('puts both tokens of one session into tokens of different kinds', async () => {
        const app = await open();
        const { session, refresh } = pairIn(
          await app.browser().post('/login', {
            user: 'ada',
            attributes: { theme: 'dark' },
          }),
        );
        expect(readToken(session).header['typ']).toBe('session+jwt');
        expect(readToken(refresh).header['typ']).toBe('session-refresh+jwt');
        const [a, b] = [claimsIn(session), refreshClaimsIn(refresh)];
        expect(b.sid === a.sid).toBe(true);
        expect(b.jti === a.jti).toBe(false);
        expect(b).not.toHaveProperty('data');
        if (kind === 'stored') {
          expect(b.gen).toBe(0);
          expect(Buffer.from(b.jti, 'base64url')).toHaveLength(32);
          expect(b).not.toHaveProperty('params');
          expect(b).not.toHaveProperty('attrs');
        } else {
          expect(b).toMatchObject({
            params: 'ada',
            attrs: { theme: 'dark' },
            rev: 0,
          });
          expect(b).not.toHaveProperty('gen');
        }
      });

      it('names the refresh cookie after the session cookie, and takes over its attributes', async () => {
        const app = await open({
          cookie: { name: 'sid', secure: false, sameSite: 'strict' },
        });
        const { setCookie } = await app
          .browser()
          .post('/login', { user: 'ada' });
        expect(setCookie.map(attributesOf)).toEqual([
          'sid; Path=/; HttpOnly; SameSite=Strict',
          'sid-refresh; Path=/; HttpOnly; SameSite=Strict',
        ]);
      });

      it('gives the refresh cookie its own name and attributes', async () => {
        const app = await open({
          cookie: { name: '__Host-a' },
          refreshToken: {
            cookie: {
              name: '__Secure-b',
              path: '/auth',
              domain: 'app.example',
              sameSite: 'strict',
              partitioned: true,
            },
          },
        });
        const browser = app.browser();
        const { setCookie } = await browser.post('/login', { user: 'ada' });
        const refreshAttributes =
          '__Secure-b; Domain=app.example; Path=/auth; HttpOnly; Secure; Partitioned; SameSite=Strict';
        expect(setCookie.map(attributesOf)).toEqual([
          '__Host-a; Path=/; HttpOnly; Secure; SameSite=Lax',
          refreshAttributes,
        ]);

        // Browsers forget a cookie only when its attributes are repeated.
        const { setCookie: cleared } = await browser.post('/logout');
        expect(cleared.map(attributesOf)).toEqual(setCookie.map(attributesOf));
        expect(cleared.map(maxAgeOf)).toEqual([0, 0]);
        expect(await cookieIn(browser, '__Secure-b')).toBeUndefined();
      });

      it('shows no token in any body', async () => {
        const app = await open();
        const browser = app.browser();
        const bodies = [
          await browser.post('/login', { user: 'ada' }),
          await browser.get('/me'),
          await browser.post('/attributes', { theme: 'dark' }),
          await browser.post('/reload'),
          await browser.post('/refresh'),
          await browser.post('/refresh-given', {
            given: await refreshOf(browser),
          }),
        ].map(({ status, text }) => {
          expect(status).toBe(200);
          return text;
        });
        for (const body of bodies) {
          expect(/ey[\w-]+\.[\w-]+\.[\w-]+/.test(body)).toBe(false);
          expect(body).not.toContain('oken');
        }
        for (const body of [bodies[0]!, bodies[4]!]) {
          expect(Object.keys(JSON.parse(body) as object).toSorted()).toEqual([
            'data',
            'expiresAt',
          ]);
        }
      });

      it('gives the application the refresh token, and prints it nowhere', async () => {
        const app = await open();
        const issued = await app.sessions.generate('ada');
        expect(refreshClaimsIn(issued.refreshToken).sid).toBe(
          issued.session.id,
        );
        expect(issued.delivered).toBe(false);
        expect(Object.keys(issued.toJSON())).toEqual(['data', 'expiresAt']);
        expect(Object.keys(issued)).not.toContain('refreshToken');
        // The end that it tells is that of the session token.
        expect(issued.toJSON().expiresAt.getTime()).toBe(
          claimsIn(issued.token).exp * 1000,
        );
      });

      it('persistent: false keeps both cookies from outliving the browser, at every re-issue', async () => {
        const app = await open();
        const browser = app.browser();
        const responses = [
          await browser.post('/login', { user: 'ada', persistent: false }),
        ];
        responses.push(await browser.post('/attributes', { theme: 'dark' }));
        responses.push(await browser.post('/reload'));
        for (let round = 0; round < 3; round += 1) {
          expire(app);
          responses.push(await browser.get('/me'));
          pairIn(responses.at(-1)!);
        }
        responses.push(await browser.post('/refresh'));
        pairIn(responses.at(-1)!);
        for (const { setCookie, status } of responses) {
          expect(status).toBe(200);
          expect(setCookie.length).toBeGreaterThanOrEqual(1);
          expect(setCookie.join()).not.toMatch(/Max-Age|Expires/i);
        }
      });

      it('S-054: lifetimes that generate was given shorten both tokens, for ever', async () => {
        const app = await open();
        const browser = app.browser();
        const start = app.clock.nowSeconds();
        const response = await browser.post('/login', {
          user: 'ada',
          lifetime: { idle: '20m', absolute: '30m' },
          dataRefreshInterval: '5m',
        });
        expect(maxAgeOf(refreshLinesOf(response)[0])).toBe(20 * MINUTE);
        expire(app);
        const renewed = pairIn(await browser.get('/me'));
        expect(refreshClaimsIn(renewed.refresh).exp).toBe(start + 30 * MINUTE);
        app.clock.advance(15 * MINUTE - 1);
        // Renewed once more, unless the session token happened to live as long already.
        expect((await browser.get('/me')).status).toBe(200);
        expect(claimsIn(await browser.cookie()).exp).toBe(start + 30 * MINUTE);
        app.clock.advance(1);
        expect((await browser.get('/me')).status).toBe(401);
      });
    });

    describe('the guard', () => {
      it.each(['has expired', 'is absent'])(
        'renews the session when its token %s, and the handler sees the new data',
        async (state) => {
          const app = await open();
          const browser = await app.signIn();
          const old = claimsIn(await browser.cookie());
          const refresh = await refreshOf(browser);
          app.users.all.get('ada')!.role = 'owner';
          app.users.loads = [];
          if (state === 'has expired') {
            expire(app);
          } else {
            app.clock.advance('1m');
          }
          const headers = state === 'has expired' ? {} : asCookies({ refresh });
          const response = await browser.get('/me', headers);
          expect(response.status).toBe(200);
          expect(response.json.data).toEqual({ id: 'ada', role: 'owner' });
          expect(response.headers['cache-control']).toBe('no-store');
          expect(app.users.loads).toMatchObject([
            { params: 'ada', context: { reason: 'refresh' } },
          ]);
          const { session, refresh: next } = pairIn(response);
          expect(response.setCookie).toHaveLength(2);
          expect(next === refresh).toBe(false);
          const now = app.clock.nowSeconds();
          expect(claimsIn(session)).toMatchObject({
            sid: old.sid,
            sub: 'ada',
            oiat: old.oiat,
            auth_time: old.auth_time,
            lat: now,
            iat: now,
          });
          expect(refreshClaimsIn(next)).toMatchObject({
            sid: old.sid,
            oiat: old.oiat,
            exp: now + 7 * DAY,
          });
          expect(app.eventsOf('refreshed')).toMatchObject([
            { subject: 'ada', repeated: false },
          ]);

          const calm = await browser.get('/me');
          expect(calm.status).toBe(200);
          expect(calm.setCookie).toEqual([]);
          expect(app.users.loads).toHaveLength(1);
        },
      );

      it('goes on renewing until the absolute end', async () => {
        const app = await open();
        const browser = await app.signIn();
        for (let day = 1; day < 30; day += 1) {
          app.clock.advance('1d');
          const response = await browser.get('/me');
          expect({ day, status: response.status }).toEqual({
            day,
            status: 200,
          });
          pairIn(response);
        }
        expect(app.users.loads).toHaveLength(30);
        app.clock.advance(DAY);
        const over = await browser.get('/me');
        expect(over.status).toBe(401);
        expect(over.setCookie).toEqual(BOTH_CLEARED);
        expect(app.users.loads).toHaveLength(30);
      });

      it.each<[string, (good: string, refresh: string) => string]>([
        ['is no token', () => 'x'],
        ['is empty', () => ''],
        [
          'has a changed signature',
          (good) =>
            `${good.slice(0, good.lastIndexOf('.') + 1)}${'A'.repeat(43)}`,
        ],
        [
          'is signed with another secret',
          (good) => {
            const { header, claims } = readToken(good);
            return forgeToken(header, claims, OTHER_SECRET);
          },
        ],
        ['A-073, S-018: is a refresh token', (_good, refresh) => refresh],
      ])('renews nothing when the session token %s', async (_what, forge) => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = (await refreshOf(browser))!;
        const session = forge((await browser.cookie())!, refresh);
        expire(app);
        app.users.loads = [];
        const response = await meWith(app, { session, refresh });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
        expect(app.users.loads).toEqual([]);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'TOKEN_INVALID' },
        ]);
        await expectNotExchanged(app, refresh);
      });

      /** The session token of another application, whose key nobody here knows. */
      const strangeToken = async (): Promise<string | undefined> => {
        const elsewhere = await open({ secret: OTHER_SECRET });
        return (await elsewhere.signIn()).cookie();
      };

      it('is renewed when the session token names an unknown key: it may have been removed', async () => {
        const app = await open();
        const browser = await app.signIn();
        const response = await meWith(app, {
          session: await strangeToken(),
          refresh: await refreshOf(browser),
        });
        expect(response.status).toBe(200);
        expect(response.json.subject).toBe('ada');
        expect(response.setCookie).toHaveLength(2);
        expect(app.eventsOf('rejected')).toEqual([]);
      });

      it('keeps both cookies when the session token names an unknown key, and the refresh token too', async () => {
        const app = await open();
        const elsewhere = await open({ secret: OTHER_SECRET });
        const response = await meWith(app, {
          session: await strangeToken(),
          refresh: await refreshOf(await elsewhere.signIn()),
        });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual([]);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'KEY_UNKNOWN' },
        ]);
      });

      it('keeps the session cookie when it names an unknown key and there is no refresh token', async () => {
        const app = await open();
        const response = await meWith(app, { session: await strangeToken() });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual([]);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'KEY_UNKNOWN' },
        ]);
      });

      it.each<[string, string, (good: string, session: string) => string]>([
        ['is no token', 'TOKEN_INVALID', () => 'x'],
        [
          'has a changed signature',
          'TOKEN_INVALID',
          (good) =>
            `${good.slice(0, good.lastIndexOf('.') + 1)}${'A'.repeat(43)}`,
        ],
        [
          'A-073, S-018: is a session token',
          'TOKEN_INVALID',
          (_good, session) => session,
        ],
        [
          'S-020: is signed with the secret of the session tokens',
          'TOKEN_INVALID',
          (good) => {
            const { header, claims } = readToken(good);
            return forgeToken(header, claims);
          },
        ],
      ])(
        'refuses a refresh token that %s, and clears both cookies',
        async (_what, code, forge) => {
          const app = await open();
          const browser = await app.signIn();
          const good = (await refreshOf(browser))!;
          const refresh = forge(good, (await browser.cookie())!);
          const response = await meWith(app, { refresh });
          expect(response.status).toBe(401);
          expect(response.setCookie).toEqual(BOTH_CLEARED);
          expect(app.eventsOf('rejected')).toMatchObject([{ code }]);
          expect(app.users.loads).toHaveLength(1);
          await expectNotExchanged(app, good);
        },
      );

      it('keeps both cookies when the refresh token names an unknown key', async () => {
        const app = await open();
        const elsewhere = await open({ secret: OTHER_SECRET });
        const stranger = await elsewhere.signIn();
        const response = await meWith(app, {
          refresh: await refreshOf(stranger),
        });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual([]);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'KEY_UNKNOWN' },
        ]);
      });

      it('refuses an expired session token beside the refresh token of another session', async () => {
        const app = await open();
        const [ada, other] = [await app.signIn(), await app.signIn()];
        const tokens = {
          session: await ada.cookie(),
          refresh: await refreshOf(other),
        };
        expire(app);
        app.users.loads = [];
        const response = await meWith(app, tokens);
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'TOKEN_CONFLICT' },
        ]);
        expect(app.users.loads).toEqual([]);
        await expectNotExchanged(app, tokens.refresh);
      });

      it.each(['beside an expired session token', 'alone'])(
        'S-078: refuses two refresh cookies %s, even equal ones',
        async (where) => {
          const app = await open();
          const browser = await app.signIn();
          const refresh = await refreshOf(browser);
          const session =
            where === 'alone' ? undefined : await browser.cookie();
          expire(app);
          app.users.loads = [];
          const { Cookie } = asCookies({ session, refresh });
          const response = await app.browser().get('/me', {
            Cookie: `${Cookie}; ${REFRESH_COOKIE}=${refresh}`,
          });
          expect(response.status).toBe(401);
          expect(response.setCookie).toEqual(TWICE_CLEARED);
          expect(app.eventsOf('rejected')).toMatchObject([
            { code: 'TOKEN_CONFLICT', reason: 'ambiguous' },
          ]);
          expect(app.users.loads).toEqual([]);
          await expectNotExchanged(app, refresh);
        },
      );

      it.each<[string, boolean, string]>([
        ['an expired session token', true, '/change'],
        ['no session token', false, '/change'],
        ['an expired session token on an optional route', true, '/optional'],
      ])(
        'refuses a cross-site POST with %s before it refreshes anything (S-111)',
        async (_what, hasSession, path) => {
          const app = await open();
          const browser = await app.signIn();
          const refresh = await refreshOf(browser);
          const session = hasSession ? await browser.cookie() : undefined;
          expire(app);
          app.users.loads = [];
          const response = await app
            .browser()
            .post(
              path,
              {},
              { ...asCookies({ session, refresh }), ...CROSS_SITE },
            );
          expect(response.status).toBe(403);
          expect(response.setCookie).toEqual([]);
          expect(app.users.loads).toEqual([]);
          expect(app.account.handled).toBe(0);
          expect(app.eventsOf('refreshed')).toEqual([]);
          await expectNotExchanged(app, refresh);
        },
      );

      it('requires the CSRF header before it refreshes anything (S-111)', async () => {
        const app = await open({ csrf: { header: 'X-Requested-With' } });
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        expire(app);
        const form = await browser.post('/change');
        expect(form.status).toBe(403);
        expect(form.setCookie).toEqual([]);
        await expectNotExchanged(app, refresh);
        const script = await browser.post(
          '/change',
          {},
          { 'X-Requested-With': 'x' },
        );
        expect(script.status).toBe(200);
      });

      it('renews once where it is used twice', async () => {
        const app = await open();
        const browser = await app.signIn();
        expire(app);
        const response = await browser.get('/twice');
        expect(response.status).toBe(200);
        pairIn(response);
        expect(app.users.loads).toHaveLength(2);
        expect(app.eventsOf('refreshed')).toHaveLength(1);
      });

      it('touches nothing on a @Public() route, however bad or good the tokens', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        expire(app);
        app.users.loads = [];
        for (const tokens of [
          { refresh },
          { session: await browser.cookie(), refresh },
          { session: 'x', refresh: 'y' },
        ]) {
          const response = await app
            .browser()
            .get('/public', asCookies(tokens));
          expect(response.json).toEqual({ subject: null });
          expect(response.setCookie).toEqual([]);
        }
        expect(app.users.loads).toEqual([]);
        expect(app.eventsOf('rejected')).toEqual([]);
        await expectNotExchanged(app, refresh);
      });

      it('renews on an @OptionalSession() route, and lets whoever has no session through', async () => {
        const app = await open();
        const browser = await app.signIn();
        expire(app);
        const renewed = await browser.get('/optional');
        expect(renewed.json).toEqual({ subject: 'ada' });
        pairIn(renewed);
        const posted = await browser.post('/optional');
        expect(posted.json).toEqual({ subject: 'ada' });

        for (const refresh of [undefined, 'x']) {
          const anonymous = await app
            .browser()
            .get('/optional', asCookies({ refresh }));
          expect(anonymous.status).toBe(200);
          expect(anonymous.json).toEqual({ subject: null });
        }
      });

      it('lets an @OptionalSession() route answer while the loader is down, and keeps the cookies', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        expire(app);
        app.users.failure = new Error('connection refused');
        const response = await browser.get('/optional');
        expect(response.json).toEqual({ subject: null });
        expect(response.setCookie).toEqual([]);
        app.users.failure = undefined;
        await expectNotExchanged(app, refresh);
      });
    });

    describe('authenticate', () => {
      it('without a response gives null, and renews nothing', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        expect((await browser.get('/authenticate-only')).json).toEqual({
          subject: 'ada',
        });
        expire(app);
        app.users.loads = [];
        for (const tokens of [
          { refresh },
          { session: await browser.cookie(), refresh },
        ]) {
          const response = await app
            .browser()
            .get('/authenticate-only', asCookies(tokens));
          expect(response.json).toEqual({ subject: null });
          expect(response.setCookie).toEqual([]);
          expect(
            await app.sessions.authenticate({
              headers: { cookie: asCookies(tokens).Cookie },
            }),
          ).toBeNull();
        }
        expect(app.users.loads).toEqual([]);
        await expectNotExchanged(app, refresh);
      });

      it('with a response renews, and delivers both tokens', async () => {
        const app = await open();
        const browser = await app.signIn();
        expire(app);
        const response = await browser.get('/authenticate');
        expect(response.json).toEqual({ subject: 'ada' });
        pairIn(response);
        expect((await browser.get('/me')).setCookie).toEqual([]);
      });
    });

    describe('refresh(request)', () => {
      it('takes the token from the cookie, and writes both cookies', async () => {
        const app = await open();
        const browser = await app.signIn();
        const old = await refreshOf(browser);
        app.users.all.get('ada')!.role = 'owner';
        app.clock.advance('1m');
        const response = await browser.post('/refresh');
        expect(response.status).toBe(200);
        expect(response.json.data).toEqual({ id: 'ada', role: 'owner' });
        expect(pairIn(response).refresh === old).toBe(false);
        expect(response.headers['cache-control']).toBe('no-store');
        expect(app.users.loads.at(-1)?.context.reason).toBe('refresh');
        expect((await browser.get('/me')).json.data.role).toBe('owner');
      });

      it.each<[string, Partial<SessionJwtModuleOptions>, string]>([
        ['refreshToken', {}, 'refreshToken'],
        ['that is renamed', { refreshToken: { field: 'rt' } }, 'rt'],
      ])(
        'takes the token from the body field %s where there is no cookie, and writes both cookies',
        async (_what, options, field) => {
          const app = await open(options);
          const browser = await app.signIn();
          const refresh = await refreshOf(browser);
          const response = await app
            .browser()
            .post('/refresh', { [field]: refresh });
          expect(response.status).toBe(200);
          pairIn(response);
          expect(Object.keys(response.json as object)).toEqual([
            'data',
            'expiresAt',
          ]);
        },
      );

      it('S-124: takes no array or object in the body, and clears nothing', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        for (const refreshToken of [[refresh], { refresh }, undefined, 1]) {
          const response = await app
            .browser()
            .post('/refresh', { refreshToken });
          expect(response.status).toBe(401);
          expect(response.setCookie).toEqual([]);
        }
        const codes = app.eventsOf('rejected').map(({ code }) => code);
        expect(codes).toEqual(Array.from({ length: 4 }, () => 'TOKEN_MISSING'));
        await expectNotExchanged(app, refresh);
      });

      it.each<[string, string, (tokens: Tokens, other: Tokens) => object]>([
        [
          'the session cookie of another session',
          'TOKEN_CONFLICT',
          ({ refresh }, { session }) => asCookies({ session, refresh }),
        ],
        [
          'two refresh cookies',
          'TOKEN_CONFLICT',
          ({ refresh }) => ({
            Cookie: `${REFRESH_COOKIE}=${refresh}; ${REFRESH_COOKIE}=${refresh}`,
          }),
        ],
        [
          'a session token in the refresh cookie',
          'TOKEN_INVALID',
          ({ session }) => asCookies({ refresh: session }),
        ],
        [
          'what is no token',
          'TOKEN_INVALID',
          () => asCookies({ refresh: 'x' }),
        ],
      ])(
        'with %s is %s, and clears both cookies',
        async (what, code, headersOf) => {
          const app = await open();
          const [one, two] = [await app.signIn(), await app.signIn()];
          const tokens = {
            session: (await one.cookie())!,
            refresh: (await refreshOf(one))!,
          };
          const headers = headersOf(tokens, {
            session: (await two.cookie())!,
            refresh: (await refreshOf(two))!,
          });
          const response = await app
            .browser()
            .post('/refresh', {}, headers as Record<string, string>);
          expect(response.status).toBe(401);
          expect(response.setCookie).toEqual(
            what === 'two refresh cookies' ? TWICE_CLEARED : BOTH_CLEARED,
          );
          expect(app.eventsOf('rejected')).toMatchObject([{ code }]);
          await expectNotExchanged(app, tokens.refresh);
        },
      );

      it('refuses a token in the body beside the cookie of another session', async () => {
        const app = await open();
        const [one, two] = [await app.signIn(), await app.signIn()];
        const refreshToken = await refreshOf(two);
        const response = await one.post('/refresh', { refreshToken });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual([]);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'TOKEN_CONFLICT' },
        ]);
        await expectNotExchanged(app, refreshToken);
      });

      it('clears both cookies when the loader says that the session is over', async () => {
        const app = await open();
        const browser = await app.signIn();
        app.users.all.delete('ada');
        const response = await browser.post('/refresh');
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
        expect(app.eventsOf('ended')).toMatchObject([{ reason: 'loader' }]);
      });

      it('F-19: keeps them when the loader is down: 503, and the same token works afterwards', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        app.users.failure = new Error('connection refused');
        const response = await browser.post('/refresh');
        expect(response.status).toBe(503);
        expect(response.headers['retry-after']).toMatch(/^[1-5]$/);
        expect(response.setCookie).toEqual([]);
        app.users.failure = undefined;
        await expectNotExchanged(app, refresh);
      });

      it.each<[string, (app: TestApp) => void]>([
        [
          'cannot be serialised',
          ({ users }) => {
            users.all.get('ada')!.role = NaN as never;
          },
        ],
        [
          'is more than a cookie holds',
          ({ users }) => {
            users.all.get('ada')!.role = 'x'.repeat(4_000);
          },
        ],
      ])(
        'F-23: what %s is a mistake of the application: 500, and the cookies stay',
        async (_what, breakIt) => {
          const app = await open();
          const browser = await app.signIn();
          const refresh = await refreshOf(browser);
          breakIt(app);
          const response = await browser.post('/refresh');
          expect(response.status).toBe(500);
          expect(response.setCookie).toEqual([]);
          app.users.all.get('ada')!.role = 'owner';
          await expectNotExchanged(app, refresh);
        },
      );
    });

    describe('a refresh cookie with a path of its own', () => {
      const PATH = { refreshToken: { cookie: { path: '/auth' } } };
      const NAME = '__Secure-session-refresh';

      it('renews at that path only; elsewhere an expired session token is 401, and nothing is cleared', async () => {
        const app = await open(PATH);
        const browser = await app.signIn();
        const refresh = await cookieIn(browser, NAME);
        expire(app);
        app.users.loads = [];
        const elsewhere = await browser.get('/me');
        expect(elsewhere.status).toBe(401);
        expect(elsewhere.setCookie).toEqual([]);
        expect(app.users.loads).toEqual([]);
        // Browsers forget the session cookie at that time.
        const without = await app.browser().get('/me');
        expect(without.status).toBe(401);
        expect(without.setCookie).toEqual([]);
        expect(await cookieIn(browser, NAME)).toBe(refresh);

        const there = await browser.get('/auth/me');
        expect(there.status).toBe(200);
        expect(there.setCookie.map(attributesOf)).toEqual([
          '__Host-Http-session; Path=/; HttpOnly; Secure; SameSite=Lax',
          '__Secure-session-refresh; Path=/auth; HttpOnly; Secure; SameSite=Lax',
        ]);
        expect(app.users.loads).toHaveLength(1);
        expect((await browser.get('/me')).status).toBe(200);
      });

      it('renews at a route of its own that calls refresh(request)', async () => {
        const app = await open(PATH);
        const browser = await app.signIn();
        expire(app);
        expect((await browser.get('/me')).status).toBe(401);
        const refreshed = await browser.post('/auth/refresh');
        expect(refreshed.status).toBe(200);
        expect(refreshed.setCookie).toHaveLength(2);
        expect((await browser.get('/me')).status).toBe(200);
        expect((await browser.post('/refresh')).status).toBe(401);
      });

      it('is cleared with the session cookie when the session is over', async () => {
        const app = await open(PATH);
        const browser = await app.signIn();
        const response = await browser.post('/logout');
        expect(response.setCookie.map(attributesOf)).toEqual([
          '__Host-Http-session; Path=/; HttpOnly; Secure; SameSite=Lax',
          '__Secure-session-refresh; Path=/auth; HttpOnly; Secure; SameSite=Lax',
        ]);
        expect(await cookieIn(browser, NAME)).toBeUndefined();
      });
    });

    describe('the response of a renewed session', () => {
      eachOnNest(
        kindsOf(adapter).filter(([, { path }]) => KINDS.includes(path)),
      )(
        'A-113, A-114: brings both cookies once when the handler %s',
        async (_what, answer) => {
          const app = await open(
            {},
            {
              controllers: answersOf[adapter],
              imports: [ActsModule],
              configure: withCookies(adapter),
            },
          );
          const { refreshToken } = await createTestSession(app.app, 'ada');
          const response = await app
            .browser()
            .get(
              `/answers/${answer.path}`,
              asCookies({ refresh: refreshToken }),
            );
          expect(response.status).toBe(answer.status);
          const tokens = pairIn(response);
          expect(foreignLinesOf(response)).toEqual(answer.cookies ?? []);
          expect(response.headers['cache-control']).toBe(
            cacheControlOf(answer),
          );
          app.clock.advance('2m');
          expect((await meWith(app, { session: tokens.session })).status).toBe(
            200,
          );
          expect((await meWith(app, { refresh: tokens.refresh })).status).toBe(
            200,
          );
        },
      );

      it('brings the new session when the handler signs in somebody else', async () => {
        const app = await open(
          {},
          { controllers: answersOf[adapter], imports: [ActsModule] },
        );
        const { refreshToken } = await createTestSession(app.app, 'ada');
        const response = await app.browser().get('/answers/object', {
          ...asCookies({ refresh: refreshToken }),
          'X-Act': 'generate',
        });
        const { session, refresh } = pairIn(response);
        expect(claimsIn(session).sub).toBe('bob');
        expect(refreshClaimsIn(refresh).sub).toBe('bob');
        expect((await meWith(app, { refresh: refreshToken })).status).toBe(401);
      });

      it('clears both cookies when the handler signs out', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        expire(app);
        const response = await browser.post('/sign-out');
        expect(response.status).toBe(204);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
        expect((await meWith(app, { refresh })).status).toBe(401);
      });

      it('brings both cookies when the handler reloads', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        expire(app);
        const response = await browser.post('/reload');
        expect(response.status).toBe(200);
        expect(pairIn(response).refresh === refresh).toBe(false);
        expire(app);
        expect((await browser.get('/me')).status).toBe(200);
        expect(app.eventsOf('refreshReused')).toEqual([]);
      });

      it('brings both cookies when the handler updates attributes, so that the next renewal is no reuse', async () => {
        const app = await open();
        const browser = await app.signIn();
        expire(app);
        const response = await browser.post('/attributes', { theme: 'dark' });
        expect(response.status).toBe(200);
        const { session } = pairIn(response);
        expect(claimsIn(session).attrs).toEqual({ theme: 'dark' });
        expire(app);
        const next = await browser.get('/me');
        expect(next.status).toBe(200);
        expect(next.json.attributes).toEqual({ theme: 'dark' });
        expect(app.eventsOf('refreshReused')).toEqual([]);
      });

      it('moves the idle end when the handler updates attributes, as any refresh does (S-054)', async () => {
        const app = await open();
        const browser = await app.signIn();
        app.clock.advance(7 * DAY - 1);
        const response = await browser.post('/attributes', { theme: 'dark' });
        const { refresh } = pairIn(response);
        expect(refreshClaimsIn(refresh).exp).toBe(
          app.clock.nowSeconds() + 7 * DAY,
        );
        expire(app);
        expect((await browser.get('/me')).status).toBe(200);
      });
    });

    describe('an update of attributes', () => {
      it(`rewrites ${kind === 'stored' ? 'the session token: the record has the attributes' : 'both tokens'}`, async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        const { exp } = claimsIn(await browser.cookie());
        app.clock.advance('1m');
        const response = await browser.post('/attributes', { theme: 'dark' });
        expect(linesOf(response)).toHaveLength(1);
        expect(refreshLinesOf(response)).toHaveLength(
          kind === 'stored' ? 0 : 1,
        );
        const session = valueOf(linesOf(response)[0]);
        expect(claimsIn(session)).toMatchObject({
          attrs: { theme: 'dark' },
          rev: 1,
          exp,
        });
        if (kind === 'stateless') {
          expect(refreshClaimsIn(await refreshOf(browser))).toMatchObject({
            attrs: { theme: 'dark' },
            rev: 1,
            // The end stays: an update is no refresh.
            exp: refreshClaimsIn(refresh).exp,
          });
        }
        expire(app);
        const renewed = await browser.get('/me');
        expect(renewed.json.attributes).toEqual({ theme: 'dark' });
      });

      it('survives a renewal on another node', async () => {
        const shared = pairOptions(kind);
        const app = await open(shared);
        const other = await open(shared, { clock: app.clock });
        const browser = await app.signIn();
        await browser.post('/attributes', { theme: 'dark' });
        expire(app);
        const response = await atNode(browser, other).get('/me');
        expect(response.status).toBe(200);
        expect(response.json.attributes).toEqual({ theme: 'dark' });
      });

      it.each(['first', 'last'])(
        'does not cost the browser its refresh token when the slower response of another renewal comes %s',
        async (order) => {
          const app = await open(
            {},
            { controllers: answersOf[adapter], imports: [ActsModule] },
          );
          const acts = app.app.get(Acts);
          const browser = await app.signIn();
          expire(app);
          const slow = browser.sendOnly({
            path: '/answers/object',
            headers: { 'X-Act': 'wait' },
          });
          await acts.reached.promise;
          const updated = await browser.sendOnly({
            method: 'POST',
            path: '/attributes',
            body: { theme: 'dark' },
          });
          acts.gate.open();
          const responses = [await slow, updated];
          for (const response of order === 'first'
            ? responses
            : responses.toReversed()) {
            expect(response.status).toBe(200);
            await browser.take(response);
          }
          expire(app);
          const next = await browser.get('/me');
          expect(next.status).toBe(200);
          expect(next.json.attributes).toEqual({ theme: 'dark' });
          expect(app.eventsOf('refreshReused')).toEqual([]);
        },
      );
    });

    describe('when the session ends by time', () => {
      it.each([
        [-1, 200],
        [0, 401],
        [1, 401],
      ])(
        'S-054, S-103, A-081: at the idle end %i s: %i',
        async (offset, status) => {
          const app = await open();
          const browser = await app.signIn();
          app.clock.advance(7 * DAY + offset);
          const response = await browser.get('/me');
          expect(response.status).toBe(status);
          if (status === 401) {
            expect(response.setCookie).toEqual(BOTH_CLEARED);
            expect(app.users.loads).toHaveLength(1);
          }
        },
      );

      it.each([
        [-1, 200],
        [0, 401],
        [1, 401],
      ])(
        'S-054, S-103, A-081: at the absolute end %i s, however active: %i',
        async (offset, status) => {
          const app = await open();
          const browser = await app.signIn();
          for (let day = 3; day < 30; day += 3) {
            app.clock.advance(3 * DAY);
            expect((await browser.get('/me')).status).toBe(200);
          }
          app.clock.advance(3 * DAY + offset);
          expect((await browser.get('/me')).status).toBe(status);
        },
      );

      it('F-16: it has ended for good, even if the clock goes back', async () => {
        const app = await open();
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        app.clock.advance(7 * DAY);
        expect((await browser.get('/me')).status).toBe(401);
        expect(await refreshOf(browser)).toBeUndefined();
        if (kind === 'stored') {
          app.clock.advance(-3_600);
          expect((await meWith(app, { refresh })).status).toBe(401);
        }
      });

      it('S-054: lifetimes that the application has shortened since end sessions that are out', async () => {
        const shared = pairOptions(kind);
        const app = await open(shared);
        const shortened = await open(
          { ...shared, lifetime: { idle: '1h', absolute: '2h' } },
          { clock: app.clock },
        );
        const [browser, idle] = [await app.signIn(), await app.signIn()];
        app.clock.advance(120 * MINUTE - 1);
        const response = await atNode(browser, shortened).get('/me');
        expect(response.status).toBe(200);
        const end = app.clock.nowSeconds() + 1;
        const tokens = pairIn(response);
        expect(claimsIn(tokens.session).exp).toBe(end);
        expect(refreshClaimsIn(tokens.refresh).exp).toBe(end);
        app.clock.advance(1);
        for (const some of [
          tokens,
          { refresh: tokens.refresh },
          { session: tokens.session },
          { refresh: await refreshOf(idle) },
        ]) {
          expect((await meWith(shortened, some)).status).toBe(401);
        }
      });
    });

    describe('when the loader', () => {
      it.each<[string, (app: TestApp) => void]>([
        [
          'finds nobody',
          ({ users }) => {
            users.all.delete('ada');
          },
        ],
        [
          'says that the session is over',
          ({ users }) => {
            users.failure = new SessionEndedError('logged out everywhere');
          },
        ],
        [
          'throws NotFoundException',
          ({ users }) => {
            users.failure = new NotFoundException();
          },
        ],
        [
          'F-20: ends what began before an instant',
          ({ users, clock }) => {
            const instant = new Date((clock.nowSeconds() - 1) * 1000);
            users.all.get('ada')!.sessionsValidFrom = instant;
          },
        ],
      ])(
        '%s, the session is over and both cookies are cleared',
        async (_what, end) => {
          const app = await open();
          const browser = await app.signIn();
          const tokens = {
            session: await browser.cookie(),
            refresh: await refreshOf(browser),
          };
          expire(app);
          end(app);
          const response = await browser.get('/me');
          expect(response.status).toBe(401);
          expect(response.setCookie).toEqual(BOTH_CLEARED);
          expect(app.account.handled).toBe(0);
          expect(app.eventsOf('ended')).toMatchObject([
            {
              reason: 'loader',
              reach: kind === 'stored' ? 'store' : 'process',
            },
          ]);
          // Over for good, whatever the loader would say now.
          app.users.failure = undefined;
          app.users.all.set('ada', { id: 'ada', role: 'admin' });
          app.users.loads = [];
          expect((await meWith(app, tokens)).status).toBe(401);
          expect(app.users.loads).toEqual([]);
        },
      );

      it.each<[string, (app: TestApp) => void]>([
        [
          'throws',
          ({ users }) => {
            users.failure = new Error('connection refused');
          },
        ],
        [
          'hangs',
          ({ users }) => {
            users.gate = createGate().promise;
          },
        ],
        [
          'gives what cannot be serialised',
          ({ users }) => {
            users.all.get('ada')!.role = NaN as never;
          },
        ],
        [
          'gives more than a cookie holds',
          ({ users }) => {
            users.all.get('ada')!.role = 'x'.repeat(4_000);
          },
        ],
      ])(
        'F-19: %s, the answer is 503, the cookies stay, and the same refresh token works afterwards',
        async (_what, breakIt) => {
          const app = await open({ loader: { timeout: '60ms' } });
          const browser = await app.signIn();
          const refresh = await refreshOf(browser);
          expire(app);
          breakIt(app);
          const response = await browser.get('/me');
          expect(response.status).toBe(503);
          expect(response.json).toEqual({
            statusCode: 503,
            message: 'Service Unavailable',
            errorCode: 'SESSION_UNAVAILABLE',
          });
          expect(response.headers['retry-after']).toMatch(/^[1-5]$/);
          expect(response.setCookie).toEqual([]);
          expect(app.account.handled).toBe(0);
          expect(app.eventsOf('loaderFailed')).toHaveLength(1);
          expect(app.eventsOf('refreshed')).toEqual([]);
          expect(app.eventsOf('ended')).toEqual([]);

          app.users.failure = undefined;
          app.users.gate = undefined;
          app.users.all.get('ada')!.role = 'owner';
          app.clock.advance('2m');
          expect(await refreshOf(browser)).toBe(refresh);
          const again = await browser.get('/me');
          expect(again.status).toBe(200);
          expect(again.json.data.role).toBe('owner');
          expect(app.eventsOf('refreshed')).toMatchObject([
            { repeated: false },
          ]);
          expect(app.eventsOf('refreshReused')).toEqual([]);
        },
      );

      it('keeps failing, it is asked less and less often, and nobody is logged out', async () => {
        const app = await open();
        const browser = await app.signIn();
        expire(app);
        app.users.failure = new Error('connection refused');
        app.users.loads = [];
        for (let second = 0; second < 120; second += 1) {
          const response = await browser.get('/me');
          expect(response.status).toBe(503);
          expect(response.setCookie).toEqual([]);
          app.clock.advance(1);
        }
        // At 0, 1, 3, 7, 15 and 31 s, and then every 30 s.
        expect(app.users.loads).toHaveLength(8);
        app.users.failure = undefined;
        app.clock.advance(30);
        expect((await browser.get('/me')).status).toBe(200);
      });

      it('ends every session that it throws for, where the application wants that rule', async () => {
        const app = await open({ loader: { onError: 'end' } });
        const browser = await app.signIn();
        expire(app);
        app.users.failure = new Error('connection refused');
        const response = await browser.get('/me');
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
      });
    });

    describe('the session token', () => {
      it('moves its end at a refresh only: not at a reload, not at an update', async () => {
        const app = await open({ refreshToken: { accessLifetime: '1h' } });
        const browser = await app.signIn();
        const { exp } = claimsIn(await browser.cookie());
        const end = app.clock.nowSeconds() + 60 * MINUTE;
        expect(exp).toBeGreaterThanOrEqual(end - 6 * MINUTE);
        expect(exp).toBeLessThanOrEqual(end);
        for (let reloads = 1; reloads <= 3; reloads += 1) {
          expire(app);
          // Where there are refresh tokens, the end is spread out and the reload is not.
          app.clock.advance(-1);
          expect((await browser.get('/me')).setCookie).toEqual([]);
          app.clock.advance(1);
          const response = await browser.get('/me');
          expect(response.setCookie).toHaveLength(1);
          const [line] = linesOf(response);
          expect(claimsIn(valueOf(line))).toMatchObject({
            exp,
            lat: app.clock.nowSeconds(),
          });
          expect(maxAgeOf(line)).toBe(exp - app.clock.nowSeconds());
          expect(app.users.loads.at(-1)?.context.reason).toBe('reload');
          for (const path of ['/attributes', '/reload']) {
            expect((await browser.post(path, { reloads })).status).toBe(200);
            expect(claimsIn(await browser.cookie()).exp).toBe(exp);
          }
        }
        app.clock.advance(exp - app.clock.nowSeconds());
        const now = app.clock.nowSeconds();
        const { session } = pairIn(await browser.get('/me'));
        // The share that is taken off is the session's.
        expect(claimsIn(session).exp - now).toBe(exp - (end - 60 * MINUTE));
      });

      it('F-21: ends up to 10 % early, each session at its own time', async () => {
        const app = await open();
        const now = app.clock.nowSeconds();
        const lives = await Promise.all(
          Array.from({ length: 200 }, async () => {
            const { token } = await app.sessions.generate('ada');
            return claimsIn(token).exp - now;
          }),
        );
        expect(Math.min(...lives)).toBeGreaterThanOrEqual(810);
        expect(Math.max(...lives)).toBeLessThanOrEqual(900);
        const thirds = [0, 1, 2].map(
          (third) =>
            lives.filter(
              (life) => Math.min(2, Math.floor((life - 810) / 30)) === third,
            ).length,
        );
        // A third each; 30 is 6 standard deviations below.
        expect(Math.min(...thirds)).toBeGreaterThan(30);
      });

      it.each([
        [-1, 0],
        [0, 2],
      ])(
        'is renewed at its end %i s by %i cookies',
        async (offset, cookies) => {
          const app = await open();
          const browser = await app.signIn();
          const { exp } = claimsIn(await browser.cookie());
          app.clock.advance(exp + offset - app.clock.nowSeconds());
          const response = await browser.get('/me');
          expect(response.status).toBe(200);
          expect(response.setCookie).toHaveLength(cookies);
        },
      );
    });

    describe('requests at once', () => {
      it(`F-22, S-082: ${PARALLEL} of them leave a working pair in each of ${ROUNDS * ORDERS_A_ROUND} orders, with one loader call a round`, async () => {
        const app = await open({ loader: PATIENT });
        const browser = await app.signIn();
        const random = seededRandom(22);
        let requests = 0;
        (app.app.getHttpServer() as Server).on('request', () => {
          requests += 1;
        });
        const outcomes = { orders: 0, refreshTokens: 0 };
        for (let round = 0; round < ROUNDS; round += 1) {
          expire(app);
          const loads = app.users.loads.length;
          const gate = createGate();
          app.users.gate = gate.promise;
          requests = 0;
          const answers = Array.from({ length: PARALLEL }, () =>
            browser.sendOnly({ path: '/me' }),
          );
          await until(() => requests === PARALLEL, 'all requests');
          for (let turns = 0; turns < 20; turns += 1) await turn();
          gate.open();
          const responses = await Promise.all(answers);
          app.users.gate = undefined;
          expect(app.users.loads.length - loads).toBe(1);
          outcomes.refreshTokens += new Set(
            responses.map((each) => pairIn(each).refresh),
          ).size;
          for (let order = 0; order < ORDERS_A_ROUND; order += 1) {
            const tab = await copyOf(browser);
            for (const response of shuffled(responses, random)) {
              expect(response.status).toBe(200);
              await tab.take(response);
            }
            const next = await tab.get('/me');
            expect(next.status).toBe(200);
            expect(next.setCookie).toEqual([]);
            const renewed = await tab.send({
              path: '/me',
              headers: asCookies({ refresh: await refreshOf(tab) }),
            });
            expect(renewed.status).toBe(200);
            await browser.take(renewed);
            outcomes.orders += 1;
          }
        }
        expect(outcomes).toEqual({
          orders: ROUNDS * ORDERS_A_ROUND,
          refreshTokens: ROUNDS,
        });
        expect(app.eventsOf('refreshReused')).toEqual([]);
        expect(app.eventsOf('ended')).toEqual([]);
      });

      it(`F-22, S-082: leave a working pair in any order, on nodes that know nothing of each other`, async () => {
        const shared = pairOptions(kind);
        const nodes = await Promise.all([open(shared), open(shared)]);
        const [first, second] = nodes;
        const browser = await first.signIn();
        const random = seededRandom(23);
        const tick = (by: number): void => {
          first.clock.advance(by);
          second.clock.advance(by);
        };
        for (let round = 0; round < ROUNDS; round += 1) {
          tick(15 * MINUTE);
          const responses = await Promise.all(
            Array.from({ length: PARALLEL }, (_, i) =>
              atNode(browser, nodes[i % 2]!).sendOnly({ path: '/me' }),
            ),
          );
          for (const response of shuffled(responses, random)) {
            expect(response.status).toBe(200);
            pairIn(response);
            await browser.take(response);
          }
          if (kind === 'stored') {
            const children = responses.map((each) => {
              const { sid, gen, jti } = refreshClaimsIn(pairIn(each).refresh);
              return `${sid} ${gen} ${jti}`;
            });
            expect(new Set(children).size).toBe(1);
          }
          const next = await atNode(browser, nodes[round % 2]!).get('/me');
          expect(next.status).toBe(200);
        }
        expect([...first.events, ...second.events]).not.toContainEqual(
          expect.objectContaining({ type: 'refreshReused' }),
        );
      });

      it('a slow response of an older renewal does not overwrite newer cookies', async () => {
        const app = await open(
          {},
          { controllers: answersOf[adapter], imports: [ActsModule] },
        );
        const acts = app.app.get(Acts);
        const browser = await app.signIn();
        expire(app);
        const slow = browser.sendOnly({
          path: '/answers/object',
          headers: { 'X-Act': 'wait' },
        });
        await acts.reached.promise;
        const first = await browser.get('/me');
        pairIn(first);
        expire(app);
        const second = await browser.get('/me');
        const newest = pairIn(second);
        acts.gate.open();
        const late = await slow;
        expect(late.status).toBe(200);
        if (kind === 'stored') {
          expect(late.setCookie).toEqual([]);
        }
        await browser.take(late);
        if (kind === 'stored') {
          expect((await refreshOf(browser)) === newest.refresh).toBe(true);
        }
        app.clock.advance('2m');
        for (let round = 0; round < 3; round += 1) {
          expire(app);
          expect((await browser.get('/me')).status).toBe(200);
        }
        expect(app.eventsOf('refreshReused')).toEqual([]);
      });

      it('a logout while another response is under way wins', async () => {
        const app = await open(
          {},
          { controllers: answersOf[adapter], imports: [ActsModule] },
        );
        const acts = app.app.get(Acts);
        const browser = await app.signIn();
        expire(app);
        const slow = browser.sendOnly({
          path: '/answers/object',
          headers: { 'X-Act': 'wait' },
        });
        await acts.reached.promise;
        expect((await browser.post('/logout')).status).toBe(204);
        acts.gate.open();
        const late = await slow;
        expect(late.setCookie).toEqual([]);
        await browser.take(late);
        expect(await refreshOf(browser)).toBeUndefined();
        expect((await browser.get('/me')).status).toBe(401);
      });
    });
  });
});
