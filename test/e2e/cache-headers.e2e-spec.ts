import { Readable } from 'node:stream';
import {
  Controller,
  ForbiddenException,
  Get,
  Header,
  Inject,
  NotFoundException,
  Post,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
  type INestApplication,
} from '@nestjs/common';
import { of } from 'rxjs';
import {
  MemorySessionStore,
  OptionalSession,
  Public,
  RequestFieldTransport,
  Session,
  SessionService,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import {
  send,
  type Browser,
  type TestRequest,
  type TestResponse,
} from '../support/browser.js';
import { keyPairs } from '../support/key-pairs.js';
import { openTestApp } from '../support/opened-apps.js';
import { CLEARED, COOKIE, fieldsOf, linesOf } from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';

const FOREIGN = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};
/** What something in front of the handlers says of every answer. */
const PUBLIC = 'public, max-age=99';
/** Where that something says it to the caches of providers. */
const CDN_HEADERS = [
  'cdn-cache-control',
  'cloudflare-cdn-cache-control',
  'netlify-cdn-cache-control',
  'surrogate-control',
  'vercel-cdn-cache-control',
  'x-accel-expires',
];

@Controller('answers')
class Answers {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Get('plain')
  plain(@Session('subject') subject: string) {
    return { subject };
  }

  @Get('text')
  text(@Session('subject') subject: string) {
    return subject;
  }

  @Get('public')
  @Header('Cache-Control', 'public, max-age=60, immutable')
  @Header('CDN-Cache-Control', 'max-age=60')
  @Header('Surrogate-Control', 'max-age=60')
  cacheable(@Session('subject') subject: string) {
    return { subject };
  }

  @Get('vary-encoding')
  @Header('Vary', 'Accept-Encoding')
  encoded() {
    return 'text';
  }

  @Get('vary-language')
  inLanguages(@Res({ passthrough: true }) response: any) {
    response.header('Vary', 'Accept-Encoding, Accept-Language');
    return 'text';
  }

  @Get('vary-added')
  added(@Res({ passthrough: true }) response: any) {
    response.header('Vary', `${response.getHeader('Vary')}, Accept-Encoding`);
    return 'text';
  }

  @Get('vary-cookie')
  cookie(@Res({ passthrough: true }) response: any) {
    response.header('Vary', 'Accept, cookie');
    return 'text';
  }

  @Get('vary-all')
  all(@Res({ passthrough: true }) response: any) {
    response.header('Vary', '*');
    return 'text';
  }

  @Get('stream')
  stream() {
    return new StreamableFile(Readable.from([Buffer.from('text')]));
  }

  @Sse('events')
  events() {
    return of({ data: 'text' });
  }

  @Get('redirect')
  @Redirect('/elsewhere', 301)
  redirect() {}

  @Get('not-modified')
  notModified(@Res({ passthrough: true }) response: any) {
    response.header('ETag', '"1"');
    response.status(304);
  }

  @Get('missing')
  missing() {
    throw new NotFoundException();
  }

  @Get('forbidden')
  forbidden() {
    throw new ForbiddenException();
  }

  @Get('error')
  error() {
    throw new Error('text');
  }

  @OptionalSession()
  @Get('optional')
  optional(@Session() session: ActiveSession | undefined) {
    return { subject: session?.subject ?? null };
  }

  @Public()
  @Get('middleware')
  async middleware(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ) {
    const session = await this.sessions.authenticate(request as never, {
      response,
    });
    return { subject: session?.subject ?? null };
  }

  @Post('again')
  again(
    @Session('subject') subject: string,
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.generate(subject, { response });
  }
}

/** A setting of the whole application that was made without sessions in mind. */
function withPublicCaching(nest: INestApplication): void {
  nest.use((_request: unknown, response: any, next: () => void) => {
    response.setHeader('Cache-Control', PUBLIC);
    for (const name of CDN_HEADERS) response.setHeader(name, 'max-age=99');
    next();
  });
}

function varyOf({ headers }: TestResponse): string[] {
  return fieldsOf(headers['vary']);
}

/** It depends on these, each said once. */
function expectVary(response: TestResponse, fields: readonly string[]): void {
  const told = varyOf(response);
  expect(told).toEqual(expect.arrayContaining([...fields]));
  expect(told).toHaveLength(new Set(told).size);
}

