import { createHmac, createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  All,
  Controller,
  Get,
  Inject,
  Post,
  HttpCode,
  type INestApplication,
} from '@nestjs/common';
import type { Refusal } from '../../lib/errors/refusal.js';
import {
  ActiveSession,
  Public,
  Session,
  SessionConfigError,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { deriveKey } from '../../lib/keys/derive.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import {
  ORIGIN,
  send,
  type Browser,
  type TestRequest,
  type TestResponse,
} from '../support/browser.js';
import { withoutSecret } from '../support/key-kinds.js';
import { keyPairs } from '../support/key-pairs.js';
import { itOnNest, needingNest12 } from '../support/nest-version.js';
import { openTestApp } from '../support/opened-apps.js';
import { probe } from '../support/probe.js';
import { DAY } from '../support/session-claims.js';
import { COOKIE, cookiesIn, linesOf, valueOf } from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  startTestApp,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import {
  asCookies,
  expectNotExchanged,
  maxAgeOf,
  refreshLinesOf,
  RefreshController,
  refreshOf,
} from '../support/token-pair.js';

type ApplicationOfNest12 = INestApplication & { enableCsrfProtection(): void };

type Options = Partial<SessionJwtModuleOptions>;
type Headers = Record<string, string>;
type Kind =
  | 'one token'
  | 'a reference to the store'
  | 'a stateless pair'
  | 'a stored pair';

const KINDS: Kind[] = [
  'one token',
  'a reference to the store',
  'a stateless pair',
  'a stored pair',
];
const PAIRS: Kind[] = ['a stateless pair', 'a stored pair'];
const HEADER = 'X-CSRF-Token';
const READABLE = 'XSRF-TOKEN';
const THIRD_SECRET = 'Rw7nYb2KcVx9sQ0mTf4LzEj8HpUa6GdIo3XqZt1vNyB';
const FOREIGN = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};

@Controller()
class PageController {
  handled = 0;

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Get('page')
  page(@Session() session: ActiveSession) {
    return { csrf: this.sessions.csrfToken(session) };
  }

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
}

interface Opened {
  readonly app: TestApp;
  /** Counts what is asked, where there is one. */
  readonly store: SickStore;
}

async function open(
  adapter: AdapterName,
  kind: Kind,
  session: Options = {},
  more: TestAppOptions & { start?: typeof openTestApp } = {},
): Promise<Opened> {
  const store = new SickStore();
  const { start = openTestApp, ...options } = more;
  const app = await start(adapter, {
    controllers: [PageController, RefreshController],
    session: {
      csrf: { token: true },
      ...(kind === 'a reference to the store' && {
        store,
        keepDataIn: 'store',
      }),
      ...(PAIRS.includes(kind) && { refreshToken: {} }),
      ...(kind === 'a stored pair' && { store }),
      ...session,
    },
    ...options,
  });
  return { app, store };
}

/** A token as the page of a signed-in user carries it. */
async function tokenFor(browser: Browser): Promise<string> {
  const { csrf } = (await browser.get('/page')).json as { csrf: string };
  return csrf;
}

/** Sends what must be refused, and checks that nobody hears of it but the events. */
async function expectRefused(
  { app, store }: Opened,
  ask: () => Promise<TestResponse>,
  reason: Refusal = 'csrf-token',
): Promise<void> {
  const { account } = app;
  const page = app.app.get(PageController);
  const events = app.events.length;
  const before = [account.handled, page.handled, app.users.loads.length];
  store.takeCalls();
  const response = await ask();
  expect(response.status).toBe(403);
  expect(response.json).toEqual({
    statusCode: 403,
    message: 'Forbidden',
    errorCode: 'CSRF_REFUSED',
  });
  expect(response.setCookie).toEqual([]);
  expect([account.handled, page.handled, app.users.loads.length]).toEqual(
    before,
  );
  expect(store.takeCalls()).toEqual([]);
  expect(app.events.slice(events)).toMatchObject([
    { type: 'rejected', code: 'CSRF_REFUSED', reason },
  ]);
}

function form(body: string): TestRequest {
  return {
    method: 'POST',
    path: '/change',
    body,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  };
}

function change(more: Partial<TestRequest> = {}): TestRequest {
  return { method: 'POST', path: '/change', body: {}, ...more };
}

/** The last character of each half, which has bits that decide nothing, and one in the middle. */
function altered(token: string): string[] {
  return [0, 10, 21, 23, 40, token.length - 1].flatMap((i) => {
    const others = ['A', 'B', 'Q', '_', '-', 'Z'].filter((c) => c !== token[i]);
    return others.map((c) => token.slice(0, i) + c + token.slice(i + 1));
  });
}

