import { Controller, Get, NotFoundException, Req } from '@nestjs/common';
import {
  type ActiveSession,
  SessionConfigError,
  SessionDataLoader,
  SessionEndedError,
  SessionJwtModule,
  SessionService,
  type LoadContext,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { ORIGIN, type Browser } from '../support/browser.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { boot, bootError, closeBooted } from '../support/nest-app.js';
import {
  adapters,
  SECRET,
  startTestApp,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

/** The secret that the seed's README shows, as everybody knows it. */
const SECRET_OF_THE_README =
  'fnh0X8EK8Qi+g8Rye6/AJ3B/GqODvihkrkHXpEl3eC+TD1yPT+EsJ6aMmzF8bFmSnhjQGjFMGAsTdHHnjDxH6Q==';

const INTERVAL = 15 * 60;

@Controller()
class SeedController {
  @Get('me-by-request')
  me(@Req() request: { authJWT: ActiveSession }) {
    return request.authJWT.data;
  }
}

async function tokenOf(browser: Browser): Promise<string> {
  return (await browser.cookie())!;
}

describe.each(adapters)(
  'the promises of auth-jwt-express, kept on %s',
  (adapter) => {
    let app: TestApp;

    const start = async (
      session: Partial<SessionJwtModuleOptions> = {},
      options: TestAppOptions = {},
    ): Promise<TestApp> => {
      app = await startTestApp(adapter, {
        session: { dataRefreshInterval: INTERVAL, ...session },
        ...options,
      });
      return app;
    };

    afterEach(async () => {
      await app?.close();
      await closeBooted();
    });

    it('generate stores the params and the original issue time beside the data', async () => {
      await start();
      const browser = await app.signIn('ada');
      const { claims } = readToken(await tokenOf(browser));
      expect(claims).toMatchObject({
        params: 'ada',
        oiat: app.clock.nowSeconds(),
        data: { id: 'ada', role: 'admin' },
      });
      expect(app.users.loads).toMatchObject([
        { params: 'ada', context: { reason: 'generate' } },
      ]);
    });

    it('a sign-in answers with the data, and the token stays in the cookie', async () => {
      await start();
      const browser = app.browser();
      const response = await browser.post('/login', { user: 'ada' });
      expect(response.json).toEqual({
        data: { id: 'ada', role: 'admin' },
        expiresAt: '2030-01-08T00:00:00.000Z',
      });
      expect(response.text).not.toContain(await tokenOf(browser));
    });

    it('no load happens before the interval has passed, one does after it, with the stored params', async () => {
      await start();
      const browser = await app.signIn('ada');
      app.users.all.get('ada')!.role = 'owner';
      app.users.loads = [];
      // Each session reloads up to 10 % early, so that not all do at once.
      app.clock.advance(INTERVAL * 0.9 - 1);
      expect((await browser.get('/me')).json.data.role).toBe('admin');
      expect(app.users.loads).toEqual([]);

      app.clock.advance(INTERVAL * 0.1 + 1);
      const { json } = await browser.get('/me');
      expect(json.data.role).toBe('owner');
      expect(app.users.loads).toMatchObject([
        { params: 'ada', context: { reason: 'reload' } },
      ]);
    });

    it('the original issue time outlives every reload, and the loader is told it', async () => {
      await start();
      const browser = await app.signIn('ada');
      const signedInAt = app.clock.nowSeconds();
      for (let reloads = 1; reloads <= 5; reloads += 1) {
        app.clock.advance(INTERVAL);
        await browser.get('/me');
        const { claims } = readToken(await tokenOf(browser));
        expect(claims['oiat']).toBe(signedInAt);
        expect(claims['lat']).toBe(signedInAt + reloads * INTERVAL);
      }
      const told = app.users.loads.map(({ context }) => context.issuedAt);
      expect(told).toEqual(told.map(() => new Date(signedInAt * 1000)));
      expect(told).toHaveLength(6);
    });

    it('params of any JSON shape come back to the loader as they were', async () => {
      const seen: unknown[] = [];
      class ObjectLoader extends SessionDataLoader<object, object> {
        load(params: object, _context: LoadContext): object {
          seen.push(params);
          return { ok: true };
        }
      }
      await start({}, { extras: { dataLoader: ObjectLoader } });
      const params = { tenant: 7, user: { id: 'ada' }, scopes: ['a', 'b'] };
      const browser = app.browser();
      await browser.post('/login', { user: params, subject: 'ada' });
      app.clock.advance(INTERVAL);
      expect((await browser.get('/me')).status).toBe(200);
      expect(seen).toEqual([params, params]);
    });

    it.each<[string, unknown]>([
      ['throws SessionEndedError', new SessionEndedError('user not found')],
      ['throws NotFoundException', new NotFoundException('user not found')],
    ])('a loader that %s removes the cookie', async (_how, error) => {
      await start();
      const browser = await app.signIn('ada');
      app.users.failure = error;
      app.clock.advance(INTERVAL);
      const response = await browser.get('/me');
      expect(response.status).toBe(401);
      expect(response.setCookie).toHaveLength(1);
      expect(await browser.cookie()).toBeUndefined();
    });

    it('a loader that finds nobody removes the cookie', async () => {
      await start();
      const browser = await app.signIn('ada');
      app.users.all.delete('ada');
      app.clock.advance(INTERVAL);
      expect((await browser.get('/me')).status).toBe(401);
      expect(await browser.cookie()).toBeUndefined();
    });

    it('any error of the loader removes the cookie for those who ask for that rule', async () => {
      await start({ loader: { onError: 'end' } });
      const browser = await app.signIn('ada');
      app.users.failure = new Error('User ada not found');
      app.clock.advance(INTERVAL);
      expect((await browser.get('/me')).status).toBe(401);
      expect(await browser.cookie()).toBeUndefined();
    });

    it('any error of the loader keeps the cookie by default: a data source that is down logs nobody out', async () => {
      await start();
      const browser = await app.signIn('ada');
      app.users.failure = new Error('connection refused');
      app.clock.advance(INTERVAL);
      expect((await browser.get('/me')).status).toBe(200);
      expect(await browser.cookie()).toBeDefined();
    });

    it('log out from all devices: sessions from before are over, later ones are not', async () => {
      await start();
      const phone = await app.signIn('ada');
      const laptop = await app.signIn('ada');
      const friend = await app.signIn('bob');
      app.clock.advance(60);
      app.users.all.get('ada')!.sessionsValidFrom = new Date(
        app.clock.nowSeconds() * 1000,
      );
      const again = await app.signIn('ada');
      app.clock.advance(INTERVAL);
      for (const browser of [phone, laptop]) {
        expect((await browser.get('/me')).status).toBe(401);
        expect(await browser.cookie()).toBeUndefined();
      }
      for (const browser of [again, friend]) {
        expect((await browser.get('/me')).status).toBe(200);
      }
      // And for good, though a reload moved the token's own issue time.
      app.clock.advance(INTERVAL);
      expect((await again.get('/me')).status).toBe(200);
    });

    it('needs no refresh token and no store: one cookie carries a session to its absolute end', async () => {
      await start();
      const browser = await app.signIn('ada');
      for (let day = 1; day < 30; day += 1) {
        app.clock.advance('1d');
        const response = await browser.get('/me');
        expect({ day, status: response.status }).toEqual({ day, status: 200 });
        expect(response.setCookie).toHaveLength(1);
      }
      app.clock.advance('1d');
      expect((await browser.get('/me')).status).toBe(401);
    });

    it('what is not serialisable is refused with its path, instead of changed in silence', async () => {
      await start();
      await expect(
        app.sessions.generate({ since: new Date() }, { subject: 'ada' }),
      ).rejects.toMatchObject({
        code: 'NOT_SERIALIZABLE',
        message: expect.stringContaining('params.since is a Date'),
      });
      app.users.all.set('ada', { id: new Map() } as never);
      await expect(app.sessions.generate('ada')).rejects.toMatchObject({
        code: 'NOT_SERIALIZABLE',
        message: 'data.id is a Map; return a plain object or an array',
      });
    });

    it('the session is found at the property of the request that the application names', async () => {
      await start(
        { requestProperty: 'authJWT' },
        { controllers: [SeedController] },
      );
      const browser = await app.signIn('ada');
      expect((await browser.get('/me-by-request')).json).toEqual({
        id: 'ada',
        role: 'admin',
      });
    });

    describe('CSRF protection by a custom header', () => {
      const HEADER = 'X-Requested-With';
      const custom = { csrf: { header: HEADER, origin: false } } as const;

      it('lets scripts of the application through, and forms not', async () => {
        await start(custom);
        const browser = await app.signIn('ada');
        const form = await browser.send({
          method: 'POST',
          path: '/change',
          headers: { 'Content-Type': 'application/json' },
          body: '{}',
        });
        expect(form.status).toBe(403);
        expect(form.setCookie).toEqual([]);
        expect(app.account.handled).toBe(0);

        const script = await browser.post('/change', {}, { [HEADER]: 'fetch' });
        expect(script.status).toBe(200);
        expect(app.account.handled).toBe(1);
      });

      it('asks nothing of requests that only read', async () => {
        await start(custom);
        const browser = await app.signIn('ada');
        expect((await browser.get('/me')).status).toBe(200);
      });

      it('asks nothing where the client sends the token itself', async () => {
        await start({ ...custom, transport: 'header' });
        const { token } = await app.sessions.generate('ada');
        const response = await app
          .browser()
          .post('/change', {}, { Authorization: `Bearer ${token}` });
        expect(response.status).toBe(200);
      });
    });

    describe('logout', () => {
      it('removes the cookie and ends the session', async () => {
        await start();
        const browser = await app.signIn('ada');
        const token = await tokenOf(browser);
        expect((await browser.post('/logout')).status).toBe(204);
        expect(await browser.cookie()).toBeUndefined();
        const copied = await app
          .browser()
          .get('/me', { Cookie: `__Host-Http-session=${token}` });
        expect(copied.status).toBe(401);
      });

      it('removes a cookie that was set for a domain, from whichever of its hosts', async () => {
        await start({ cookie: { domain: 'app.example' } });
        const name = '__Secure-session';
        const onShop = 'https://shop.app.example/';
        const { setCookie: signedIn } = await app
          .browser()
          .post('/login', { user: 'ada' });
        const browser = app.browser();
        await browser.jar.setCookie(signedIn[0]!, onShop);
        expect(await browser.cookie(name)).toBeDefined();

        const { setCookie: signedOut } = await browser.sendOnly({
          method: 'POST',
          path: '/logout',
          body: {},
        });
        expect(signedOut).toHaveLength(1);
        expect(signedOut[0]).toContain('; Domain=app.example;');
        await browser.jar.setCookie(signedOut[0]!, onShop);
        expect(await browser.cookie(name)).toBeUndefined();
        expect(await browser.jar.getCookieString(onShop)).toBe('');
      });

      it('removes a cookie that was set for a path', async () => {
        await start({ cookie: { path: '/me' } });
        const name = '__Secure-session';
        const signedIn = await app.browser().post('/login', { user: 'ada' });
        const browser = app.browser();
        await browser.jar.setCookie(signedIn.setCookie[0]!, `${ORIGIN}/me`);
        expect(await browser.jar.getCookieString(`${ORIGIN}/me`)).toContain(
          name,
        );
        const { setCookie } = await browser.post('/logout');
        await browser.jar.setCookie(setCookie[0]!, `${ORIGIN}/me`);
        expect(await browser.jar.getCookieString(`${ORIGIN}/me`)).toBe('');
      });
    });

    it.each<[string, Partial<SessionJwtModuleOptions>, number]>([
      ['the default', {}, 7 * 24 * 3600],
      ['a number of seconds', { lifetime: { idle: 3600 } }, 3600],
      ['a text with a unit', { lifetime: { idle: '2h' } }, 7200],
    ])(
      'Max-Age is in seconds, and says when the token ends: %s',
      async (_what, session, seconds) => {
        await start(session);
        const { setCookie } = await app
          .browser()
          .post('/login', { user: 'ada' });
        expect(setCookie[0]).toContain(`; Max-Age=${seconds};`);
        const token = setCookie[0]!
          .slice('__Host-Http-session='.length)
          .split(';')[0]!;
        const { exp } = readToken(token).claims as { exp: number };
        expect(exp).toBe(app.clock.nowSeconds() + seconds);
      },
    );

    it('a duration without a unit is refused, rather than read as milliseconds', async () => {
      const error = await bootError({
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader: false,
            dataRefreshInterval: '900',
          }),
        ],
      });
      expect(error).toBeInstanceOf(SessionConfigError);
    });

    it.each<[string, (good: string) => string]>([
      [
        'none',
        (good) => {
          const { header, claims } = readToken(good);
          const forged = forgeToken({ ...header, alg: 'none' }, claims);
          return forged.slice(0, forged.lastIndexOf('.') + 1);
        },
      ],
      [
        'none, with a MAC',
        (good) => {
          const { header, claims } = readToken(good);
          return forgeToken({ ...header, alg: 'none' }, claims);
        },
      ],
      [
        'HS512, rightly signed with the secret',
        (good) => {
          const { header, claims } = readToken(good);
          return forgeToken(
            { ...header, alg: 'HS512' },
            claims,
            SECRET,
            'sha512',
          );
        },
      ],
      [
        'HS384, rightly signed with the secret',
        (good) => {
          const { header, claims } = readToken(good);
          return forgeToken(
            { ...header, alg: 'HS384' },
            claims,
            SECRET,
            'sha384',
          );
        },
      ],
      [
        'RS256, over a MAC',
        (good) => {
          const { header, claims } = readToken(good);
          return forgeToken({ ...header, alg: 'RS256' }, claims);
        },
      ],
    ])('the algorithm is pinned: %s is refused', async (_algorithm, forge) => {
      await start();
      const { token } = await app.sessions.generate('ada');
      expect(readToken(token).header['alg']).toBe('HS256');
      const me = (value: string) =>
        app.browser().get('/me', { Cookie: `__Host-Http-session=${value}` });
      expect((await me(forge(token))).status).toBe(401);
      expect((await me(token)).status).toBe(200);
    });
  },
);