/** Neither a shared cache nor the browser keeps it. */
function expectNotStored(
  { headers }: TestResponse,
  cacheControl = 'no-store',
): void {
  expect(headers['cache-control']).toBe(cacheControl);
  for (const name of CDN_HEADERS) {
    expect([name, headers[name]]).toEqual([name, undefined]);
  }
}

/** How an answer comes about, its status, and what it says of `Vary`. */
type Answer = [
  what: string,
  request: TestRequest,
  status: number,
  vary?: string[],
];

const ANSWERS: Answer[] = [
  ['an object', { path: '/answers/plain' }, 200],
  ['HEAD', { method: 'HEAD', path: '/answers/text' }, 200],
  ['that caches may keep it', { path: '/answers/public' }, 200],
  [
    'that it varies by what it found and one more',
    { path: '/answers/vary-added' },
    200,
    ['cookie', 'accept-encoding'],
  ],
  [
    'that it varies by the cookie',
    { path: '/answers/vary-cookie' },
    200,
    ['accept', 'cookie'],
  ],
  ['that it varies by all', { path: '/answers/vary-all' }, 200, ['*']],
  ['a stream', { path: '/answers/stream' }, 200],
  ['events', { path: '/answers/events' }, 200],
  ['a redirect', { path: '/answers/redirect' }, 301],
  ['304', { path: '/answers/not-modified' }, 304],
  ['404', { path: '/answers/missing' }, 404],
  ['403', { path: '/answers/forbidden' }, 403],
  ['an error', { path: '/answers/error' }, 500],
  ['a page for everybody', { path: '/answers/optional' }, 200],
  [
    'what it asked authenticate() for, on a public route',
    { path: '/answers/middleware' },
    200,
  ],
  [
    'that it varies by the encoding',
    { path: '/answers/vary-encoding' },
    200,
    ['accept-encoding', 'cookie'],
  ],
  [
    'that it varies by encoding and language',
    { path: '/answers/vary-language' },
    200,
    ['accept-encoding', 'accept-language', 'cookie'],
  ],
];

