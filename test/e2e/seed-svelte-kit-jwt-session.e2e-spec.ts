import {
  Controller,
  Get,
  Inject,
  Post,
  Redirect,
  Req,
  Res,
} from '@nestjs/common';
import {
  type ActiveSession,
  MemorySessionStore,
  OptionalSession,
  Public,
  SessionConfigError,
  SessionDataLoader,
  SessionJwtModule,
  type SessionJwtModuleOptions,
  SessionService,
  type LoadContext,
} from '../../lib/index.js';
import type { Browser, TestResponse } from '../support/browser.js';
import { readToken } from '../support/forged-token.js';
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
  attributesOf,
  cookieIn,
  maxAgeOf,
  pairKinds,
  refreshClaimsIn,
  type PairKind,
} from '../support/token-pair.js';

const ACCESS = 'allins_session';
const REFRESH = 'allins_session_reserved';

/** What the seed calls `reauth`: from what the refresh token says to what the access token shall say. */
class Reauth extends SessionDataLoader<object, object> {
  static calls: { params: unknown; context: LoadContext }[] = [];
  static role = 'admin';

  load(params: { sub: string }, context: LoadContext): object {
    Reauth.calls.push({ params, context });
    return { sub: params.sub, role: Reauth.role };
  }
}

@Controller()
class SeedController {
  constructor(
    @Inject(SessionService)
    private readonly sessions: SessionService<object, object>,
  ) {}

  @Public()
  @Post('seed-login')
  @Redirect('/', 303)
  async login(@Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.generate(
      { sub: 'j@doe' },
      { subject: 'j@doe', response },
    );
  }

  /** `locals.session`, on pages that anybody may see. */
  @OptionalSession()
  @Get('layout')
  layout(@Req() request: { locals?: ActiveSession }) {
    return { session: request.locals?.data ?? null };
  }

  @Get('account')
  account(@Req() request: { locals: ActiveSession }) {
    return request.locals.data;
  }
}

/** `handleSession({ access, refresh, reauth })` of the README. */
function handleSession(kind: PairKind): Partial<SessionJwtModuleOptions> {
  return {
    secret: SECRET,
    lifetime: { idle: '7d' },
    cookie: { name: ACCESS, path: '/' },
    refreshToken: {
      secret: OTHER_SECRET,
      cookie: { name: REFRESH, path: '/' },
      accessLifetime: 60,
    },
    requestProperty: 'locals',
    ...(kind === 'stored' && { store: new MemorySessionStore() }),
  };
}