describe('an application that would be unprotected', () => {
  afterEach(closeBooted);

  it.each<[string, object, string]>([
    ['no secret', { secret: undefined }, 'secret'],
    ['the secret of the README', { secret: SECRET_OF_THE_README }, 'secret'],
    [
      'the bytes of that secret',
      { secret: Buffer.from(SECRET_OF_THE_README, 'base64') },
      'secret',
    ],
    [
      'that secret among good ones',
      { secret: [SECRET, SECRET_OF_THE_README] },
      'secret[1]',
    ],
    [
      'a cookie for all sites and every CSRF technique off',
      {
        secret: SECRET,
        cookie: { sameSite: 'none' },
        csrf: { origin: false, header: false },
      },
      'csrf',
    ],
    [
      'a CSRF header that every browser sends',
      { secret: SECRET, csrf: { header: 'Content-Type' } },
      'csrf.header',
    ],
    [
      'no loader, without saying so',
      { secret: SECRET, dataLoader: undefined },
      'dataLoader',
    ],
  ])('does not start with %s', async (_what, options, named) => {
    const error = (await bootError({
      imports: [
        SessionJwtModule.forRoot({ dataLoader: false, ...options } as never),
      ],
    })) as SessionConfigError;
    expect(error).toBeInstanceOf(SessionConfigError);
    expect(error.faults).toHaveLength(1);
    expect(error.faults[0]!.startsWith(`${named}: `)).toBe(true);
    expect(error.message).not.toContain(SECRET_OF_THE_README.slice(0, 10));
  });

  it.each<[string, object]>([
    ['the custom header', { origin: false, header: 'X-Requested-With' }],
    ['the origin', { origin: true }],
  ])(
    'starts with a cookie for all sites once %s is checked',
    async (_what, csrf) => {
      const app = await boot({
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader: false,
            cookie: { sameSite: 'none' },
            csrf,
          }),
        ],
      });
      expect(app.get(SessionService)).toBeInstanceOf(SessionService);
    },
  );
});
