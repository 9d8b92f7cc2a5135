import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Injectable, type INestApplication } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core/helpers/external-context-creator.js';
import { REFUSALS, type Refusal } from '../../lib/errors/refusal.js';
import {
  MemorySessionStore,
  Public,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import {
  ORIGIN,
  send,
  type Browser,
  type TestResponse,
} from '../support/browser.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { openTestApp } from '../support/opened-apps.js';
import { probe } from '../support/probe.js';
import { claimsIn, newSessionId } from '../support/session-claims.js';
import { COOKIE, linesOf, valueOf } from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import {
  adapters,
  OTHER_SECRET,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';
import { REFRESH_COOKIE, refreshOf } from '../support/token-pair.js';
import { UnhandledErrors } from '../support/unhandled.js';

type Options = Partial<SessionJwtModuleOptions>;
type Headers = Record<string, string>;

const FOREIGN = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};
const OWN = { Origin: ORIGIN, 'Sec-Fetch-Site': 'same-origin' };

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(async () => {
  unhandled.stop();
  expect(await unhandled.settled()).toEqual([]);
});

async function cookieOf(browser: Browser): Promise<Headers> {
  return { Cookie: `${COOKIE}=${await browser.cookie()}` };
}

/** The mutations that a GraphQL server of the application carried out. */
let mutations: (string | undefined)[] = [];
beforeEach(() => {
  mutations = [];
});

const UPLOAD = 'multipart/form-data; boundary=b';

/** The operations of a request in any of the forms that GraphQL servers take. */
async function operationsIn(request: IncomingMessage): Promise<string[]> {
  const query = new URL(request.url ?? '', ORIGIN).searchParams.get('query');
  if (request.method === 'GET') {
    return [query ?? ''];
  }
  const body = await text(request);
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('application/graphql')) {
    return [body];
  }
  if (type.startsWith('application/x-www-form-urlencoded')) {
    return [new URLSearchParams(body).get('query') ?? ''];
  }
  const json = type.startsWith('multipart/')
    ? (/name="operations"\r\n\r\n(.*)\r\n/.exec(body)?.[1] ?? '{}')
    : body;
  return [JSON.parse(json)].flat().map((each: { query: string }) => each.query);
}

/** A GraphQL server as middleware of the application, which asks for the session itself. */
function withGraphql(nest: INestApplication): void {
  const answer = async (
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const session = await nest
      .get(SessionService)
      .authenticate(request, { response });
    const results = (await operationsIn(request)).map((operation) => {
      if (!operation.startsWith('mutation')) {
        return { data: { me: session?.subject ?? null } };
      }
      // The rule of "GraphQL over HTTP", section 6.1: a GET never mutates.
      if (request.method === 'GET' || !session) {
        return { errors: [request.method === 'GET' ? 'GET' : 'signed out'] };
      }
      mutations.push(session.subject);
      return { data: { changed: true } };
    });
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(results));
  };
  nest.use('/graphql', (request: IncomingMessage, response: ServerResponse) => {
    void answer(request, response);
  });
}

const MUTATION = JSON.stringify({ query: 'mutation { change }' });
const QUERY = JSON.stringify({ query: 'query { me }' });

/** Every way in which a request can carry operations that change something. */
const OPERATIONS: [
  what: string,
  contentType: string | undefined,
  body: string,
  /** How many of its operations change something. */
  changes: number,
][] = [
  ['one operation', 'application/json', MUTATION, 1],
  [
    'a batch of three, a query first',
    'application/json',
    `[${QUERY},${MUTATION},${MUTATION}]`,
    2,
  ],
  ['a batch as text/plain', 'text/plain', `[${MUTATION}]`, 1],
  ['a batch without a content type', undefined, `[${MUTATION}]`, 1],
  ['application/graphql', 'application/graphql', 'mutation { change }', 1],
  [
    'a form',
    'application/x-www-form-urlencoded',
    'query=mutation+%7B+change+%7D',
    1,
  ],
  [
    'a multipart upload',
    UPLOAD,
    [
      '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n',
      JSON.stringify({
        query: 'mutation ($file: Upload!) { upload(file: $file) }',
        variables: { file: null },
      }),
      '\r\n--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0":["variables.file"]}',
      '\r\n--b\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n\r\ntext\r\n--b--\r\n',
    ].join(''),
    1,
  ],
];