describe.each(adapters)('what caches are told on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp(adapter, {
      controllers: [Answers],
      configure: withPublicCaching,
    });
  });
  afterAll(() => app.close());

  describe('an answer that carries a token is never stored, whatever the handler says (A-115, S-114, V-45):', () => {
    it.each<Answer>(ANSWERS)(
      '%s',
      async (_what, request, status, vary = ['cookie']) => {
        const browser = await app.signIn();
        app.clock.advance('15m');
        const response = await browser.send(request);
        expect(response.status).toBe(status);
        expect(response.setCookie).toHaveLength(1);
        const isStream = request.path === '/answers/events';
        expectNotStored(
          response,
          isStream ? 'no-store, no-transform' : 'no-store',
        );
        expectVary(response, vary);
      },
    );
  });

  describe('V-45: an answer that brings none says that it depends on the cookie, and leaves the rest to the handler:', () => {
    it.each<Answer>(ANSWERS)(
      '%s',
      async (_what, request, status, vary = ['cookie']) => {
        const browser = await app.signIn();
        const response = await browser.send(request);
        expect(response.status).toBe(status);
        expect(response.setCookie).toEqual([]);
        const isOwn = request.path === '/answers/public';
        const isEvents = request.path === '/answers/events';
        if (!isEvents) {
          expect(response.headers['cache-control']).toBe(
            isOwn ? 'public, max-age=60, immutable' : PUBLIC,
          );
        }
        expectVary(response, vary);
      },
    );
  });

  it('keeps the answers to a signed-in and an anonymous user at one address separate (V-45)', async () => {
    const signedIn = await (await app.signIn()).get('/answers/optional');
    const anonymous = await app.browser().get('/answers/optional');
    expect(signedIn.json).toEqual({ subject: 'ada' });
    expect(anonymous.json).toEqual({ subject: null });
    expect([signedIn, anonymous].map(varyOf)).toEqual([['cookie'], ['cookie']]);
  });

  describe('the session changes, and the answer is never stored (S-114)', () => {
    it.each<[what: string, request: TestRequest, status: number]>([
      [
        'of a sign-in',
        { method: 'POST', path: '/login', body: { user: 'bob' } },
        200,
      ],
      [
        'of a sign-in in a handler that needs a session',
        { method: 'POST', path: '/answers/again', body: {} },
        201,
      ],
      [
        'of an update',
        { method: 'POST', path: '/attributes', body: { theme: 'dark' } },
        200,
      ],
      ['of a reload', { method: 'POST', path: '/reload', body: {} }, 200],
      [
        'of a sign-out by the session',
        { method: 'POST', path: '/sign-out', body: {} },
        204,
      ],
      [
        'of a sign-out by the request',
        { method: 'POST', path: '/logout', body: {} },
        204,
      ],
    ])('%s', async (_what, request, status) => {
      const browser = await app.signIn();
      const response = await browser.send(request);
      expect(response.status).toBe(status);
      expect(response.setCookie).toHaveLength(1);
      expectNotStored(response);
      expect(varyOf(response)).toEqual(['cookie']);
    });

    it('of a sign-out without a session', async () => {
      const response = await app.browser().post('/logout');
      expect(response.status).toBe(204);
      expectNotStored(response);
    });
  });

  describe('a refusal depends on the cookie', () => {
    it.each<[what: string, cookie: (own: string) => string]>([
      ['a malformed token', () => `${COOKIE}=x`],
      ['two tokens', (own) => `${own}; ${own}`],
    ])(
      '401 for %s, which clears it, is never stored (S-114)',
      async (_what, cookie) => {
        const own = `${COOKIE}=${await (await app.signIn()).cookie()}`;
        const headers = { Cookie: cookie(own) };
        for (const path of ['/answers/public', '/answers/optional']) {
          const response = await app.browser().get(path, headers);
          expect(response.status).toBe(path === '/answers/public' ? 401 : 200);
          expect(linesOf(response)[0]).toBe(CLEARED);
          expectNotStored(response);
          expect(varyOf(response)).toEqual(['cookie']);
        }
      },
    );

    it.each<
      [what: string, ask: (browser: Browser) => Promise<TestResponse>, number]
    >([
      ['401 without a token', () => app.browser().get('/answers/public'), 401],
      [
        '403 of the CSRF check',
        (browser) => browser.post('/change', {}, FOREIGN),
        403,
      ],
      [
        '403 of the CSRF check, of a GET that asks to be a DELETE',
        (browser) => browser.get('/answers/public?_method=DELETE', FOREIGN),
        403,
      ],
    ])('%s', async (_what, ask, status) => {
      const response = await ask(await app.signIn());
      expect(response.status).toBe(status);
      expect(response.setCookie).toEqual([]);
      expectNotStored(response);
      expect(varyOf(response)).toEqual(['cookie']);
    });

    it('503 with the data source down', async () => {
      const broken = await openTestApp(adapter, { controllers: [Answers] });
      const browser = await broken.signIn();
      broken.users.failure = new Error('down');
      broken.clock.advance('30m');
      const response = await browser.get('/answers/public');
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toBeDefined();
      expect(response.headers['cache-control']).not.toEqual(
        expect.stringMatching(/public|max-age/),
      );
      expect(varyOf(response)).toEqual(['cookie']);
    });
  });

  it('an unknown route answers everybody alike: a due session changes nothing of its 404', async () => {
    const browser = await app.signIn();
    app.clock.advance('15m');
    const [known, unknown] = [
      await browser.get('/nowhere'),
      await app.browser().get('/nowhere'),
    ];
    for (const response of [known, unknown]) {
      expect(response.status).toBe(404);
      expect(response.setCookie).toEqual([]);
      expect(response.headers['vary']).toBeUndefined();
    }
    expect(known.text).toBe(unknown.text);
  });
});

describe('what caches are told of a conditional request on express', () => {
  it('S-114, V-45: 304 varies by the cookie, and brings a new token when the session is due', async () => {
    const app = await openTestApp('express', { controllers: [Answers] });
    const browser = await app.signIn();
    const { headers } = await browser.get('/answers/plain');
    const condition = { 'If-None-Match': headers['etag']! };
    const fresh = await browser.get('/answers/plain', condition);
    expect(fresh.status).toBe(304);
    expect(varyOf(fresh)).toEqual(['cookie']);
    expect(fresh.setCookie).toEqual([]);

    app.clock.advance('15m');
    const due = await browser.get('/answers/plain', condition);
    expect(due.status).toBe(304);
    expect(due.setCookie).toHaveLength(1);
    expectNotStored(due);
    expect((await browser.get('/answers/plain')).setCookie).toEqual([]);
  });
});

