import {
  MemorySessionStore,
  SessionEndedError,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { arrived, createGate } from '../support/asynchrony.js';
import type { TestResponse } from '../support/browser.js';
import { readToken } from '../support/forged-token.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn, DAY, MINUTE } from '../support/session-claims.js';
import { fieldsOf } from '../support/set-cookie.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import {
  codeOf,
  errorOf,
  expectNotExchanged,
  pairKinds,
  pairOptions,
  RefreshController,
  refreshClaimsIn,
} from '../support/token-pair.js';

const THIRD_SECRET = 'q7Xb2LsVd9TfKeWz4MnRy6UcPj8GaHo1iQx5tBvYw3E';
const CROSS_SITE = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};

interface Pair {
  readonly token: string;
  readonly refreshToken: string;
}

async function signIn(
  app: TestApp,
  user = 'ada',
  options: object = {},
): Promise<Pair> {
  const response = await app.browser().post('/login', { user, ...options });
  if (response.status !== 200) {
    throw new Error(`sign-in answered ${response.status}: ${response.text}`);
  }
  return response.json as Pair;
}

function me(app: TestApp, token: string): Promise<TestResponse> {
  return app.browser().get('/me', { Authorization: `Bearer ${token}` });
}

describe.each(adapters)('the bearer pair on %s', (adapter) => {
  describe.each(pairKinds)('%s', (kind) => {
    const open = (
      options: Partial<SessionJwtModuleOptions> = {},
      rest: TestAppOptions = {},
    ): Promise<TestApp> =>
      openTestApp(adapter, {
        session: pairOptions(kind, { transport: 'header', ...options }),
        controllers: [RefreshController],
        ...rest,
      });

    it('a sign-in gives both tokens in the body and in headers, and no cookie', async () => {
      const app = await open();
      const response = await app.browser().post('/login', { user: 'ada' });
      const issued = response.json as Pair & { expiresAt: string };
      expect(Object.keys(issued)).toEqual([
        'token',
        'refreshToken',
        'expiresAt',
        'data',
      ]);
      expect(response.setCookie).toEqual([]);
      expect(response.headers['session-token'] === issued.token).toBe(true);
      expect(
        response.headers['session-refresh-token'] === issued.refreshToken,
      ).toBe(true);
      expect(
        fieldsOf(response.headers['access-control-expose-headers']),
      ).toEqual(['session-token', 'session-refresh-token']);
      expect(response.headers['cache-control']).toBe('no-store');
      const { exp } = claimsIn(issued.token);
      expect(Date.parse(issued.expiresAt)).toBe(exp * 1000);
      expect(exp - app.clock.nowSeconds()).toBeLessThanOrEqual(15 * MINUTE);
      expect(refreshClaimsIn(issued.refreshToken).exp).toBe(
        app.clock.nowSeconds() + 7 * DAY,
      );
    });

    it('a session token that has expired is 401, and the guard renews nothing', async () => {
      const app = await open();
      const { token, refreshToken } = await signIn(app);
      app.clock.advance('15m');
      app.users.loads = [];
      const response = await me(app, token);
      expect(response.status).toBe(401);
      expect(response.headers['www-authenticate']).toBe('Bearer');
      expect(response.headers['session-token']).toBeUndefined();
      expect(app.users.loads).toEqual([]);
      await expectNotExchanged(app, refreshToken);
    });

    it('A-073, S-018: a refresh token opens no route, a session token refreshes nothing', async () => {
      const app = await open();
      const { token, refreshToken } = await signIn(app);
      expect((await me(app, refreshToken)).status).toBe(401);
      expect(await codeOf(app.sessions.verify(refreshToken))).toBe(
        'TOKEN_INVALID',
      );
      expect(await codeOf(app.sessions.refresh(token))).toBe('TOKEN_INVALID');
      await expectNotExchanged(app, refreshToken);
    });

    it('refresh(token) gives new tokens of the same session, with newly loaded data', async () => {
      const app = await open();
      const first = await signIn(app, 'ada', { attributes: { theme: 'dark' } });
      const old = claimsIn(first.token);
      app.users.all.get('ada')!.role = 'owner';
      app.users.loads = [];
      app.clock.advance('15m');
      const issued = await app.sessions.refresh(first.refreshToken);
      const now = app.clock.nowSeconds();
      expect(app.users.loads).toMatchObject([
        {
          params: 'ada',
          context: { reason: 'refresh', attributes: { theme: 'dark' } },
        },
      ]);
      expect(issued.session.data).toEqual({ id: 'ada', role: 'owner' });
      expect(issued.delivered).toBe(false);
      expect(claimsIn(issued.token)).toMatchObject({
        sid: old.sid,
        sub: 'ada',
        oiat: old.oiat,
        auth_time: old.auth_time,
        lat: now,
        attrs: { theme: 'dark' },
        data: { id: 'ada', role: 'owner' },
      });
      expect(claimsIn(issued.token).jti === old.jti).toBe(false);
      expect(refreshClaimsIn(issued.refreshToken)).toMatchObject({
        sid: old.sid,
        oiat: old.oiat,
        exp: now + 7 * DAY,
      });
      expect(issued.toJSON()).toMatchObject({
        data: { id: 'ada', role: 'owner' },
        expiresAt: new Date(claimsIn(issued.token).exp * 1000),
      });
      expect(issued.toJSON().token === issued.token).toBe(true);
      expect(issued.toJSON().refreshToken === issued.refreshToken).toBe(true);
      expect((await me(app, issued.token)).status).toBe(200);
      expect(app.eventsOf('refreshed')).toMatchObject([
        { subject: 'ada', repeated: false },
      ]);
    });

    it('S-050: every refresh gives another refresh token, for as long as the session lives', async () => {
      const app = await open();
      let { refreshToken } = await signIn(app);
      const seen = new Set([refreshClaimsIn(refreshToken).jti]);
      for (let day = 1; day < 30; day += 1) {
        app.clock.advance('1d');
        refreshToken = (await app.sessions.refresh(refreshToken)).refreshToken!;
        seen.add(refreshClaimsIn(refreshToken).jti);
        expect(refreshClaimsIn(refreshToken).gen).toBe(
          kind === 'stored' ? day : undefined,
        );
      }
      expect(seen.size).toBe(30);
      app.clock.advance(DAY);
      expect(['TOKEN_EXPIRED', 'SESSION_UNKNOWN']).toContain(
        await codeOf(app.sessions.refresh(refreshToken)),
      );
    });

    describe('refresh(request)', () => {
      it('takes the token from the body, and answers with both tokens', async () => {
        const app = await open();
        const { refreshToken } = await signIn(app);
        app.clock.advance('15m');
        const response = await app.browser().post('/refresh', { refreshToken });
        expect(response.status).toBe(200);
        const issued = response.json as Pair;
        expect(Object.keys(issued)).toEqual([
          'token',
          'refreshToken',
          'expiresAt',
          'data',
        ]);
        expect(response.setCookie).toEqual([]);
        expect(response.headers['session-token'] === issued.token).toBe(true);
        expect(
          response.headers['session-refresh-token'] === issued.refreshToken,
        ).toBe(true);
        expect(response.headers['cache-control']).toBe('no-store');
        expect((await me(app, issued.token)).status).toBe(200);
      });

      it('takes it from the field that the application names, and from no other', async () => {
        const app = await open({ refreshToken: { field: 'renew.with' } });
        const { refreshToken } = await signIn(app);
        const other = await app.browser().post('/refresh', { refreshToken });
        expect(other.status).toBe(401);
        const named = await app
          .browser()
          .post('/refresh', { 'renew.with': refreshToken });
        expect(named.status).toBe(200);
      });

      it.each<[string, (token: string) => unknown]>([
        ['nothing', () => undefined],
        ['an array', (token) => [token]],
        ['an object', (token) => ({ token })],
        ['null', () => null],
        ['a number', () => 1],
        ['a field that is inherited', () => undefined],
      ])(
        'S-124: with %s in that field the token is missing',
        async (what, bodyOf) => {
          const app = await open(
            what === 'a field that is inherited'
              ? { refreshToken: { field: 'constructor' } }
              : {},
          );
          const { refreshToken } = await signIn(app);
          const response = await app
            .browser()
            .post('/refresh', { refreshToken: bodyOf(refreshToken) });
          expect(response.status).toBe(401);
          expect(response.json).toEqual({
            statusCode: 401,
            message: 'Unauthorized',
            errorCode: 'SESSION_REQUIRED',
          });
          expect(app.eventsOf('rejected')).toMatchObject([
            { code: 'TOKEN_MISSING' },
          ]);
          await expectNotExchanged(app, refreshToken);
        },
      );

      it.each<[string, object]>([
        ['in the form of a request with no body', { headers: {} }],
        ['with a body that is text', { headers: {}, body: 'refreshToken=x' }],
        ['with a body that is null', { headers: {}, body: null }],
      ])('given an object %s is TOKEN_MISSING', async (_what, request) => {
        const app = await open();
        expect(await codeOf(app.sessions.refresh(request as never))).toBe(
          'TOKEN_MISSING',
        );
      });

      it.each([['refresh'], ['refresh-given']])(
        'S-111, S-158: /%s for a header client may come from another site: no cookie is written',
        async (path) => {
          const app = await open();
          const { refreshToken } = await signIn(app);
          const response = await app
            .browser()
            .post(
              `/${path}`,
              { refreshToken, given: refreshToken },
              CROSS_SITE,
            );
          expect(response.status).toBe(200);
          expect(response.setCookie).toEqual([]);
        },
      );

      it('refuses the refresh token of one session beside the session token of another', async () => {
        const app = await open();
        const [ada, bob] = [await signIn(app), await signIn(app, 'bob')];
        const response = await app
          .browser()
          .post(
            '/refresh',
            { refreshToken: ada.refreshToken },
            { Authorization: `Bearer ${bob.token}` },
          );
        expect(response.status).toBe(401);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'TOKEN_CONFLICT' },
        ]);
        await expectNotExchanged(app, ada.refreshToken);
      });

      it('takes it beside the expired session token of the same session', async () => {
        const app = await open();
        const { token, refreshToken } = await signIn(app);
        app.clock.advance('15m');
        const response = await app
          .browser()
          .post(
            '/refresh',
            { refreshToken },
            { Authorization: `Bearer ${token}` },
          );
        expect(response.status).toBe(200);
      });
    });

    describe('a refresh token', () => {
      it.each<[string, string, Partial<SessionJwtModuleOptions>]>([
        ['another issuer', 'TOKEN_INVALID', { issuer: 'other' }],
        ['another audience', 'TOKEN_INVALID', { audience: 'other' }],
        ['another secret', 'KEY_UNKNOWN', { secret: OTHER_SECRET }],
        [
          'a secret of its own',
          'KEY_UNKNOWN',
          { refreshToken: { secret: OTHER_SECRET } },
        ],
      ])(
        'A-072, S-012, S-014: of an application with %s is %s',
        async (_what, code, options) => {
          const app = await open();
          const other = await open(options, { clock: app.clock });
          const { refreshToken } = await signIn(other);
          expect(await codeOf(app.sessions.refresh(refreshToken))).toBe(code);
          await expectNotExchanged(other, refreshToken);
        },
      );

      it('S-020: is signed with a key that no session token is signed with', async () => {
        const app = await open();
        const { token, refreshToken } = await signIn(app);
        expect(readToken(refreshToken).header['kid']).not.toBe(
          readToken(token).header['kid'],
        );
      });

      it.each(['secret', 'refreshToken.secret'])(
        'F-25: outlives a change of %s in two deploys, and no longer than the old one is listed',
        async (option) => {
          const shared = pairOptions(kind);
          const clock = new TestSessionClock();
          const withSecrets = (...secrets: string[]): Promise<TestApp> =>
            open(
              {
                ...shared,
                ...(option === 'secret'
                  ? { secret: secrets }
                  : { refreshToken: { secret: secrets } }),
              },
              { clock },
            );
          const [old, new_] = [THIRD_SECRET, OTHER_SECRET];
          const before = await withSecrets(old);
          const both = await withSecrets(old, new_);
          const after = await withSecrets(new_, old);
          const last = await withSecrets(new_);

          const first = await signIn(before);
          const refreshes: [TestApp, string][] = [];
          let { refreshToken } = first;
          for (const app of [both, after, both, after]) {
            clock.advance('15m');
            const issued = await app.sessions.refresh(refreshToken);
            refreshToken = issued.refreshToken!;
            refreshes.push([app, refreshToken]);
          }
          const kids = refreshes.map(
            ([, token]) => readToken(token).header['kid'],
          );
          expect(kids[0]).toBe(kids[2]);
          expect(kids[1]).toBe(kids[3]);
          expect(kids[0]).not.toBe(kids[1]);

          const stranger = await signIn(before);
          expect(
            await codeOf(last.sessions.refresh(stranger.refreshToken)),
          ).toBe('KEY_UNKNOWN');
          clock.advance('15m');
          await last.sessions.refresh(refreshToken);
        },
      );

      it('F-25: with a secret of its own is not touched by a change of the other', async () => {
        const shared = pairOptions(kind, {
          refreshToken: { secret: THIRD_SECRET },
        });
        const before = await open({ ...shared, secret: SECRET });
        const after = await open(
          { ...shared, secret: OTHER_SECRET },
          { clock: before.clock },
        );
        const { token, refreshToken } = await signIn(before);
        expect((await me(after, token)).status).toBe(401);
        const { token: next } = await after.sessions.refresh(refreshToken);
        expect((await me(after, next)).status).toBe(200);
      });

      it.each([
        [-1, true],
        [0, false],
        [1, false],
      ])(
        'S-054, S-103, A-081: at its idle end %i s: %p',
        async (offset, isGood) => {
          const app = await open();
          const { refreshToken } = await signIn(app);
          app.clock.advance(7 * DAY + offset);
          const refreshed = app.sessions.refresh(refreshToken);
          if (isGood) {
            await refreshed;
          } else {
            expect(['TOKEN_EXPIRED', 'SESSION_UNKNOWN']).toContain(
              await codeOf(refreshed),
            );
            expect(app.users.loads).toHaveLength(1);
          }
        },
      );

      it.each([
        [-1, true],
        [0, false],
        [1, false],
      ])(
        'S-054, S-103, A-081: at the absolute end %i s, however often refreshed: %p',
        async (offset, isGood) => {
          const app = await open();
          const began = app.clock.nowSeconds();
          let { refreshToken } = await signIn(app);
          for (let day = 3; day < 30; day += 3) {
            app.clock.advance(3 * DAY);
            refreshToken = (await app.sessions.refresh(refreshToken))
              .refreshToken!;
            expect(refreshClaimsIn(refreshToken).exp).toBe(
              Math.min(app.clock.nowSeconds() + 7 * DAY, began + 30 * DAY),
            );
          }
          app.clock.advance(3 * DAY + offset);
          const refreshed = app.sessions.refresh(refreshToken);
          if (isGood) {
            expect(claimsIn((await refreshed).token).exp).toBe(
              began + 30 * DAY,
            );
          } else {
            expect(['TOKEN_EXPIRED', 'SESSION_UNKNOWN']).toContain(
              await codeOf(refreshed),
            );
          }
        },
      );

      it('S-054: ends when the absolute end as configured now has passed', async () => {
        const shared = pairOptions(kind);
        const app = await open(shared);
        const shortened = await open(
          { ...shared, lifetime: { idle: '1h', absolute: '2h' } },
          { clock: app.clock },
        );
        const [last, late] = [await signIn(app), await signIn(app)];
        app.clock.advance(120 * MINUTE - 1);
        await shortened.sessions.refresh(last.refreshToken);
        app.clock.advance(1);
        expect(['TOKEN_EXPIRED', 'SESSION_UNKNOWN']).toContain(
          await codeOf(shortened.sessions.refresh(late.refreshToken)),
        );
      });

      it.each<[string, unknown]>([
        ['empty text', ''],
        ['text', 'x'],
        ['a dot', '.'],
        ['8,193 characters', 'x'.repeat(8_193)],
        ['a line break', 'a.b.c\n'],
      ])('that is %s is TOKEN_INVALID', async (_what, token) => {
        const app = await open();
        expect(await codeOf(app.sessions.refresh(token as string))).toBe(
          'TOKEN_INVALID',
        );
      });
    });

    it('without the option refreshToken is a mistake of the application', async () => {
      const app = await openTestApp(adapter, {
        session: { transport: 'header' },
        controllers: [RefreshController],
      });
      const response = await app
        .browser()
        .post('/refresh', { refreshToken: 'x' });
      expect(response.status).toBe(500);
    });

    it('an update keeps its attributes through the next refresh', async () => {
      const app = await open();
      const { token, refreshToken } = await signIn(app);
      const { exp } = claimsIn(token);
      app.clock.advance('1m');
      const updated = await app
        .browser()
        .post(
          '/attributes',
          { theme: 'dark' },
          { Authorization: `Bearer ${token}` },
        );
      expect(updated.json).not.toHaveProperty('refreshToken');
      expect(claimsIn((updated.json as Pair).token).exp).toBe(exp);
      app.clock.advance('15m');
      const issued = await app.sessions.refresh(refreshToken);
      expect(issued.session.attributes).toEqual({ theme: 'dark' });
    });

    describe('when the loader', () => {
      it('says that the session is over, the refresh is SESSION_ENDED, for good', async () => {
        const app = await open();
        const { refreshToken } = await signIn(app);
        app.users.failure = new SessionEndedError('logged out everywhere');
        expect(await codeOf(app.sessions.refresh(refreshToken))).toBe(
          'SESSION_ENDED',
        );
        app.users.failure = undefined;
        expect(await codeOf(app.sessions.refresh(refreshToken))).toBe(
          'SESSION_ENDED',
        );
        expect(app.eventsOf('ended')).toMatchObject([{ reason: 'loader' }]);
      });

      it.each<[string, string, string, (app: TestApp) => void]>([
        [
          'throws',
          'LOADER_UNAVAILABLE',
          '',
          ({ users }) => {
            users.failure = new Error('connection refused');
          },
        ],
        [
          'hangs',
          'LOADER_UNAVAILABLE',
          '',
          ({ users }) => {
            users.gate = createGate().promise;
          },
        ],
        [
          'gives what cannot be serialised',
          'NOT_SERIALIZABLE',
          'data.role is NaN',
          ({ users }) => {
            users.all.get('ada')!.role = NaN as never;
          },
        ],
        [
          'gives more than a token holds',
          'SESSION_TOO_LARGE',
          'data',
          ({ users }) => {
            users.all.get('ada')!.role = 'x'.repeat(8_000);
          },
        ],
      ])(
        'F-19: %s, refresh throws %s, and the same refresh token works afterwards',
        async (_what, code, message, breakIt) => {
          const app = await open({ loader: { timeout: '60ms' } });
          const { refreshToken } = await signIn(app);
          app.clock.advance('15m');
          breakIt(app);
          const error = await errorOf(app.sessions.refresh(refreshToken));
          expect(error.code).toBe(code);
          expect(error.message).toContain(message);
          expect(app.eventsOf('loaderFailed')).toMatchObject([{ code }]);

          app.users.failure = undefined;
          app.users.gate = undefined;
          app.users.all.get('ada')!.role = 'owner';
          await expectNotExchanged(app, refreshToken);
          expect(app.eventsOf('refreshed')).toMatchObject([
            { repeated: false },
          ]);
        },
      );

      it('is down, a route that refreshes answers 503 with Retry-After, and the loader is given a pause', async () => {
        const app = await open();
        const { refreshToken } = await signIn(app);
        app.users.failure = new Error('connection refused');
        app.users.loads = [];
        for (let i = 0; i < 3; i += 1) {
          const response = await app
            .browser()
            .post('/refresh', { refreshToken });
          expect(response.status).toBe(503);
          expect(response.headers['retry-after']).toMatch(/^[1-5]$/);
        }
        expect(app.users.loads).toHaveLength(1);
        expect(app.eventsOf('loaderFailed')).toHaveLength(1);
        app.users.failure = undefined;
        app.clock.advance(1);
        await app.sessions.refresh(refreshToken);
      });
    });

    it('20 refreshes of one token at once are one load, and one refresh token', async () => {
      const app = await open({ loader: { timeout: '30s' } });
      const { refreshToken } = await signIn(app);
      const gate = createGate();
      app.users.gate = gate.promise;
      app.users.loads = [];
      const all = arrived(app.app.getHttpServer(), 20);
      const answers = Array.from({ length: 20 }, () =>
        app.browser().post('/refresh', { refreshToken }),
      );
      await all;
      gate.open();
      const tokens = (await Promise.all(answers)).map(
        ({ json }) => (json as Pair).refreshToken,
      );
      expect(new Set(tokens).size).toBe(1);
      expect(app.users.loads).toHaveLength(1);
      expect(app.eventsOf('refreshed')).toHaveLength(1);
    });
  });

  describe('with clocks that differ', () => {
    const openNode = async (
      skew: number,
      store: MemorySessionStore | undefined,
    ): Promise<TestApp> => {
      const app = await openTestApp(adapter, {
        session: {
          transport: ['header', 'cookie'],
          refreshToken: {},
          ...(store && { store }),
        },
        controllers: [RefreshController],
      });
      app.clock.advance(skew);
      return app;
    };

    it('F-15: from -30 s to +30 s, no refresh fails where a store decides, and nobody is suspected', async () => {
      const store = new MemorySessionStore();
      const nodes = [
        await openNode(-30, store),
        await openNode(30, store),
        await openNode(0, store),
      ];
      // The store has a clock of its own, as a server would.
      const storeClock = new TestSessionClock();
      store.useClock(storeClock);
      const tick = (by: number): void => {
        for (const { clock } of nodes) clock.advance(by);
        storeClock.advance(by);
      };
      const clients = await Promise.all(nodes.map((node) => signIn(node)));
      let refreshes = 0;
      for (let round = 0; round < 60; round += 1) {
        tick([1, 29, 15 * MINUTE, DAY / 4][round % 4]!);
        for (const [i, client] of clients.entries()) {
          const node = nodes[(round + i) % nodes.length]!;
          const issued = await node.sessions.refresh(client.refreshToken);
          // Another node, and the same token again: its answer was lost.
          const again = await nodes[
            (round + i + 1) % nodes.length
          ]!.sessions.refresh(client.refreshToken);
          const [a, b] = [issued, again].map(
            ({ refreshToken }) => refreshClaimsIn(refreshToken).jti,
          );
          expect(a === b).toBe(true);
          clients[i] = again.toJSON() as Pair;
          refreshes += 2;
        }
      }
      expect(refreshes).toBe(360);
      const told = nodes.map((node) =>
        node.eventsOf('clockSkewed').map(({ aheadSeconds }) => aheadSeconds),
      );
      expect(told).toEqual([[-30], [30], []]);
      const kinds = nodes.flatMap(({ events }) =>
        events.map(({ type }) => type),
      );
      expect([...new Set(kinds)].toSorted()).toEqual([
        'clockSkewed',
        'created',
        'refreshed',
        'undelivered',
      ]);
    });

    it('F-15: a session token of a node 4 s ahead is good at once, one of a node 30 s ahead is not yet', async () => {
      const store = new MemorySessionStore();
      const here = await openNode(0, store);
      const [near, far] = [await openNode(4, store), await openNode(30, store)];
      expect((await me(here, (await signIn(near)).token)).status).toBe(200);
      const early = await signIn(far);
      expect((await me(here, early.token)).status).toBe(401);
      expect(here.eventsOf('rejected')).toMatchObject([
        { code: 'TOKEN_NOT_YET_VALID' },
      ]);
      here.clock.advance(25);
      expect((await me(here, early.token)).status).toBe(200);
    });

    it('F-15: without a store a refresh token of a node 30 s ahead is refused until then, and kept', async () => {
      const here = await openNode(0, undefined);
      const far = await openNode(30, undefined);
      const { refreshToken } = await signIn(far);
      expect(await codeOf(here.sessions.refresh(refreshToken))).toBe(
        'TOKEN_NOT_YET_VALID',
      );
      here.clock.advance(25);
      await here.sessions.refresh(refreshToken);
    });

    it('F-15: a short-lived session token that a node behind issues is well-formed', async () => {
      const store = new MemorySessionStore();
      const options = {
        transport: 'header',
        refreshToken: { accessLifetime: '30s' },
        store,
      } as const;
      const ahead = await openTestApp(adapter, { session: options });
      const behind = await openTestApp(adapter, { session: options });
      ahead.clock.advance(30);
      behind.clock.advance(-30);
      const { refreshToken } = await signIn(ahead);
      const issued = await behind.sessions.refresh(refreshToken);
      const { iat, exp } = claimsIn(issued.token);
      expect(exp).toBeGreaterThan(iat);
    });
  });
});