describe.each(adapters)(
  'A-132: a GraphQL server that asks for the session itself on %s',
  (adapter) => {
    const open = (session: Options = {}): Promise<TestApp> =>
      openTestApp(adapter, { session, configure: withGraphql });

    const post = (
      app: TestApp,
      [, contentType, body]: (typeof OPERATIONS)[number],
      headers: Headers,
    ): Promise<TestResponse> =>
      send(app.port, {
        method: 'POST',
        path: '/graphql',
        body,
        headers: {
          ...(contentType !== undefined && { 'Content-Type': contentType }),
          ...headers,
        },
      });

    const TECHNIQUES: [what: string, csrf: Options['csrf'], reason: Refusal][] =
      [
        ['the origin', undefined, 'cross-site'],
        [
          'a header that only scripts send',
          { origin: false, header: 'apollo-require-preflight' },
          'csrf-header',
        ],
        ['a CSRF token', { token: true }, 'csrf-token'],
      ];

    describe.each(TECHNIQUES)('with %s', (_technique, csrf, reason) => {
      it.each(OPERATIONS)(
        'gets no session with what another site posts, and one event for all of it: %s',
        async (...operation) => {
          const app = await open(csrf ? { csrf } : {});
          const own = await cookieOf(await app.signIn());
          app.clock.advance('15m');
          const events = app.events.length;
          const loads = app.users.loads.length;
          const response = await post(app, operation, { ...own, ...FOREIGN });
          expect(response.status).toBe(200);
          expect(response.json).toContainEqual({ errors: ['signed out'] });
          expect(response.text).not.toContain('ada');
          expect(response.setCookie).toEqual([]);
          expect(mutations).toEqual([]);
          expect(app.users.loads).toHaveLength(loads);
          expect(app.events.slice(events)).toMatchObject([
            { type: 'rejected', code: 'CSRF_REFUSED', reason },
          ]);
        },
      );

      it.each(OPERATIONS)(
        'gets the session once with what our own pages post, a reload and its cookie included: %s',
        async (...operation) => {
          const app = await open(csrf ? { csrf } : {});
          const browser = await app.signIn();
          const proof = csrf?.token
            ? {
                'X-CSRF-Token': app.sessions.csrfToken(
                  await app.sessions.verify((await browser.cookie()) ?? ''),
                ),
              }
            : { 'apollo-require-preflight': '1' };
          app.clock.advance('15m');
          app.users.loads = [];
          const response = await post(app, operation, {
            ...(await cookieOf(browser)),
            ...OWN,
            ...proof,
          });
          expect(response.status).toBe(200);
          expect(mutations).toEqual(
            Array.from({ length: operation[3] }, () => 'ada'),
          );
          expect(app.users.loads).toHaveLength(1);
          expect(linesOf(response)).toHaveLength(1);
        },
      );
    });

    const byGet = (query: string, more = ''): string =>
      `/graphql?query=${encodeURIComponent(query)}${more}`;

    it('by GET has the session for queries; that a mutation needs a POST is the rule of the server itself, as the docs say', async () => {
      const app = await open();
      const headers = {
        ...(await cookieOf(await app.signIn())),
        ...FOREIGN,
      };
      const query = await send(app.port, { path: byGet('{ me }'), headers });
      expect(query.json).toEqual([{ data: { me: 'ada' } }]);
      const path = byGet('mutation { change }');
      const mutation = await send(app.port, { path, headers });
      expect(mutation.json).toEqual([{ errors: ['GET'] }]);
      expect(mutations).toEqual([]);
    });

    it.each<[what: string, path: string, headers: Headers]>([
      [
        'a method-override header',
        byGet('mutation { change }'),
        { 'X-HTTP-Method-Override': 'POST' },
      ],
      ['_method', byGet('mutation { change }', '&_method=POST'), {}],
      [
        'an upgrade, as subscriptions do',
        byGet('subscription { changed }'),
        { Connection: 'Upgrade', Upgrade: 'websocket' },
      ],
    ])(
      'by a foreign GET that asks to be more gets no session: %s',
      async (_what, path, more) => {
        const app = await open();
        const headers = {
          ...(await cookieOf(await app.signIn())),
          ...FOREIGN,
          ...more,
        };
        const response = await probe(app.port, { path, headers });
        expect(response.text).not.toContain('ada');
        expect(mutations).toEqual([]);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'CSRF_REFUSED', reason: 'cross-site' },
        ]);
      },
    );
  },
);