describe.each(adapters)('what caches are told of a pair on %s', (adapter) => {
  it.each([
    ['without a store', () => ({})],
    ['with a store', () => ({ store: new MemorySessionStore() })],
  ])(
    'neither a refresh by the guard nor the end of the session is stored: %s (S-114, V-45)',
    async (_what, more) => {
      const app = await openTestApp(adapter, {
        session: { refreshToken: {}, ...more() },
        controllers: [Answers],
        configure: withPublicCaching,
      });
      const browser = await app.signIn();
      app.clock.advance('15m');
      const renewed = await browser.get('/answers/public');
      app.users.all.get('ada')!.disabled = true;
      app.clock.advance('15m');
      const ended = await browser.get('/answers/public');
      expect([renewed.status, ended.status]).toEqual([200, 401]);
      for (const response of [renewed, ended]) {
        expect(response.setCookie).toHaveLength(2);
        expectNotStored(response);
        expect(varyOf(response)).toEqual(['cookie']);
      }
    },
  );
});

/** A cache for many users that keeps whatever it is not forbidden to keep (RFC 9111), for ever. */
class SharedCache {
  readonly #kept: {
    readonly path: string;
    readonly key: readonly (readonly [
      field: string,
      value: string | undefined,
    ])[];
    readonly response: TestResponse;
  }[] = [];
  hits = 0;

  constructor(readonly port: number) {}

  async get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<TestResponse> {
    const sent = new Map(
      Object.entries(headers).map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    );
    const kept = this.#kept.find(
      (each) =>
        each.path === path &&
        each.key.every(([field, value]) => sent.get(field) === value),
    );
    if (kept) {
      this.hits += 1;
      return kept.response;
    }
    const response = await send(this.port, { path, headers });
    const vary = varyOf(response);
    if (
      response.headers['cache-control'] !== 'no-store' &&
      !vary.includes('*')
    ) {
      const key = vary.map((field) => [field, sent.get(field)] as const);
      this.#kept.push({ path, key, response });
    }
    return response;
  }
}

describe.each(adapters)(
  'behind a shared cache that keeps all it may, on %s',
  (adapter) => {
    async function open(): Promise<{
      app: TestApp;
      cache: SharedCache;
      cookieOf: (user: string) => Promise<{ Cookie: string }>;
    }> {
      const app = await openTestApp(adapter, {
        controllers: [Answers],
        configure: withPublicCaching,
      });
      return {
        app,
        cache: new SharedCache(app.port),
        cookieOf: async (user) => ({
          Cookie: `${COOKIE}=${await (await app.signIn(user)).cookie()}`,
        }),
      };
    }

    it.each([['/answers/plain'], ['/answers/public'], ['/answers/optional']])(
      'no user gets the answer of another: %s (V-45)',
      async (path) => {
        const { app, cache, cookieOf } = await open();
        const users = [await cookieOf('ada'), await cookieOf('bob'), {}];
        const seen: unknown[] = [];
        for (const seconds of [0, 0, 900, 0]) {
          app.clock.advance(seconds);
          for (const headers of users) {
            const { json, setCookie } = await cache.get(path, headers);
            seen.push((json as { subject?: string }).subject ?? null);
            expect(setCookie.length === 0 || seconds === 900).toBe(true);
          }
        }
        expect(seen).toEqual(
          Array.from({ length: 4 }, () => ['ada', 'bob', null]).flat(),
        );
        expect(cache.hits).toBeGreaterThan(0);
      },
    );

    it('V-45: no token that was re-issued is kept: each comes to its own browser', async () => {
      const { app, cache, cookieOf } = await open();
      const headers = await cookieOf('ada');
      app.clock.advance('15m');
      for (let i = 0; i < 3; i += 1) {
        expect(
          (await cache.get('/answers/public', headers)).setCookie,
        ).toHaveLength(1);
      }
      expect(cache.hits).toBe(0);
    });

    it.each<[what: string, query: string, headers: Record<string, string>]>([
      ['by a header', '', { ...FOREIGN, 'X-HTTP-Method-Override': 'DELETE' }],
      ['in the address', '?_method=DELETE', FOREIGN],
    ])(
      'the 403 of a forged GET that asks for another method %s is kept for its sender only (S-159)',
      async (_what, query, forged) => {
        const { cache, cookieOf } = await open();
        const attacker = await cookieOf('bob');
        const path = `/answers/public${query}`;
        expect((await cache.get(path, { ...attacker, ...forged })).status).toBe(
          403,
        );
        expect((await cache.get(path, forged)).status).toBe(401);
        const victim = await cookieOf('ada');
        const page = await cache.get('/answers/public', victim);
        expect(page.json).toEqual({ subject: 'ada' });
        const everybody = `/answers/optional${query}`;
        expect((await cache.get(everybody, forged)).json).toEqual({
          subject: null,
        });
        expect((await cache.get('/answers/optional', victim)).json).toEqual({
          subject: 'ada',
        });
      },
    );
  },
);

