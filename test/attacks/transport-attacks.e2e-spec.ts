import { REFUSALS, type Refusal } from '../../lib/errors/refusal.js';
import { createTestSession } from '../../lib/testing/index.js';
import {
  send,
  type TestRequest,
  type TestResponse,
} from '../support/browser.js';
import {
  CLEARED,
  CLEARED_PARTITIONED,
  COOKIE,
  valueOf,
} from '../support/set-cookie.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';
import { UnhandledErrors } from '../support/unhandled.js';

const BODY_OF_401 = {
  statusCode: 401,
  message: 'Unauthorized',
  errorCode: 'SESSION_REQUIRED',
};

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(async () => {
  unhandled.stop();
  expect(await unhandled.settled()).toEqual([]);
});

/** Sends what must be refused, and checks all that every 401 has in common. */
async function expectRefused(
  app: TestApp,
  request: TestRequest,
  refusal: Refusal,
): Promise<TestResponse> {
  const events = app.eventsOf('rejected').length;
  const { handled } = app.account;
  const loads = app.users.loads.length;
  const response = await send(app.port, request);
  expect(response.status).toBe(401);
  expect(response.json).toEqual(BODY_OF_401);
  expect(app.account.handled).toBe(handled);
  expect(app.users.loads).toHaveLength(loads);
  expect(app.eventsOf('rejected').slice(events)).toMatchObject([
    { code: REFUSALS[refusal].code, reason: refusal },
  ]);
  return response;
}

const me = (headers: TestRequest['headers']): TestRequest =>
  headers ? { path: '/me', headers } : { path: '/me' };