@Injectable()
class Resolver {
  calls: string[] = [];

  closed(): string {
    this.calls.push('closed');
    return 'closed';
  }

  @Public()
  open(): string {
    this.calls.push('open');
    return 'open';
  }
}

describe.each(adapters)(
  'A-132: resolvers that Nest runs in a graphql context on %s',
  (adapter) => {
    it('are refused by the guard of the application without the request that Nest passes on, and for another site', async () => {
      const app = await openTestApp(adapter, { providers: [Resolver] });
      const resolver = app.app.get(Resolver);
      const contexts = app.app.get(ExternalContextCreator);
      const { cookie, session } = await createTestSession(app.app, 'ada');
      const req = { method: 'POST', headers: { cookie }, session };
      const EVIL = 'https://evil.example';
      const run = (
        method: 'closed' | 'open',
        context: object,
      ): Promise<unknown> => {
        const call = contexts.create(
          resolver,
          // eslint-disable-next-line typescript/unbound-method -- Nest binds it
          resolver[method],
          method,
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
          'graphql',
        );
        return Promise.resolve(call({ req, session }, { req }, context, {}));
      };
      await expect(run('closed', {})).rejects.toMatchObject({ status: 401 });
      await expect(run('closed', { session })).rejects.toMatchObject({
        status: 401,
      });
      await expect(
        run('closed', { req: { ...req, headers: { cookie, origin: EVIL } } }),
      ).rejects.toMatchObject({ status: 403 });
      expect(await run('open', {})).toBe('open');
      expect(resolver.calls).toEqual(['open']);
      expect(await run('closed', { req })).toBe('closed');
    });
  },
);

