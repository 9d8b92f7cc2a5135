import { Body, Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import {
  type ActiveSession,
  MemorySessionStore,
  Public,
  SessionConfigError,
  SessionError,
  SessionJwtModule,
  type SessionJwtModuleOptions,
  SessionService,
} from '../../lib/index.js';
import type { TestResponse } from '../support/browser.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { bootError, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn, DAY, MINUTE } from '../support/session-claims.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  type TestApp,
} from '../support/test-app.js';
import {
  cookieIn,
  pairKinds,
  refreshClaimsIn,
  type PairKind,
} from '../support/token-pair.js';

/** The routes of the seed's README, with the calls of this library. */
@Controller()
class SeedController {
  constructor(
    @Inject(SessionService)
    private readonly sessions: SessionService<object, object>,
  ) {}

  /** `newSessionInCookies({ user: 'ale' }, res, 'user')` */
  @Public()
  @Post('login-with-cookies')
  async newSessionInCookies(@Res({ passthrough: true }) response: object) {
    const { token } = await this.sessions.generate(
      { user: 'ale' },
      { subject: 'user', transport: 'cookie', response },
    );
    return { jwt: token };
  }

  /** `newSession({ user: 'ale' }, 'user')` */
  @Public()
  @Post('login-without-cookies')
  async newSession() {
    const { token, refreshToken } = await this.sessions.generate(
      { user: 'ale' },
      { subject: 'user' },
    );
    return { jwt: token, refreshToken };
  }

  /** `ensureAuth` */
  @Get('user')
  user(@Req() request: { session: ActiveSession }) {
    return request.session.data;
  }

  /** `refreshFromCookie(req)` */
  @Public()
  @Post('refresh-from-cookie')
  async refreshFromCookie(
    @Req() request: Request,
    @Res({ passthrough: true }) response: any,
  ) {
    try {
      const { token } = await this.sessions.refresh(request, {
        response,
      });
      return { jwt: token };
    } catch (error) {
      return this.toLogin(error, response);
    }
  }

  /** `refresh(req.body.refreshToken)` */
  @Public()
  @Post('refresh')
  async refresh(
    @Body('refreshToken') given: string,
    @Res({ passthrough: true }) response: any,
  ) {
    try {
      const { token, refreshToken } = await this.sessions.refresh(given);
      return { jwt: token, refreshToken };
    } catch (error) {
      return this.toLogin(error, response);
    }
  }

  /** If the refresh token is invalid, the user must log in. */
  private toLogin(error: unknown, response: any): object {
    if (
      !(error instanceof SessionError) ||
      !/^(?:TOKEN|SESSION|REFRESH|KEY)_/.test(error.code)
    ) {
      throw error;
    }
    response.status(303);
    response.header('Location', '/login');
    return { code: error.code };
  }
}