describe.each(adapters)('attacks on the cookie transport on %s', (adapter) => {
  let app: TestApp;
  let token: string;
  let other: string;

  beforeAll(async () => {
    app = await startTestApp(adapter);
    token = (await (await app.signIn()).cookie()) ?? '';
    other = (await (await app.signIn('bob')).cookie()) ?? '';
  });
  afterAll(() => app.close());

  describe('A-100, S-058, S-162: a token anywhere else is ignored', () => {
    it.each<[where: string, request: (token: string) => TestRequest]>([
      ['in the query', (t) => ({ path: `/me?token=${t}` })],
      [
        'in the query as access_token',
        (t) => ({ path: `/me?access_token=${t}` }),
      ],
      [
        'in the query under the name of the cookie',
        (t) => ({ path: `/me?${COOKIE}=${t}` }),
      ],
      [
        'in a JSON body',
        (t) => ({
          method: 'POST',
          path: '/change',
          body: { token: t, access_token: t, [COOKIE]: t },
        }),
      ],
      [
        'in a form',
        (t) => ({
          method: 'POST',
          path: '/change',
          body: `${COOKIE}=${t}`,
          // Fastify has no parser for forms.
          headers: {
            'Content-Type':
              adapter === 'express'
                ? 'application/x-www-form-urlencoded'
                : 'text/plain',
          },
        }),
      ],
      ['in X-Access-Token', (t) => me({ 'X-Access-Token': t })],
      ['in X-Session-Token', (t) => me({ 'X-Session-Token': t })],
      ['in Session-Token', (t) => me({ 'Session-Token': t })],
      ['in Authorization', (t) => me({ Authorization: `Bearer ${t}` })],
      [
        'in Proxy-Authorization',
        (t) => me({ 'Proxy-Authorization': `Bearer ${t}` }),
      ],
      ['in Set-Cookie', (t) => me({ 'Set-Cookie': `${COOKIE}=${t}` })],
      ['in Cookie2', (t) => me({ Cookie2: `${COOKIE}=${t}` })],
      ['in a cookie named session', (t) => me({ Cookie: `session=${t}` })],
      [
        'in a cookie named __Secure-session',
        (t) => me({ Cookie: `__Secure-session=${t}` }),
      ],
      ['in a cookie named token', (t) => me({ Cookie: `token=${t}` })],
    ])('%s', async (_where, request) => {
      const response = await expectRefused(app, request(token), 'missing');
      expect(response.setCookie).toEqual([]);
    });

    it.each([
      ['in the path', (t: string) => `/me/${t}`],
      ['in a path parameter', (t: string) => `/me;${COOKIE}=${t}`],
    ])('%s, where there is no route', async (_where, path) => {
      const { handled } = app.account;
      const response = await send(app.port, { path: path(token) });
      expect(response.status).toBe(404);
      expect(app.account.handled).toBe(handled);
    });
  });

  describe('a Cookie header', () => {
    it.each<[what: string, cookie: (t: string, o: string) => string, Refusal]>([
      [
        'A-102: two equal cookies',
        (t) => `${COOKIE}=${t}; ${COOKIE}=${t}`,
        'ambiguous',
      ],
      [
        'A-102: two different cookies',
        (t, o) => `${COOKIE}=${t}; ${COOKIE}=${o}`,
        'ambiguous',
      ],
      [
        'A-102: two cookies, one of them garbage',
        (t) => `${COOKIE}=x; ${COOKIE}=${t}`,
        'ambiguous',
      ],
      ['A-104: a name in lower case', (t) => `__host-session=${t}`, 'missing'],
      ['A-104: a name in upper case', (t) => `__HOST-SESSION=${t}`, 'missing'],
      ['A-104: a nameless cookie', (t) => `=${COOKIE}=${t}`, 'missing'],
      ['A-104: a name within a name', (t) => `x${COOKIE}=${t}`, 'missing'],
      ['A-104: a name within a value', (t) => `x=${COOKIE}=${t}`, 'missing'],
      ['A-105: a quoted token', (t) => `${COOKIE}="${t}"`, 'malformed'],
      [
        'A-105: a token with an opening quote',
        (t) => `${COOKIE}="${t}`,
        'malformed',
      ],
      [
        'A-105: a percent-encoded dot',
        (t) => `${COOKIE}=${t.replaceAll('.', '%2E')}`,
        'malformed',
      ],
      ['A-106: deleted', () => `${COOKIE}=deleted`, 'malformed'],
      ['A-106: null', () => `${COOKIE}=null`, 'malformed'],
      ['A-106: undefined', () => `${COOKIE}=undefined`, 'malformed'],
      [
        'A-106: the text of an object',
        () => `${COOKIE}=[object Object]`,
        'malformed',
      ],
      ['A-106: a JSON cookie of Express', () => `${COOKIE}=j:{}`, 'malformed'],
      [
        'A-106: a signed cookie of Express',
        (t) => `${COOKIE}=s:${t}.sig`,
        'malformed',
      ],
      ['A-106: nothing', () => `${COOKIE}=`, 'malformed'],
      ['A-106: true', () => `${COOKIE}=true`, 'malformed'],
      [
        'V-40: a broken percent-encoding',
        () => `${COOKIE}=%E0%A4%A`,
        'malformed',
      ],
      [
        'V-40: a comma-joined pair of tokens',
        (t, o) => `${COOKIE}=${t},${o}`,
        'malformed',
      ],
      [
        'V-52: __proto__ alone',
        (t) => `__proto__=${t}; constructor=${t}`,
        'missing',
      ],
    ])('is refused: %s', async (_what, cookie, refusal) => {
      const response = await expectRefused(
        app,
        me({ Cookie: cookie(token, other) }),
        refusal,
      );
      const cleared = {
        missing: [],
        ambiguous: [CLEARED, CLEARED_PARTITIONED],
      }[refusal as string];
      expect(response.setCookie).toEqual(cleared ?? [CLEARED]);
    });

    it.each<[what: string, cookie: (token: string) => string]>([
      [
        'A-105: within a $Version sandwich',
        (t) => `$Version=1; x="; ${COOKIE}=${t}; y="`,
      ],
      [
        'next to quoted cookies (A-105)',
        (t) => `x="a b"; ${COOKIE}=${t}; y="c;d"`,
      ],
      ['A-104: with blanks around it', (t) => `  ${COOKIE} = ${t} ;`],
      [
        'next to a cookie named __proto__ (V-52)',
        (t) => `__proto__=x; ${COOKIE}=${t}`,
      ],
      [
        'next to a name in another case (A-104)',
        (t) => `__host-session=x; ${COOKIE}=${t}`,
      ],
      [
        'next to a broken percent-encoding (V-40)',
        (t) => `x=%E0%A4%A; ${COOKIE}=${t}`,
      ],
      [
        'A-107: behind 200 others',
        (t) =>
          `${Array.from({ length: 200 }, (_, i) => `c${i}=${'v'.repeat(20)}`).join('; ')}; ${COOKIE}=${t}`,
      ],
      [
        'A-107: before 200 others',
        (t) =>
          `${COOKIE}=${t}; ${Array.from({ length: 200 }, (_, i) => `c${i}=${'v'.repeat(20)}`).join('; ')}`,
      ],
    ])('is read: %s', async (_what, cookie) => {
      const response = await send(app.port, me({ Cookie: cookie(token) }));
      expect(response.status).toBe(200);
      expect(response.json.subject).toBe('ada');
      expect(response.setCookie).toEqual([]);
    });

    it.each([
      [14_000, 200],
      [16_384, 431],
      [64_000, 431],
    ])(
      'A-107: with %i bytes of others is answered with %i, never with a 5xx',
      async (bytes, status) => {
        const Cookie = `others=${'o'.repeat(bytes)}; ${COOKIE}=${token}`;
        const response = await send(app.port, me({ Cookie }));
        expect(response.status).toBe(status);
        expect(response.setCookie).toEqual([]);
      },
    );
  });

  describe('forwarded headers of clients decide nothing (A-110, S-129, V-49)', () => {
    it.each<[headers: Record<string, string>]>([
      [{ 'X-Forwarded-Proto': 'https' }],
      [{ 'X-Forwarded-Proto': 'http' }],
      [{ 'X-Forwarded-Host': 'evil.example' }],
      [{ Forwarded: 'for=1.1.1.1;proto=http;host=evil.example' }],
      [{ 'X-Forwarded-Ssl': 'off', 'Front-End-Https': 'off' }],
    ])(
      'A-109: of the cookie, which is Secure in any case: %j',
      async (headers) => {
        const response = await app
          .browser()
          .post('/login', { user: 'ada' }, headers);
        const [line = ''] = response.setCookie;
        expect(line.replace(valueOf(line), '')).toBe(
          `${COOKIE}=; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`,
        );
      },
    );

    it.each<[headers: Record<string, string>]>([
      [{ 'X-Forwarded-Host': 'evil.example' }],
      [{ 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https' }],
      [{ Forwarded: 'host=evil.example;proto=https' }],
      [{ 'X-Original-Host': 'evil.example' }],
      [{ 'X-Host': 'evil.example' }],
    ])('of which site is ours: %j', async (headers) => {
      const { handled } = app.account;
      const response = await send(app.port, {
        method: 'POST',
        path: '/change',
        body: {},
        headers: {
          ...headers,
          Cookie: `${COOKIE}=${token}`,
          Origin: 'https://evil.example',
        },
      });
      expect(response.status).toBe(403);
      expect(app.account.handled).toBe(handled);
    });

    it.each([
      ['X-Middleware-Subrequest', 'middleware'],
      ['X-Session', 'ada'],
      ['X-User', 'ada'],
      ['X-Original-Url', '/public'],
      ['X-Rewrite-Url', '/public'],
    ])('V-50: %s does not stand for a session', async (name, value) => {
      await expectRefused(app, me({ [name]: value }), 'missing');
    });
  });

  describe('A-112: a line break never reaches a header', () => {
    const EVIL = 'ada\r\nSet-Cookie: evil=1\r\nX-Evil: 1';

    beforeAll(() => {
      app.users.all.set(EVIL, { id: EVIL, role: EVIL });
    });

    it('out of the subject, the data and the attributes', async () => {
      const browser = app.browser();
      const signedIn = await browser.post('/login', {
        user: EVIL,
        attributes: { theme: EVIL },
      });
      app.clock.advance('15m');
      const reloaded = await browser.get('/me');
      const updated = await browser.post('/attributes', { [EVIL]: EVIL });
      for (const response of [signedIn, reloaded, updated]) {
        expect(response.status).toBe(200);
        expect(response.headers['x-evil']).toBeUndefined();
        expect(response.setCookie).toHaveLength(1);
        expect(response.setCookie[0]).toMatch(/^__Host-Http-session=[\w.-]+; /);
      }
      expect(reloaded.json).toMatchObject({
        subject: EVIL,
        data: { role: EVIL },
        attributes: { theme: EVIL },
      });
    });

    it('out of what the loader failed with', async () => {
      const browser = await app.signIn(EVIL);
      app.users.failure = new SyntaxError(EVIL);
      app.clock.advance('15m');
      expect((await browser.get('/me')).status).toBe(200);
      app.clock.advance('15m');
      const unavailable = await browser.get('/me');
      app.users.failure = undefined;
      expect(unavailable.status).toBe(503);
      expect(unavailable.headers['x-evil']).toBeUndefined();
      expect(unavailable.text).not.toContain('evil');
    });
  });
});

describe.each(adapters)('attacks on the header transport on %s', (adapter) => {
  let app: TestApp;
  let token: string;

  beforeAll(async () => {
    app = await startTestApp(adapter, { session: { transport: 'header' } });
    ({ token } = await createTestSession(app.app, 'ada'));
  });
  afterAll(() => app.close());

  it.each<
    [
      what: string,
      headers: (token: string) => TestRequest['headers'],
      refusal: Refusal,
    ]
  >([
    [
      'A-047: another scheme',
      (t) => ({ Authorization: `Basic ${t}` }),
      'missing',
    ],
    [
      'A-047: two blanks',
      (t) => ({ Authorization: `Bearer  ${t}` }),
      'malformed',
    ],
    ['A-047: a tab', (t) => ({ Authorization: `Bearer\t${t}` }), 'missing'],
    [
      'A-047: a doubled scheme',
      (t) => ({ Authorization: `Bearer Bearer ${t}` }),
      'malformed',
    ],
    [
      'A-047: two tokens with a comma',
      (t) => ({ Authorization: `Bearer ${t}, Bearer ${t}` }),
      'malformed',
    ],
    ['A-047: no scheme', (t) => ({ Authorization: t }), 'missing'],
    ['A-047: a scheme alone', () => ({ Authorization: 'Bearer' }), 'missing'],
    [
      'A-047: a scheme with a colon',
      (t) => ({ Authorization: `Bearer: ${t}` }),
      'missing',
    ],
    ['A-105: quotes', (t) => ({ Authorization: `Bearer "${t}"` }), 'malformed'],
    ['A-106: null', () => ({ Authorization: 'Bearer null' }), 'malformed'],
    [
      'A-106: undefined',
      () => ({ Authorization: 'Bearer undefined' }),
      'malformed',
    ],
    ['A-100: a cookie', (t) => ({ Cookie: `${COOKIE}=${t}` }), 'missing'],
    ['A-100: X-Access-Token', (t) => ({ 'X-Access-Token': t }), 'missing'],
    ['A-100: Session-Token', (t) => ({ 'Session-Token': t }), 'missing'],
    [
      'A-108: two headers, equal',
      (t) => [
        ['Authorization', `Bearer ${t}`],
        ['Authorization', `Bearer ${t}`],
      ],
      'ambiguous',
    ],
    [
      'two headers, the second of another user (A-108)',
      (t) => [
        ['Authorization', `Bearer ${t}`],
        ['Authorization', 'Bearer x'],
      ],
      'ambiguous',
    ],
    [
      'A-108: two headers, the first of another scheme',
      (t) => [
        ['Authorization', 'Basic x'],
        ['authorization', `Bearer ${t}`],
      ],
      'ambiguous',
    ],
  ])('refuse %s', async (_what, headers, refusal) => {
    const response = await expectRefused(app, me(headers(token)), refusal);
    expect(response.headers['www-authenticate']).toBe('Bearer');
    expect(response.setCookie).toEqual([]);
  });

  it.each(['bearer', 'BEARER', 'bEaReR'])(
    'A-047: do not include the scheme in another case: %s',
    async (scheme) => {
      const response = await send(
        app.port,
        me({ Authorization: `${scheme} ${token}` }),
      );
      expect(response.status).toBe(200);
    },
  );

  it.each([
    ['the query', `/me?access_token=`],
    ['the query as token', `/me?token=`],
  ])('A-100, S-058: refuse a token in %s', async (_where, path) => {
    await expectRefused(app, { path: path + token }, 'missing');
  });
});

describe.each(adapters)('two transports at once on %s', (adapter) => {
  let app: TestApp;
  let ada: { token: string; cookie: string; header: string };
  let bob: { token: string; cookie: string; header: string };

  beforeAll(async () => {
    app = await startTestApp(adapter, {
      session: { transport: ['cookie', 'header'] },
    });
    ada = await createTestSession(app.app, 'ada');
    bob = await createTestSession(app.app, 'bob');
  });
  afterAll(() => app.close());

  it.each<
    [
      what: string,
      request: () => Record<string, string>,
      refusal: Refusal,
      cleared: string[],
    ]
  >([
    [
      'different sessions',
      () => ({ Cookie: ada.cookie, Authorization: bob.header }),
      'conflict',
      [],
    ],
    [
      'a good cookie and a malformed header',
      () => ({ Cookie: ada.cookie, Authorization: 'Bearer x' }),
      'malformed',
      [],
    ],
    [
      'a malformed cookie and a good header',
      () => ({ Cookie: `${COOKIE}=x`, Authorization: ada.header }),
      'malformed',
      [CLEARED],
    ],
    [
      'two cookies and a good header',
      () => ({
        Cookie: `${ada.cookie}; ${ada.cookie}`,
        Authorization: ada.header,
      }),
      'ambiguous',
      [CLEARED, CLEARED_PARTITIONED],
    ],
  ])('A-101: are refused with %s', async (_what, request, refusal, cleared) => {
    const response = await expectRefused(app, me(request()), refusal);
    expect(response.setCookie).toEqual(cleared);
  });

  it.each<[what: string, request: () => Record<string, string>]>([
    ['the cookie alone', () => ({ Cookie: ada.cookie })],
    ['the header alone', () => ({ Authorization: ada.header })],
    [
      'both of the same session',
      () => ({ Cookie: ada.cookie, Authorization: ada.header }),
    ],
    [
      'the cookie, and a header of another scheme',
      () => ({ Cookie: ada.cookie, Authorization: 'Basic x' }),
    ],
  ])('A-101: are accepted with %s', async (_what, request) => {
    const response = await send(app.port, me(request()));
    expect(response.status).toBe(200);
    expect(response.json.subject).toBe('ada');
  });

  it('A-101: get a re-issued token back by each transport that brought one', async () => {
    const instant = new Date((app.clock.nowSeconds() - 900) * 1000);
    const due = await createTestSession(app.app, 'ada', {
      issuedAt: instant,
      loadedAt: instant,
    });
    const byCookie = await send(app.port, me({ Cookie: due.cookie }));
    expect(byCookie.setCookie).toHaveLength(1);
    expect(byCookie.headers['session-token']).toBeUndefined();
    const byHeader = await send(app.port, me({ Authorization: due.header }));
    expect(byHeader.setCookie).toEqual([]);
    expect(byHeader.headers['session-token']).toMatch(
      /^[\w-]+\.[\w-]+\.[\w-]+$/,
    );
    const byBoth = await send(
      app.port,
      me({ Cookie: due.cookie, Authorization: due.header }),
    );
    expect(byBoth.setCookie).toHaveLength(1);
    expect(valueOf(byBoth.setCookie[0])).toBe(byBoth.headers['session-token']);
  });
});
