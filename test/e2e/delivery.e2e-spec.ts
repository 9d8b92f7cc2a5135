import { once } from 'node:events';
import {
  connect,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Agent, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import type { INestApplication } from '@nestjs/common';
import {
  FastifyAdapter,
  type NestFastifyApplication,
} from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import cookieParser from 'cookie-parser';
import {
  SessionJwtModule,
  type Delivery,
  type RequestFacts,
  type Transport,
  type TransportTokens,
} from '../../lib/index.js';
import {
  createTestSession,
  type TestSession,
} from '../../lib/testing/index.js';
import {
  Acts,
  ActsModule,
  ANSWERS,
  answersOf,
  kindsOf,
  cacheControlOf,
  type Act,
  type AnswerKind,
} from './answers.js';
import type { Browser, TestResponse } from '../support/browser.js';
import { eachOnNest } from '../support/nest-version.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  CLEARED,
  COOKIE,
  fieldsOf,
  linesOf,
  otherLinesOf,
  valueOf,
} from '../support/set-cookie.js';
import {
  bothAdapters as adapters,
  SECRET,
  startTestApp,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

function withCookies(adapter: AdapterName) {
  return (app: INestApplication): void => {
    if (adapter === 'express') {
      app.use(cookieParser());
    } else {
      void (app as NestFastifyApplication).register(fastifyCookie as never);
    }
  };
}

/** @param start `openTestApp` for an application that one test has for itself */
function startWithAnswers(
  adapter: AdapterName,
  options: TestAppOptions = {},
  start = startTestApp,
): Promise<TestApp> {
  return start(adapter, {
    controllers: answersOf[adapter],
    imports: [ActsModule],
    configure: withCookies(adapter),
    ...options,
  });
}

function openWithAnswers(
  adapter: AdapterName,
  options: TestAppOptions = {},
): Promise<TestApp> {
  return startWithAnswers(adapter, options, openTestApp);
}

/** A session whose data is to be loaded again. */
function createDueSession({ app, clock }: TestApp): Promise<TestSession> {
  const instant = new Date((clock.nowSeconds() - 900) * 1000);
  return createTestSession(app, 'ada', {
    issuedAt: instant,
    loadedAt: instant,
  });
}

/** The whole answer is the handler's, but for what the session adds. */
function expectAnswerOf(kind: AnswerKind, response: TestResponse): void {
  expect(response.status).toBe(kind.status);
  expect(otherLinesOf(response)).toEqual(kind.cookies ?? []);
}

function expectNotStored(
  { headers }: TestResponse,
  cacheControl = 'no-store',
): void {
  expect(headers['cache-control']).toBe(cacheControl);
  expect(headers['cdn-cache-control']).toBeUndefined();
  expect(headers['surrogate-control']).toBeUndefined();
  expect(fieldsOf(headers['vary'])).toContain('cookie');
}

describe.each(adapters)('the delivery of a session on %s', (adapter) => {
  let app: TestApp;
  let acts: Acts;

  beforeAll(async () => {
    app = await startWithAnswers(adapter);
    acts = app.app.get(Acts);
  });
  afterAll(() => app.close());
  afterEach(() => acts.reset());

  function ask(
    browser: Browser,
    kind: AnswerKind,
    act: Act = 'nothing',
  ): Promise<TestResponse> {
    return browser.send({
      path: `/answers/${kind.path}`,
      headers: { 'X-Act': act },
    });
  }

  async function subjectOf(token: string): Promise<string> {
    return (await app.sessions.verify(token)).subject;
  }

  describe('A-113, A-114, A-115, S-074, S-075, S-114, V-45: brings a re-issued token once where the handler', () => {
    eachOnNest(kindsOf(adapter))('%s', async (_what, kind) => {
      const browser = await app.signIn();
      const before = await browser.cookie();
      app.clock.advance('15m');

      const response = await ask(browser, kind);
      expectAnswerOf(kind, response);
      const lines = linesOf(response);
      expect(lines).toHaveLength(1);
      expect(valueOf(lines[0])).not.toBe(before);
      expect(await subjectOf(valueOf(lines[0]))).toBe('ada');
      expectNotStored(response, cacheControlOf(kind));
    });
  });

  describe('A-113, A-114, A-115, S-074, S-075, S-114: brings the token of a new session once where the handler that makes it', () => {
    eachOnNest(kindsOf(adapter))('%s', async (_what, kind) => {
      const browser = await app.signIn();
      const response = await ask(browser, kind, 'generate');
      expectAnswerOf(kind, response);
      const lines = linesOf(response);
      expect(lines).toHaveLength(1);
      expect(valueOf(lines[0])).toBe(acts.issued?.token);
      expect(await subjectOf(valueOf(lines[0]))).toBe('bob');
      expect(acts.issued?.delivered).toBe(true);
      expectNotStored(response, cacheControlOf(kind));
    });
  });

  describe('A-113, A-114, A-115, S-074, S-075, S-114: clears the cookie once where the handler that revokes the session', () => {
    eachOnNest(kindsOf(adapter))('%s', async (_what, kind) => {
      const browser = await app.signIn();
      const response = await ask(browser, kind, 'revoke');
      expectAnswerOf(kind, response);
      expect(linesOf(response)).toEqual([CLEARED]);
      expectNotStored(response, cacheControlOf(kind));
      expect(await browser.cookie()).toBeUndefined();
    });
  });

  describe('S-074: brings the last word alone where a token was re-issued on the way to a handler that', () => {
    it.each<[what: string, act: Act]>([
      ['makes a new session', 'generate'],
      ['revokes the session', 'revoke'],
    ])('%s', async (_what, act) => {
      const browser = await app.signIn();
      app.clock.advance('15m');
      const kind = ANSWERS.find(({ path }) => path === 'own-cookies')!;
      const response = await ask(browser, kind, act);
      expectAnswerOf(kind, response);
      const expected =
        act === 'revoke' ? '' : (acts.issued?.token ?? 'no token');
      expect(linesOf(response).map(valueOf)).toEqual([expected]);
      expectNotStored(response);
    });
  });

  describe('A-084, A-114: sends nothing for a session that was ended in this process before the head, where the handler', () => {
    // A cookie of our name that the handler writes by itself is its own affair where we send none.
    const kinds = kindsOf(adapter).filter(
      ([, { path }]) => path !== 'cookie-of-our-name',
    );
    eachOnNest(kinds)('%s', async (_what, kind) => {
      const browser = await app.signIn();
      app.clock.advance('15m');
      const slow = browser.sendOnly({
        path: `/answers/${kind.path}`,
        headers: { 'X-Act': 'wait' },
      });
      await acts.reached.promise;
      expect((await browser.post('/logout')).status).toBe(204);
      acts.gate.open();

      const response = await slow;
      expectAnswerOf(kind, response);
      expect(linesOf(response)).toEqual([]);
      await browser.take(response);
      expect(await browser.cookie()).toBeUndefined();
    });
  });

  describe('V-45: adds Vary alone to the answer of a fresh session, where the handler', () => {
    const kinds = kindsOf(adapter).filter(
      ([, { path }]) => path !== 'cookie-of-our-name',
    );
    eachOnNest(kinds)('%s', async (_what, kind) => {
      const browser = await app.signIn();
      const response = await ask(browser, kind);
      expectAnswerOf(kind, response);
      expect(linesOf(response)).toEqual([]);
      expect(response.headers['cache-control']).not.toBe('no-store');
      expect(fieldsOf(response.headers['vary'])).toContain('cookie');
    });

    it('says that caches may keep the answer, which stays so', async () => {
      const browser = await app.signIn();
      const { headers } = await browser.get('/answers/public-cache');
      expect(headers['cache-control']).toBe('public, max-age=3600, immutable');
      expect(headers['cdn-cache-control']).toBe('max-age=3600');
      expect(headers['surrogate-control']).toBe('max-age=3600');
    });
  });

  it('S-114, V-45: adds to the Vary of a handler instead of replacing it', async () => {
    const browser = await app.signIn();
    app.clock.advance('15m');
    const kind = ANSWERS.find(({ path }) => path === 'own-vary')!;
    const response = await ask(browser, kind);
    expect(fieldsOf(response.headers['vary'])).toEqual([
      'accept-encoding',
      'cookie',
    ]);
  });

  it('V-45: says Vary: Cookie to the anonymous and the refused too, and nothing on public routes', async () => {
    const anonymous = await app.browser().get('/optional');
    expect(anonymous.status).toBe(200);
    expect(anonymous.headers['vary']).toBe('Cookie');
    const refused = await app.browser().get('/me');
    expect(refused.status).toBe(401);
    expect(refused.headers['vary']).toBe('Cookie');
    const open = await (await app.signIn()).get('/public');
    expect(open.status).toBe(200);
    expect(open.headers['vary']).toBeUndefined();
    expect(open.headers['cache-control']).not.toBe('no-store');
  });

  it('brings a re-issued token on a HEAD request', async () => {
    const browser = await app.signIn();
    app.clock.advance('15m');
    const response = await browser.send({
      method: 'HEAD',
      path: '/answers/text',
    });
    expect(response.status).toBe(200);
    expect(response.text).toBe('');
    expect(linesOf(response)).toHaveLength(1);
    expectNotStored(response);
  });

  it.each([
    ['update', '/attributes', { theme: 'dark' }],
    ['reload', '/reload', {}],
  ])(
    'S-074: brings one token, the newest, where the handler calls %s on a session that was re-issued for it',
    async (_what, path, body) => {
      const browser = await app.signIn();
      app.clock.advance('15m');
      const loads = app.users.loads.length;
      const response = await browser.post(path, body);
      expect(response.status).toBe(200);
      const lines = linesOf(response);
      expect(lines).toHaveLength(1);
      const session = await app.sessions.verify(valueOf(lines[0]));
      expect(session.attributes).toEqual(body);
      expect(session.loadedAt.getTime()).toBe(app.clock.nowSeconds() * 1000);
      expect(app.users.loads.length - loads).toBe(path === '/reload' ? 2 : 1);
    },
  );

  it('says that nothing was delivered where the head had gone out before', async () => {
    const browser = await app.signIn();
    const before = app.eventsOf('undelivered').length;
    const response = await browser.send({
      path: '/answers/too-late',
      headers: { 'X-Act': 'generate' },
    });
    expect(response.status).toBe(200);
    expect(response.setCookie).toEqual([]);
    expect(acts.issued?.delivered).toBe(false);
    expect(app.eventsOf('undelivered').slice(before)).toMatchObject([
      { subject: 'bob' },
    ]);
  });

  it('survives a revoke after the head: the session is over although the cookie stays', async () => {
    const browser = await app.signIn();
    const response = await browser.send({
      path: '/answers/too-late',
      headers: { 'X-Act': 'revoke' },
    });
    expect(response.status).toBe(200);
    expect(response.setCookie).toEqual([]);
    expect((await browser.get('/me')).status).toBe(401);
    expect(await browser.cookie()).toBeUndefined();
  });

  it('clears the cookie of a refused request once, whichever code answers (S-074)', async () => {
    const browser = await app.signIn();
    app.users.all.get('ada')!.disabled = true;
    app.clock.advance('15m');
    const response = await browser.get('/answers/own-cookies');
    app.users.all.get('ada')!.disabled = false;
    expect(response.status).toBe(401);
    expect(response.setCookie).toEqual([CLEARED]);
    expectNotStored(response);
  });

  it('A-147: keeps the tokens of 200 interleaved requests apart', async () => {
    const browsers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => app.signIn(i % 2 ? 'ada' : 'bob')),
    );
    app.clock.advance('15m');
    await Promise.all(
      browsers.flatMap((browser, i) =>
        Array.from({ length: 10 }, async () => {
          const response = await browser.sendOnly({ path: '/answers/object' });
          const [line] = linesOf(response);
          const own = await browser.cookie();
          const session = await app.sessions.verify(valueOf(line));
          expect(session.subject).toBe(i % 2 ? 'ada' : 'bob');
          expect(session.id).toBe((await app.sessions.verify(own!)).id);
        }),
      ),
    );
  });
});

