import { Controller, Get } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { CookieJar } from 'tough-cookie';
import {
  Browser,
  ORIGIN,
  send,
  type TestResponse,
} from '../../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../../support/nest-app.js';
import { OpenIdProvider, type AuthorizationAnswer } from './openid-provider.js';
import {
  RequireAuthentication,
  Session,
  SessionService,
  type ActiveSession,
} from '../../../lib/index.js';
import {
  GOLD,
  SILVER,
  startCertifiedProvider,
} from '../../support/certified-provider.js';
import { OTHER_SECRET, SECRET } from '../../support/secrets.js';
import { Guide, type GuideFolder } from '../guide.js';

const ISSUER = 'https://id.example';
const CALLBACK = '/sign-in/callback';
const ATTEMPT = '__Host-sign-in';
const ID_TOKEN = '__Host-id-token';
const SIGN_IN_SECRET = OTHER_SECRET;
const CLIENT = { id: 'app', secret: 'a secret of the client' };
const realFetch = globalThis.fetch;

const guide = new Guide('docs/guides/openid-connect.md');
const provider = new OpenIdProvider(ISSUER, {
  ...CLIENT,
  redirectUri: `${ORIGIN}${CALLBACK}`,
});
let folder: GuideFolder;
let app: BootedApp;
/** How the provider answers the next attempts. */
let mode: AuthorizationAnswer['mode'];

/** The names of the provider and of the application lead to this machine. */
function resolve(providerUrl: string): void {
  globalThis.fetch = (input, init) => {
    const { href } = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    headers.set('X-Forwarded-Host', new URL(href).host);
    headers.set('X-Forwarded-Proto', 'https');
    const local = href
      .replace(ISSUER, providerUrl)
      .replace(ORIGIN, `http://127.0.0.1:${app?.port}`);
    return realFetch(local, { ...init, headers });
  };
}

async function start(): Promise<void> {
  const { AppModule } = await import(folder.pathOf('src/app.module.ts'));

  @Controller()
  class PaymentsController {
    @RequireAuthentication({ maxAge: '10m', acr: GOLD })
    @Get('payments')
    payments(@Session() { acr }: ActiveSession) {
      return { acr };
    }
    @Get('account')
    account(@Session('subject') user: string) {
      return { user };
    }
  }
  app = await boot({
    imports: [AppModule],
    controllers: [PaymentsController],
  });
}

beforeAll(async () => {
  Object.assign(process.env, {
    SESSION_SECRET: SECRET,
    SIGN_IN_SECRET,
    OIDC_ISSUER: ISSUER,
    OIDC_CLIENT_ID: CLIENT.id,
    OIDC_CLIENT_SECRET: CLIENT.secret,
  });
  folder = guide.write();
  await provider.start();
  resolve(provider.url);
  await start();
});

beforeEach(() => {
  provider.user = 'ada';
  provider.sid = 'session-1';
  provider.authTime = now();
  provider.forge = undefined;
  mode = 'query';
});

afterAll(async () => {
  await closeBooted();
  globalThis.fetch = realFetch;
  await provider.stop();
  folder.remove();
});

const now = (): number => Math.floor(Date.now() / 1000);

/** Begins a sign-in, and lets the provider answer. */
async function begin(
  browser: Browser,
  query = '',
): Promise<AuthorizationAnswer> {
  const response = await browser.get(`/sign-in${query}`);
  expect(response.status).toBe(302);
  const url = new URL(response.headers.location!);
  if (mode === 'form_post') url.searchParams.set('response_mode', mode);
  return provider.authorize(url.href);
}

/** Comes back as browsers do: with the cookies that `SameSite` lets through from another site. */
async function comeBack(
  browser: Browser,
  answer: AuthorizationAnswer,
  changes: Record<string, string> = {},
): Promise<TestResponse> {
  const parameters = new URLSearchParams({
    ...answer.parameters,
    ...changes,
  }).toString();
  const isPost = answer.mode === 'form_post';
  const cookie = await browser.jar.getCookieString(ORIGIN, {
    sameSiteContext: isPost ? 'none' : 'lax',
  });
  const response = await send(browser.port, {
    method: isPost ? 'POST' : 'GET',
    path: isPost ? CALLBACK : `${CALLBACK}?${parameters}`,
    headers: {
      ...(cookie && { Cookie: cookie }),
      'Sec-Fetch-Site': 'cross-site',
      'Sec-Fetch-Mode': 'navigate',
      ...(isPost && {
        Origin: ISSUER,
        'Content-Type': 'application/x-www-form-urlencoded',
      }),
    },
    ...(isPost && { body: parameters }),
  });
  await browser.take(response);
  return response;
}

