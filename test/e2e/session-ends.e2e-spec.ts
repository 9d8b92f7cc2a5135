import { randomBytes } from 'node:crypto';
import { Controller, Get } from '@nestjs/common';
import { Public, SessionService, type SessionError } from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { claimsIn, DAY, MINUTE } from '../support/session-claims.js';
import { platforms } from '../support/effort.js';
import {
  OTHER_SECRET,
  startTestApp,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

const adapters = platforms('fastify');

const CLEARED =
  '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax';

@Controller('store')
class StoreController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Get('list')
  list() {
    return this.sessions.list('ada');
  }
}

describe.each(adapters)('the end of a session on %s', (adapter) => {
  let app: TestApp;

  async function start(options: TestAppOptions = {}): Promise<TestApp> {
    app = await startTestApp(adapter, options);
    return app;
  }

  afterEach(() => app.close());

  const asCookie = (token: string | undefined) =>
    `__Host-Http-session=${token}`;
  const me = (token: string | undefined) =>
    app.browser().get('/me', { Cookie: asCookie(token) });

  describe('S-103: by time', () => {
    it.each([
      [-1, 200],
      [0, 401],
      [1, 401],
    ])('at the idle limit %i s: %i', async (offset, status) => {
      await start();
      const browser = await app.signIn();
      app.clock.advance(7 * DAY + offset);
      expect((await browser.get('/me')).status).toBe(status);
    });

    it.each([
      [-1, 200],
      [0, 401],
      [1, 401],
    ])(
      'at the absolute limit %i s, however active: %i',
      async (offset, status) => {
        await start();
        const browser = await app.signIn();
        for (let day = 3; day < 30; day += 3) {
          app.clock.advance(3 * DAY);
          expect((await browser.get('/me')).status).toBe(200);
        }
        app.clock.advance(3 * DAY + offset);
        expect((await browser.get('/me')).status).toBe(status);
      },
    );

    it.each([
      [-1, 200],
      [0, 401],
      [1, 401],
    ])(
      'at the limits that generate was given %i s: %i',
      async (offset, status) => {
        await start();
        const idle = await app.signIn('ada', {
          lifetime: { idle: '20m' },
          dataRefreshInterval: '5m',
        });
        const absolute = await app.signIn('ada', {
          lifetime: { absolute: '20m' },
          dataRefreshInterval: '5m',
        });
        app.clock.advance(20 * MINUTE + offset);
        expect((await idle.get('/me')).status).toBe(status);
        expect((await absolute.get('/me')).status).toBe(status);
      },
    );

    it('at an absolute limit that was shortened after the token went out', async () => {
      await start();
      const { token } = await createTestSession(app.app, 'ada');
      const { clock } = app;
      const shortened = await startTestApp(adapter, {
        clock,
        session: {
          lifetime: { idle: '20m', absolute: '1h' },
          dataRefreshInterval: '5m',
        },
      });
      try {
        const browser = shortened.browser();
        clock.advance(60 * MINUTE - 1);
        const Cookie = asCookie(token);
        expect((await browser.get('/me', { Cookie })).status).toBe(200);
        clock.advance(1);
        expect((await browser.get('/me', { Cookie })).status).toBe(401);
        expect((await me(token)).status).toBe(200);
      } finally {
        await shortened.close();
      }
    });

    it('clears the cookie, tells the client nothing and the listeners why', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance(7 * DAY);
      const response = await browser.get('/me');
      expect(response.json).toEqual({
        statusCode: 401,
        message: 'Unauthorized',
        errorCode: 'SESSION_REQUIRED',
      });
      expect(response.setCookie).toEqual([CLEARED]);
      expect(app.eventsOf('rejected')).toMatchObject([
        { code: 'TOKEN_EXPIRED', reason: 'expired' },
      ]);
      expect(app.eventsOf('ended')).toEqual([]);
      expect(app.users.loads).toHaveLength(1);
    });

    it('with a clock that goes back a little, and not with one that goes back further', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance(-5);
      expect((await browser.get('/me')).status).toBe(200);
      app.clock.advance(-1);
      const early = await browser.get('/me');
      expect(early.status).toBe(401);
      expect(early.setCookie).toEqual([]);
      expect(app.eventsOf('rejected')).toMatchObject([
        { code: 'TOKEN_NOT_YET_VALID' },
      ]);
      app.clock.advance(6);
      expect((await browser.get('/me')).status).toBe(200);
    });

    it.each([
      [0, 0],
      [1, 1],
      ['1m', 60],
    ])(
      'a clockTolerance of %p lets tokens of nodes ahead in by %i s, and keeps none alive',
      async (clockTolerance, seconds) => {
        await start({ session: { clockTolerance } });
        const { token } = await createTestSession(app.app, 'ada');
        app.clock.advance(-seconds);
        expect((await me(token)).status).toBe(200);
        app.clock.advance(-1);
        expect((await me(token)).status).toBe(401);
        app.clock.advance(1 + seconds + 7 * DAY - 1);
        expect((await me(token)).status).toBe(200);
        app.clock.advance(1);
        expect((await me(token)).status).toBe(401);
      },
    );

    it('a session that has ended stays so when the clock goes back', async () => {
      await start();
      const browser = await app.signIn();
      const token = await browser.cookie();
      app.clock.advance('15m');
      await browser.get('/me');
      await browser.post('/sign-out');
      app.clock.advance(-15 * MINUTE);
      expect((await me(token)).status).toBe(401);
    });
  });

  describe('by a new sign-in', () => {
    it('the old session has ended, the new one has another id (S-102, A-088)', async () => {
      await start();
      const browser = await app.signIn();
      const old = await browser.cookie();
      const elsewhere = await app.signIn();
      await browser.post('/login', { user: 'bob' });
      const now = await browser.cookie();
      expect(claimsIn(now).sub).toBe('bob');
      expect(claimsIn(now).sid === claimsIn(old).sid).toBe(false);
      expect((await me(now)).status).toBe(200);
      expect((await me(old)).status).toBe(401);
      expect((await elsewhere.get('/me')).status).toBe(200);
      expect(app.eventsOf('ended')).toMatchObject([
        { reason: 'replaced', reach: 'process', subject: 'ada' },
      ]);
      expect(app.eventsOf('created')).toHaveLength(3);
    });

    it('A-088: a session that an attacker planted in the browser is of no use to the attacker', async () => {
      await start();
      const attacker = await app.signIn('bob');
      const planted = await attacker.cookie();
      const victim = await app
        .browser()
        .post('/login', { user: 'ada' }, { Cookie: asCookie(planted) });
      expect(victim.status).toBe(200);
      expect(victim.setCookie).toHaveLength(1);
      const token = /=([^;]+)/.exec(victim.setCookie[0]!)![1];
      expect(claimsIn(token).sub).toBe('ada');
      expect(claimsIn(token).sid === claimsIn(planted).sid).toBe(false);
      expect((await attacker.get('/me')).status).toBe(401);
    });

    it('A-088: sessions in the cookie and in the header are both replaced', async () => {
      await start({ session: { transport: ['cookie', 'header'] } });
      const [inCookie, inHeader] = [
        await createTestSession(app.app, 'ada'),
        await createTestSession(app.app, 'bob'),
      ];
      const response = await app
        .browser()
        .post(
          '/login',
          { user: 'ada' },
          { Cookie: inCookie.cookie, Authorization: inHeader.header },
        );
      expect(response.status).toBe(200);
      expect((await me(inCookie.token)).status).toBe(401);
      expect((await me(inHeader.token)).status).toBe(401);
      expect(app.eventsOf('ended').map(({ reason }) => reason)).toEqual([
        'replaced',
        'replaced',
      ]);
    });

    it('A-090: an id that the client made up is never adopted', async () => {
      await start();
      const { token } = await createTestSession(app.app, 'ada');
      const { header, claims } = readToken(token);
      const sid = randomBytes(32).toString('base64url');
      const forged = forgeToken(header, { ...claims, sid }, OTHER_SECRET);
      const response = await app
        .browser()
        .post('/login', { user: 'ada' }, { Cookie: asCookie(forged) });
      expect(response.status).toBe(200);
      const issued = /=([^;]+)/.exec(response.setCookie[0]!)![1];
      expect(claimsIn(issued).sid === sid).toBe(false);
      expect(app.eventsOf('ended')).toEqual([]);
    });

    it('V-31: signing in again does not revive the token of before the sign-out', async () => {
      await start();
      const browser = await app.signIn();
      const first = await browser.cookie();
      await browser.post('/sign-out');
      await browser.post('/login', { user: 'ada' });
      expect((await browser.get('/me')).status).toBe(200);
      expect((await me(first)).status).toBe(401);
    });

    it.each<[string, number, (app: TestApp) => void]>([
      [
        'ends it',
        401,
        ({ users }) => {
          users.all.get('bob')!.disabled = true;
        },
      ],
      [
        'is down',
        503,
        ({ users }) => {
          users.failure = new Error('connection refused');
        },
      ],
      [
        'gives what cannot be serialised',
        500,
        ({ users }) => {
          users.all.get('bob')!.role = NaN as never;
        },
      ],
      [
        'gives more than a cookie holds',
        500,
        ({ users }) => {
          users.all.get('bob')!.role = 'x'.repeat(4_000);
        },
      ],
    ])(
      'not when the loader %s: %i, and the old session is untouched',
      async (_what, status, breakIt) => {
        await start();
        const browser = await app.signIn();
        const old = await browser.cookie();
        breakIt(app);
        const response = await browser.post('/login', { user: 'bob' });
        expect(response.status).toBe(status);
        expect(response.setCookie).toEqual([]);
        expect((await browser.cookie()) === old).toBe(true);
        app.users.failure = undefined;
        const now = await browser.get('/me');
        expect(now.json.subject).toBe('ada');
        expect(app.eventsOf('ended')).toEqual([]);
        expect(app.eventsOf('created')).toHaveLength(1);
      },
    );

    it('a failure of the loader at sign-in is told once, as an outage', async () => {
      await start();
      app.users.failure = new Error('connection refused');
      const response = await app.browser().post('/login', { user: 'ada' });
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toMatch(/^[1-5]$/);
      expect(app.eventsOf('loaderFailed')).toMatchObject([
        { code: 'LOADER_UNAVAILABLE', subject: 'ada' },
      ]);
    });
  });

  describe('by signing out', () => {
    it('A-087: twice is 204 twice, and one event', async () => {
      await start();
      const browser = await app.signIn();
      const token = await browser.cookie();
      const responses = [
        await app.browser().post('/logout', {}, { Cookie: asCookie(token) }),
        await app.browser().post('/logout', {}, { Cookie: asCookie(token) }),
      ];
      for (const response of responses) {
        expect(response.status).toBe(204);
        expect(response.setCookie).toEqual([CLEARED]);
      }
      expect((await me(token)).status).toBe(401);
      expect(app.eventsOf('ended')).toMatchObject([
        { reason: 'revoked', reach: 'process' },
      ]);
    });

    it('without any session is 204 too', async () => {
      await start();
      const response = await app.browser().post('/logout');
      expect(response.status).toBe(204);
      expect(app.eventsOf('ended')).toEqual([]);
    });

    it('A-086: works with a token that has expired', async () => {
      await start();
      const browser = await app.signIn();
      app.clock.advance(8 * DAY);
      const response = await browser.post('/logout');
      expect(response.status).toBe(204);
      expect(response.setCookie).toEqual([CLEARED]);
      expect(app.eventsOf('ended')).toMatchObject([{ reason: 'revoked' }]);
    });

    it.each<[string, (token: string) => string]>([
      [
        'a changed signature',
        (token) => token.slice(0, -5) + token.slice(-5).replace(/./g, 'A'),
      ],
      [
        'a changed subject',
        (token) => {
          const { claims } = readToken(token);
          const [header, , signature] = token.split('.');
          const payload = Buffer.from(
            JSON.stringify({ ...claims, sub: 'bob' }),
          ).toString('base64url');
          return `${header}.${payload}.${signature}`;
        },
      ],
      [
        'another secret',
        (token) => {
          const { header, claims } = readToken(token);
          return forgeToken(header, claims, OTHER_SECRET);
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
      'A-085, V-28: a forged token with %s ends nothing',
      async (_what, forge) => {
        await start();
        const browser = await app.signIn();
        const token = (await browser.cookie())!;
        const response = await app
          .browser()
          .post('/logout', {}, { Cookie: asCookie(forge(token)) });
        expect(response.status).toBe(204);
        expect(app.eventsOf('ended')).toEqual([]);
        expect((await browser.get('/me')).status).toBe(200);
      },
    );

    it('within a handler clears the client and is known at once in this process', async () => {
      await start();
      const browser = await app.signIn();
      const token = await browser.cookie();
      const response = await browser.post('/sign-out');
      expect(response.status).toBe(204);
      expect(response.setCookie).toEqual([CLEARED]);
      expect((await me(token)).status).toBe(401);
      await expect(app.sessions.verify(token!)).rejects.toMatchObject({
        code: 'SESSION_ENDED',
      });
      expect(
        await app.sessions.authenticate({
          headers: { cookie: asCookie(token) },
        }),
      ).toBeNull();
    });

    it('leaves the other sessions of the user alone', async () => {
      await start();
      const [here, there] = [await app.signIn(), await app.signIn()];
      await here.post('/sign-out');
      expect((await there.get('/me')).status).toBe(200);
    });

    it('says false, because no store ended anything', async () => {
      await start();
      const { session } = await createTestSession(app.app, 'ada');
      expect(await app.sessions.revoke(session)).toBe(false);
    });
  });

  describe('by what only a store could find', () => {
    it.each<[string, (sessions: SessionService) => Promise<unknown>]>([
      ['revoke({ id, subject })', (s) => s.revoke({ id: 'x', subject: 'ada' })],
      ['revokeAll', (s) => s.revokeAll('ada')],
      ['revokeAll with except', (s) => s.revokeAll('ada', { except: 'x' })],
      ['list', (s) => s.list('ada')],
    ])('%s throws STORE_REQUIRED and ends nothing', async (_name, call) => {
      await start();
      const browser = await app.signIn();
      const error = await call(app.sessions).then(
        () => undefined,
        (reason: SessionError) => reason,
      );
      expect(error?.code).toBe('STORE_REQUIRED');
      expect((await browser.get('/me')).status).toBe(200);
      expect(app.eventsOf('ended')).toEqual([]);
    });

    it('is a fault of the application: 500 that says nothing', async () => {
      await start({ controllers: [StoreController] });
      const response = await app.browser().get('/store/list');
      expect(response.status).toBe(500);
      expect(response.json).toEqual({
        statusCode: 500,
        message: 'Internal server error',
      });
    });
  });
});