describe.each(adapters)(
  'the delivery without any cookie middleware on %s',
  (adapter) => {
    it('brings a re-issued token beside the cookies of the handler', async () => {
      const app = await openWithAnswers(adapter, { configure: () => {} });
      const browser = await app.signIn();
      app.clock.advance('15m');
      const response = await browser.get('/answers/own-cookies');
      expect(linesOf(response)).toHaveLength(1);
      expect(otherLinesOf(response)).toHaveLength(2);
    });
  },
);

describe.each(adapters)('the delivery beside CORS on %s', (adapter) => {
  it('S-159, V-45: keys caches by origin and by cookie', async () => {
    const app = await openWithAnswers(adapter, {
      configure: (nest) =>
        nest.enableCors({ origin: ['https://spa.example'], credentials: true }),
    });
    const browser = await app.signIn();
    for (const seconds of [0, 900]) {
      app.clock.advance(seconds);
      const response = await browser.get('/me', {
        Origin: 'https://spa.example',
      });
      expect(response.status).toBe(200);
      expect(response.headers['access-control-allow-origin']).toBe(
        'https://spa.example',
      );
      expect(fieldsOf(response.headers['vary']).toSorted()).toEqual([
        'cookie',
        'origin',
      ]);
      expect(linesOf(response)).toHaveLength(seconds === 0 ? 0 : 1);
    }
  });
});

