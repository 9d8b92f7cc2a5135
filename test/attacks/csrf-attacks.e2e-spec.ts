import { once } from 'node:events';
import { request, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  All,
  Body,
  Controller,
  Get,
  HttpCode,
  HttpException,
  Inject,
  Injectable,
  Post,
  Req,
  Res,
  type INestApplication,
} from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { REFUSALS, type Refusal } from '../../lib/errors/refusal.js';
import {
  MemorySessionStore,
  Public,
  SessionGuard,
  SessionService,
  type ActiveSession,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import {
  BoundBrowser,
  BOTH_CLEARED as BOTH_BOUND_CLEARED,
  challengeIn,
} from '../support/bound-browser.js';
import {
  ORIGIN,
  send,
  type Browser,
  type TestResponse,
} from '../support/browser.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { openTestApp } from '../support/opened-apps.js';
import { probe } from '../support/probe.js';
import { RefreshController, useToken } from '../support/token-pair.js';
import {
  CLEARED,
  CLEARED_PARTITIONED,
  CLEARED_REFRESH,
  COOKIE,
} from '../support/set-cookie.js';
import {
  adapters,
  OTHER_SECRET,
  startTestApp,
  UserLoader,
  Users,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

const BODY_OF_403 = {
  statusCode: 403,
  message: 'Forbidden',
  errorCode: 'CSRF_REFUSED',
};

type Headers = Record<string, string>;

/** What browsers say of a request that another site makes. */
const FOREIGN: [what: string, headers: Headers][] = [
  [
    'S-153: Sec-Fetch-Site: cross-site',
    { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
  ],
  [
    'A-123: Sec-Fetch-Site: cross-site with our Origin',
    { 'Sec-Fetch-Site': 'cross-site', Origin: ORIGIN },
  ],
  [
    'A-123: Sec-Fetch-Site: cross-site alone',
    { 'Sec-Fetch-Site': 'cross-site' },
  ],
  [
    'A-124: Sec-Fetch-Site: same-site, of a sibling',
    { 'Sec-Fetch-Site': 'same-site', Origin: 'https://evil.app.example' },
  ],
  [
    'A-124: Sec-Fetch-Site: same-site with our Origin',
    { 'Sec-Fetch-Site': 'same-site', Origin: ORIGIN },
  ],
  [
    'S-153: an unknown Sec-Fetch-Site',
    { 'Sec-Fetch-Site': 'x', Origin: ORIGIN },
  ],
  ['A-122: the Origin of another site', { Origin: 'https://evil.example' }],
  ['A-122: Origin: null', { Origin: 'null' }],
  ['A-122: the Origin of another scheme', { Origin: 'http://app.example' }],
  ['A-122: the Origin of another port', { Origin: 'https://app.example:8443' }],
  ['A-122: the Origin of a subdomain', { Origin: 'https://evil.app.example' }],
  ['A-122: the suffix trick', { Origin: 'https://app.example.evil.example' }],
  ['A-122: the prefix trick', { Origin: 'https://evil-app.example' }],
  ['A-122: an IDN look-alike', { Origin: 'https://xn--pp-7kc.example' }],
  ['A-122: a trailing dot', { Origin: 'https://app.example.' }],
  ['A-122: our Origin in upper case', { Origin: ORIGIN.toUpperCase() }],
  ['A-122: our Origin with a path', { Origin: `${ORIGIN}/` }],
  ['A-122: user information', { Origin: 'https://app.example@evil.example' }],
  [
    'A-122: no Origin, a Referer of another site',
    { Referer: 'https://evil.example/app.example' },
  ],
];

/** What browsers say of our own site's request, and what says nothing at all. */
const OURS: [what: string, headers: Headers][] = [
  [
    'Sec-Fetch-Site: same-origin',
    { 'Sec-Fetch-Site': 'same-origin', Origin: ORIGIN },
  ],
  ['Sec-Fetch-Site: none', { 'Sec-Fetch-Site': 'none' }],
  ['our Origin', { Origin: ORIGIN }],
  ['our Referer', { Referer: `${ORIGIN}/form` }],
  ['A-122, S-154: neither, as a client that is no browser', {}],
];

const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE'];

@Controller()
class MoreRoutes {
  handled = 0;

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @All('any')
  any() {
    this.handled += 1;
    return { any: true };
  }

  @Public()
  @Post('open')
  @HttpCode(200)
  open() {
    return { open: true };
  }

  @Public()
  @Post('saml')
  @HttpCode(200)
  saml(
    @Body() body: { user: string },
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.generate(body.user, { response, crossSite: true });
  }

  @Public()
  @Post('single-logout')
  @HttpCode(204)
  async singleLogout(
    @Req() req: object,
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.revoke(req as never, { response, crossSite: true });
  }

  @Public()
  @Get('logout')
  async logoutByGet(
    @Req() req: object,
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.revoke(req as never, { response });
    return {};
  }
}

/** Fastify answers a content type that it has no parser for by itself; here it is to reach the guard. */
function withAnyContentType(adapter: AdapterName) {
  return (nest: INestApplication): void => {
    if (adapter === 'fastify') {
      const instance: any = nest.getHttpAdapter().getInstance();
      instance.addContentTypeParser(
        '*',
        (_req: unknown, payload: NodeJS.ReadableStream, done: () => void) => {
          payload.resume();
          done();
        },
      );
    }
  };
}

/** @param startApp `openTestApp` for an application that one test has for itself */
function start(
  adapter: AdapterName,
  session: TestAppOptions['session'] = {},
  startApp = startTestApp,
  more: TestAppOptions = {},
): Promise<TestApp> {
  return startApp(adapter, {
    session,
    controllers: [MoreRoutes],
    configure: withAnyContentType(adapter),
    ...more,
  });
}

async function cookieOf(browser: Browser): Promise<Headers> {
  return { Cookie: `${COOKIE}=${await browser.cookie()}` };
}

/** Sends what must be refused as a forgery, and checks all that every such answer has in common. */
async function expectForgery(
  app: TestApp,
  ask: () => Promise<TestResponse>,
  reason: Refusal = 'cross-site',
): Promise<void> {
  const events = app.events.length;
  const { handled } = app.account;
  const loads = app.users.loads.length;
  const response = await ask();
  expect(response.status).toBe(403);
  expect(response.json).toEqual(BODY_OF_403);
  expect(response.setCookie).toEqual([]);
  expect(app.account.handled).toBe(handled);
  expect(app.users.loads).toHaveLength(loads);
  expect(app.events.slice(events)).toMatchObject([
    { type: 'rejected', code: 'CSRF_REFUSED', reason },
  ]);
}

describe.each(adapters)('a forged request on %s', (adapter) => {
  let app: TestApp;
  let browser: Browser;
  let cookie: Headers;

  beforeAll(async () => {
    app = await start(adapter);
    browser = await app.signIn();
    cookie = await cookieOf(browser);
  });
  afterAll(() => app.close());

  const post = (headers: Headers, path = '/change', method = 'POST') =>
    send(app.port, { method, path, headers, body: {} });

  describe('S-111, S-155: is refused before the handler, and costs the user nothing', () => {
    it.each(FOREIGN)('%s', async (_what, headers) => {
      await expectForgery(app, () => post({ ...cookie, ...headers }));
      expect((await browser.get('/me')).status).toBe(200);
    });
  });

  describe('is not what our own pages send', () => {
    it.each(OURS)('%s', async (_what, headers) => {
      const response = await post({ ...cookie, ...headers });
      expect(response.status).toBe(200);
      expect(response.json).toEqual({ id: 'ada', role: 'admin' });
    });
  });

  it.each(UNSAFE)('is refused by its method: %s', async (method) => {
    const headers = { ...cookie, ...FOREIGN[0]![1] };
    await expectForgery(app, () => post(headers, '/any', method));
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])(
    'is no forgery with a method that changes nothing: %s',
    async (method) => {
      const routes = app.app.get(MoreRoutes);
      const { handled } = routes;
      const headers = { ...cookie, ...FOREIGN[0]![1] };
      const response = await probe(app.port, { method, path: '/any', headers });
      expect(response.status).toBe(200);
      expect(routes.handled).toBe(handled + 1);
    },
  );

  it('A-133: is refused with a GET that asks for an upgrade', async () => {
    const upgrade = { ...cookie, Connection: 'Upgrade', Upgrade: 'websocket' };
    await expectForgery(app, () =>
      send(app.port, {
        path: '/me',
        headers: { ...upgrade, ...FOREIGN[0]![1] },
      }),
    );
    const own = await send(app.port, {
      path: '/me',
      headers: { ...upgrade, Origin: ORIGIN },
    });
    expect(own.status).toBe(200);
  });

  it('is refused before a reload that was due: no loader is called, and nothing is re-issued', async () => {
    const due = await app.signIn();
    app.clock.advance('15m');
    const headers = { ...(await cookieOf(due)), ...FOREIGN[0]![1] };
    await expectForgery(app, () => post(headers));
    const own = await due.get('/me');
    expect(own.setCookie).toHaveLength(1);
    browser = await app.signIn();
    cookie = await cookieOf(browser);
  });

  it('is refused on an @OptionalSession() route too', async () => {
    const headers = { ...cookie, ...FOREIGN[0]![1] };
    await expectForgery(app, () => post(headers, '/optional'));
  });

  it('is no forgery without a session, where none is needed', async () => {
    const response = await post(FOREIGN[0]![1], '/optional');
    expect(response.status).toBe(200);
    expect(response.json).toEqual({ subject: null });
  });

  it('is none of our business on a @Public() route', async () => {
    const response = await post({ ...cookie, ...FOREIGN[0]![1] }, '/open');
    expect(response.status).toBe(200);
    expect(response.setCookie).toEqual([]);
  });

  it('S-119: is a 401 like any other with a token that is no good', async () => {
    const headers = { Cookie: `${COOKIE}=x`, ...FOREIGN[0]![1] };
    const response = await post(headers);
    expect(response.status).toBe(401);
    expect(response.json.errorCode).toBe('SESSION_REQUIRED');
  });

  describe('is checked by its method on the wire (A-127)', () => {
    it.each<[what: string, path: string, headers: Headers, body: string]>([
      [
        'X-HTTP-Method-Override: GET',
        '/change',
        { 'X-HTTP-Method-Override': 'GET' },
        '{}',
      ],
      ['X-HTTP-Method: GET', '/change', { 'X-HTTP-Method': 'GET' }, '{}'],
      [
        'X-Method-Override: GET',
        '/change',
        { 'X-Method-Override': 'GET' },
        '{}',
      ],
      ['_method in the query', '/change?_method=GET', {}, '{}'],
      ['_method in the body', '/change', {}, '{"_method":"GET"}'],
    ])('a POST with %s', async (_what, path, headers, body) => {
      await expectForgery(app, () =>
        send(app.port, {
          method: 'POST',
          path,
          body,
          headers: {
            ...cookie,
            ...FOREIGN[0]![1],
            ...headers,
            'Content-Type': 'application/json',
          },
        }),
      );
    });

    it.each<[what: string, path: string, headers: Headers]>([
      [
        'X-HTTP-Method-Override: DELETE',
        '/me',
        { 'X-HTTP-Method-Override': 'DELETE' },
      ],
      ['_method in the query', '/me?_method=DELETE', {}],
    ])('a GET with %s', async (_what, path, headers) => {
      await expectForgery(app, () =>
        send(app.port, {
          path,
          headers: { ...cookie, ...FOREIGN[0]![1], ...headers },
        }),
      );
    });
  });

  it('is none with a trusted origin, whatever Sec-Fetch-Site says', async () => {
    const trusting = await start(
      adapter,
      { csrf: { origin: { trustedOrigins: ['https://Partner.example:443'] } } },
      openTestApp,
    );
    const own = await cookieOf(await trusting.signIn());
    for (const headers of [
      { Origin: 'https://partner.example' },
      { Origin: 'https://partner.example', 'Sec-Fetch-Site': 'cross-site' },
    ]) {
      const response = await send(trusting.port, {
        method: 'POST',
        path: '/change',
        body: {},
        headers: { ...own, ...headers },
      });
      expect(response.status).toBe(200);
    }
    await expectForgery(trusting, () =>
      send(trusting.port, {
        method: 'POST',
        path: '/change',
        body: {},
        headers: { ...own, Origin: 'https://x.partner.example' },
      }),
    );
  });
});

/** Bodies that a form or a script of another site can send without a preflight, and some that it cannot. */
const BODIES: [
  what: string,
  contentType: string[] | undefined,
  body: string,
  /** What Fastify answers before any guard to what is no content type at all. */
  fastify?: 415,
][] = [
  ['A-120: urlencoded', ['application/x-www-form-urlencoded'], 'a=1'],
  [
    'A-120: multipart',
    ['multipart/form-data; boundary=b'],
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
  ],
  ['A-120: JSON text as text/plain', ['text/plain'], '{"a":1}'],
  ['A-120: JSON text without a content type', undefined, '{"a":1}'],
  ['A-120: no body', undefined, ''],
  ['A-120: JSON', ['application/json'], '{"a":1}'],
  ['A-121: JSON with a charset', ['application/json; charset=utf-8'], '{}'],
  ['A-121, V-51: JSON, a tab and more', ['application/json\ta'], '{}', 415],
  ['A-121, V-51: JSON with a blank before', [' application/json'], '{}'],
  ['A-121, V-51: JSON and garbage', ['application/json garbage'], '{}', 415],
  ['A-121, V-51: JSON in upper case', ['APPLICATION/JSON'], '{}'],
  ['A-121, V-51: two content types', ['text/plain', 'application/json'], '{}'],
  [
    'A-121, V-51: a comma-joined pair',
    ['text/plain, application/json'],
    '{}',
    415,
  ],
  [
    'A-121, V-51: JSON with an odd parameter',
    ['application/json;x="a;b'],
    '{}',
  ],
  ['A-121: an empty content type', [''], '{}', 415],
];

describe.each(adapters)('a forged body on %s', (adapter) => {
  let app: TestApp;
  let guarded: TestApp;

  beforeAll(async () => {
    app = await start(adapter);
    guarded = await start(adapter, { csrf: { header: 'x-requested-with' } });
  });
  afterAll(async () => {
    await app.close();
    await guarded.close();
  });

  const ask = async (
    of: TestApp,
    contentType: string[] | undefined,
    body: string,
    headers: Headers,
  ) => {
    const own = await cookieOf(await of.signIn());
    const before = { handled: of.account.handled, events: of.events.length };
    const response = await send(of.port, {
      method: 'POST',
      path: '/change',
      body,
      headers: [
        ...Object.entries({ ...own, ...headers }),
        ...(contentType ?? []).map((type): [string, string] => [
          'Content-Type',
          type,
        ]),
      ],
    });
    expect(of.account.handled).toBe(before.handled);
    expect(response.setCookie).toEqual([]);
    return { response, events: of.events.slice(before.events) };
  };

  const bodies = BODIES.map(
    ([what, contentType, body, fastify]) =>
      [what, contentType, body, fastify ?? 403] as const,
  );

  const expectStopped = (
    { response, events }: Awaited<ReturnType<typeof ask>>,
    reason: Refusal,
    fastify: number,
  ) => {
    const status = adapter === 'fastify' ? fastify : 403;
    expect(response.status).toBe(status);
    if (status !== 403) {
      expect(events).toEqual([]);
      return;
    }
    expect(response.json).toEqual(BODY_OF_403);
    expect(events).toMatchObject([
      { type: 'rejected', code: 'CSRF_REFUSED', reason },
    ]);
  };

  it.each(bodies)(
    'S-112: is refused by where it comes from: %s',
    async (_what, contentType, body, fastify) => {
      const asked = await ask(app, contentType, body, FOREIGN[0]![1]);
      expectStopped(asked, 'cross-site', fastify);
    },
  );

  it.each(bodies)(
    'S-156: is refused without the custom header, by browsers that say nothing of where it comes from: %s',
    async (_what, contentType, body, fastify) => {
      const asked = await ask(guarded, contentType, body, {});
      expectStopped(asked, 'csrf-header', fastify);
    },
  );
});

describe.each(adapters)('the custom header on %s', (adapter) => {
  let app: TestApp;
  let browser: Browser;

  beforeAll(async () => {
    app = await start(
      adapter,
      { csrf: { header: 'X-Requested-With' }, refreshToken: {} },
      startTestApp,
      { controllers: [MoreRoutes, RefreshController] },
    );
    browser = await app.signIn();
  });
  afterAll(() => app.close());

  it.each<[what: string, headers: Headers]>([
    ['missing', {}],
    ['empty', { 'X-Requested-With': '' }],
    ['of another name', { 'X-Requested-By': 'x' }],
  ])('A-125, S-111: is refused where it is %s', async (_what, headers) => {
    await expectForgery(
      app,
      () =>
        browser.sendOnly({
          method: 'POST',
          path: '/change',
          body: {},
          headers,
        }),
      'csrf-header',
    );
  });

  it.each([
    ['x-requested-with', 'XMLHttpRequest'],
    ['X-REQUESTED-WITH', 'fetch'],
    ['X-Requested-With', '0'],
  ])('A-125: is accepted as %s: %s', async (name, value) => {
    const response = await browser.post('/change', {}, { [name]: value });
    expect(response.status).toBe(200);
  });

  it('A-125: is not taken from the query or from a cookie', async () => {
    await expectForgery(
      app,
      () =>
        browser.sendOnly({
          method: 'POST',
          path: '/change?x-requested-with=x',
          body: { 'x-requested-with': 'x' },
        }),
      'csrf-header',
    );
    const own = await cookieOf(browser);
    await expectForgery(
      app,
      () =>
        send(app.port, {
          method: 'POST',
          path: '/change',
          body: {},
          headers: { Cookie: `x-requested-with=x; ${own['Cookie']}` },
        }),
      'csrf-header',
    );
  });

  it('does not stand for the right origin where both are asked for', async () => {
    const headers = { ...FOREIGN[0]![1], 'X-Requested-With': 'x' };
    await expectForgery(app, () =>
      browser.sendOnly({ method: 'POST', path: '/change', body: {}, headers }),
    );
  });

  it('is refused before a reload that was due', async () => {
    const due = await app.signIn();
    app.clock.advance('15m');
    await expectForgery(
      app,
      () => due.sendOnly({ method: 'POST', path: '/change', body: {} }),
      'csrf-header',
    );
  });

  it('is not asked for by safe methods', async () => {
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('is required at sign-in, refresh and sign-out (S-158)', async () => {
    const other = await app.signIn('bob');
    const own = await cookieOf(other);
    for (const path of ['/login', '/refresh', '/logout']) {
      for (const headers of [{}, own]) {
        const given = {
          method: 'POST',
          path,
          headers,
          body: { user: 'ada' },
        };
        await expectForgery(app, () => send(app.port, given), 'csrf-header');
      }
    }
    const { proof } = app;
    expect((await other.post('/refresh', {}, proof)).status).toBe(200);
    expect((await other.post('/logout', {}, proof)).status).toBe(204);
    expect(await other.cookie()).toBeUndefined();
  });

  it('alone is enough where the origin is not asked for', async () => {
    const alone = await start(
      adapter,
      { csrf: { origin: false, header: 'x-csrf' } },
      openTestApp,
    );
    const own = await cookieOf(await alone.signIn());
    const foreign = (headers: Headers) =>
      send(alone.port, {
        method: 'POST',
        path: '/change',
        body: {},
        headers: { ...own, ...FOREIGN[0]![1], ...headers },
      });
    expect((await foreign({ 'x-csrf': '1' })).status).toBe(200);
    await expectForgery(alone, () => foreign({}), 'csrf-header');
  });
});

describe.each(adapters)('A-131: sign-in and sign-out on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await start(adapter);
  });
  afterAll(() => app.close());

  const post = (path: string, headers: Headers, body: object = {}) =>
    send(app.port, { method: 'POST', path, headers, body });

  describe('S-158: a sign-in that another site posts is refused, with and without a session', () => {
    it.each(FOREIGN)('%s', async (_what, headers) => {
      await expectForgery(app, () => post('/login', headers, { user: 'bob' }));

      const victim = await app.signIn();
      const own = await cookieOf(victim);
      await expectForgery(app, () =>
        post('/login', { ...own, ...headers }, { user: 'bob' }),
      );
      expect((await victim.get('/me')).json.subject).toBe('ada');
    });
  });

  describe('a sign-out that another site posts is refused, and ends nothing', () => {
    it.each(FOREIGN)('%s', async (_what, headers) => {
      const victim = await app.signIn();
      const own = await cookieOf(victim);
      await expectForgery(app, () => post('/logout', { ...own, ...headers }));
      expect((await victim.get('/me')).status).toBe(200);
    });
  });

  describe('are possible from our own pages', () => {
    it.each(OURS)('%s', async (_what, headers) => {
      const signedIn = await post('/login', headers, { user: 'ada' });
      expect(signedIn.status).toBe(200);
      expect(signedIn.setCookie).toHaveLength(1);
      const Cookie = signedIn.setCookie[0]!.split(';')[0]!;
      const signedOut = await post('/logout', { ...headers, Cookie });
      expect(signedOut.status).toBe(204);
      expect(signedOut.setCookie).toEqual([CLEARED]);
    });
  });

  it('may come from another site where the application says so (crossSite: true)', async () => {
    const [, headers] = FOREIGN[0]!;
    const signedIn = await post('/saml', headers, { user: 'ada' });
    expect(signedIn.status).toBe(200);
    expect(signedIn.setCookie).toHaveLength(1);

    const Cookie = signedIn.setCookie[0]!.split(';')[0]!;
    const signedOut = await post('/single-logout', { ...headers, Cookie });
    expect(signedOut.status).toBe(204);
    expect(signedOut.setCookie).toEqual([CLEARED]);
    expect(
      (await send(app.port, { path: '/me', headers: { Cookie } })).status,
    ).toBe(401);
  });

  it('are refused by the header alone, where no origin is required (S-158)', async () => {
    const alone = await start(
      adapter,
      {
        csrf: { origin: false, header: 'x-csrf' },
        cookie: { sameSite: 'none' },
      },
      openTestApp,
    );
    const own = await cookieOf(await alone.signIn());
    for (const path of ['/login', '/logout']) {
      for (const headers of [{}, own]) {
        const given = { method: 'POST', path, body: { user: 'ada' } };
        const [, foreign] = FOREIGN[0]!;
        await expectForgery(
          alone,
          () =>
            send(alone.port, {
              ...given,
              headers: { ...foreign, ...headers },
            }),
          'csrf-header',
        );
        const answer = await send(alone.port, {
          ...given,
          headers: { ...headers, 'x-csrf': '1' },
        });
        expect(answer.status).toBe(path === '/login' ? 200 : 204);
      }
    }
  });

  it('V-28, A-085: a forged sign-out token ends nothing, not even from our own pages', async () => {
    const victim = await app.signIn();
    const { header, claims } = readToken((await victim.cookie()) ?? '');
    const forged = forgeToken(header, claims, OTHER_SECRET);
    const response = await post('/logout', {
      Origin: ORIGIN,
      Cookie: `${COOKIE}=${forged}`,
    });
    expect(response.status).toBe(204);
    expect(response.setCookie).toEqual([CLEARED]);
    expect((await victim.get('/me')).status).toBe(200);
  });

  it('a route that signs out by GET is the choice of the application, and its risk', async () => {
    const victim = await app.signIn();
    const own = await cookieOf(victim);
    const response = await send(app.port, {
      path: '/logout',
      headers: { ...own, ...FOREIGN[0]![1] },
    });
    expect(response.status).toBe(200);
    expect(response.setCookie).toEqual([CLEARED]);
  });
});

describe.each(adapters)('A-134: the header transport on %s', (adapter) => {
  const [, foreign] = FOREIGN[0]!;
  let app: TestApp;

  const post = (headers: Headers, path = '/change', body: object = {}) =>
    send(app.port, { method: 'POST', path, headers, body });

  it('needs no proof of origin: no browser sends a token in a header on its own', async () => {
    app = await start(adapter, { transport: 'header' }, openTestApp);
    const { header } = await createTestSession(app.app, 'ada');
    expect((await post({ ...foreign, Authorization: header })).status).toBe(
      200,
    );
    expect((await post(foreign, '/login', { user: 'ada' })).status).toBe(200);
    const signedOut = await post(
      { ...foreign, Authorization: header },
      '/logout',
    );
    expect(signedOut.status).toBe(204);
  });

  it('does not look at a cookie that lies about', async () => {
    app = await start(adapter, { transport: 'header' }, openTestApp);
    const { header, cookie } = await createTestSession(app.app, 'ada');
    const headers = { ...foreign, Authorization: header, Cookie: cookie };
    expect((await post(headers)).status).toBe(200);
  });

  it.each<[first: 'header' | 'cookie', second: 'header' | 'cookie']>([
    ['header', 'cookie'],
    ['cookie', 'header'],
  ])(
    'needs no proof beside the cookie transport, unless the cookie came too (%s before %s)',
    async (...transport) => {
      app = await start(adapter, { transport }, openTestApp);
      const { header, cookie } = await createTestSession(app.app, 'ada');
      const other = await createTestSession(app.app, 'bob');
      expect((await post({ ...foreign, Authorization: header })).status).toBe(
        200,
      );
      await expectForgery(app, () =>
        post({ ...foreign, Authorization: header, Cookie: cookie }),
      );
      await expectForgery(app, () => post({ ...foreign, Cookie: cookie }));
      const conflict = await post({
        ...foreign,
        Authorization: header,
        Cookie: other.cookie,
      });
      expect(conflict.status).toBe(401);
    },
  );
});

describe.each(adapters)('A-133: a WebSocket handshake on %s', (adapter) => {
  let app: TestApp;
  let found: (ActiveSession | null)[];

  beforeAll(async () => {
    app = await start(adapter);
    const server = app.app.getHttpServer() as Server;
    server.on('upgrade', (req: IncomingMessage, socket: Socket) => {
      void app.sessions.authenticate(req).then((session) => {
        found.push(session);
        socket.resume();
        socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
      });
    });
  });
  afterAll(() => app.close());
  beforeEach(() => {
    found = [];
  });

  async function shakeHands(headers: Headers): Promise<void> {
    const outgoing = request({
      host: '127.0.0.1',
      port: app.port,
      path: '/me',
      headers: {
        Host: 'app.example',
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    });
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    incoming.resume();
    await once(incoming, 'close');
  }

  it.each(FOREIGN)('gives no session to %s', async (_what, headers) => {
    const own = await cookieOf(await app.signIn());
    const events = app.events.length;
    await shakeHands({ ...own, ...headers });
    expect(found).toEqual([null]);
    expect(app.events.slice(events)).toMatchObject([
      { type: 'rejected', code: 'CSRF_REFUSED', reason: 'cross-site' },
    ]);
  });

  it.each(OURS)('gives the session to %s', async (_what, headers) => {
    const own = await cookieOf(await app.signIn());
    await shakeHands({ ...own, ...headers });
    expect(found.map((session) => session?.subject)).toEqual(['ada']);
  });

  it('re-issues nothing that could not be delivered, and brings new data', async () => {
    const browser = await app.signIn();
    const own = await cookieOf(browser);
    app.users.all.get('ada')!.role = 'owner';
    app.clock.advance('15m');
    await shakeHands({ ...own, Origin: ORIGIN });
    app.users.all.get('ada')!.role = 'admin';
    expect(found[0]?.data).toEqual({ id: 'ada', role: 'owner' });
    expect(app.eventsOf('undelivered')).toEqual([]);
  });
});

/** Says no to the params of tokens while it is told to. */
@Injectable()
class ChoosyLoader extends UserLoader {
  static accepting = true;

  constructor(@Inject(Users) users: Users) {
    super(users);
  }

  override accepts(): boolean {
    return ChoosyLoader.accepting;
  }
}

interface RefusalRow {
  status: 401 | 403;
  clears: boolean;
  /** Not where nothing goes out over HTTP. */
  provoke?: () => Promise<TestResponse>;
}

describe.each(adapters)('what a refusal costs the client on %s', (adapter) => {
  let app: TestApp;
  let browser: Browser;

  beforeEach(async () => {
    ChoosyLoader.accepting = true;
    app = await start(
      adapter,
      {
        transport: ['cookie', 'header'],
        csrf: { header: 'x-requested-with' },
      },
      openTestApp,
      { extras: { dataLoader: ChoosyLoader } },
    );
    browser = await app.signIn();
  });

  const withCookie = (token: string) =>
    send(app.port, { path: '/me', headers: { Cookie: `${COOKIE}=${token}` } });
  const token = async () => (await browser.cookie()) ?? '';
  const forged = async (
    change: { header?: object; claims?: object },
    secret?: string,
  ) => {
    const { header, claims } = readToken(await token());
    return withCookie(
      forgeToken(
        { ...header, ...change.header },
        { ...claims, ...change.claims },
        secret,
      ),
    );
  };

  /** A session with refresh tokens that a store keeps the chain of, in an application of its own. */
  const pairedSession = async (store = new MemorySessionStore()) => {
    app = await start(adapter, { refreshToken: {}, store }, openTestApp);
    return createTestSession(app.app, 'ada');
  };

  const boundApp = (deviceBinding: object) =>
    start(adapter, { refreshToken: {}, deviceBinding }, openTestApp, {
      extras: { routes: true },
    });

  /** What a browser sends of itself. */
  const withoutOrigin = async (
    sender: Browser,
    path: string,
    headers: object = {},
  ) =>
    send(app.port, {
      method: 'POST',
      path,
      headers: {
        'Content-Length': '0',
        Cookie: await sender.jar.getCookieString('https://app.example/'),
        ...headers,
      },
    });

  /** The contract's list (section 6), one row for every refusal that there is. */
  const rows: Record<Refusal, RefusalRow> = {
    missing: {
      status: 401,
      clears: false,
      provoke: () => send(app.port, { path: '/me' }),
    },
    malformed: {
      status: 401,
      clears: true,
      provoke: () => withCookie('garbage'),
    },
    header: {
      status: 401,
      clears: true,
      provoke: () => forged({ header: { typ: 'JWT' } }),
    },
    'unknown-key': {
      status: 401,
      clears: false,
      provoke: () => forged({ header: { kid: 'another' } }, OTHER_SECRET),
    },
    signature: {
      status: 401,
      clears: true,
      provoke: () => forged({}, OTHER_SECRET),
    },
    claims: {
      status: 401,
      clears: true,
      provoke: () => forged({ claims: { iss: 'somebody' } }),
    },
    'newer-version': {
      status: 401,
      clears: false,
      provoke: () => forged({ claims: { v: 2 } }),
    },
    params: {
      status: 401,
      clears: true,
      provoke: () => {
        ChoosyLoader.accepting = false;
        app.clock.advance('15m');
        return browser.sendOnly({ path: '/me' });
      },
    },
    expired: {
      status: 401,
      clears: true,
      provoke: () => {
        app.clock.advance('7d');
        return browser.sendOnly({ path: '/me' });
      },
    },
    'refresh-due': {
      status: 401,
      clears: false,
      provoke: async () => {
        const begun = await pairedSession();
        app.clock.advance('15m');
        return withCookie(begun.token);
      },
    },
    unknown: {
      status: 401,
      clears: true,
      provoke: async () => {
        const { cookie } = await pairedSession();
        await app.sessions.revokeAll('ada');
        app.clock.advance('15m');
        return send(app.port, { path: '/me', headers: { Cookie: cookie } });
      },
    },
    reused: {
      status: 401,
      clears: true,
      provoke: async () => {
        const { cookie, refreshToken } = await pairedSession();
        const issued = await app.sessions.refresh(refreshToken!);
        await useToken(app, issued.token);
        app.clock.advance('15m');
        return send(app.port, { path: '/me', headers: { Cookie: cookie } });
      },
    },
    unproven: {
      status: 401,
      clears: false,
      provoke: async () => {
        const store = new MemorySessionStore();
        const { cookie, session } = await pairedSession(store);
        await store.bind(session.id, 'ada', 'the key of the device');
        app.clock.advance('15m');
        return send(app.port, { path: '/me', headers: { Cookie: cookie } });
      },
    },
    'other-device': {
      status: 401,
      clears: false,
      provoke: async () => {
        app = await boundApp({});
        const [owner, other] = [new BoundBrowser(app), new BoundBrowser(app)];
        await owner.post('/login', { user: 'ada' });
        const path = '/session/device/refresh';
        const answer = await withoutOrigin(owner, path);
        const challenge = challengeIn(answer);
        return withoutOrigin(owner, path, {
          'Secure-Session-Response': other.device.proofOf(challenge),
        });
      },
    },
    unbound: {
      status: 401,
      clears: true,
      provoke: async () => {
        app = await boundApp({ required: true });
        const visitor = await app.signIn();
        app.clock.advance('15m');
        return visitor.sendOnly({ path: '/me' });
      },
    },
    stale: {
      status: 401,
      clears: false,
      provoke: async () => {
        const own = await token();
        app = await start(adapter, { verifyOnly: true }, openTestApp, {
          clock: app.clock,
        });
        app.clock.advance('30m');
        return withCookie(own);
      },
    },
    'not-yet-valid': {
      status: 401,
      clears: false,
      provoke: () => {
        app.clock.advance(-6);
        return browser.sendOnly({ path: '/me' });
      },
    },
    ambiguous: {
      status: 401,
      clears: true,
      provoke: async () => withCookie(`${await token()}; ${COOKIE}=x`),
    },
    conflict: {
      status: 401,
      // Who is right, the cookie or the header? No header costs a cookie.
      clears: false,
      provoke: async () => {
        const { header } = await createTestSession(app.app, 'bob');
        return browser.sendOnly({
          path: '/me',
          headers: { Authorization: header },
        });
      },
    },
    ended: {
      status: 401,
      clears: true,
      provoke: async () => {
        const own = await token();
        await browser.post('/logout', {}, app.proof);
        return withCookie(own);
      },
    },
    replaced: {
      status: 401,
      clears: false,
      provoke: async () => {
        const own = await token();
        await browser.post('/login', { user: 'bob' }, app.proof);
        return withCookie(own);
      },
    },
    'cross-site': {
      status: 403,
      clears: false,
      provoke: () =>
        browser.sendOnly({
          method: 'POST',
          path: '/change',
          body: {},
          headers: { ...FOREIGN[0]![1], 'X-Requested-With': 'x' },
        }),
    },
    'csrf-header': {
      status: 403,
      clears: false,
      provoke: () =>
        browser.sendOnly({ method: 'POST', path: '/change', body: {} }),
    },
    'csrf-token': {
      status: 403,
      clears: false,
      provoke: async () => {
        const guarded = await start(
          adapter,
          { csrf: { token: true } },
          openTestApp,
        );
        const visitor = await guarded.signIn();
        app = guarded;
        return visitor.sendOnly({ method: 'POST', path: '/change', body: {} });
      },
    },
    context: { status: 401, clears: false },
  };

  it('is told for every refusal that there is', () => {
    expect(Object.keys(rows).toSorted()).toEqual(
      Object.keys(REFUSALS).toSorted(),
    );
  });

  it.each(
    Object.entries(rows).map(
      ([refusal, row]) =>
        [refusal, row.clears ? 'clears' : 'keeps', row] as const,
    ),
  )(
    '%s: %s the cookie',
    async (refusal, _does, { status, clears, provoke }) => {
      if (!provoke) {
        const context = new ExecutionContextHost(
          [{}, {}],
          MoreRoutes,
          // oxlint-disable-next-line typescript/unbound-method -- a name for the log, never called
          MoreRoutes.prototype.any,
        );
        context.setType('unknown');
        const guard = app.app.get(SessionGuard);
        let thrown: unknown;
        try {
          await guard.canActivate(context);
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(HttpException);
        expect((thrown as HttpException).getStatus()).toBe(status);
        return;
      }
      const { handled } = app.account;
      const own = app;
      const response = await provoke();
      expect(response.status).toBe(status);
      const cleared =
        refusal === 'ambiguous'
          ? [CLEARED, CLEARED_PARTITIONED]
          : refusal === 'unbound'
            ? BOTH_BOUND_CLEARED
            : app === own
              ? [CLEARED]
              : [CLEARED, CLEARED_REFRESH];
      expect(response.setCookie).toEqual(clears ? cleared : []);
      expect(response.json).toEqual(
        status === 403
          ? BODY_OF_403
          : {
              statusCode: 401,
              message: 'Unauthorized',
              errorCode: 'SESSION_REQUIRED',
            },
      );
      expect(app.eventsOf('rejected')).toMatchObject([
        { code: REFUSALS[refusal as Refusal].code, reason: refusal },
      ]);
      expect(app.account.handled).toBe(handled);
      if (clears) {
        expect(response.headers['cache-control']).toBe('no-store');
      }
    },
  );

  it('nothing at all where the data source is down', async () => {
    app.users.failure = new Error('down');
    app.clock.advance('30m');
    const response = await browser.sendOnly({ path: '/me' });
    expect(response.status).toBe(503);
    expect(response.setCookie).toEqual([]);
  });

  it('A-141: nothing at all on a @Public() route, where a bad token is not even looked at', async () => {
    for (const cookie of ['garbage', `${await token()}; ${COOKIE}=x`, '']) {
      const response = await send(app.port, {
        path: '/public',
        headers: { Cookie: `${COOKIE}=${cookie}` },
      });
      expect(response.status).toBe(200);
      expect(response.setCookie).toEqual([]);
    }
    expect(app.eventsOf('rejected')).toEqual([]);
  });
});