describe.each(adapters)(
  'an id that was never issued on %s (S-161)',
  (adapter) => {
    interface Case {
      readonly what: string;
      readonly options: () => Options;
      readonly headers: (good: Good, id: string) => Headers;
      readonly refusal: Refusal;
    }
    interface Good {
      readonly token: string;
      readonly refresh: string | undefined;
    }

    const withId = (token: string, sid: string, secret?: string): string => {
      const { header, claims } = readToken(token);
      return forgeToken(header, { ...claims, sid }, secret);
    };
    const stored =
      (more: Options = {}) =>
      () => ({
        store: new MemorySessionStore(),
        ...more,
      });

    const CASES: Case[] = [
      {
        what: 'as the cookie itself, as servers with session ids have it',
        options: () => ({}),
        headers: (_good, id) => ({ Cookie: `${COOKIE}=${id}` }),
        refusal: 'malformed',
      },
      {
        what: 'as the cookie itself, with a store',
        options: stored({ keepDataIn: 'store' }),
        headers: (_good, id) => ({ Cookie: `${COOKIE}=${id}` }),
        refusal: 'malformed',
      },
      {
        what: 'in a good token, in place of its own',
        options: () => ({}),
        headers: ({ token }, id) => {
          const { header, claims } = readToken(token);
          const [head, , signature] = token.split('.');
          const [, payload] = forgeToken(header, { ...claims, sid: id }).split(
            '.',
          );
          return { Cookie: `${COOKIE}=${head}.${payload}.${signature}` };
        },
        refusal: 'signature',
      },
      {
        what: 'in a token that somebody else signed',
        options: () => ({}),
        headers: ({ token }, id) => ({
          Cookie: `${COOKIE}=${withId(token, id, OTHER_SECRET)}`,
        }),
        refusal: 'signature',
      },
      {
        what: 'in a refresh token that somebody else signed',
        options: () => ({ refreshToken: {} }),
        headers: ({ refresh }, id) => ({
          Cookie: `${REFRESH_COOKIE}=${withId(refresh!, id, OTHER_SECRET)}`,
        }),
        refusal: 'signature',
      },
      {
        what: 'in a token with a good signature that the store does not know',
        options: stored({ revocationCheck: 'always' }),
        headers: ({ token }, id) => ({
          Cookie: `${COOKIE}=${withId(token, id)}`,
        }),
        refusal: 'unknown',
      },
      {
        what: 'in a reference with a good signature that the store does not know',
        options: stored({ keepDataIn: 'store' }),
        headers: ({ token }, id) => ({
          Cookie: `${COOKIE}=${withId(token, id)}`,
        }),
        refusal: 'unknown',
      },
      {
        what: 'in a refresh token with a good signature that the store does not know',
        options: stored({ refreshToken: { secret: OTHER_SECRET } }),
        headers: ({ refresh }, id) => ({
          Cookie: `${REFRESH_COOKIE}=${withId(refresh!, id, OTHER_SECRET)}`,
        }),
        refusal: 'unknown',
      },
    ];

    it.each(CASES.map((each) => [each.what, each] as const))(
      'is not adopted, and is counted by an event: %s',
      async (_what, { options, headers, refusal }) => {
        const session = options();
        const app = await openTestApp(adapter, { session });
        const browser = await app.signIn();
        const good = {
          token: (await browser.cookie())!,
          refresh: await refreshOf(browser),
        };
        const id = newSessionId();
        const made = headers(good, id);

        const response = await app.browser().get('/me', made);
        expect(response.status).toBe(401);
        expect(app.account.handled).toBe(0);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: REFUSALS[refusal].code, reason: refusal },
        ]);

        const signedIn = await app
          .browser()
          .post('/login', { user: 'ada' }, made);
        expect(signedIn.status).toBe(200);
        const next = claimsIn(valueOf(linesOf(signedIn)[0])).sid;
        expect(next).not.toBe(id);
        if (session.store) {
          const known = (await app.sessions.list('ada')).map((each) => each.id);
          expect(known.toSorted()).toEqual(
            [claimsIn(good.token).sid, next].toSorted(),
          );
        }
        expect(app.eventsOf('created')).toHaveLength(2);
        expect(app.eventsOf('refreshReused')).toEqual([]);
        expect((await browser.get('/me')).status).toBe(200);
      },
    );

    it('is counted once for each request that tries one', async () => {
      const app = await openTestApp(adapter);
      for (let tries = 0; tries < 20; tries += 1) {
        const id = newSessionId();
        await app.browser().get('/me', { Cookie: `${COOKIE}=${id}` });
      }
      expect(app.eventsOf('rejected')).toHaveLength(20);
    });
  },
);