describe.each(adapters)('the header transport on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startWithAnswers(adapter, {
      session: { transport: 'header' },
    });
  });
  afterAll(() => app.close());

  const fresh = async () => (await createTestSession(app.app, 'ada')).header;
  const due = async () => (await createDueSession(app)).header;

  describe('returns a re-issued token in Session-Token, exposed to scripts, where the handler', () => {
    eachOnNest(kindsOf(adapter))('%s', async (_what, kind) => {
      const response = await app.browser().get(`/answers/${kind.path}`, {
        Authorization: await due(),
      });
      expect(response.status).toBe(kind.status);
      const token = response.headers['session-token'];
      expect(typeof token).toBe('string');
      expect((await app.sessions.verify(token as string)).subject).toBe('ada');
      expect(response.headers['access-control-expose-headers']).toBe(
        'Session-Token',
      );
      expect(response.headers['cache-control']).toBe(cacheControlOf(kind));
      const ownCookies =
        kind.path === 'cookie-of-our-name'
          ? ['own=1; Path=/', '__Host-Http-session=forged; Path=/; Secure']
          : (kind.cookies ?? []);
      expect(response.setCookie).toEqual(ownCookies);
    });
  });

  it('adds to the exposed headers of the application', async () => {
    const cors = await openTestApp(adapter, {
      session: { transport: 'header' },
      configure: (nest) =>
        nest.enableCors({ origin: true, exposedHeaders: ['X-Total'] }),
    });
    const { header } = await createDueSession(cors);
    const response = await cors.browser().get('/me', {
      Authorization: header,
      Origin: 'https://spa.example',
    });
    expect(response.status).toBe(200);
    expect(
      fieldsOf(response.headers['access-control-expose-headers'] as string),
    ).toEqual(['x-total', 'session-token']);
  });

  it('sends no token and no cookie where the session is fresh', async () => {
    const response = await app
      .browser()
      .get('/me', { Authorization: await fresh() });
    expect(response.status).toBe(200);
    expect(response.headers['session-token']).toBeUndefined();
    expect(response.headers['access-control-expose-headers']).toBeUndefined();
    expect(response.setCookie).toEqual([]);
  });

  it('sends nothing for a session that was ended in this process before the head', async () => {
    const acts = app.app.get(Acts);
    acts.reset();
    const Authorization = await due();
    const slow = app
      .browser()
      .get('/answers/object', { Authorization, 'X-Act': 'wait' });
    await acts.reached.promise;
    const logout = await app.browser().post('/logout', {}, { Authorization });
    expect(logout.status).toBe(204);
    acts.gate.open();
    const response = await slow;
    expect(response.status).toBe(200);
    expect(response.headers['session-token']).toBeUndefined();
  });

  it('challenges with WWW-Authenticate: Bearer at a 401, and at no other status', async () => {
    const refused = await app.browser().get('/me');
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    const fine = await app
      .browser()
      .get('/me', { Authorization: await fresh() });
    expect(fine.headers['www-authenticate']).toBeUndefined();
  });

  it('gives the token of a sign-in in the body and in the header, and in no cookie', async () => {
    const response = await app.browser().post('/login', { user: 'ada' });
    expect(response.status).toBe(200);
    expect(Object.keys(response.json).toSorted()).toEqual([
      'data',
      'expiresAt',
      'token',
    ]);
    expect(response.headers['session-token']).toBe(response.json.token);
    expect(response.setCookie).toEqual([]);
  });
});