describe.each(adapters)('what caches are told beside CORS on %s', (adapter) => {
  const SPA = 'https://spa.example';

  it('S-159: each answer to an allowed origin is keyed by the origin too, a 403 and a 401 like any other', async () => {
    const app = await openTestApp(adapter, {
      controllers: [Answers],
      configure: (nest) =>
        nest.enableCors({ origin: [SPA], credentials: true }),
    });
    const browser = await app.signIn();
    const ask: [status: number, request: TestRequest][] = [
      [200, { path: '/answers/plain' }],
      [401, { path: '/answers/plain', headers: { Cookie: '' } }],
      [403, { method: 'POST', path: '/change', body: {} }],
    ];
    for (const [status, request] of ask) {
      const response = await browser.send({
        ...request,
        headers: {
          ...(request.headers as Record<string, string>),
          Origin: SPA,
          'Sec-Fetch-Site': 'cross-site',
        },
      });
      expect(response.status).toBe(status);
      expect(varyOf(response).toSorted()).toEqual(['cookie', 'origin']);
    }
  });
});

describe.each(adapters)(
  'what caches are told of the header transport on %s',
  (adapter) => {
    let app: TestApp;

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        session: { transport: 'header' },
        controllers: [Answers],
        configure: withPublicCaching,
      });
    });
    afterAll(() => app.close());

    it('an answer that carries a token is never stored, and no answer varies by a cookie (S-114)', async () => {
      const { header } = await createTestSession(app.app, 'ada');
      const headers = { Authorization: header };
      const fresh = await app.browser().get('/answers/public', headers);
      app.clock.advance('15m');
      const due = await app.browser().get('/answers/public', headers);
      const login = await app.browser().post('/login', { user: 'ada' });
      const refused = await app.browser().get('/answers/public');
      expect([fresh, due, login, refused].map(({ status }) => status)).toEqual([
        200, 200, 200, 401,
      ]);
      expect(fresh.headers['session-token']).toBeUndefined();
      for (const response of [due, login]) {
        expect(response.headers['session-token']).toBeDefined();
        expectNotStored(response);
      }
      for (const response of [fresh, due, login, refused]) {
        expect(varyOf(response)).not.toContain('cookie');
        expect(response.setCookie).toEqual([]);
      }
      for (const response of [fresh, due, refused]) {
        expect(varyOf(response)).toContain('authorization');
      }
    });

    it.each<[where: string, session: Partial<SessionJwtModuleOptions>]>([
      ['a header of its own', { header: { name: 'X-Session', scheme: '' } }],
      [
        'a field of the request',
        { transport: new RequestFieldTransport({ header: 'X-Session' }) },
      ],
    ])(
      'S-159: an answer varies by %s that brings the token',
      async (_where, session) => {
        const own = await openTestApp(adapter, {
          session: { transport: 'header', ...session },
          controllers: [Answers],
          configure: withPublicCaching,
        });
        const response = await own.browser().get('/answers/public');
        expect(response.status).toBe(401);
        expect(varyOf(response)).toContain('x-session');
      },
    );
  },
);