describe.each(adapters)('a CSRF token on %s', (adapter) => {
  describe.each(KINDS)('for a session in %s', (kind) => {
    let opened: Opened;
    let app: TestApp;
    let browser: Browser;
    let token: string;

    beforeAll(async () => {
      opened = await open(adapter, kind, {}, { start: startTestApp });
      app = opened.app;
      browser = await app.signIn();
      token = await tokenFor(browser);
    });
    afterAll(() => app.close());

    const refuse = (given: TestRequest, reason?: Refusal) =>
      expectRefused(opened, () => browser.sendOnly(given), reason);

    describe('S-111: lets a request through', () => {
      it.each<[where: string, given: (token: string) => TestRequest]>([
        ['in the header', (t) => change({ headers: { [HEADER]: t } })],
        [
          'A-125: in the header, in lower case',
          (t) => change({ headers: { 'x-csrf-token': t } }),
        ],
        [
          'A-125: in the header, in upper case',
          (t) => change({ headers: { 'X-CSRF-TOKEN': t } }),
        ],
        ['in the field of a JSON body', (t) => change({ body: { _csrf: t } })],
        ['in the field of a form', (t) => form(`a=1&_csrf=${t}`)],
        [
          'in the header, beside another in the body',
          (t) => change({ headers: { [HEADER]: t }, body: { _csrf: 'x' } }),
        ],
        [
          'with DELETE, in the header',
          (t) => ({ method: 'DELETE', path: '/any', headers: { [HEADER]: t } }),
        ],
      ])('%s', async (_where, given) => {
        const response = await browser.sendOnly(given(token));
        expect(response.status).toBe(200);
        expect(response.setCookie).toEqual([]);
      });
    });

    it('is another one each time, all of them good', async () => {
      const next = await tokenFor(browser);
      expect(next).not.toBe(token);
      for (const each of [token, next]) {
        const headers = { [HEADER]: each };
        expect((await browser.sendOnly(change({ headers }))).status).toBe(200);
      }
    });

    describe('A-125: is missed', () => {
      it.each<[what: string, given: (token: string) => TestRequest]>([
        ['where there is none', () => change()],
        ['where it is empty', () => change({ headers: { [HEADER]: '' } })],
        [
          'where it is empty in the header, whatever the body holds',
          (t) => change({ headers: { [HEADER]: '' }, body: { _csrf: t } }),
        ],
        ['where the field is empty', () => change({ body: { _csrf: '' } })],
        [
          'S-152, V-39: where it is in the query',
          (t) => change({ path: `/change?_csrf=${t}&${HEADER}=${t}` }),
        ],
        [
          'S-152: where a form is posted to it in the query',
          (t) => ({ ...form('a=1'), path: `/change?_csrf=${t}` }),
        ],
        [
          'where it is in another header',
          (t) => change({ headers: { 'X-XSRF-TOKEN': t } }),
        ],
        [
          'where it is in another field',
          (t) => change({ body: { csrf: t, [HEADER]: t } }),
        ],
        [
          'where it is deeper in the body',
          (t) => change({ body: { form: { _csrf: t } } }),
        ],
        ['where it is a list', (t) => change({ body: { _csrf: [t] } })],
        ['where the field is sent twice', (t) => form(`_csrf=${t}&_csrf=${t}`)],
        [
          'where it is text that looks like JSON',
          (t) =>
            change({
              body: JSON.stringify({ _csrf: t }),
              headers: { 'Content-Type': 'text/plain' },
            }),
        ],
        ['A-120: where there is no body', () => change({ body: '' })],
      ])('%s', async (_what, given) => {
        await refuse(given(token));
      });

      it('S-152, V-39: where it is in a cookie alone', async () => {
        const Cookie = await cookiesOf(browser);
        for (const name of ['_csrf', HEADER, READABLE, 'csrf']) {
          const headers = { Cookie: `${Cookie}; ${name}=${token}` };
          await refuse(change({ headers }));
        }
      });

      it('where the header is sent twice', async () => {
        const Cookie = await cookiesOf(browser);
        await expectRefused(opened, () =>
          send(app.port, {
            method: 'POST',
            path: '/change',
            body: {},
            headers: [
              ['Cookie', Cookie],
              [HEADER, token],
              [HEADER, token],
            ],
          }),
        );
      });

      it('where it was altered', async () => {
        for (const each of altered(token)) {
          await refuse(change({ headers: { [HEADER]: each } }));
        }
      });
    });

    describe('S-150: is bound to its session', () => {
      it("A-125: that of another user's is refused, and that of the same user's other session", async () => {
        for (const user of ['bob', 'ada']) {
          const other = await tokenFor(await app.signIn(user));
          await refuse(change({ headers: { [HEADER]: other } }));
          await refuse(change({ body: { _csrf: other } }));
        }
      });

      it('V-37, S-160: that of before a sign-in is refused', async () => {
        const again = await app.signIn('bob');
        const before = await tokenFor(again);
        expect((await again.post('/login', { user: 'ada' })).status).toBe(200);
        const headers = { [HEADER]: before };
        await expectRefused(opened, () => again.sendOnly(change({ headers })));
        const now = { [HEADER]: await tokenFor(again) };
        expect((await again.post('/change', {}, now)).status).toBe(200);
      });

      it("an attacker's own valid pair is refused next to the victim's session (A-126, V-38)", async () => {
        const attacker = await app.signIn('bob');
        const theirs = await tokenFor(attacker);
        const Cookie = `${await cookiesOf(browser)}; ${READABLE}=${theirs}`;
        const headers = { Cookie, [HEADER]: theirs };
        await refuse(change({ headers }));
        const tossed = await browser.sendOnly(
          change({
            headers: {
              Cookie: `${await cookiesOf(browser)}; ${await cookiesOf(attacker)}`,
              [HEADER]: theirs,
            },
          }),
        );
        expect(tossed.status).toBe(401);
      });

      it('of a session that has ended is worth nothing', async () => {
        const ending = await app.signIn();
        const headers = { [HEADER]: await tokenFor(ending) };
        await ending.post('/sign-out', {}, headers);
        await refuse(change({ headers }));
      });
    });

    it.each(['GET', 'HEAD', 'OPTIONS'])(
      'is not required with %s (A-129)',
      async (method) => {
        const headers = { Cookie: await cookiesOf(browser), ...FOREIGN };
        const page = app.app.get(PageController);
        const { handled } = page;
        const response = await probe(app.port, {
          method,
          path: '/any',
          headers,
        });
        expect(response.status).toBe(200);
        expect(page.handled).toBe(handled + 1);
      },
    );

    it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
      'is required with %s (S-111)',
      async (method) => {
        await refuse({ method, path: '/any', body: {} });
      },
    );

    it('is asked for on an @OptionalSession() route, where a session comes', async () => {
      await refuse({ ...change(), path: '/optional' });
      const anonymous = await app.browser().post('/optional');
      expect(anonymous.json).toEqual({ subject: null });
    });

    it('is not asked for on @Public() routes and at sign-in, which has no session yet', async () => {
      expect(
        (await browser.sendOnly({ ...change(), path: '/open' })).status,
      ).toBe(200);
      const other = await app.signIn('bob');
      expect((await other.post('/login', { user: 'ada' })).status).toBe(200);
    });

    it('is required at a sign-out, which ends nothing without it (S-158)', async () => {
      const other = await app.signIn('bob');
      for (const proof of ['', token, `${token}x`]) {
        await expectRefused(opened, () =>
          other.sendOnly({
            ...change({ headers: { [HEADER]: proof } }),
            path: '/logout',
          }),
        );
      }
      const proof = { [HEADER]: await tokenFor(other) };
      expect((await other.post('/logout', {}, proof)).status).toBe(204);
      expect(await other.cookie()).toBeUndefined();
      // There is no session any more that a token could belong to.
      expect((await other.post('/logout')).status).toBe(204);
    });

    if (PAIRS.includes(kind)) {
      it.each([
        ['both cookies', true],
        ['the refresh cookie alone', false],
      ])(
        'is required at a refresh with %s, which exchanges nothing without it (S-158)',
        async (_what, hasSession) => {
          const own = await app.signIn('ada');
          const proof = { [HEADER]: await tokenFor(own) };
          const Cookie = (await cookiesOf(own))
            .split('; ')
            .filter((each) => hasSession || each.includes('-refresh='))
            .join('; ');
          const refresh = (headers: Headers) =>
            send(app.port, {
              ...change({ headers: { Cookie, ...headers } }),
              path: '/refresh',
            });
          await expectRefused(opened, () => refresh({}));
          await expectRefused(opened, () => refresh({ [HEADER]: token }));
          expect((await refresh(proof)).status).toBe(200);
        },
      );
    }

    it('S-119: is no matter for a session that is no good: 401', async () => {
      const headers = { Cookie: `${COOKIE}=x`, [HEADER]: token };
      const response = await browser.sendOnly(change({ headers }));
      expect(response.status).toBe(401);
      expect(response.json.errorCode).toBe('SESSION_REQUIRED');
    });

    it('is not required at a WebSocket handshake, where scripts cannot send it: the origin decides (A-133)', async () => {
      const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
      const shake = (headers: Headers) =>
        browser.sendOnly({ path: '/me', headers: { ...upgrade, ...headers } });
      expect((await shake({ Origin: ORIGIN })).status).toBe(200);
      const foreign = await shake({ Origin: 'https://evil.example' });
      expect(foreign.status).toBe(403);
    });
  });

  describe('A-133: at a WebSocket handshake outside of routes', () => {
    it('decides whether authenticate() gives a session', async () => {
      const { app } = await open(adapter, 'one token');
      const found: (string | undefined)[] = [];
      const server = app.app.getHttpServer() as Server;
      server.on('upgrade', (req: IncomingMessage, socket: Socket) => {
        void app.sessions.authenticate(req).then((session) => {
          found.push(session?.subject);
          socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
        });
      });
      const browser = await app.signIn();
      const token = await tokenFor(browser);
      const Cookie = await cookiesOf(browser);
      for (const headers of [
        {},
        { Origin: 'https://evil.example' },
        { Origin: 'https://evil.example', [HEADER]: token },
      ]) {
        const outgoing = request({
          host: '127.0.0.1',
          port: app.port,
          path: `/socket?_csrf=${token}`,
          headers: {
            Cookie,
            Connection: 'Upgrade',
            Upgrade: 'websocket',
            Origin: ORIGIN,
            Host: 'app.example',
            ...(headers as Headers),
          },
        });
        outgoing.end();
        const [incoming] = (await once(outgoing, 'response')) as [
          IncomingMessage,
        ];
        incoming.resume();
        await once(incoming, 'close');
      }
      expect(found).toEqual(['ada', undefined, undefined]);
      expect(app.eventsOf('rejected').map(({ reason }) => reason)).toEqual([
        'cross-site',
        'cross-site',
      ]);
    });
  });

  describe('is asked for before anything is renewed', () => {
    it('before a reload that was due', async () => {
      const opened = await open(adapter, 'one token');
      const browser = await opened.app.signIn();
      const token = await tokenFor(browser);
      opened.app.clock.advance('15m');
      await expectRefused(opened, () => browser.sendOnly(change()));
      const answer = await browser.post('/change', {}, { [HEADER]: token });
      expect(answer.status).toBe(200);
      expect(linesOf(answer)).toHaveLength(1);
    });

    it.each(PAIRS)(
      'before a refresh, by the id in the refresh token of %s: nothing is exchanged, loaded or asked of the store',
      async (kind) => {
        const opened = await open(adapter, kind);
        const { app } = opened;
        const browser = await app.signIn();
        const token = await tokenFor(browser);
        const other = await tokenFor(await app.signIn());
        app.clock.advance('15m');
        const refresh = await refreshOf(browser);
        for (const headers of [
          {} as Headers,
          { [HEADER]: other },
          asCookies({ refresh }),
          { ...asCookies({ refresh }), [HEADER]: other },
        ]) {
          await expectRefused(opened, () =>
            browser.sendOnly(change({ headers })),
          );
        }
        const answer = await browser.sendOnly(
          change({ headers: { [HEADER]: token } }),
        );
        expect(answer.status).toBe(200);
        expect(refreshLinesOf(answer)).toHaveLength(1);
      },
    );

    it.each(PAIRS)(
      'and one that is missing leaves the refresh token of %s as good as it was',
      async (kind) => {
        const opened = await open(adapter, kind);
        const { app } = opened;
        const browser = await app.signIn();
        app.clock.advance('15m');
        await expectRefused(opened, () => browser.sendOnly(change()));
        await expectNotExchanged(app, await refreshOf(browser));
        expect(app.eventsOf('refreshed')).toMatchObject([{ repeated: false }]);
      },
    );
  });

  describe('A-134: in a header of another kind', () => {
    it('is not asked for where the session comes in a header alone', async () => {
      const opened = await open(adapter, 'one token', { transport: 'header' });
      const { header, cookie } = await createTestSession(opened.app.app, 'ada');
      const headers = { Authorization: header, Cookie: cookie, ...FOREIGN };
      const response = await send(opened.app.port, change({ headers }));
      expect(response.status).toBe(200);
    });

    it.each<[first: 'header' | 'cookie', second: 'header' | 'cookie']>([
      ['header', 'cookie'],
      ['cookie', 'header'],
    ])(
      'is asked for where the cookie came too (%s before %s)',
      async (...transport) => {
        const opened = await open(adapter, 'one token', { transport });
        const { app } = opened;
        const { header, cookie, session } = await createTestSession(
          app.app,
          'ada',
        );
        const post = (headers: Headers) => send(app.port, change({ headers }));
        expect((await post({ Authorization: header })).status).toBe(200);
        const both = { Authorization: header, Cookie: cookie };
        await expectRefused(opened, () => post(both));
        await expectRefused(opened, () => post({ Cookie: cookie }));
        const token = app.sessions.csrfToken(session);
        expect((await post({ ...both, [HEADER]: token })).status).toBe(200);
      },
    );
  });

  describe('beside the other techniques', () => {
    const OWN = { 'Sec-Fetch-Site': 'same-origin', Origin: ORIGIN };
    const CUSTOM = { 'X-Requested-With': 'fetch' };

    it.each<
      [
        what: string,
        csrf: object,
        headers: Headers,
        hasToken: boolean,
        reason: Refusal | undefined,
      ]
    >([
      ['origin: both hold', {}, OWN, true, undefined],
      ['origin: the token alone holds', {}, FOREIGN, true, 'cross-site'],
      ['origin: the origin alone holds', {}, OWN, false, 'csrf-token'],
      [
        'all three hold',
        { header: 'X-Requested-With' },
        { ...OWN, ...CUSTOM },
        true,
        undefined,
      ],
      [
        'all but the token',
        { header: 'X-Requested-With' },
        { ...OWN, ...CUSTOM },
        false,
        'csrf-token',
      ],
      [
        'all but the custom header',
        { header: 'X-Requested-With' },
        OWN,
        true,
        'csrf-header',
      ],
      [
        'all but the origin',
        { header: 'X-Requested-With' },
        { ...FOREIGN, ...CUSTOM },
        true,
        'cross-site',
      ],
      [
        'one header for both',
        { header: HEADER, token: { header: HEADER } },
        OWN,
        true,
        undefined,
      ],
    ])('S-111: %s', async (_what, csrf, headers, hasToken, reason) => {
      const opened = await open(adapter, 'one token', {
        csrf: { token: true, ...csrf },
      });
      const browser = await opened.app.signIn();
      const token = hasToken ? { [HEADER]: await tokenFor(browser) } : {};
      const ask = () =>
        browser.sendOnly(change({ headers: { ...headers, ...token } }));
      if (reason) {
        await expectRefused(opened, ask, reason);
      } else {
        expect((await ask()).status).toBe(200);
      }
    });

    itOnNest(
      needingNest12(
        "and Nest's enableCsrfProtection: both apply, neither stands for the other",
      ),
      async () => {
        const opened = await open(
          adapter,
          'one token',
          {},
          {
            configure: (nest) =>
              (nest as ApplicationOfNest12).enableCsrfProtection(),
          },
        );
        const { app } = opened;
        const browser = await app.signIn();
        const token = { [HEADER]: await tokenFor(browser) };
        expect((await browser.post('/change', {}, token)).status).toBe(200);
        await expectRefused(opened, () => browser.sendOnly(change()));
        const events = app.events.length;
        const refused = await browser.sendOnly(
          change({ headers: { ...FOREIGN, ...token } }),
        );
        expect(refused.status).toBe(403);
        expect(refused.json).not.toHaveProperty('errorCode');
        expect(app.events).toHaveLength(events);
      },
    );

    it('sign-in and sign-out still check their origin (S-158)', async () => {
      const { app } = await open(adapter, 'one token');
      const login = await send(app.port, {
        method: 'POST',
        path: '/login',
        body: { user: 'ada' },
        headers: FOREIGN,
      });
      expect(login.status).toBe(403);
      const browser = await app.signIn();
      const token = { [HEADER]: await tokenFor(browser) };
      const logout = await browser.post(
        '/logout',
        {},
        { ...FOREIGN, ...token },
      );
      expect(logout.status).toBe(403);
      expect((await browser.get('/me')).status).toBe(200);
    });
  });

  describe('is required by the method that is sent and by the one that is meant (A-127)', () => {
    const OVERRIDES: [what: string, path: string, headers: Headers][] = [
      'X-HTTP-Method-Override',
      'X-HTTP-Method',
      'X-Method-Override',
    ].map((name) => [`${name}: DELETE`, '/any', { [name]: 'DELETE' }]);
    OVERRIDES.push(
      ['_method=DELETE', '/any?_method=DELETE', {}],
      ['_method=delete', '/any?a=1&_method=delete', {}],
    );

    it.each(OVERRIDES)('GET with %s', async (_what, path, headers) => {
      const opened = await open(adapter, 'one token');
      const browser = await opened.app.signIn();
      const token = { [HEADER]: await tokenFor(browser) };
      await expectRefused(opened, () => browser.sendOnly({ path, headers }));
      const own = await browser.sendOnly({
        path,
        headers: { ...headers, ...token },
      });
      expect(own.status).toBe(200);
    });

    it.each(
      OVERRIDES.map(
        ([what, path, headers]) =>
          [
            what.replace(/delete/i, 'GET'),
            path.replace(/delete/i, 'GET'),
            Object.fromEntries(Object.keys(headers).map((n) => [n, 'GET'])),
          ] as [string, string, Headers],
      ),
    )('POST with %s', async (_what, path, headers) => {
      const opened = await open(adapter, 'one token');
      const browser = await opened.app.signIn();
      for (const body of [{}, { _method: 'GET' }]) {
        const given = { method: 'POST', path, headers, body };
        await expectRefused(opened, () => browser.sendOnly(given));
      }
    });
  });

  describe('with names of its own', () => {
    it('is read from them, and from no other', async () => {
      const token = { header: 'X-Proof', field: 'proof' };
      const opened = await open(adapter, 'one token', { csrf: { token } });
      const browser = await opened.app.signIn();
      const proof = await tokenFor(browser);
      const answers = [
        await browser.post('/change', {}, { 'x-proof': proof }),
        await browser.post('/change', { proof }),
        await browser.sendOnly(form(`proof=${proof}`)),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      for (const given of [
        change({ headers: { [HEADER]: proof } }),
        change({ body: { _csrf: proof } }),
      ]) {
        await expectRefused(opened, () => browser.sendOnly(given));
      }
    });
  });

  it('is checked too by a service that only checks sessions, with the shared secret', async () => {
    const clock = new TestSessionClock();
    const issuer = await open(adapter, 'one token', {}, { clock });
    const checking = await open(
      adapter,
      'one token',
      { verifyOnly: true },
      { clock },
    );
    const browser = await issuer.app.signIn();
    const Cookie = await cookiesOf(browser);
    const post = (headers: Headers) =>
      send(checking.app.port, change({ headers: { Cookie, ...headers } }));
    await expectRefused(checking, () => post({}));
    const token = await tokenFor(browser);
    expect((await post({ [HEADER]: token })).status).toBe(200);
  });

  it('cannot be had without the option', async () => {
    const { app } = await open(adapter, 'one token', { csrf: {} });
    const { session } = await createTestSession(app.app, 'ada');
    expect(() => app.sessions.csrfToken(session)).toThrow(SessionConfigError);
    expect((await (await app.signIn()).get('/page')).status).toBe(500);
  });

  describe('whose key', () => {
    const { privateKey, publicKey } = keyPairs.ES256;
    const keys = [{ algorithm: 'ES256' as const, privateKey, publicKey }];

    /** Nodes of one application, whose options differ; a token that one of them made, at another. */
    const nodes = (...options: Options[]): Promise<Opened[]> => {
      const clock = new TestSessionClock();
      return Promise.all(
        options.map((each) => open(adapter, 'one token', each, { clock })),
      );
    };
    const at = async (node: Opened, from: Browser, token: string) => {
      const headers = { Cookie: await cookiesOf(from), [HEADER]: token };
      const response = await send(node.app.port, change({ headers }));
      return response.status;
    };

    it.each<[what: string, of: (secret: string | string[]) => Options]>([
      ['the secret', (secret) => ({ secret })],
      [
        'the derived secret beside the secret',
        (derivedSecret) => ({ secret: THIRD_SECRET, derivedSecret }),
      ],
      [
        'the derived secret beside keys',
        (derivedSecret) => withoutSecret({ keys, derivedSecret }),
      ],
      [
        'the secret of encrypted tokens',
        (secret) => ({ secret, encrypt: true }),
      ],
      [
        'the key of encrypted tokens',
        (key) => withoutSecret({ encrypt: { key } }),
      ],
    ])(
      'is derived from %s is rotated with it: the first signs, all verify',
      async (_what, of) => {
        const [before, during, after] = (await nodes(
          of(OTHER_SECRET),
          of([SECRET, OTHER_SECRET]),
          of(SECRET),
        )) as [Opened, Opened, Opened];
        const old = await before.app.signIn();
        const oldToken = await tokenFor(old);
        expect(await at(before, old, oldToken)).toBe(200);
        expect(await at(during, old, oldToken)).toBe(200);
        expect(await at(after, old, oldToken)).toBeGreaterThanOrEqual(401);

        const own = await during.app.signIn();
        const token = await tokenFor(own);
        expect(await at(during, own, token)).toBe(200);
        expect(await at(after, own, token)).toBe(200);
        expect(await at(before, own, token)).toBeGreaterThanOrEqual(401);
      },
    );

    it('is withdrawn with the derived secret, though the session itself goes on', async () => {
      const [before, after] = (await nodes(
        withoutSecret({ keys, derivedSecret: OTHER_SECRET }),
        withoutSecret({ keys, derivedSecret: SECRET }),
      )) as [Opened, Opened];
      const browser = await before.app.signIn();
      const token = await tokenFor(browser);
      const headers = { Cookie: await cookiesOf(browser), [HEADER]: token };
      await expectRefused(after, () =>
        send(after.app.port, change({ headers })),
      );
    });

    it('V-42: is of no other purpose', async () => {
      const opened = await open(adapter, 'one token');
      const browser = await opened.app.signIn();
      const { id } = (await browser.get('/me')).json as { id: string };
      const random = 'A'.repeat(22);
      const forge = (key: Parameters<typeof createHmac>[1]) =>
        `${random}.${createHmac('sha256', key)
          .update(`${id.length}!${id}!22!${random}`)
          .digest('base64url')}`;
      const secret = createSecretKey(Buffer.from(SECRET));
      for (const key of [
        SECRET,
        OTHER_SECRET,
        '',
        deriveKey(secret, 'refresh'),
        deriveKey(secret, 'session-name'),
      ]) {
        const headers = { [HEADER]: forge(key) };
        await expectRefused(opened, () =>
          browser.sendOnly(change({ headers })),
        );
      }
      const headers = { [HEADER]: forge(deriveKey(secret, 'csrf')) };
      expect((await browser.sendOnly(change({ headers }))).status).toBe(200);
    });
  });
});