describe.each(adapters)(
  'middleware that adds a cookie when the head is written, on %s',
  (adapter) => {
    it.each(['object', 'own-cookies', 'raw-end', 'head-object', 'error'])(
      'A-113, S-074: keeps its cookie, and ours comes once (%s)',
      async (path) => {
        const app = await openWithAnswers(adapter, {
          configure: (nest) => {
            withCookies(adapter)(nest);
            nest.use(addCookieAtHead);
          },
        });
        const browser = await app.signIn();
        app.clock.advance('15m');
        const response = await browser.get(`/answers/${path}`);
        const kind = ANSWERS.find((each) => each.path === path)!;
        expect(response.status).toBe(kind.status);
        expect(linesOf(response)).toHaveLength(1);
        expect(otherLinesOf(response).toSorted()).toEqual(
          ['middleware=1', ...(kind.cookies ?? [])].toSorted(),
        );
        expectNotStored(response);
      },
    );
  },
);

/** As `on-headers` does it, and so sessions, compression and logging middleware. */
function addCookieAtHead(
  _req: unknown,
  res: ServerResponse,
  next: () => void,
): void {
  const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => unknown;
  (res as { writeHead: unknown }).writeHead = (...args: unknown[]) => {
    res.appendHeader('Set-Cookie', 'middleware=1');
    return writeHead(...args);
  };
  next();
}