describe.each(adapters)(
  'what caches are told of the ready-made routes on %s',
  (adapter) => {
    interface Row {
      readonly method: string;
      readonly path: string;
      readonly status: number;
      /** The guard does not look at public ones: what they answer depends on what they send. */
      readonly isPublic?: boolean;
    }

    const ROUTES: Row[] = [
      { method: 'GET', path: '', status: 200 },
      { method: 'POST', path: '/refresh', status: 200, isPublic: true },
      { method: 'GET', path: '/devices', status: 200 },
      { method: 'DELETE', path: '/devices/others', status: 200 },
      { method: 'DELETE', path: '/devices/nobody', status: 404 },
      { method: 'POST', path: '/logout', status: 204, isPublic: true },
    ];

    const open = (store: SickStore | undefined): Promise<TestApp> =>
      openTestApp(adapter, {
        session: { ...(store && { store, refreshToken: {} }) },
        extras: { routes: true },
        configure: withPublicCaching,
      });
    const ask = (
      browser: Browser,
      { method, path }: Row,
      headers: Record<string, string> = {},
    ): Promise<TestResponse> =>
      browser.send({
        method,
        path: `/session${path}`,
        headers,
        ...(method === 'POST' && { body: {} }),
      });

    it.each(ROUTES)(
      '$method session$path ($status) is never stored (S-114)',
      async (row) => {
        const app = await open(new SickStore());
        const response = await ask(await app.signIn(), row);
        expect(response.status).toBe(row.status);
        expectNotStored(response);
        expect(varyOf(response)).toEqual(['cookie']);
      },
    );

    it.each(ROUTES)(
      '$method session$path is never stored with the store down (S-114)',
      async (row) => {
        const store = new SickStore();
        const app = await open(store);
        const browser = await app.signIn();
        store.fall('rejects');
        const response = await ask(browser, row);
        expect(response.status).toBe(row.path === '' ? 200 : 503);
        expectNotStored(response);
      },
    );

    it.each(ROUTES.filter(({ isPublic }) => isPublic))(
      '$method session$path is never stored without a session, nor for another site (S-114)',
      async (row) => {
        const app = await open(new SickStore());
        const none = await ask(app.browser(), row);
        expect(none.status).toBe(row.path === '/refresh' ? 401 : 204);
        expectNotStored(none);
        const forged = await ask(await app.signIn(), row, FOREIGN);
        expect(forged.status).toBe(403);
        expectNotStored(forged);
      },
    );

    it.each(ROUTES.filter(({ isPublic }) => !isPublic))(
      'V-45: $method session$path varies by the cookie where it is refused',
      async (row) => {
        const app = await open(new SickStore());
        const none = await ask(app.browser(), row);
        expect(none.status).toBe(401);
        expect(varyOf(none)).toEqual(['cookie']);
      },
    );

    it.each(ROUTES.filter(({ path }) => /^\/(refresh|devices)/.test(path)))(
      '$method session$path, refused without a store, is never stored (S-114)',
      async (row) => {
        const app = await open(undefined);
        const response = await ask(await app.signIn(), row);
        expect(response.status).toBe(row.path === '/refresh' ? 401 : 404);
        expectNotStored(response);
      },
    );
  },
);

describe.each(adapters)(
  'what caches are told of the published keys on %s',
  (adapter: AdapterName) => {
    it('everybody may keep them, whoever asks, and a due session is left alone', async () => {
      const { privateKey } = keyPairs.ES256;
      const app = await openTestApp(adapter, {
        session: {
          secret: undefined,
          keys: [{ algorithm: 'ES256', privateKey }],
        } as never,
        extras: { jwks: true },
      });
      const browser = await app.signIn();
      app.clock.advance('15m');
      for (const asker of [browser, app.browser()]) {
        const response = await asker.get('/.well-known/jwks.json');
        expect(response.status).toBe(200);
        expect(response.headers['cache-control']).toMatch(
          /^public, max-age=\d+$/,
        );
        expect(response.headers['vary']).toBeUndefined();
        expect(response.setCookie).toEqual([]);
      }
    });

    it('nobody keeps that there are none yet', async () => {
      const app = await openTestApp(adapter, {
        session: {
          secret: undefined,
          // Nobody listens there.
          verifyOnly: { jwksUri: 'http://127.0.0.1:1/jwks.json' },
        } as never,
        extras: { jwks: true },
      });
      const response = await app.browser().get('/.well-known/jwks.json');
      expect(response.status).toBe(503);
      expectNotStored(response);
    });
  },
);
