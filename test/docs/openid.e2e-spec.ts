import { JwtService } from '@nestjs/jwt';
import {
  Browser,
  ORIGIN,
  send,
  type TestResponse,
} from '../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { OpenIdProvider, type AuthorizationAnswer } from './openid-provider.js';
import { SessionService } from '../../lib/index.js';
import { writeRecipes } from './recipes-snippets.js';
import {
  attemptSecret,
  clientId,
  clientSecret,
  ISSUER,
} from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

const CALLBACK = '/sign-in/callback';
const ATTEMPT = '__Host-sign-in';
const realFetch = globalThis.fetch;

const provider = new OpenIdProvider(ISSUER, {
  id: clientId,
  secret: clientSecret,
  redirectUri: `${ORIGIN}${CALLBACK}`,
});
let files: SnippetFiles;
let app: BootedApp;
/** What the next attempts ask of the provider. */
let mode: AuthorizationAnswer['mode'];

beforeAll(async () => {
  files = writeRecipes();
  await provider.start();
  // The provider's name leads to this machine.
  globalThis.fetch = (input, init) =>
    realFetch((input as string).replace(ISSUER, provider.url), init);
  const { AppModule, RecipeController } = await import(
    files.pathOf('Sign in with OpenID Connect')
  );
  app = await boot(
    { imports: [AppModule] },
    {
      configure: (nest) =>
        RecipeController.prototype.statements0({ app: nest }),
    },
  );
});

beforeEach(() => {
  provider.user = 'ada';
  provider.forge = undefined;
  mode = 'form_post';
});

afterAll(async () => {
  await closeBooted();
  globalThis.fetch = realFetch;
  await provider.stop();
  files.remove();
});

/** Begins a sign-in, and lets the provider answer. */
async function begin(
  browser: Browser,
  query = '',
): Promise<AuthorizationAnswer> {
  const response = await browser.get(`/sign-in${query}`);
  expect(response.status).toBe(302);
  const url = new URL(response.headers.location!);
  if (mode === 'query') url.searchParams.delete('response_mode');
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
  'the recipe for OpenID Connect, answered by %s',
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
      // None of that has spoilt the sign-in that the victim had begun.
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
            { secret: attemptSecret },
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

function unsigned(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