describe.each(adapters)(
  "a transport of the application's own on %s",
  (adapter) => {
    class OwnTransport implements Transport {
      readonly name = 'own';
      readonly varyBy = 'X-Own';
      readonly ambient?: boolean;

      constructor(ambient?: boolean) {
        if (ambient !== undefined) this.ambient = ambient;
      }

      read({ headers }: RequestFacts): string | undefined {
        const value = headers['x-own'];
        return typeof value === 'string' ? value : undefined;
      }

      write({ sessionToken, maxAgeSeconds }: TransportTokens): Delivery[] {
        return [
          { kind: 'header', name: 'X-Own-Token', value: sessionToken },
          {
            kind: 'cookie',
            name: 'hint',
            line: `hint=1; Max-Age=${maxAgeSeconds}`,
          },
        ];
      }

      clear(): Delivery[] {
        return [{ kind: 'cookie', name: 'hint', line: 'hint=; Max-Age=0' }];
      }
    }

    let app: TestApp;
    afterEach(() => app.close());

    const startOwn = async (ambient?: boolean): Promise<string> => {
      app = await startWithAnswers(adapter, {
        session: { transport: new OwnTransport(ambient) },
      });
      const signedIn = await app.browser().post('/login', { user: 'ada' });
      return signedIn.headers['x-own-token'] as string;
    };

    it('decides what is sent, and the library puts it into the head', async () => {
      const token = await startOwn();
      app.clock.advance('15m');
      const response = await app
        .browser()
        .get('/answers/own-cookies', { 'X-Own': token });
      expect(response.status).toBe(200);
      expect(linesOf(response, 'hint')).toEqual(['hint=1; Max-Age=604800']);
      expect(otherLinesOf(response, 'hint')).toEqual([
        'own=1; Path=/',
        'two=2; Path=/; HttpOnly',
      ]);
      const renewed = response.headers['x-own-token'] as string;
      expect(renewed).not.toBe(token);
      expect((await app.sessions.verify(renewed)).subject).toBe('ada');
      expect(fieldsOf(response.headers['vary'])).toContain('x-own');
      expect(response.headers['cache-control']).toBe('no-store');
    });

    it('clears what it says', async () => {
      await startOwn();
      const refused = await app.browser().get('/me', { 'X-Own': 'garbage' });
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toEqual(['hint=; Max-Age=0']);
    });

    it.each([
      [undefined, 403],
      [true, 403],
      [false, 200],
    ])(
      'is protected against forgery unless it says that browsers send nothing on their own (ambient %s: %i)',
      async (ambient, status) => {
        const token = await startOwn(ambient);
        const response = await app.browser().post(
          '/change',
          {},
          {
            'X-Own': token,
            Origin: 'https://evil.example',
            'Sec-Fetch-Site': 'cross-site',
          },
        );
        expect(response.status).toBe(status);
      },
    );
  },
);