const subjectOf = async (browser: Browser): Promise<string | undefined> => {
  const token = await browser.cookie();
  return token && (await app.get(SessionService).verify(token)).subject;
};

/** Nobody is signed in, and the answer says nothing of why. */
async function expectRefused(
  browser: Browser,
  response: TestResponse,
): Promise<void> {
  expect(response.status).toBe(401);
  // Nest 12 adds the name of the status.
  const { error = 'Unauthorized', ...body } = response.json;
  expect({ error, ...body }).toEqual({
    statusCode: 401,
    message: 'Sign-in failed',
    error: 'Unauthorized',
  });
  expect(await subjectOf(browser)).toBeUndefined();
}

describe.each(['form_post', 'query'] as const)(
  'a sign-in, answered by %s',
  (given) => {
    beforeEach(() => {
      mode = given;
    });

    it('signs the user of the provider in, and returns to where they were', async () => {
      const browser = new Browser(app.port);
      const answer = await begin(
        browser,
        '?returnTo=%2Forders%3Fpage%3D2%23last',
      );
      expect(answer.mode).toBe(given);
      const response = await comeBack(browser, answer);
      expect([response.status, response.headers.location]).toEqual([
        303,
        `${ORIGIN}/orders?page=2#last`,
      ]);
      expect(await subjectOf(browser)).toBe('ada');
      expect(await browser.cookie(ATTEMPT)).toBeUndefined();
    });

    it('refuses login CSRF: the code of an attacker in the browser of a victim', async () => {
      provider.user = 'bob';
      const attacker = new Browser(app.port);
      const answer = await begin(attacker);
      provider.user = 'ada';

      const idle = new Browser(app.port);
      await expectRefused(idle, await comeBack(idle, answer));

      const victim = new Browser(app.port);
      const own = await begin(victim);
      await expectRefused(victim, await comeBack(victim, answer));
      const state = { state: own.parameters['state']! };
      await expectRefused(victim, await comeBack(victim, answer, state));
      // None of that has spoilt the sign-in that the victim had started.
      expect((await comeBack(victim, own)).status).toBe(303);
      expect(await subjectOf(victim)).toBe('ada');
    });

    it('refuses an answer that comes twice, with and without the cookie of its attempt', async () => {
      const browser = new Browser(app.port);
      const answer = await begin(browser);
      const attempt = await browser.cookie(ATTEMPT);
      expect((await comeBack(browser, answer)).status).toBe(303);

      const again = new Browser(app.port);
      await expectRefused(again, await comeBack(again, answer));
      const replay = `${ATTEMPT}=${attempt}; Path=/; Secure; HttpOnly; SameSite=None`;
      await again.jar.setCookie(replay, ORIGIN);
      await expectRefused(again, await comeBack(again, answer));
    });

    it('refuses a code that was issued to another attempt', async () => {
      const [victim, attacker] = [new Browser(app.port), new Browser(app.port)];
      const stolen = await begin(victim);
      const own = await begin(attacker);
      const injected = { code: stolen.parameters['code']! };
      await expectRefused(attacker, await comeBack(attacker, own, injected));
    });

    it.each<[string, (claims: Record<string, unknown>) => object]>([
      ['another nonce', () => ({ nonce: 'another' })],
      ['no nonce', () => ({ nonce: undefined })],
      ['no subject', () => ({ sub: undefined })],
      ['no time of the sign-in', () => ({ auth_time: undefined })],
      ['a sign-in too long ago', () => ({ auth_time: now() - 31 * 86_400 })],
    ])('refuses an ID token with %s', async (_what, forge) => {
      const browser = new Browser(app.port);
      const answer = await begin(browser);
      provider.forge = forge;
      await expectRefused(browser, await comeBack(browser, answer));
    });

    it.each<[string, Record<string, string>]>([
      ['another state', { state: 'another' }],
      ['no state', { state: '' }],
      ['another issuer (a mix-up)', { iss: 'https://evil.example' }],
      ['an error', { error: 'access_denied' }],
      ['no code', { code: '' }],
    ])('refuses an answer with %s', async (_what, changes) => {
      const browser = new Browser(app.port);
      const answer = await begin(browser);
      await expectRefused(browser, await comeBack(browser, answer, changes));
    });
  },
);