describe.each(adapters)(
  'A-130, S-157: with CORS that reflects every origin, credentials included, on %s',
  (adapter) => {
    const HEADER = 'X-Requested-With';
    const open = (csrf: Options['csrf']): Promise<TestApp> =>
      openTestApp(adapter, {
        // SameSite=None: the cookie comes along from every site.
        session: { cookie: { sameSite: 'none' }, ...(csrf && { csrf }) },
        configure: (nest) =>
          nest.enableCors({ origin: true, credentials: true }),
      });

    /** What a browser sends for a script of another site: the preflight, and the request if that allows it. */
    async function attack(app: TestApp): Promise<TestResponse> {
      const own = await cookieOf(await app.signIn());
      const preflight = await send(app.port, {
        method: 'OPTIONS',
        path: '/change',
        headers: {
          ...FOREIGN,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': HEADER.toLowerCase(),
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers).toMatchObject({
        'access-control-allow-origin': FOREIGN.Origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': HEADER.toLowerCase(),
      });
      return send(app.port, {
        method: 'POST',
        path: '/change',
        body: {},
        headers: { ...own, ...FOREIGN, [HEADER]: 'fetch' },
      });
    }

    it.each<[what: string, csrf: Options['csrf']]>([
      ['by default', undefined],
      ['beside the custom header', { header: HEADER }],
    ])(
      'the origin check refuses what the preflight allowed: %s',
      async (_what, csrf) => {
        const app = await open(csrf);
        const response = await attack(app);
        expect(response.status).toBe(403);
        expect(app.account.handled).toBe(0);
        expect(app.eventsOf('rejected')).toMatchObject([
          { code: 'CSRF_REFUSED', reason: 'cross-site' },
        ]);
      },
    );

    it('a CSRF token refuses it too, beside the header that the preflight allowed', async () => {
      const app = await open({ origin: false, header: HEADER, token: true });
      expect((await attack(app)).status).toBe(403);
      expect(app.account.handled).toBe(0);
    });

    it('the custom header alone proves nothing, and every site reads answers: as the docs warn', async () => {
      const app = await open({ origin: false, header: HEADER });
      const response = await attack(app);
      expect(response.status).toBe(200);
      const read = await send(app.port, {
        path: '/me',
        headers: { ...(await cookieOf(await app.signIn())), ...FOREIGN },
      });
      expect(read.status).toBe(200);
      expect(read.headers['access-control-allow-origin']).toBe(FOREIGN.Origin);
    });

    it('the custom header alone is enough with CORS that names its origins: the preflight stops the script', async () => {
      const app = await openTestApp(adapter, {
        session: { csrf: { origin: false, header: HEADER } },
        configure: (nest) =>
          nest.enableCors({
            origin: ['https://spa.example'],
            credentials: true,
          }),
      });
      const preflight = await send(app.port, {
        method: 'OPTIONS',
        path: '/change',
        headers: {
          ...FOREIGN,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': HEADER.toLowerCase(),
        },
      });
      expect(preflight.headers['access-control-allow-origin']).not.toBe(
        FOREIGN.Origin,
      );
    });
  },
);

describe.each(adapters)('A-129: a preflight on %s', (adapter) => {
  it.each([['/me'], ['/change'], ['/login'], ['/optional'], ['/nowhere']])(
    'is answered by CORS alone, with a due session too: nothing is checked, loaded, asked or set (%s)',
    async (path) => {
      const store = new SickStore();
      const app = await openTestApp(adapter, {
        session: { store, refreshToken: {}, revocationCheck: 'always' },
        configure: (nest) =>
          nest.enableCors({
            origin: ['https://spa.example'],
            credentials: true,
          }),
      });
      const browser = await app.signIn();
      app.clock.advance('15m');
      store.takeCalls();
      app.users.loads = [];
      const events = app.events.length;
      for (const headers of [{}, { Cookie: '' }, { Cookie: `${COOKIE}=x` }]) {
        const response = await browser.sendOnly({
          method: 'OPTIONS',
          path,
          headers: {
            Origin: 'https://spa.example',
            'Sec-Fetch-Site': 'cross-site',
            'Access-Control-Request-Method': 'POST',
            ...headers,
          },
        });
        expect(response.status).toBe(204);
        expect(response.text).toBe('');
        expect(response.setCookie).toEqual([]);
      }
      expect(store.takeCalls()).toEqual([]);
      expect(app.users.loads).toEqual([]);
      expect(app.events).toHaveLength(events);
      expect(app.account.handled).toBe(0);
    },
  );
});

describe.each(adapters)(
  'A-128, S-113: a safe request that reloads on %s',
  (adapter) => {
    it.each([
      ['GET', '/me'],
      ['HEAD', '/me'],
      ['GET', '/optional'],
    ])(
      '%s %s sets a cookie, and moves nothing in the store but the times of use',
      async (method, path) => {
        const store = new SickStore();
        const app = await openTestApp(adapter, {
          session: { store, maxSessions: { max: 3, policy: 'refuse' } },
        });
        const browser = await app.signIn('ada', {
          attributes: { theme: 'dark' },
        });
        const other = await app.signIn();
        const { sid } = claimsIn(await browser.cookie());
        const before = (await store.read(sid, 'ada'))!;
        app.clock.advance('15m');
        store.takeCalls();
        const Cookie = `${COOKIE}=${await browser.cookie()}`;
        const response = await probe(app.port, {
          method,
          path,
          headers: { Cookie },
        });
        expect(response.status).toBe(200);
        expect(response.setCookie).toHaveLength(1);
        expect(
          store
            .takeCalls()
            .filter((call) => call !== 'update' && call !== 'read'),
        ).toEqual([]);
        const { lastSeenAt, expiresAt, asOf, ...same } = (await store.read(
          sid,
          'ada',
        ))!;
        expect(before).toMatchObject(same);
        expect([lastSeenAt, expiresAt, asOf].map((at) => +at)).toEqual(
          [before.lastSeenAt, before.expiresAt, before.asOf].map(
            (at) => +at + 900_000,
          ),
        );
        expect(await app.sessions.list('ada')).toHaveLength(2);
        expect((await other.get('/me')).status).toBe(200);
      },
    );
  },
);

describe.each(adapters)('S-163: the name of the cookie on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp(adapter, {
      session: { cookie: { name: '__Host-id' } },
    });
  });
  afterAll(() => app.close());

  it('tells nothing of the library by default', async () => {
    const byDefault = await openTestApp(adapter);
    const { setCookie, headers } = await byDefault
      .browser()
      .post('/login', { user: 'ada' });
    expect(setCookie.map((line) => line.split('=')[0])).toEqual([
      '__Host-Http-session',
    ]);
    expect(Object.keys(headers).join()).not.toMatch(/nest|jwt|session/i);
  });

  it('is another one where the application says so, written, read and cleared alone', async () => {
    const signedIn = await app.browser().post('/login', { user: 'ada' });
    expect(signedIn.setCookie).toHaveLength(1);
    const token = valueOf(signedIn.setCookie[0]);
    expect(signedIn.setCookie[0]).toMatch(/^__Host-id=/);
    const me = (Cookie: string) => app.browser().get('/me', { Cookie });
    expect((await me(`__Host-id=${token}`)).status).toBe(200);
    expect((await me(`${COOKIE}=${token}`)).status).toBe(401);
    const cleared = await me('__Host-id=x');
    expect(cleared.setCookie.map((line) => line.split(';')[0])).toEqual([
      '__Host-id=',
    ]);
  });
});