describe('a conditional request on express', () => {
  it('brings a re-issued token with its 304', async () => {
    const app = await openWithAnswers('express');
    const browser = await app.signIn();
    const first = await browser.get('/answers/text');
    const etag = first.headers['etag'];
    expect(typeof etag).toBe('string');
    app.clock.advance('15m');
    const second = await browser.get('/answers/text', {
      'If-None-Match': etag as string,
    });
    expect(second.status).toBe(304);
    expect(linesOf(second)).toHaveLength(1);
    expectNotStored(second);
  });
});

describe('a connection that is kept alive', () => {
  it.each(adapters)(
    'starts each response with a head of its own on %s',
    async (adapter) => {
      const app = await openWithAnswers(adapter);
      const session = await createDueSession(app);
      // The application ends the connection when it is closed.
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ask = (headers: Record<string, string>) =>
        new Promise<string[]>((resolve, reject) => {
          request(
            { port: app.port, path: '/optional', agent, headers },
            (incoming) => {
              incoming.resume();
              incoming.on('end', () =>
                resolve(incoming.headers['set-cookie'] ?? []),
              );
            },
          )
            .on('error', reject)
            .end();
        });
      expect(await ask({ cookie: session.cookie })).toHaveLength(1);
      expect(await ask({})).toEqual([]);
      expect(await ask({ cookie: session.cookie })).toHaveLength(1);
    },
  );
});

describe('a request that Fastify injects', () => {
  let app: TestApp;
  let nest: NestFastifyApplication;

  beforeAll(async () => {
    app = await startWithAnswers('fastify');
    nest = app.app as NestFastifyApplication;
  });
  afterAll(() => app.close());

  eachOnNest(kindsOf('fastify').filter(([, kind]) => kind.path !== 'sse'))(
    'gets a re-issued token once where the handler %s',
    async (_what, kind) => {
      const { cookie } = await createDueSession(app);
      const response = await nest.inject({
        url: `/answers/${kind.path}`,
        headers: { cookie },
      });
      expect(response.statusCode).toBe(kind.status);
      const lines = [response.headers['set-cookie'] ?? []].flat();
      expect(
        lines.filter((line) => line.startsWith(`${COOKIE}=`)),
      ).toHaveLength(1);
      expect(lines.filter((line) => !line.startsWith(`${COOKIE}=`))).toEqual(
        kind.cookies ?? [],
      );
      expect(response.headers['cache-control']).toBe(cacheControlOf(kind));
      expect(fieldsOf(String(response.headers['vary']))).toContain('cookie');
    },
  );
});

interface Http2Answer {
  headers: IncomingHttpHeaders & { ':status'?: number };
  body: string;
}

async function askHttp2(
  port: number,
  headers: OutgoingHttpHeaders,
): Promise<Http2Answer> {
  const client = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = client.request({ ':path': '/', ...headers });
    stream.end();
    const [answer] = (await once(stream, 'response')) as [
      Http2Answer['headers'],
    ];
    let body = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    await once(stream, 'end');
    return { headers: answer, body };
  } finally {
    client.close();
  }
}