describe('the cookie of an attempt to sign in', () => {
  it('is bound to this host, out of reach of scripts, and sent with a cross-site POST', async () => {
    const browser = new Browser(app.port);
    const [line] = (await browser.get('/sign-in')).setCookie;
    expect(line!.split('; ').slice(1).toSorted()).toEqual([
      expect.stringMatching(/^Expires=/),
      'HttpOnly',
      'Max-Age=600',
      'Path=/',
      'SameSite=None',
      'Secure',
    ]);
    expect(line).toMatch(/^__Host-/);
  });

  it.each<[string, (own: Record<string, unknown>) => Promise<string> | string]>(
    [
      [
        'is forged',
        (own) => new JwtService().signAsync(own, { secret: 'guess' }),
      ],
      [
        'has expired',
        (own) =>
          new JwtService().signAsync(
            { ...own, exp: 1_000_000_000 },
            { secret: SIGN_IN_SECRET },
          ),
      ],
      [
        'is not signed',
        (own) => `${unsigned({ alg: 'none' })}.${unsigned(own)}.`,
      ],
      ['is no token', () => 'j:{"state":"x"}'],
    ],
  )('is refused when it %s', async (_how, make) => {
    const browser = new Browser(app.port);
    const answer = await begin(browser);
    const { exp, iat, ...own } = new JwtService().decode<
      Record<string, unknown>
    >((await browser.cookie(ATTEMPT))!);
    expect(Number(exp) - Number(iat)).toBe(600);
    const value = encodeURIComponent(await make(own));
    const line = `${ATTEMPT}=${value}; Path=/; Secure; HttpOnly; SameSite=None`;
    await browser.jar.setCookie(line, ORIGIN);
    await expectRefused(browser, await comeBack(browser, answer));
  });
});

describe('the address to return to after a sign-in', () => {
  it.each([
    ['', ORIGIN],
    ['/', `${ORIGIN}/`],
    ['/a/../b', `${ORIGIN}/b`],
    [`${ORIGIN}/orders`, `${ORIGIN}/orders`],
    ['//evil.example', ORIGIN],
    ['/\\evil.example', ORIGIN],
    ['\\\\evil.example', ORIGIN],
    ['/\t/evil.example', ORIGIN],
    ['https://evil.example/', ORIGIN],
    ['https:/evil.example/', `${ORIGIN}/evil.example/`],
    [`${ORIGIN}.evil.example/`, ORIGIN],
    [`${ORIGIN}@evil.example/`, ORIGIN],
    ['https://user@app.example/', ORIGIN],
    ['http://app.example/', ORIGIN],
    [`${ORIGIN}//evil.example`, `${ORIGIN}//evil.example`],
    ['/.//evil.example', `${ORIGIN}//evil.example`],
    ['javascript:alert(1)', ORIGIN],
    [`blob:${ORIGIN}/1`, ORIGIN],
    ['https://[', ORIGIN],
  ])('of %j is %s', async (given, expected) => {
    const browser = new Browser(app.port);
    const query = `?returnTo=${encodeURIComponent(given)}`;
    const answer = await begin(browser, query);
    const { headers } = await comeBack(browser, answer);
    expect(headers.location!.replace(/^(https:\/\/[^/]+)\/$/, '$1')).toBe(
      expected.replace(/^(https:\/\/[^/]+)\/$/, '$1'),
    );
  });
});

describe('step-up', () => {
  const signIn = async (browser: Browser, query = ''): Promise<void> => {
    await comeBack(browser, await begin(browser, query));
  };
  const challenged = `?acr_values=${GOLD}&max_age=600&returnTo=/payments`;

  it('gives the session what the provider says of the sign-in', async () => {
    const browser = new Browser(app.port);
    provider.sid = 'session-of-step-up';
    await signIn(browser);
    const refused = await browser.get('/payments');
    expect([refused.status, refused.json.errorCode]).toEqual([
      401,
      'REAUTHENTICATION_REQUIRED',
    ]);
    await signIn(browser, challenged);
    expect((await browser.get('/payments')).json).toEqual({ acr: GOLD });
    const sessions = await app.get(SessionService).list('ada');
    const own = sessions.filter(
      ({ metadata }) => metadata.label === provider.sid,
    );
    expect(own).toHaveLength(1);
  });

  it('is refused by the route if the provider ignores it', async () => {
    const browser = new Browser(app.port);
    provider.forge = () => ({ acr: SILVER });
    await signIn(browser, challenged);
    expect((await browser.get('/account')).status).toBe(200);
    expect((await browser.get('/payments')).status).toBe(401);
  });

  it('refuses a sign-in that is older than requested', async () => {
    const browser = new Browser(app.port);
    provider.authTime = now() - 1200;
    const answer = await begin(browser, challenged);
    await expectRefused(browser, await comeBack(browser, answer));
  });

  it('does not take a sign-in of long ago for a recent proof', async () => {
    const browser = new Browser(app.port);
    provider.authTime = now() - 1200;
    await signIn(browser, `?acr_values=${GOLD}`);
    expect((await browser.get('/account')).status).toBe(200);
    expect((await browser.get('/payments')).status).toBe(401);
  });

  it('refuses a max_age that is no number', async () => {
    const browser = new Browser(app.port);
    expect((await browser.get('/sign-in?max_age=now')).status).toBe(400);
  });
});