describe.each(adapters)(
  'S-083: the largest cookies of a pair on %s',
  (adapter) => {
    it('are 8 KB together with the one that scripts read, and leave room for as much of others', async () => {
      const app = await openTestApp(adapter, {
        session: {
          refreshToken: {},
          csrf: { token: { cookie: 'XSRF-TOKEN' } },
        },
      });
      const signIn = async (length: number): Promise<Browser | undefined> => {
        const browser = app.browser();
        const attributes = { note: 'x'.repeat(length) };
        const { status } = await browser.post('/login', {
          user: 'ada',
          attributes,
        });
        expect([200, 500]).toContain(status);
        return status === 200 ? browser : undefined;
      };
      let [fits, tooMuch] = [0, 4_096];
      while (tooMuch - fits > 1) {
        const middle = (fits + tooMuch) >> 1;
        if (await signIn(middle)) fits = middle;
        else tooMuch = middle;
      }
      const browser = (await signIn(fits))!;
      const own = await browser.jar.getCookieString(ORIGIN);
      expect(own.split('; ')).toHaveLength(3);
      expect(own.length).toBeGreaterThan(7_000);
      expect(own.length).toBeLessThanOrEqual(8_192);
      const Cookie = `other=${'o'.repeat(7_500)}; ${own}`;
      const response = await browser.get('/me', { Cookie });
      expect(response.status).toBe(200);
      expect(response.json.attributes.note).toHaveLength(fits);
    });
  },
);
