import { randomBytes } from 'node:crypto';
import {
  MemorySessionStore,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createGate, until } from '../support/asynchrony.js';
import type { Browser } from '../support/browser.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn, DAY } from '../support/session-claims.js';
import {
  adapters,
  OTHER_SECRET,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import {
  asCookies,
  atNode,
  BOTH_CLEARED,
  codeOf,
  expectNotExchanged,
  pairIn,
  pairKinds,
  pairOptions,
  RefreshController,
  refreshClaimsIn,
  refreshOf,
  useToken,
  type PairKind,
} from '../support/token-pair.js';

const PATIENT = { timeout: '30s' };
const CROSS_SITE = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};

/** The two tokens in the jar of a browser. */
async function tokensOf(browser: Browser): Promise<{
  session: string;
  refresh: string;
}> {
  return {
    session: (await browser.cookie())!,
    refresh: (await refreshOf(browser))!,
  };
}

/** What makes a refresh token the child of another: everything else of it may differ. */
function identityOf(refreshToken: string | undefined): string {
  const { sid, gen, jti } = refreshClaimsIn(refreshToken);
  return `${sid} ${gen} ${jti}`;
}

describe.each(adapters)('attacks with refresh tokens on %s', (adapter) => {
  const open = (
    kind: PairKind,
    options: Partial<SessionJwtModuleOptions> = {},
    rest: TestAppOptions = {},
  ): Promise<TestApp> =>
    openTestApp(adapter, {
      session: pairOptions(kind, options),
      controllers: [RefreshController],
      ...rest,
    });

  const meWith = (app: TestApp, tokens: Parameters<typeof asCookies>[0]) =>
    app.browser().get('/me', asCookies(tokens));

  /** Refreshes once after another, far enough apart, and gives every refresh token of the chain. The last one is in use. */
  async function chainOf(
    app: TestApp,
    first: string,
    length: number,
  ): Promise<string[]> {
    const chain = [first];
    while (chain.length < length) {
      app.clock.advance('15m');
      const { token, refreshToken } = await app.sessions.refresh(chain.at(-1)!);
      chain.push(refreshToken!);
      await useToken(app, token);
    }
    return chain;
  }

  describe('rotation with a store', () => {
    it('the first token of a chain of 10 ends the session, and is reported once (A-082, S-051)', async () => {
      const app = await open('stored');
      const { session, refreshToken } = await app.sessions.generate('ada');
      const chain = await chainOf(app, refreshToken!, 10);
      expect(await codeOf(app.sessions.refresh(chain[0]!))).toBe(
        'REFRESH_REUSED',
      );
      expect(app.eventsOf('refreshReused')).toMatchObject([{ subject: 'ada' }]);
      expect(app.eventsOf('ended')).toMatchObject([
        { reason: 'reused', reach: 'store' },
      ]);
      // The newest one, that of the honest owner or of the thief, is dead too.
      for (const token of chain.toReversed()) {
        expect(await codeOf(app.sessions.refresh(token))).toBe('SESSION_ENDED');
      }
      expect(app.eventsOf('refreshReused')).toHaveLength(1);
      expect(app.eventsOf('ended')).toHaveLength(1);
      expect(await app.sessions.list('ada')).toEqual([]);
      expect(
        await app.sessions.revoke({ id: session.id, subject: 'ada' }),
      ).toBe(false);
    });

    it.each([2, 3, 4, 5, 6, 7, 8, 9])(
      'A-082: any token of a chain of 10 but the last is reuse: number %i',
      async (number) => {
        const app = await open('stored');
        const { refreshToken } = await app.sessions.generate('ada');
        const chain = await chainOf(app, refreshToken!, 10);
        app.clock.advance('2m');
        expect(await codeOf(app.sessions.refresh(chain[number - 1]!))).toBe(
          'REFRESH_REUSED',
        );
      },
    );

    it('reuse ends the session for other nodes, which do not report it again (S-051)', async () => {
      const shared = pairOptions('stored');
      const here = await open('stored', shared);
      const there = await open('stored', shared, { clock: here.clock });
      const { refreshToken } = await here.sessions.generate('ada');
      const chain = await chainOf(here, refreshToken!, 3);
      expect(await codeOf(here.sessions.refresh(chain[0]!))).toBe(
        'REFRESH_REUSED',
      );
      for (const token of chain) {
        expect(await codeOf(there.sessions.refresh(token))).toBe(
          'SESSION_UNKNOWN',
        );
      }
      expect(there.eventsOf('refreshReused')).toEqual([]);
    });

    it('S-051: reuse in a cookie is 401, clears both cookies, and ends the session of the other browser', async () => {
      const app = await open('stored');
      const owner = await app.signIn();
      const stolen = await tokensOf(owner);
      app.clock.advance('15m');
      // The second request brings the new tokens.
      expect((await owner.get('/me')).status).toBe(200);
      expect((await owner.get('/me')).status).toBe(200);
      app.clock.advance('2m');
      const thief = await meWith(app, stolen);
      expect(thief.status).toBe(401);
      expect(thief.json).toEqual({
        statusCode: 401,
        message: 'Unauthorized',
        errorCode: 'SESSION_REQUIRED',
      });
      expect(thief.setCookie).toEqual(BOTH_CLEARED);
      expect(app.eventsOf('rejected')).toMatchObject([
        { code: 'REFRESH_REUSED' },
      ]);
      const next = await owner.get('/me');
      expect(next.status).toBe(401);
      expect(next.setCookie).toEqual(BOTH_CLEARED);
      expect(app.eventsOf('refreshReused')).toHaveLength(1);
    });

    it('S-051: leaves the other sessions of the user alone', async () => {
      const app = await open('stored');
      const [first, second] = [await app.signIn(), await app.signIn()];
      const { refresh } = await tokensOf(first);
      await useToken(app, (await app.sessions.refresh(refresh)).token);
      app.clock.advance('2m');
      expect(await codeOf(app.sessions.refresh(refresh))).toBe(
        'REFRESH_REUSED',
      );
      expect((await second.get('/me')).status).toBe(200);
      expect(await app.sessions.list('ada')).toHaveLength(1);
    });

    it.each<[string, Partial<SessionJwtModuleOptions>, number]>([
      ['cookies', {}, 60],
      ['headers', { transport: 'header' }, 30],
      ['both', { transport: ['header', 'cookie'] }, 60],
      ['a grace time of 5 s', { refreshToken: { grace: '5s' } }, 5],
    ])(
      'with %s the token before the last returns the same child until the grace period ends, and is reuse from then on (A-083, S-059)',
      async (_what, options, grace) => {
        const app = await open('stored', options);
        const { refreshToken } = await app.sessions.generate('ada');
        const { token, refreshToken: child } = await app.sessions.refresh(
          refreshToken!,
        );
        await useToken(app, token);
        for (const pause of [0, 1, grace - 2]) {
          app.clock.advance(pause);
          const again = await app.sessions.refresh(refreshToken!);
          expect(identityOf(again.refreshToken) === identityOf(child)).toBe(
            true,
          );
          expect((await app.sessions.verify(again.token)).subject).toBe('ada');
        }
        expect(
          app.eventsOf('refreshed').map(({ repeated }) => repeated),
        ).toEqual([false, true, true, true]);
        // No replay has extended it.
        app.clock.advance(1);
        expect(await codeOf(app.sessions.refresh(refreshToken!))).toBe(
          'REFRESH_REUSED',
        );
        expect(await codeOf(app.sessions.refresh(child!))).toBe(
          'SESSION_ENDED',
        );
      },
    );

    it('the grandparent is reuse immediately (A-083)', async () => {
      const app = await open('stored');
      const { refreshToken } = await app.sessions.generate('ada');
      const child = await app.sessions.refresh(refreshToken!);
      await app.sessions.refresh(child.refreshToken!);
      expect(await codeOf(app.sessions.refresh(refreshToken!))).toBe(
        'REFRESH_REUSED',
      );
    });

    it('S-059: a browser that never saw the answer comes again with its old cookies', async () => {
      const app = await open('stored');
      const browser = await app.signIn();
      app.clock.advance('15m');
      const lost = await browser.sendOnly({ path: '/me' });
      app.clock.advance(59);
      const retried = await browser.get('/me');
      expect(retried.status).toBe(200);
      expect(
        identityOf(pairIn(retried).refresh) ===
          identityOf(pairIn(lost).refresh),
      ).toBe(true);
      app.clock.advance('15m');
      expect((await browser.get('/me')).status).toBe(200);
      expect(app.eventsOf('refreshReused')).toEqual([]);
    });

    it('a token with another secret part and a valid signature is reuse; only a holder of the key can do that (S-052, S-053)', async () => {
      const app = await open('stored', {
        refreshToken: { secret: OTHER_SECRET },
      });
      const { refreshToken } = await app.sessions.generate('ada');
      const { header, claims } = readToken(refreshToken!);
      const jti = randomBytes(32).toString('base64url');
      const guessed = forgeToken(header, { ...claims, jti }, OTHER_SECRET);
      expect(await codeOf(app.sessions.refresh(guessed))).toBe(
        'REFRESH_REUSED',
      );
    });

    it('S-053: what the store holds is no usable token', async () => {
      const store = new MemorySessionStore();
      const seen: unknown[] = [];
      const create = store.create.bind(store);
      const rotate = store.rotate.bind(store);
      store.create = (...given) => {
        seen.push(given);
        return create(...given);
      };
      store.rotate = (...given) => {
        seen.push(given);
        return rotate(...given);
      };
      const app = await open('stored', { store });
      const { token, refreshToken } = await app.sessions.generate('ada');
      const next = await app.sessions.refresh(refreshToken!);
      const dump = JSON.stringify([
        seen,
        await store.list('ada'),
        await app.sessions.list('ada'),
      ]);
      expect(seen).toHaveLength(2);
      for (const secret of [
        token,
        refreshToken!,
        next.token,
        next.refreshToken!,
        refreshClaimsIn(refreshToken).jti,
        refreshClaimsIn(next.refreshToken).jti,
      ]) {
        expect(dump.includes(secret)).toBe(false);
      }
    });

    it('S-101: 1,000 first refresh tokens have 1,000 secret parts of 32 bytes', async () => {
      const app = await open('stored');
      const seen = new Set<string>();
      for (let i = 0; i < 1_000; i += 1) {
        const { refreshToken } = await app.sessions.generate('ada');
        const { jti } = refreshClaimsIn(refreshToken);
        expect(Buffer.from(jti, 'base64url')).toHaveLength(32);
        seen.add(jti);
      }
      expect(seen.size).toBe(1_000);
    });

    it('a token from before there was a store is refused: no store could end it', async () => {
      const before = await open('stateless');
      const browser = await before.signIn();
      const { refresh } = await tokensOf(browser);
      const app = await open('stored', {}, { clock: before.clock });
      expect(await codeOf(app.sessions.refresh(refresh))).toBe('TOKEN_INVALID');
      await before.sessions.refresh(refresh);
    });
  });

  describe.each(pairKinds)('%s', (kind) => {
    it('any flipped bit is a plain refusal, and ends no session (S-052)', async () => {
      const app = await open(kind);
      const { refreshToken } = await app.sessions.generate('ada');
      const bytes = Buffer.from(refreshToken!);
      const outcomes = new Map<string, number>();
      for (let at = 0; at < bytes.length; at += 1) {
        for (let bit = 0; bit < 8; bit += 1) {
          const changed = Buffer.from(bytes);
          changed[at]! ^= 1 << bit;
          const code = await codeOf(
            app.sessions.refresh(changed.toString('latin1')),
          );
          outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
        }
      }
      expect([...outcomes.keys()].toSorted()).toEqual([
        'KEY_UNKNOWN',
        'TOKEN_INVALID',
      ]);
      expect(outcomes.get('TOKEN_INVALID')).toBeGreaterThan(7 * bytes.length);
      expect(app.eventsOf('refreshReused')).toEqual([]);
      expect(app.eventsOf('ended')).toEqual([]);
      expect(app.users.loads).toHaveLength(1);
      await expectNotExchanged(app, refreshToken);
    });

    it('S-052: a changed token in a cookie is 401, and the good one still works', async () => {
      const app = await open(kind);
      const { refreshToken } = await app.sessions.generate('ada');
      const [header, payload, signature] = refreshToken!.split('.') as [
        string,
        string,
        string,
      ];
      const flip = (text: string): string =>
        `${text.slice(0, 20)}${text[20] === 'A' ? 'B' : 'A'}${text.slice(21)}`;
      for (const refresh of [
        `${header}.${flip(payload)}.${signature}`,
        `${header}.${payload}.${flip(signature)}`,
      ]) {
        const response = await meWith(app, { refresh });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
      }
      expect(app.eventsOf('ended')).toEqual([]);
      await expectNotExchanged(app, refreshToken);
    });

    describe('revocation', () => {
      it('A-084: while a refresh is under way leaves nothing that can be used', async () => {
        const app = await open(kind, { loader: PATIENT });
        const browser = await app.signIn();
        const tokens = await tokensOf(browser);
        app.clock.advance('15m');
        const gate = createGate();
        app.users.gate = gate.promise;
        const loads = app.users.loads.length;
        const refreshing = browser.sendOnly({ path: '/me' });
        await until(() => app.users.loads.length > loads, 'the load');
        expect((await browser.post('/logout')).status).toBe(204);
        gate.open();
        const response = await refreshing;
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
        app.users.gate = undefined;
        for (const some of [tokens, { refresh: tokens.refresh }]) {
          expect((await meWith(app, some)).status).toBe(401);
        }
        expect(app.eventsOf('refreshed')).toEqual([]);
      });

      it('a refresh token has ended after the logout (A-081)', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        const { refresh } = await tokensOf(browser);
        await browser.post('/sign-out');
        app.users.loads = [];
        expect(await codeOf(app.sessions.refresh(refresh))).toBe(
          'SESSION_ENDED',
        );
        const response = await meWith(app, { refresh });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
        expect(app.users.loads).toEqual([]);
      });

      it("a refresh token from before the user's not-before has ended (A-081)", async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        const { refresh } = await tokensOf(browser);
        app.clock.advance('1m');
        app.users.all.get('ada')!.sessionsValidFrom = new Date(
          app.clock.nowSeconds() * 1000,
        );
        expect(await codeOf(app.sessions.refresh(refresh))).toBe(
          'SESSION_ENDED',
        );
        const later = await app.signIn();
        app.clock.advance('15m');
        expect((await later.get('/me')).status).toBe(200);
      });

      it('the refresh token from before a logout stays ended after the next login (V-31)', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        const { refresh, session } = await tokensOf(browser);
        await browser.post('/logout');
        await browser.post('/login', { user: 'ada' });
        expect((await browser.get('/me')).status).toBe(200);
        expect((await meWith(app, { refresh })).status).toBe(401);
        expect((await meWith(app, { session })).status).toBe(401);
        app.clock.advance('15m');
        expect((await browser.get('/me')).status).toBe(200);
      });
    });

    describe('a logout', () => {
      it.each<[string, 'cookie' | 'expired' | 'body']>([
        ['only a refresh cookie', 'cookie'],
        ['A-086: an expired session token and a refresh cookie', 'expired'],
        ['a refresh token in the body', 'body'],
      ])('with %s ends the session', async (_what, where) => {
        const app = await open(
          kind,
          where === 'body' ? { transport: 'header' } : {},
        );
        const { token, refreshToken } = await app.sessions.generate('ada');
        if (where === 'expired') {
          app.clock.advance('15m');
        }
        const response = await app.browser().post(
          '/logout',
          where === 'body' ? { refreshToken } : {},
          where === 'body'
            ? {}
            : asCookies({
                refresh: refreshToken,
                session: where === 'expired' ? token : undefined,
              }),
        );
        expect(response.status).toBe(204);
        expect(response.setCookie).toEqual(
          where === 'body' ? [] : BOTH_CLEARED,
        );
        expect(app.eventsOf('ended')).toMatchObject([
          {
            reason: 'revoked',
            reach: kind === 'stored' ? 'store' : 'process',
          },
        ]);
        expect(await codeOf(app.sessions.refresh(refreshToken!))).toBe(
          'SESSION_ENDED',
        );
      });

      it('A-087: twice is 204 twice, and one event', async () => {
        const app = await open(kind);
        const { refreshToken } = await app.sessions.generate('ada');
        for (let i = 0; i < 2; i += 1) {
          const response = await app
            .browser()
            .post('/logout', {}, asCookies({ refresh: refreshToken }));
          expect(response.status).toBe(204);
          expect(response.setCookie).toEqual(BOTH_CLEARED);
        }
        expect(app.eventsOf('ended')).toHaveLength(1);
      });

      it('A-086: works with a refresh token that has expired', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        app.clock.advance(8 * DAY);
        const response = await browser.post('/logout');
        expect(response.status).toBe(204);
        expect(response.setCookie).toEqual(BOTH_CLEARED);
      });

      it.each<[string, (token: string) => string]>([
        [
          'a changed signature',
          (token) =>
            `${token.slice(0, token.lastIndexOf('.') + 1)}${'A'.repeat(43)}`,
        ],
        [
          'another secret',
          (token) => {
            const { header, claims } = readToken(token);
            return forgeToken(header, claims, OTHER_SECRET);
          },
        ],
        [
          'the secret of the session tokens',
          (token) => {
            const { header, claims } = readToken(token);
            return forgeToken(header, claims);
          },
        ],
        [
          'no signature',
          (token) => {
            const { claims } = readToken(token);
            return forgeToken({ alg: 'none' }, claims).replace(/[^.]*$/, '');
          },
        ],
        ['only a payload', (token) => `.${token.split('.')[1]}.`],
        ['nothing', () => ''],
      ])(
        'A-085, V-28: with a forged refresh token with %s ends nothing',
        async (_what, forge) => {
          const app = await open(kind);
          const browser = await app.signIn();
          const { refresh } = await tokensOf(browser);
          const forged = forge(refresh);
          for (const [body, headers] of [
            [{}, asCookies({ refresh: forged })],
            [{ refreshToken: forged }, {}],
          ] as const) {
            const response = await app.browser().post('/logout', body, headers);
            expect(response.status).toBe(204);
          }
          expect(app.eventsOf('ended')).toEqual([]);
          app.clock.advance('15m');
          expect((await browser.get('/me')).status).toBe(200);
        },
      );

      it.each<[string, (refresh: string) => [object, Record<string, string>]]>([
        ['in the cookie', (refresh) => [{}, asCookies({ refresh })]],
        ['in the body', (refreshToken) => [{ refreshToken }, {}]],
      ])(
        'S-158: that another site posts with a refresh token %s ends nothing',
        async (_where, requestOf) => {
          const app = await open(kind);
          const browser = await app.signIn();
          const { refresh } = await tokensOf(browser);
          const [body, headers] = requestOf(refresh);
          const response = await app
            .browser()
            .post('/logout', body, { ...headers, ...CROSS_SITE });
          expect(response.status).toBe(403);
          expect(response.setCookie).toEqual([]);
          expect(app.eventsOf('ended')).toEqual([]);
        },
      );
    });

    describe('a refresh that another site posts', () => {
      it('S-158: is refused with its cookie, and nothing is exchanged', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        const { refresh } = await tokensOf(browser);
        app.users.loads = [];
        const response = await browser.post('/refresh', {}, CROSS_SITE);
        expect(response.status).toBe(403);
        expect(response.json.errorCode).toBe('CSRF_REFUSED');
        expect(response.setCookie).toEqual([]);
        expect(app.users.loads).toEqual([]);
        await expectNotExchanged(app, refresh);
      });

      it.each([['refresh'], ['refresh-given']])(
        "/%s with the attacker's own token in the body puts no user into the attacker's session (A-131, S-158)",
        async (path) => {
          const app = await open(kind);
          const { refreshToken } = await app.sessions.generate('bob');
          const response = await app
            .browser()
            .post(
              `/${path}`,
              { refreshToken, given: refreshToken },
              CROSS_SITE,
            );
          expect(response.status).toBe(403);
          expect(response.setCookie).toEqual([]);
          await expectNotExchanged(app, refreshToken);
        },
      );

      it('is accepted where the application says so', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        const response = await browser.post(
          '/refresh',
          {},
          { ...CROSS_SITE, 'X-Allow-Cross-Site': 'yes' },
        );
        expect(response.status).toBe(200);
        pairIn(response);
      });

      it('a GET does not refresh: it is 404', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        expect((await browser.get('/refresh')).status).toBe(404);
      });
    });

    describe('a sign-in', () => {
      it("A-088, V-36, S-102: with the attacker's refresh cookie present replaces and ends that session", async () => {
        const app = await open(kind);
        const attacker = await app.signIn('bob');
        const planted = await tokensOf(attacker);
        const victim = await app
          .browser()
          .post(
            '/login',
            { user: 'ada' },
            asCookies({ refresh: planted.refresh }),
          );
        expect(victim.status).toBe(200);
        const issued = pairIn(victim);
        const sid = claimsIn(planted.session).sid;
        expect(claimsIn(issued.session).sub).toBe('ada');
        expect(claimsIn(issued.session).sid === sid).toBe(false);
        expect(refreshClaimsIn(issued.refresh).sid === sid).toBe(false);
        expect(app.eventsOf('ended')).toMatchObject([
          { subject: 'bob', reason: 'replaced' },
        ]);
        expect((await attacker.get('/me')).status).toBe(401);
        expect(await codeOf(app.sessions.refresh(planted.refresh))).toBe(
          'SESSION_ENDED',
        );
        expect((await meWith(app, issued)).status).toBe(200);
      });

      it('A-088: ends the session of the session cookie and that of the refresh cookie', async () => {
        const app = await open(kind);
        const [one, two] = [await app.signIn('bob'), await app.signIn('ada')];
        const response = await app.browser().post(
          '/login',
          { user: 'ada' },
          asCookies({
            session: (await tokensOf(one)).session,
            refresh: (await tokensOf(two)).refresh,
          }),
        );
        expect(response.status).toBe(200);
        expect(app.eventsOf('ended')).toHaveLength(2);
        expect((await one.get('/me')).status).toBe(401);
        expect((await two.get('/me')).status).toBe(401);
      });

      it('S-102: again ends the tokens of before, expired session tokens included', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        const old = await tokensOf(browser);
        app.clock.advance('15m');
        await browser.post('/login', { user: 'ada' });
        expect(await codeOf(app.sessions.refresh(old.refresh))).toBe(
          'SESSION_ENDED',
        );
        expect(app.eventsOf('ended')).toMatchObject([{ reason: 'replaced' }]);
        // The new tokens are on their way to the same browser: they must not be cleared.
        const late = await meWith(app, old);
        expect(late.status).toBe(401);
        expect(late.setCookie).toEqual([]);
        expect((await browser.get('/me')).status).toBe(200);
      });

      it('A-090: never adopts a session id that the client made up', async () => {
        const app = await open(kind);
        const { refreshToken } = await app.sessions.generate('ada');
        const { header, claims } = readToken(refreshToken!);
        const sid = randomBytes(32).toString('base64url');
        const forged = forgeToken(header, { ...claims, sid }, OTHER_SECRET);
        const response = await app
          .browser()
          .post('/login', { user: 'ada' }, asCookies({ refresh: forged }));
        const issued = pairIn(response);
        expect(claimsIn(issued.session).sid === sid).toBe(false);
        expect(refreshClaimsIn(issued.refresh).sid === sid).toBe(false);
        expect(app.eventsOf('ended')).toEqual([]);
      });

      it('that fails leaves the old refresh token alone', async () => {
        const app = await open(kind);
        const browser = await app.signIn();
        const { refresh } = await tokensOf(browser);
        app.users.all.get('bob')!.disabled = true;
        const response = await browser.post('/login', { user: 'bob' });
        expect(response.status).toBe(401);
        expect(response.setCookie).toEqual([]);
        await expectNotExchanged(app, refresh);
      });
    });
  });

  describe('on several nodes with one store', () => {
    async function openNodes(
      options: Partial<SessionJwtModuleOptions> = {},
    ): Promise<[here: TestApp, there: TestApp]> {
      const shared = pairOptions('stored', options);
      const here = await open('stored', shared);
      const there = await open('stored', shared, { clock: here.clock });
      return [here, there];
    }

    it('A-084: a revocation elsewhere while a refresh is under way leaves nothing that can be used', async () => {
      const [here, there] = await openNodes({ loader: PATIENT });
      const browser = await here.signIn();
      const { refresh, session } = await tokensOf(browser);
      here.clock.advance('15m');
      const gate = createGate();
      here.users.gate = gate.promise;
      const loads = here.users.loads.length;
      const refreshing = browser.sendOnly({ path: '/me' });
      await until(() => here.users.loads.length > loads, 'the load');
      const { sid } = claimsIn(session);
      expect(await there.sessions.revoke({ id: sid, subject: 'ada' })).toBe(
        true,
      );
      gate.open();
      const response = await refreshing;
      expect(response.status).toBe(401);
      expect(response.setCookie).toEqual(BOTH_CLEARED);
      for (const app of [here, there]) {
        expect((await meWith(app, { refresh })).status).toBe(401);
      }
      expect(here.eventsOf('refreshReused')).toEqual([]);
    });

    it.each(['revoke', 'revokeAll'])(
      'A-081, S-055, V-33: %s ends refresh tokens everywhere, those within the grace time too',
      async (how) => {
        const [here, there] = await openNodes();
        const browser = await here.signIn();
        const parent = await tokensOf(browser);
        here.clock.advance('15m');
        await browser.get('/me');
        const child = await tokensOf(browser);
        const { sid } = claimsIn(child.session);
        if (how === 'revoke') {
          expect(await there.sessions.revoke({ id: sid, subject: 'ada' })).toBe(
            true,
          );
        } else {
          expect(await there.sessions.revokeAll('ada')).toBe(1);
        }
        here.users.loads = [];
        for (const app of [here, there]) {
          for (const { refresh } of [parent, child]) {
            const response = await meWith(app, { refresh });
            expect(response.status).toBe(401);
            expect(response.setCookie).toEqual(BOTH_CLEARED);
          }
        }
        expect(here.users.loads).toEqual([]);
        expect(here.eventsOf('refreshReused')).toEqual([]);
      },
    );

    it('S-106: revokeAll but this one keeps this one, refresh token and all', async () => {
      const [here, there] = await openNodes();
      const [mine, other] = [await here.signIn(), await here.signIn()];
      const { sid } = claimsIn((await tokensOf(mine)).session);
      expect(await there.sessions.revokeAll('ada', { except: sid })).toBe(1);
      here.clock.advance('15m');
      expect((await mine.get('/me')).status).toBe(200);
      expect((await other.get('/me')).status).toBe(401);
    });

    it.each<['reload' | 'always', number]>([
      ['reload', 200],
      ['always', 401],
    ])(
      'A-080, S-104: with %p a session token after a logout elsewhere is %i until its end, and 401 then',
      async (revocationCheck, status) => {
        const [here, there] = await openNodes({ revocationCheck });
        const browser = await here.signIn();
        const tokens = await tokensOf(browser);
        await browser.post('/logout');
        expect((await meWith(here, tokens)).status).toBe(401);
        expect((await meWith(there, tokens)).status).toBe(status);
        here.clock.advance('15m');
        expect((await meWith(there, tokens)).status).toBe(401);
      },
    );

    it('with revocationCheck always, the tokens from before a change of rights end immediately (A-089)', async () => {
      const [here, there] = await openNodes({ revocationCheck: 'always' });
      const browser = await here.signIn();
      const old = await tokensOf(browser);
      here.users.all.get('ada')!.role = 'owner';
      // A change of rights is a new session.
      await browser.post('/login', { user: 'ada' });
      for (const app of [here, there]) {
        expect((await meWith(app, old)).status).toBe(401);
        expect((await meWith(app, { refresh: old.refresh })).status).toBe(401);
      }
      expect((await atNode(browser, here).get('/me')).json.data.role).toBe(
        'owner',
      );
    });

    it('A-083: a lost answer is given again by another node, with the same child', async () => {
      const [here, there] = await openNodes();
      const { refreshToken } = await here.sessions.generate('ada');
      const lost = await here.sessions.refresh(refreshToken!);
      here.clock.advance(59);
      const again = await there.sessions.refresh(refreshToken!);
      expect(
        identityOf(again.refreshToken) === identityOf(lost.refreshToken),
      ).toBe(true);
      expect(there.eventsOf('refreshed')).toMatchObject([{ repeated: true }]);
      // Nobody has used it: the answer may still be lost, at any node.
      here.clock.advance('3h');
      const late = await here.sessions.refresh(refreshToken!);
      expect(
        identityOf(late.refreshToken) === identityOf(lost.refreshToken),
      ).toBe(true);
      expect(here.eventsOf('recovered')).toHaveLength(1);
      await useToken(there, late.token);
      here.clock.advance(60);
      expect(await codeOf(there.sessions.refresh(refreshToken!))).toBe(
        'REFRESH_REUSED',
      );
    });
  });

  describe('a pair without a store', () => {
    it('notices no reuse: a copied refresh token is good until its end, as the docs say', async () => {
      const app = await open('stateless');
      const { refreshToken } = await app.sessions.generate('ada');
      await app.sessions.refresh(refreshToken!);
      app.clock.advance(7 * DAY - 1);
      await app.sessions.refresh(refreshToken!);
      app.clock.advance(1);
      expect(await codeOf(app.sessions.refresh(refreshToken!))).toBe(
        'TOKEN_EXPIRED',
      );
      expect(app.eventsOf('refreshReused')).toEqual([]);
    });

    it.each<[string, object]>([
      ['a later end', { exp: 4_000_000_000 }],
      ['a later sign-in', { oiat: 1_893_456_000 + DAY }],
      ['no params', { params: undefined }],
      ['no attributes', { attrs: undefined }],
      ['a generation', { gen: 0 }],
      ['no session id', { sid: undefined }],
      ['no end', { exp: undefined }],
      ['another subject', { sub: '' }],
    ])(
      'a refresh token with %s is refused even if rightly signed',
      async (_what, changes) => {
        const app = await open('stateless', {
          refreshToken: { secret: OTHER_SECRET },
        });
        const { refreshToken } = await app.sessions.generate('ada');
        const { header, claims } = readToken(refreshToken!);
        const forged = forgeToken(
          header,
          { ...claims, ...changes },
          OTHER_SECRET,
        );
        expect(await codeOf(app.sessions.refresh(forged))).toBe(
          'TOKEN_INVALID',
        );
      },
    );
  });
});