it('A-120: a CSRF token in a multipart form is not read: it arrives in the header', async () => {
  const opened = await open('express', 'one token');
  const browser = await opened.app.signIn();
  const token = await tokenFor(browser);
  const multipart = (headers: Headers): TestRequest => ({
    method: 'POST',
    path: '/change',
    body: `--b\r\nContent-Disposition: form-data; name="_csrf"\r\n\r\n${token}\r\n--b--\r\n`,
    headers: { 'Content-Type': 'multipart/form-data; boundary=b', ...headers },
  });
  await expectRefused(opened, () => browser.sendOnly(multipart({})));
  const own = await browser.sendOnly(multipart({ [HEADER]: token }));
  expect(own.status).toBe(200);
});

describe('A-127: a CSRF token on Express, behind middleware that overrides methods', () => {
  /** What `method-override` does. */
  const overriding = (nest: INestApplication): void => {
    nest.use((req: any, _res: unknown, next: () => void) => {
      req.originalMethod = req.originalMethod || req.method;
      const { searchParams } = new URL(req.url as string, ORIGIN);
      const meant =
        req.headers['x-http-method-override'] ??
        req.headers['x-own-override'] ??
        searchParams.get('_method');
      if (meant) req.method = meant.toUpperCase();
      next();
    });
  };

  it.each<[what: string, given: TestRequest]>([
    [
      'a POST that becomes a GET',
      { method: 'POST', path: '/any', headers: { 'x-own-override': 'GET' } },
    ],
    [
      'a POST that becomes a GET by the header',
      {
        method: 'POST',
        path: '/any',
        headers: { 'X-HTTP-Method-Override': 'GET' },
      },
    ],
    [
      'a POST that becomes a GET by the query',
      { method: 'POST', path: '/any?_method=GET' },
    ],
    [
      'a GET that becomes a DELETE',
      { path: '/any', headers: { 'x-own-override': 'DELETE' } },
    ],
    [
      'a GET that becomes a DELETE by the query',
      { path: '/any?_method=DELETE' },
    ],
    [
      'a POST that becomes a PUT',
      { method: 'POST', path: '/any', headers: { 'x-own-override': 'PUT' } },
    ],
  ])('is asked for: %s', async (_what, given) => {
    const opened = await open(
      'express',
      'one token',
      {},
      { configure: overriding },
    );
    const browser = await opened.app.signIn();
    const token = { [HEADER]: await tokenFor(browser) };
    await expectRefused(opened, () => browser.sendOnly(given));
    const headers = { ...(given.headers as Headers), ...token };
    const own = await browser.sendOnly({ ...given, headers });
    expect(own.status).toBeLessThan(300);
  });

  it('is not asked for where nothing is overridden', async () => {
    const { app } = await open(
      'express',
      'one token',
      {},
      { configure: overriding },
    );
    expect((await (await app.signIn()).get('/any')).status).toBe(200);
  });
});