describe.each(adapters)(
  'the promises of session-jwt, kept on %s',
  (adapter) => {
    describe.each(pairKinds)('%s', (kind) => {
      const open = (
        options: Partial<SessionJwtModuleOptions> = {},
      ): Promise<TestApp> =>
        openTestApp(adapter, {
          session: { ...settings(kind), ...options },
          extras: { dataLoader: false },
          controllers: [SeedController],
        });

      const user = (
        app: TestApp,
        headers: Record<string, string>,
      ): Promise<TestResponse> => app.browser().get('/user', headers);

      it('newSession gives a jwt that ends soon and a refresh token, and saves nothing in cookies', async () => {
        const app = await open();
        const response = await app.browser().post('/login-without-cookies');
        expect(response.setCookie).toEqual([]);
        const { jwt, refreshToken } = response.json as Tokens;
        const now = app.clock.nowSeconds();
        expect(claimsIn(jwt).exp - now).toBeLessThanOrEqual(15 * MINUTE);
        expect(refreshClaimsIn(refreshToken).exp - now).toBe(7 * DAY);
        expect((await user(app, { jwt })).json).toEqual({ user: 'ale' });
      });

      it('newSessionInCookies gives the jwt to the caller, and the refresh token to the cookie "refresh" only', async () => {
        const app = await open();
        const browser = app.browser();
        const response = await browser.post('/login-with-cookies');
        expect(Object.keys(response.json as object)).toEqual(['jwt']);
        const refresh = await cookieIn(browser, 'refresh');
        expect(refreshClaimsIn(refresh).sid).toBe(
          claimsIn((response.json as Tokens).jwt).sid,
        );
        const line = response.setCookie.find((each) =>
          each.startsWith('refresh='),
        );
        expect(line).toMatch(/; HttpOnly; Secure; SameSite=Lax$/);
        expect(response.text.includes(refresh!)).toBe(false);
        expect(
          (await user(app, { jwt: (response.json as Tokens).jwt })).status,
        ).toBe(200);
      });

      it('ensureAuth blocks whoever has no valid jwt at that position of the header', async () => {
        const app = await open();
        const { jwt, refreshToken } = (
          await app.browser().post('/login-without-cookies')
        ).json as Tokens;
        const { header, claims } = readToken(jwt);
        for (const headers of [
          {},
          { jwt: 'x' },
          { jwt: '' },
          { jwt: refreshToken },
          { jwt: `Bearer ${jwt}` },
          { jwt: forgeToken(header, claims, OTHER_SECRET) },
          { Authorization: `Bearer ${jwt}` },
          { 'x-jwt': jwt },
        ] as Record<string, string>[]) {
          expect((await user(app, headers)).status).toBe(401);
        }
        expect((await user(app, { JWT: jwt })).status).toBe(200);
        app.clock.advance('15m');
        expect((await user(app, { jwt })).status).toBe(401);
      });

      it('settings name the header', async () => {
        const app = await open({ header: { name: 'X-Seed', scheme: '' } });
        const { jwt } = (await app.browser().post('/login-without-cookies'))
          .json as Tokens;
        expect((await user(app, { 'x-seed': jwt })).status).toBe(200);
        expect((await user(app, { jwt })).status).toBe(401);
      });

      it('refresh(token) gives a new jwt with the same data when the old one has expired', async () => {
        const app = await open();
        let { refreshToken } = (
          await app.browser().post('/login-without-cookies')
        ).json as Tokens;
        for (let round = 0; round < 3; round += 1) {
          app.clock.advance('15m');
          const response = await app
            .browser()
            .post('/refresh', { refreshToken });
          expect(response.status).toBe(201);
          expect(response.setCookie).toEqual([]);
          const next = response.json as Tokens;
          expect((await user(app, next)).json).toEqual({ user: 'ale' });
          refreshToken = next.refreshToken;
        }
      });

      it('refreshFromCookie gives a new jwt when the old one has expired', async () => {
        const app = await open();
        const browser = app.browser();
        await browser.post('/login-with-cookies');
        for (let round = 0; round < 3; round += 1) {
          app.clock.advance('15m');
          const response = await browser.post('/refresh-from-cookie');
          expect(response.status).toBe(201);
          const { jwt } = response.json as Tokens;
          expect((await user(app, { jwt })).json).toEqual({ user: 'ale' });
        }
      });

      it.each(['/refresh', '/refresh-from-cookie'])(
        'an invalid refresh token at %s sends the user to the login',
        async (path) => {
          const app = await open();
          const { jwt, refreshToken } = (
            await app.browser().post('/login-without-cookies')
          ).json as Tokens;
          const { header, claims } = readToken(refreshToken);
          for (const [bad, code] of [
            ['x', 'TOKEN_INVALID'],
            [jwt, 'TOKEN_INVALID'],
            [forgeToken(header, claims, OTHER_SECRET), 'TOKEN_INVALID'],
          ] as const) {
            const response = await app
              .browser()
              .post(
                path,
                path === '/refresh' ? { refreshToken: bad } : {},
                path === '/refresh' ? {} : { Cookie: `refresh=${bad}` },
              );
            expect(response.status).toBe(303);
            expect(response.headers['location']).toBe('/login');
            expect(response.json).toEqual({ code });
          }
          expect(
            (await app.browser().post('/refresh-from-cookie')).status,
          ).toBe(303);
        },
      );

      it('a known fault of the seed is absent: refresh tokens end, by idleness and at last', async () => {
        const app = await open();
        const idle = (await app.browser().post('/login-without-cookies'))
          .json as Tokens;
        const busy = (await app.browser().post('/login-without-cookies'))
          .json as Tokens;
        let { refreshToken } = busy;
        for (let day = 1; day < 30; day += 1) {
          app.clock.advance('1d');
          const response = await app
            .browser()
            .post('/refresh', { refreshToken });
          expect({ day, status: response.status }).toEqual({
            day,
            status: 201,
          });
          refreshToken = (response.json as Tokens).refreshToken;
        }
        expect(
          (await app.browser().post('/refresh', idle as object)).status,
        ).toBe(303);
        app.clock.advance('1d');
        expect(
          (await app.browser().post('/refresh', { refreshToken })).status,
        ).toBe(303);
      });

      it('a known fault of the seed is absent: a session can be ended, with its refresh token', async () => {
        const app = await open();
        const browser = app.browser();
        await browser.post('/login-with-cookies');
        const refresh = await cookieIn(browser, 'refresh');
        expect((await browser.post('/logout')).status).toBe(204);
        const copied = await app
          .browser()
          .post('/refresh-from-cookie', {}, { Cookie: `refresh=${refresh}` });
        expect(copied.status).toBe(303);
        expect(copied.json).toEqual({ code: 'SESSION_ENDED' });
      });

      if (kind === 'stored') {
        it('a known fault of the seed is absent: a stolen refresh token is noticed', async () => {
          const app = await open();
          const { refreshToken } = (
            await app.browser().post('/login-without-cookies')
          ).json as Tokens;
          const next = (await app.browser().post('/refresh', { refreshToken }))
            .json as Tokens;
          expect((await user(app, { jwt: next.jwt })).status).toBe(200);
          app.clock.advance('2m');
          const thief = await app.browser().post('/refresh', { refreshToken });
          expect(thief.json).toEqual({ code: 'REFRESH_REUSED' });
          expect(
            (await app.browser().post('/refresh', next as object)).status,
          ).toBe(303);
          expect(app.eventsOf('refreshReused')).toHaveLength(1);
        });
      }
    });
  },
);

describe('an application that did not set the secret of session-jwt', () => {
  afterEach(closeBooted);

  it.each([[undefined], ['secret'], ['']])(
    'does not start with %p',
    async (secret) => {
      const error = await bootError({
        imports: [
          SessionJwtModule.forRoot({
            secret,
            refreshToken: {},
            dataLoader: false,
          } as never),
        ],
      });
      expect(error).toBeInstanceOf(SessionConfigError);
    },
  );
});

interface Tokens extends Record<string, string> {
  readonly jwt: string;
  readonly refreshToken: string;
}

/** `session.settings(process.env.YOUR_SECRET_ENV_VAR)`, with the seed's names. */
function settings(kind: PairKind): Partial<SessionJwtModuleOptions> {
  return {
    secret: SECRET,
    transport: ['header', 'cookie'],
    header: { name: 'jwt', scheme: '' },
    refreshToken: { cookie: { name: 'refresh' } },
    ...(kind === 'stored' && { store: new MemorySessionStore() }),
  };
}