describe('a sign-out', () => {
  it('ends the session, and sends the browser to the provider with the ID token', async () => {
    const browser = new Browser(app.port);
    await comeBack(browser, await begin(browser));
    const session = await browser.cookie();
    const idToken = await browser.cookie(ID_TOKEN);
    const { status, headers } = await browser.post('/sign-out');
    const url = new URL(headers.location!);
    expect(status).toBe(303);
    expect(url.origin + url.pathname).toBe(`${ISSUER}/sign-out`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: CLIENT.id,
      id_token_hint: idToken,
      post_logout_redirect_uri: `${ORIGIN}/`,
    });
    expect(await browser.cookie(ID_TOKEN)).toBeUndefined();
    expect(await browser.cookie()).toBeUndefined();
    const copy = `__Host-Http-session=${session}`;
    expect((await browser.get('/account', { cookie: copy })).status).toBe(401);
  });

  it('is refused to other sites, and works without a session', async () => {
    const browser = new Browser(app.port);
    await comeBack(browser, await begin(browser));
    const foreign = await browser.sendOnly({
      method: 'POST',
      path: '/sign-out',
      headers: {
        Origin: 'https://evil.example',
        'Sec-Fetch-Site': 'cross-site',
      },
    });
    expect(foreign.status).toBe(403);
    expect((await browser.get('/account')).status).toBe(200);
    const stranger = await new Browser(app.port).post('/sign-out');
    expect(stranger.status).toBe(303);
    expect(stranger.headers.location).not.toContain('id_token_hint');
  });
});

describe('a back-channel logout', () => {
  const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
  const claims = (): Record<string, unknown> => ({
    sub: 'ada',
    sid: 'session-1',
    jti: 'id-1',
    events: { [EVENT]: {} },
  });
  const post = (token: string): Promise<TestResponse> =>
    app.send({
      method: 'POST',
      path: '/sign-out/back-channel',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: token }).toString(),
    });
  const signedIn = async (sid: string, user = 'ada'): Promise<Browser> => {
    Object.assign(provider, { sid, user });
    const browser = new Browser(app.port);
    await comeBack(browser, await begin(browser));
    return browser;
  };
  const statuses = (...browsers: Browser[]): Promise<number[]> =>
    Promise.all(
      browsers.map(async (each) => (await each.get('/account')).status),
    );

  it('ends the sessions of one browser, also when it is repeated', async () => {
    const [one, other] = [await signedIn('session-1'), await signedIn('s-2')];
    const token = await provider.sign(claims(), { typ: 'logout+jwt' });
    const response = await post(token);
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(await statuses(one, other)).toEqual([401, 200]);
    const newer = await signedIn('session-3');
    expect((await post(token)).status).toBe(200);
    expect(await statuses(newer, other)).toEqual([200, 200]);
  });

  it('ends all sessions of the user without the name of one', async () => {
    const [one, other] = [await signedIn('session-1'), await signedIn('s-2')];
    const bob = await signedIn('session-b', 'bob');
    await post(await provider.sign({ ...claims(), sid: undefined }));
    expect(await statuses(one, other, bob)).toEqual([401, 401, 200]);
  });

  it.each<[string, (browser: Browser) => Promise<string> | string]>([
    ['no token', () => ''],
    ['an ID token', async (browser) => (await browser.cookie(ID_TOKEN))!],
    ['no event', () => provider.sign({ ...claims(), events: undefined })],
    ['another event', () => provider.sign({ ...claims(), events: { x: {} } })],
    [
      'an event that is no object',
      () => provider.sign({ ...claims(), events: { [EVENT]: 'yes' } }),
    ],
    [
      'an event that is null',
      () => provider.sign({ ...claims(), events: { [EVENT]: null } }),
    ],
    ['a nonce', () => provider.sign({ ...claims(), nonce: 'n' })],
    ['a nonce that is empty', () => provider.sign({ ...claims(), nonce: '' })],
    ['no subject', () => provider.sign({ ...claims(), sub: undefined })],
    ['no jti', () => provider.sign({ ...claims(), jti: undefined })],
    ['no time', () => provider.sign({ ...claims(), iat: undefined })],
    ['no end', () => provider.sign({ ...claims(), exp: undefined })],
    ['a past end', () => provider.sign({ ...claims(), exp: now() - 10 })],
    [
      'another issuer',
      () => provider.sign({ ...claims(), iss: 'https://evil.example' }),
    ],
    ['another audience', () => provider.sign({ ...claims(), aud: 'other' })],
    [
      'no signature',
      () =>
        `${unsigned({ alg: 'none' })}.${unsigned({
          ...claims(),
          iss: ISSUER,
          aud: CLIENT.id,
          iat: now(),
          exp: now() + 300,
        })}.`,
    ],
    [
      'a signature with the secret of the client',
      () =>
        new JwtService().signAsync(
          { ...claims(), iss: ISSUER, aud: CLIENT.id },
          { secret: CLIENT.secret, expiresIn: '2m' },
        ),
    ],
    [
      'the keys of an attacker in its header',
      async () => {
        const { privateKey, publicKey } = await generateKeyPair('ES256');
        return new SignJWT(claims())
          .setProtectedHeader({ alg: 'ES256', jwk: await exportJWK(publicKey) })
          .setIssuer(ISSUER)
          .setAudience(CLIENT.id)
          .setIssuedAt()
          .setExpirationTime('2m')
          .sign(privateKey);
      },
    ],
  ])('with %s ends nothing', async (_what, make) => {
    const browser = await signedIn('session-1');
    const { status, json } = await post(await make(browser));
    expect([status, json.message]).toEqual([
      400,
      'The logout token is invalid',
    ]);
    expect(await statuses(browser)).toEqual([200]);
  });
});