describe('HTTP/2 in the clear', () => {
  describe('with Fastify', () => {
    let nest: NestFastifyApplication;
    let port: number;
    let acts: Acts;

    beforeAll(async () => {
      const moduleRef = await Test.createTestingModule({
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
          ActsModule,
        ],
        controllers: answersOf.fastify,
      }).compile();
      nest = moduleRef.createNestApplication<NestFastifyApplication>(
        new FastifyAdapter({ http2: true } as never),
        { logger: ['fatal'] },
      );
      await nest.register(fastifyCookie as never);
      await nest.listen(0, '127.0.0.1');
      port = (nest.getHttpServer().address() as AddressInfo).port;
      acts = nest.get(Acts);
    });
    afterAll(() => nest.close());
    afterEach(() => acts.reset());

    const http2Kinds = kindsOf('fastify').filter(
      // HTTP/2 has no status message and no line breaks; pairs are HTTP/1's.
      ([, { path }]) =>
        !['head-message', 'head-pairs', 'bad-head'].includes(path),
    );

    eachOnNest(http2Kinds)(
      'brings a new token once where the handler %s',
      async (_what, kind) => {
        const { cookie } = await createTestSession(nest, 'ada');
        const { headers } = await askHttp2(port, {
          ':path': `/answers/${kind.path}`,
          'x-act': 'generate',
          cookie,
        });
        expect(headers[':status']).toBe(kind.status);
        const lines = headers['set-cookie'] ?? [];
        expect(
          lines.filter((line) => line.startsWith(`${COOKIE}=`)),
        ).toHaveLength(1);
        expect(lines.filter((line) => !line.startsWith(`${COOKIE}=`))).toEqual(
          kind.cookies ?? [],
        );
        expect(headers['cache-control']).toBe(cacheControlOf(kind));
        expect(fieldsOf(headers['vary'])).toContain('cookie');
      },
    );

    it('S-077: reads a Cookie header that the client split', async () => {
      const { cookie } = await createTestSession(nest, 'ada');
      const { headers } = await askHttp2(port, {
        ':path': '/answers/object',
        cookie: ['a=1', cookie, 'b=2'],
      });
      expect(headers[':status']).toBe(200);
    });
  });

  describe("with node's own server and SessionService.authenticate", () => {
    let app: TestApp;
    let server: Http2Server;
    let port: number;

    beforeAll(async () => {
      app = await startTestApp('express');
      const answer = async (
        req: Http2ServerRequest,
        res: Http2ServerResponse & { flushHeaders?: () => void },
      ): Promise<void> => {
        const session = await app.sessions.authenticate(req, { response: res });
        res.setHeader('set-cookie', 'own=1');
        if (req.url === '/flushed') res.flushHeaders!();
        if (req.url === '/head') {
          res.writeHead(200, { 'cache-control': 'public' });
        }
        if (req.url === '/') {
          res.end(session?.subject ?? 'nobody');
        } else {
          res.end();
        }
      };
      server = createServer((req, res) => void answer(req, res));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
    });
    afterAll(async () => {
      server.close();
      await app.close();
    });

    it.each(['/', '/empty', '/flushed', '/head'])(
      'brings a re-issued token once to %s',
      async (path) => {
        const { cookie } = await createDueSession(app);
        const { headers } = await askHttp2(port, { ':path': path, cookie });
        expect(headers[':status']).toBe(200);
        const lines = headers['set-cookie'] ?? [];
        expect(lines.map((line) => line.split('=')[0])).toEqual([
          'own',
          COOKIE,
        ]);
        expect(headers['cache-control']).toBe('no-store');
        expect(headers['vary']).toBe('Cookie');
      },
    );

    it('knows nobody without a cookie', async () => {
      const { headers, body } = await askHttp2(port, {});
      expect(body).toBe('nobody');
      expect(headers['set-cookie']).toEqual(['own=1']);
    });
  });
});