describe.each(adapters)(
  'the cookie that brings CSRF tokens to scripts on %s',
  (adapter) => {
    const csrf = { token: { cookie: READABLE, header: 'X-XSRF-TOKEN' } };
    const openWith = (kind: Kind, session: Options = {}) =>
      open(adapter, kind, { csrf, ...session });
    const readableIn = (response: TestResponse) => linesOf(response, READABLE);
    const login = (app: TestApp, more: object = {}) =>
      app.browser().post('/login', { user: 'ada', ...more });

    it.each<[what: string, options: Options, attributes: string]>([
      ['the defaults', {}, 'Max-Age=604800; Path=/; Secure; SameSite=Lax'],
      [
        'a domain, a path and SameSite=Strict',
        {
          cookie: { domain: 'app.example', path: '/app', sameSite: 'strict' },
        },
        'Max-Age=604800; Domain=app.example; Path=/app; Secure; SameSite=Strict',
      ],
      [
        'SameSite=None and Partitioned',
        { cookie: { sameSite: 'none', partitioned: true } },
        'Max-Age=604800; Path=/; Secure; Partitioned; SameSite=None',
      ],
      [
        'no Secure',
        { cookie: { secure: false } },
        'Max-Age=604800; Path=/; SameSite=Lax',
      ],
    ])(
      'S-182: has the attributes of the session cookie but HttpOnly: %s',
      async (_what, options, attributes) => {
        const { app } = await openWith('one token', options);
        const response = await login(app);
        const [line = '', ...more] = readableIn(response);
        expect(more).toEqual([]);
        const name = response.setCookie[0]!.split('=')[0]!;
        const [session = ''] = linesOf(response, name);
        expect(line).toBe(`${READABLE}=${valueOf(line)}; ${attributes}`);
        expect(session.replace('; HttpOnly', '').replace(/^[^;]+/, '')).toBe(
          line.replace(/^[^;]+/, ''),
        );
        expect(session).toContain('; HttpOnly');
        expect(valueOf(line)).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
      },
    );

    it('clears what is left of a former domain, as the session cookie does', async () => {
      const { app } = await openWith('one token', {
        cookie: { formerDomains: ['app.example'] },
      });
      const lines = readableIn(await login(app));
      expect(lines).toHaveLength(2);
      expect(lines[0]).toBe(
        `${READABLE}=; Max-Age=0; Domain=app.example; Path=/; Secure; SameSite=Lax`,
      );
    });

    it('is what a script sends back in the header, and nothing by itself', async () => {
      const opened = await openWith('one token');
      const browser = await opened.app.signIn();
      const token = (await browser.cookie(READABLE)) ?? '';
      await expectRefused(opened, () => browser.sendOnly(change()));
      const headers = { 'X-XSRF-TOKEN': token };
      expect((await browser.sendOnly(change({ headers }))).status).toBe(200);
      expect((await browser.post('/change', { _csrf: token })).status).toBe(
        200,
      );
    });

    it('A-126: that an attacker tosses in brings nothing', async () => {
      const opened = await openWith('one token');
      const browser = await opened.app.signIn();
      const attacker = await opened.app.signIn('bob');
      const theirs = (await attacker.cookie(READABLE)) ?? '';
      const own = await cookiesOf(browser);
      for (const Cookie of [
        `${READABLE}=${theirs}; ${own}`,
        `${own}; ${READABLE}=${theirs}`,
      ]) {
        await expectRefused(opened, () =>
          browser.sendOnly(
            change({ headers: { Cookie, 'X-XSRF-TOKEN': theirs } }),
          ),
        );
      }
    });

    it('V-37, S-160, A-088: is another one after a sign-in', async () => {
      const opened = await openWith('one token');
      const browser = await opened.app.signIn();
      const before = (await browser.cookie(READABLE)) ?? '';
      await browser.post('/login', { user: 'bob' });
      const after = (await browser.cookie(READABLE)) ?? '';
      const post = (token: string) =>
        browser.sendOnly(change({ headers: { 'X-XSRF-TOKEN': token } }));
      expect((await post(after)).status).toBe(200);
      await expectRefused(opened, () => post(before));
    });

    it.each<[kind: Kind, seconds: number]>([
      ['one token', 7 * DAY],
      ['a stateless pair', 7 * DAY],
      ['a stored pair', 7 * DAY],
    ])('ends with the session of %s', async (kind, seconds) => {
      const { app } = await openWith(kind);
      const response = await login(app);
      const lines = readableIn(response);
      expect(lines).toHaveLength(1);
      expect(maxAgeOf(lines[0])).toBe(seconds);
      const longest =
        kind === 'one token' ? linesOf(response) : refreshLinesOf(response);
      expect(maxAgeOf(longest[0])).toBe(seconds);
      const short = await login(app, { lifetime: { absolute: '1h' } });
      expect(maxAgeOf(readableIn(short)[0])).toBe(3_600);
    });

    it.each(KINDS)(
      'of %s ends with the browser where the session does (persistent: false)',
      async (kind) => {
        const { app } = await openWith(kind);
        const [line = ''] = readableIn(await login(app, { persistent: false }));
        expect(valueOf(line)).not.toBe('');
        expect(line).not.toMatch(/Max-Age|Expires/);
      },
    );

    it('is written again by every reload of one token, as long as the session cookie', async () => {
      const { app } = await openWith('one token');
      const browser = await app.signIn();
      const before = await browser.cookie(READABLE);
      expect((await browser.get('/me')).setCookie).toEqual([]);
      app.clock.advance('25d');
      const renewed = await app.signIn();
      app.clock.advance('6d');
      const reloaded = await renewed.get('/me');
      expect(readableIn(reloaded)).toHaveLength(1);
      expect(valueOf(readableIn(reloaded)[0])).not.toBe(before);
      expect(maxAgeOf(readableIn(reloaded)[0])).toBe(7 * DAY);
      expect(maxAgeOf(linesOf(reloaded)[0])).toBe(7 * DAY);
      const headers = {
        'X-XSRF-TOKEN': (await renewed.cookie(READABLE)) ?? '',
      };
      expect((await renewed.post('/change', {}, headers)).status).toBe(200);
    });

    it.each(PAIRS)(
      'is not written by a reload of %s, and is by a refresh',
      async (kind) => {
        const { app } = await openWith(kind, {
          dataRefreshInterval: '5m',
          refreshToken: { accessLifetime: '1h' },
        });
        const browser = await app.signIn();
        const token = (await browser.cookie(READABLE)) ?? '';
        app.clock.advance('10m');
        const reloaded = await browser.get('/me');
        expect(linesOf(reloaded)).toHaveLength(1);
        expect(readableIn(reloaded)).toEqual([]);

        app.clock.advance('2h');
        const renewed = await browser.post(
          '/change',
          {},
          { 'X-XSRF-TOKEN': token },
        );
        expect(renewed.status).toBe(200);
        expect(refreshLinesOf(renewed)).toHaveLength(1);
        expect(readableIn(renewed)).toHaveLength(1);
        expect(maxAgeOf(readableIn(renewed)[0])).toBe(
          maxAgeOf(refreshLinesOf(renewed)[0]),
        );

        const refreshed = await browser.post(
          '/refresh',
          {},
          { 'X-XSRF-TOKEN': token },
        );
        expect(refreshed.status).toBe(200);
        expect(readableIn(refreshed)).toHaveLength(1);
        const newest = (await browser.cookie(READABLE)) ?? '';
        for (const each of [token, newest]) {
          const headers = { 'X-XSRF-TOKEN': each };
          expect((await browser.post('/change', {}, headers)).status).toBe(200);
        }
      },
    );

    it.each(KINDS)(
      'of %s goes out once, however often the session is re-issued in one request',
      async (kind) => {
        const { app } = await openWith(kind);
        const browser = await app.signIn();
        const headers = () =>
          browser
            .cookie(READABLE)
            .then((token) => ({ 'X-XSRF-TOKEN': token ?? '' }));
        app.clock.advance('20m');
        const reloaded = await browser.post('/reload', {}, await headers());
        expect(reloaded.status).toBe(200);
        expect(linesOf(reloaded)).toHaveLength(1);
        expect(readableIn(reloaded)).toHaveLength(1);
        app.clock.advance('20m');
        const updated = await browser.post(
          '/attributes',
          { theme: 'dark' },
          await headers(),
        );
        expect(updated.status).toBe(200);
        expect(readableIn(updated)).toHaveLength(1);
        expect(
          (await browser.post('/change', {}, await headers())).status,
        ).toBe(200);
      },
    );

    it('is good in each of the answers to requests that come together', async () => {
      const { app } = await openWith('one token');
      const browser = await app.signIn();
      app.clock.advance('15m');
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => browser.sendOnly({ path: '/me' })),
      );
      for (const answer of answers) {
        expect(answer.status).toBe(200);
        const [line] = readableIn(answer);
        const headers = { 'X-XSRF-TOKEN': valueOf(line) };
        expect((await browser.sendOnly(change({ headers }))).status).toBe(200);
      }
    });

    it.each(KINDS)(
      'A-087: of %s is cleared with the session, twice if need be',
      async (kind) => {
        const { app } = await openWith(kind);
        const browser = await app.signIn();
        expect(await cookiesIn(browser)).toContain(`${READABLE} app.example /`);
        const headers = {
          'X-XSRF-TOKEN': (await browser.cookie(READABLE)) ?? '',
        };
        for (let i = 0; i < 2; i += 1) {
          const answer = await browser.post('/logout', {}, headers);
          expect(answer.status).toBe(204);
          expect(readableIn(answer)).toEqual([
            `${READABLE}=; Max-Age=0; Path=/; Secure; SameSite=Lax`,
          ]);
          expect(answer.headers['cache-control']).toBe('no-store');
        }
        expect(await cookiesIn(browser)).toEqual([]);
      },
    );

    it('is cleared with a session that is refused, and kept with one that is not', async () => {
      const { app } = await openWith('one token');
      const browser = await app.signIn();
      await browser.post('/change');
      expect(await browser.cookie(READABLE)).toBeDefined();
      app.users.all.get('ada')!.disabled = true;
      app.clock.advance('15m');
      const refused = await browser.get('/me');
      expect(refused.status).toBe(401);
      expect(readableIn(refused)).toHaveLength(1);
      expect(await cookiesIn(browser)).toEqual([]);
    });

    it('is not written for a session in a header', async () => {
      const { app } = await openWith('one token', {
        transport: ['header', 'cookie'],
      });
      const bearer = await login(app);
      expect(bearer.json.token).toBeDefined();
      expect(bearer.setCookie).toEqual([]);
      const inCookie = await login(app, { transport: 'cookie' });
      expect(readableIn(inCookie)).toHaveLength(1);
    });

    it('is not written where no name is given', async () => {
      const { app } = await open(adapter, 'a stateless pair');
      expect((await login(app)).setCookie).toHaveLength(2);
    });
  },
);

/** Every cookie of a browser, as it sends them. */
function cookiesOf(browser: Browser): Promise<string> {
  return browser.jar.getCookieString(ORIGIN);
}