describe.each(adapters)(
  'the promises of svelte-kit-jwt-session, kept on %s',
  (adapter) => {
    describe.each(pairKinds)('%s', (kind) => {
      beforeEach(() => {
        Reauth.calls = [];
        Reauth.role = 'admin';
      });

      const open = (
        options: Partial<SessionJwtModuleOptions> = {},
      ): Promise<TestApp> =>
        openTestApp(adapter, {
          session: { ...handleSession(kind), ...options },
          extras: { dataLoader: Reauth },
          controllers: [SeedController],
        });

      async function signIn(
        app: TestApp,
      ): Promise<{ browser: Browser; response: TestResponse }> {
        const browser = app.browser();
        return { browser, response: await browser.post('/seed-login') };
      }

      it('login writes both cookies with their own names and options, and the redirect goes out', async () => {
        const app = await open();
        const { response } = await signIn(app);
        expect(response.status).toBe(303);
        expect(response.headers['location']).toBe('/');
        expect(response.setCookie.map(attributesOf)).toEqual([
          `${ACCESS}; Path=/; HttpOnly; Secure; SameSite=Lax`,
          `${REFRESH}; Path=/; HttpOnly; Secure; SameSite=Lax`,
        ]);
        const [access, refresh] = response.setCookie.map(maxAgeOf);
        expect(access).toBeGreaterThanOrEqual(54);
        expect(access).toBeLessThanOrEqual(60);
        expect(refresh).toBe(7 * DAY);
      });

      it('each token has a payload and a secret of its own', async () => {
        const app = await open();
        const { browser } = await signIn(app);
        const access = await cookieIn(browser, ACCESS);
        const refresh = await cookieIn(browser, REFRESH);
        expect(claimsIn(access)).toMatchObject({
          sub: 'j@doe',
          data: { sub: 'j@doe', role: 'admin' },
        });
        expect(refreshClaimsIn(refresh)).toMatchObject({ sub: 'j@doe' });
        expect(refreshClaimsIn(refresh)).not.toHaveProperty('data');
        expect(readToken(access!).header['kid']).not.toBe(
          readToken(refresh!).header['kid'],
        );
        for (const Cookie of [`${ACCESS}=${refresh}`, `${REFRESH}=${access}`]) {
          const swapped = await app.browser().get('/account', { Cookie });
          expect(swapped.status).toBe(401);
        }
      });

      it('the session is on the request, on pages for everybody too', async () => {
        const app = await open();
        const anonymous = await app.browser().get('/layout');
        expect(anonymous.json).toEqual({ session: null });
        expect((await app.browser().get('/account')).status).toBe(401);
        const { browser } = await signIn(app);
        const data = { sub: 'j@doe', role: 'admin' };
        expect((await browser.get('/layout')).json).toEqual({ session: data });
        expect((await browser.get('/account')).json).toEqual(data);
      });

      it('reauth renews the access token automatically when it has expired, with what is true now', async () => {
        const app = await open();
        const { browser } = await signIn(app);
        Reauth.role = 'reader';
        Reauth.calls = [];
        app.clock.advance(53);
        expect((await browser.get('/account')).json.role).toBe('admin');
        expect(Reauth.calls).toEqual([]);
        app.clock.advance(7);
        const response = await browser.get('/account');
        expect(response.status).toBe(200);
        expect(response.json).toEqual({ sub: 'j@doe', role: 'reader' });
        expect(Reauth.calls).toMatchObject([
          {
            params: { sub: 'j@doe' },
            context: { reason: 'refresh', subject: 'j@doe' },
          },
        ]);
        expect(response.setCookie.map(attributesOf)).toEqual([
          `${ACCESS}; Path=/; HttpOnly; Secure; SameSite=Lax`,
          `${REFRESH}; Path=/; HttpOnly; Secure; SameSite=Lax`,
        ]);
        expect((await browser.get('/account')).setCookie).toEqual([]);
      });

      it('reauth happens on pages for everybody too, and when browsers have dropped the access cookie', async () => {
        const app = await open();
        const { browser } = await signIn(app);
        const refresh = await cookieIn(browser, REFRESH);
        app.clock.advance(MINUTE);
        const page = await app
          .browser()
          .get('/layout', { Cookie: `${REFRESH}=${refresh}` });
        expect(page.json.session).toEqual({ sub: 'j@doe', role: 'admin' });
        expect(page.setCookie).toHaveLength(2);
      });

      it('known faults of the seed are absent: a session ends at last, however often renewed, and an expired refresh token renews nothing', async () => {
        const app = await open();
        const { browser } = await signIn(app);
        const { browser: idle } = await signIn(app);
        for (let day = 1; day < 30; day += 1) {
          app.clock.advance('1d');
          const { status } = await browser.get('/account');
          expect({ day, status }).toEqual({ day, status: 200 });
        }
        expect((await idle.get('/account')).status).toBe(401);
        app.clock.advance('1d');
        const over = await browser.get('/account');
        expect(over.status).toBe(401);
        expect(over.setCookie.map(maxAgeOf)).toEqual([0, 0]);
        expect(await cookieIn(browser, REFRESH)).toBeUndefined();
      });

      it('known faults of the seed are absent: a signed-out refresh token renews nothing', async () => {
        const app = await open();
        const { browser } = await signIn(app);
        const refresh = await cookieIn(browser, REFRESH);
        expect((await browser.post('/logout')).status).toBe(204);
        expect(await cookieIn(browser, ACCESS)).toBeUndefined();
        expect(await cookieIn(browser, REFRESH)).toBeUndefined();
        const copied = await app
          .browser()
          .get('/account', { Cookie: `${REFRESH}=${refresh}` });
        expect(copied.status).toBe(401);
      });
    });
  },
);

describe('an application with the secrets of the README', () => {
  afterEach(closeBooted);

  it('does not start, and is told which options are at fault', async () => {
    const error = (await bootError({
      imports: [
        SessionJwtModule.forRoot({
          secret: 'secretKeyThatIsNotOnGithub',
          refreshToken: { secret: 'ssssssh!' },
          dataLoader: false,
        }),
      ],
    })) as SessionConfigError;
    expect(error).toBeInstanceOf(SessionConfigError);
    expect(error.faults.map((fault) => fault.split(':')[0])).toEqual([
      'secret',
      'refreshToken.secret',
    ]);
    expect(error.message).not.toContain('ssssssh!');
    expect(error.message).not.toContain('Github');
  });

  it('does not start with one secret for both tokens, or one name for both cookies', async () => {
    const error = (await bootError({
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          cookie: { name: ACCESS },
          refreshToken: { secret: SECRET, cookie: { name: ACCESS } },
          dataLoader: false,
        }),
      ],
    })) as SessionConfigError;
    expect(new Set(error.faults.map((fault) => fault.split(':')[0]))).toEqual(
      new Set(['refreshToken.cookie.name', 'refreshToken.secret']),
    );
  });
});