describe('a certified provider', () => {
  it('signs in, steps up, and signs out here and elsewhere', async () => {
    await closeBooted();
    const certified = await startCertifiedProvider(
      () => ({
        client_secret: CLIENT.secret,
        redirect_uris: [`${ORIGIN}${CALLBACK}`],
        post_logout_redirect_uris: [`${ORIGIN}/`],
        backchannel_logout_uri: `${ORIGIN}/sign-out/back-channel`,
        backchannel_logout_session_required: true,
      }),
      ISSUER,
    );
    resolve(certified.url);
    await start();
    const jar = new CookieJar();
    const browser = new Browser(app.port, jar);

    const visit = async (address: string, body?: string): Promise<string> => {
      let [url, form] = [new URL(address, ORIGIN), body];
      for (let i = 0; i < 10 && url.href !== `${ORIGIN}/`; i += 1) {
        const response = await fetch(url.href, {
          redirect: 'manual',
          headers: {
            cookie: await jar.getCookieString(url.href),
            ...(form && {
              'Content-Type': 'application/x-www-form-urlencoded',
            }),
          },
          ...(form !== undefined && { method: 'POST', body: form }),
        });
        for (const line of response.headers.getSetCookie()) {
          await jar.setCookie(line, url.href);
        }
        const location = response.headers.get('location');
        if (!location) return response.text();
        [url, form] = [new URL(location, url), undefined];
      }
      return url.href;
    };
    /** Answers the question of the provider whether to sign out. */
    const confirm = (page: string): Promise<string> => {
      const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)![1]!;
      const answer = new URLSearchParams({ xsrf, logout: 'yes' });
      return visit(`${ISSUER}/session/end/confirm`, answer.toString());
    };

    await visit('/sign-in');
    expect((await browser.get('/account')).json).toEqual({ user: 'ada' });
    expect((await browser.get('/payments')).json.acr_values).toBe(GOLD);
    // The provider asks again only after the given age.
    await visit(`/sign-in?max_age=0&acr_values=${GOLD}`);
    expect((await browser.get('/payments')).json).toEqual({ acr: GOLD });

    // A sign-out here reaches the provider.
    expect(await confirm(await visit('/sign-out', ''))).toBe(`${ORIGIN}/`);
    expect((await browser.get('/account')).status).toBe(401);
    const again = new URL((await browser.get('/sign-in')).headers.location!);
    expect(await visit(`${again.href}&prompt=none`)).toContain(
      'Sign-in failed',
    );

    // A sign-out at the provider reaches this application.
    await visit('/sign-in');
    expect((await browser.get('/account')).status).toBe(200);
    await confirm(await visit(`${ISSUER}/session/end`));
    expect((await browser.get('/account')).status).toBe(401);
    await certified.stop();
  });
});

function unsigned(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
