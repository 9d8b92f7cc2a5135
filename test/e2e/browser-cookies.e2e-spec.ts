import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Header, Module } from '@nestjs/common';
import type { Cookie, Frame, Page } from 'playwright-core';
import {
  MemorySessionStore,
  Public,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { atFullEffort } from '../support/at-full-effort.js';
import {
  openBrowser,
  openWholeBrowser,
  type Browser,
} from '../support/chromium.js';
import { combinations, platforms } from '../support/effort.js';
import { openHttpsFront } from '../support/https-front.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const HOST = 'app.test';
const RESOLVER_RULES = '--host-resolver-rules=MAP *.test 127.0.0.1';
const EVIL_HOST = 'evil.app.test';
const ours = (header: string | undefined, name: string): string[] =>
  (header ?? '')
    .split(';')
    .filter((pair) => pair.trim().startsWith(`${name}=`));
const EMPTY_PAGE = '<!doctype html><link rel="icon" href="data:,">';

const ATTRIBUTES: [
  what: string,
  session: Partial<SessionJwtModuleOptions>,
  cookies: string[],
][] = [
  ['the defaults', {}, ['__Host-Http-session app.test / HttpOnly Secure Lax']],
  [
    'a pair, and a CSRF cookie',
    { refreshToken: {}, csrf: { token: { cookie: 'XSRF-TOKEN' } } },
    [
      '__Host-Http-session app.test / HttpOnly Secure Lax',
      '__Host-Http-session-refresh app.test / HttpOnly Secure Lax',
      'XSRF-TOKEN app.test / Secure Lax',
    ],
  ],
  [
    'a path of the refresh cookie',
    { refreshToken: { cookie: { path: '/session' } } },
    [
      '__Host-Http-session app.test / HttpOnly Secure Lax',
      '__Secure-session-refresh app.test /session HttpOnly Secure Lax',
    ],
  ],
  [
    'a path',
    { cookie: { path: '/me' } },
    ['__Secure-session app.test /me HttpOnly Secure Lax'],
  ],
  [
    'a domain',
    { cookie: { domain: HOST }, refreshToken: {} },
    [
      '__Secure-session .app.test / HttpOnly Secure Lax',
      '__Secure-session-refresh .app.test / HttpOnly Secure Lax',
    ],
  ],
  [
    'a domain and a path',
    { cookie: { domain: HOST, path: '/me' } },
    ['__Secure-session .app.test /me HttpOnly Secure Lax'],
  ],
  [
    'strict',
    { cookie: { sameSite: 'strict' } },
    ['__Host-Http-session app.test / HttpOnly Secure Strict'],
  ],
  [
    'without Secure',
    { cookie: { secure: false } },
    ['session app.test / HttpOnly Lax'],
  ],
  [
    'SameSite=None',
    { cookie: { sameSite: 'none' } },
    ['__Host-Http-session app.test / HttpOnly Secure None'],
  ],
  [
    'partitioned, a pair',
    { cookie: { sameSite: 'none', partitioned: true }, refreshToken: {} },
    [
      '__Host-Http-session app.test / HttpOnly Secure None in https://app.test',
      '__Host-Http-session-refresh app.test / HttpOnly Secure None in https://app.test',
    ],
  ],
  [
    'partitioned, a domain and a path',
    {
      cookie: {
        sameSite: 'none',
        partitioned: true,
        domain: HOST,
        path: '/me',
      },
    },
    ['__Secure-session .app.test /me HttpOnly Secure None in https://app.test'],
  ],
];

@Public()
@Controller()
class PageController {
  @Get('page')
  @Header('Content-Type', 'text/html')
  page() {
    return EMPTY_PAGE;
  }
}

@Module({ controllers: [PageController] })
class PageModule {}

let browser: Browser;
let page: Page;
const closings: (() => Promise<void>)[] = [];

beforeAll(async () => {
  browser = await openBrowser({
    args: [RESOLVER_RULES],
    ignoreHTTPSErrors: true,
  });
});

afterAll(() => browser?.close());

beforeEach(async () => {
  page = await browser.context.newPage();
});

afterEach(async () => {
  await Promise.all(browser.context.pages().map((each) => each.close()));
  await browser.context.clearCookies();
  for (const close of closings.splice(0).toReversed()) await close();
});

describe.each(platforms('express'))(
  'the cookies of an application on %s',
  (adapter) => {
    /** What the requests of browsers to the application had as `Cookie`. */
    let received: string[];

    async function serveApp(
      session: Partial<SessionJwtModuleOptions> = {},
      host = HOST,
      prefix = '',
    ): Promise<{ app: TestApp; origin: string }> {
      received = [];
      const app = await startTestApp(adapter, {
        session,
        extras: { routes: true },
        imports: [PageModule],
        configure: (nest) =>
          nest
            .setGlobalPrefix(prefix)
            .use(
              (
                { headers }: { headers: { cookie?: string } },
                _response: unknown,
                next: () => void,
              ) => {
                received.push(headers.cookie ?? '');
                next();
              },
            ),
      });
      closings.push(() => app.close());
      return { app, origin: `https://${host}:${await encrypted(app.port)}` };
    }

    async function signedIn(
      session?: Partial<SessionJwtModuleOptions>,
      body: object = {},
    ): Promise<{ app: TestApp; origin: string }> {
      const served = await serveApp(session);
      await page.goto(`${served.origin}/page`);
      expect((await signIn(page, body)).status).toBe(200);
      return served;
    }

    describe('in the jar of a browser', () => {
      it.each(combinations(ATTRIBUTES, 4))(
        'S-070, S-080, S-081, S-182: have the attributes of the options, and a sign-out takes all of them out: %s',
        async (_what, session, expected) => {
          await signedIn({ store: new MemorySessionStore(), ...session });
          const jar = await browser.context.cookies();
          expect(jar.map(shown).toSorted()).toEqual(expected.toSorted());
          const csrf = jar.find(({ name }) => name === 'XSRF-TOKEN');
          const proof = csrf ? { 'x-csrf-token': csrf.value } : {};
          expect((await post(page, '/logout', {}, proof)).status).toBe(204);
          expect(await browser.context.cookies()).toEqual([]);
        },
      );
    });

    it('S-182: show themselves to no script of the page, and let none replace them', async () => {
      await signedIn({
        refreshToken: {},
        csrf: { token: { cookie: 'XSRF-TOKEN' } },
        store: new MemorySessionStore(),
      });
      const jar = await browser.context.cookies();
      const [csrf, ...hidden] = jar.toSorted((a, b) =>
        b.name.localeCompare(a.name),
      );
      const proof = { 'x-csrf-token': csrf!.value };
      const answers = [
        await post(page, '/change', {}, proof),
        await post(page, '/attributes', { theme: 'dark' }, proof),
        await ask(page, '/me'),
      ];
      const seen = await page.evaluate<string>(`(async () => {
        const request = new XMLHttpRequest();
        request.open('GET', '/me');
        await new Promise((resolve) => { request.onload = resolve; request.send(); });
        return JSON.stringify([
          document.cookie,
          await cookieStore.getAll(),
          request.getAllResponseHeaders(),
          request.responseText,
        ]);
      })()`);
      const all = seen + JSON.stringify(answers);
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      // What may be read is there twice: in `document.cookie`, and in `cookieStore`.
      expect(csrf!.name).toBe('XSRF-TOKEN');
      expect(all.split(csrf!.value)).toHaveLength(3);
      expect(hidden).toHaveLength(2);
      const values = (await browser.context.cookies()).concat(hidden);
      for (const { name, value } of values) {
        if (name === csrf!.name) continue;
        expect(all.includes(name) || all.includes(value)).toBe(false);
        await page.evaluate(
          `document.cookie = '${name}=planted; Path=/; Secure'`,
        );
        await page
          .evaluate(`cookieStore.set({ name: '${name}', value: 'planted' })`)
          .catch(() => undefined);
      }
      expect((await ask(page, '/me')).body.subject).toBe('ada');
      const after = await browser.context.cookies();
      expect(after.map(shown).toSorted()).toEqual(jar.map(shown).toSorted());
      expect(after.filter(({ value }) => value === 'planted')).toEqual([]);
    });

    it('are planted by no script of the page (S-182)', async () => {
      const { app } = await signedIn({ refreshToken: {} });
      const { token } = await app.sessions.generate('bob');
      expect((await post(page, '/logout')).status).toBe(204);
      for (const name of [
        '__Host-Http-session',
        '__Host-Http-session-refresh',
      ]) {
        await page.evaluate(
          `document.cookie = ${JSON.stringify(`${name}=${token}; Path=/; Secure`)}`,
        );
        const set = `cookieStore.set(${JSON.stringify({ name, value: token, path: '/' })})`;
        expect(
          await page.evaluate(`${set}.then(() => 'set', () => 'refused')`),
        ).toBe('refused');
      }
      expect(await browser.context.cookies()).toEqual([]);
      expect((await ask(page, '/me')).status).toBe(401);
    });

    describe('with a hostile subdomain', () => {
      /** Pages of the subdomain, which bring these lines. */
      async function serveEvil(lines: string[]): Promise<string[]> {
        const port = await serve((_request, response) =>
          response
            .writeHead(200, {
              'content-type': 'text/html',
              'set-cookie': lines,
            })
            .end(EMPTY_PAGE),
        );
        return [
          `https://${EVIL_HOST}:${await encrypted(port)}`,
          `http://${EVIL_HOST}:${port}`,
        ];
      }

      /** Plants cookies from the subdomain in every way there is. */
      async function toss(lines: string[]): Promise<void> {
        const evil = await browser.context.newPage();
        for (const origin of await serveEvil(lines)) {
          await evil.goto(origin);
          for (const line of lines) {
            await evil.evaluate(`document.cookie = ${JSON.stringify(line)}`);
          }
        }
        await evil.close();
      }

      it('A-103, A-104, S-070, S-071: are never planted by it, whatever their spelling, and the session goes on', async () => {
        const { app, origin } = await signedIn();
        const { token } = await app.sessions.generate('bob');
        const wide = `Domain=${HOST}; Secure`;
        const names = [
          '__Host-Http-session',
          '__host-http-session',
          '__HOST-HTTP-SESSION',
          '__Host-http-Session',
          ' __Host-Http-session ',
          '\t__Host-Http-session\t',
          '=__Host-Http-session',
          '= __host-http-session',
        ];
        const planted = names.flatMap((name) => [
          `${name}=${token}; ${wide}; Path=/`,
          `${name}=${token}; ${wide}; Path=/me`,
          `${name}=${token}; Domain=${HOST}; Path=/`,
          `${name}=${token}; Path=/; Secure`,
          `${name}=${token}`,
        ]);
        // These are kept and sent, for browsers know nothing of them; nor do we.
        const kept = [
          `__Secure-session=${token}; ${wide}; Path=/`,
          `session=${token}; ${wide}; Path=/me`,
          `x__Host-Http-session=${token}; ${wide}; Path=/me`,
          `"__Host-Http-session"=${token}; ${wide}; Path=/me`,
          `a=b, __Host-Http-session=${token}; ${wide}; Path=/me`,
          `b="c __Host-Http-session=${token}; ${wide}; Path=/me`,
        ];
        await toss([...planted, ...kept]);
        const evil = await browser.context.newPage();
        const [evilOrigin] = await serveEvil([]);
        await evil.goto(evilOrigin!);
        const refused = await evil.evaluate<string[]>(
          `Promise.all(${JSON.stringify(names)}.map((name) =>
            cookieStore.set({ name, value: 'x', domain: '${HOST}', path: '/me' }).then(() => 'set', () => 'refused'),
          ))`,
        );
        expect(refused).toEqual(names.map(() => 'refused'));

        received.length = 0;
        for (const path of ['/me', '/optional']) {
          const { status, body } = await ask(page, path);
          expect([status, body.subject]).toEqual([200, 'ada']);
        }
        expect((await post(page, '/change')).body.id).toBe('ada');
        for (const header of received) {
          expect(ours(header, '__Host-Http-session')).toHaveLength(1);
          expect(header).toContain(`; __Secure-session=`);
        }
        expect(received[0]!.split('__Host-Http-session')).toHaveLength(6);
        const jar = await browser.context.cookies(`${origin}/me`);
        expect(
          jar
            .filter(({ name }) => /^\W?__host-http-session\W?$/i.test(name))
            .map(shown)
            .toSorted(),
        ).toEqual([
          '"__Host-Http-session" .app.test /me Secure Lax',
          '__Host-Http-session app.test / HttpOnly Secure Lax',
        ]);
        app.clock.advance('15m');
        expect((await ask(page, '/me')).body.subject).toBe('ada');
        expect(app.eventsOf('rejected')).toEqual([]);
      });

      it.each([
        ['session', '0s'],
        ['session-refresh', '16m'],
      ])(
        'A-102, A-103: are refused where a domain lets it plant one more %s cookie, and the planted one is not taken',
        async (name, age) => {
          const { app } = await signedIn({
            cookie: { domain: HOST },
            refreshToken: {},
            store: new MemorySessionStore(),
          });
          const bob = await app.sessions.generate('bob');
          const planted = name === 'session' ? bob.token : bob.refreshToken;
          // Browsers send the cookie with the longer path first.
          await toss([
            `__Secure-${name}=${planted}; Domain=${HOST}; Path=/me; Secure`,
          ]);
          app.clock.advance(age);
          received.length = 0;

          const { status, body } = await ask(page, '/me');
          const sent = ours(received[0], `__Secure-${name}`);
          expect(sent).toHaveLength(2);
          expect(sent[0]!.trim() === `__Secure-${name}=${planted}`).toBe(true);
          expect([status, body.errorCode]).toEqual([401, 'SESSION_REQUIRED']);
          expect(app.account.handled).toBe(0);
          expect(app.eventsOf('refreshed')).toEqual([]);
          expect(app.eventsOf('rejected')).toMatchObject([
            { code: 'TOKEN_CONFLICT' },
          ]);
          expect(await browser.context.cookies()).toEqual([]);
        },
      );
    });

    describe('in a page of another site', () => {
      async function embed(
        partitioned: boolean,
      ): Promise<{ app: TestApp; origin: string; frame: Frame }> {
        const { app, origin } = await serveApp({
          cookie: { sameSite: 'none', partitioned },
          refreshToken: {},
          store: new MemorySessionStore(),
        });
        const port = await serve((_request, response) =>
          response
            .writeHead(200, { 'content-type': 'text/html' })
            .end(`${EMPTY_PAGE}<iframe src="${origin}/page"></iframe>`),
        );
        await page.goto(`https://other.test:${await encrypted(port)}`);
        return { app, origin, frame: page.frames()[1]! };
      }

      atFullEffort(
        'are not kept by a browser that lets no site follow its users, unless they are partitioned',
        async () => {
          const strict = await openWholeBrowser({
            args: [RESOLVER_RULES, '--test-third-party-cookie-phaseout'],
            ignoreHTTPSErrors: true,
          });
          closings.push(() => strict.close());
          page = await strict.context.newPage();
          const { frame } = await embed(false);
          expect((await signIn(frame)).status).toBe(200);
          expect((await ask(frame, '/me')).status).toBe(401);
          expect(await strict.context.cookies()).toEqual([]);
        },
      );

      it('S-080, S-081: work where they are partitioned, belong to that page alone, and are cleared there', async () => {
        const { app, origin, frame } = await embed(true);
        expect((await signIn(frame)).status).toBe(200);
        expect((await ask(frame, '/me')).body.subject).toBe('ada');
        app.clock.advance('16m');
        expect((await post(frame, '/change')).body.id).toBe('ada');
        const jar = await browser.context.cookies();
        expect(jar.map(shown).toSorted()).toEqual([
          '__Host-Http-session app.test / HttpOnly Secure None in https://other.test',
          '__Host-Http-session-refresh app.test / HttpOnly Secure None in https://other.test',
        ]);

        const alone = await browser.context.newPage();
        await alone.goto(`${origin}/page`);
        expect((await ask(alone, '/me')).status).toBe(401);

        // The page around it has the cookies sent too, and gets nothing done by that.
        const { handled } = app.account;
        received.length = 0;
        await page.evaluate(
          `fetch('${origin}/change', { method: 'POST', mode: 'no-cors', credentials: 'include' })`,
        );
        expect(ours(received[0], '__Host-Http-session')).toHaveLength(1);
        expect(app.account.handled).toBe(handled);
        expect(app.eventsOf('rejected').at(-1)).toMatchObject({
          code: 'CSRF_REFUSED',
        });

        expect((await ask(frame, '/me')).status).toBe(200);
        expect((await post(frame, '/logout')).status).toBe(204);
        expect(await browser.context.cookies()).toEqual([]);
        expect((await ask(frame, '/me')).status).toBe(401);
      });
    });

    it.each([
      [
        'are gone after it where the sign-in was not to be remembered',
        false,
        401,
      ],
      ['survive it otherwise', undefined, 200],
    ])(
      'when the browser is started again, %s',
      async (_what, persistent, status) => {
        const { app, origin } = await signedIn(
          { refreshToken: {}, store: new MemorySessionStore() },
          { persistent },
        );
        app.clock.advance('16m');
        expect((await ask(page, '/me')).status).toBe(200);
        expect(await browser.context.cookies()).toHaveLength(2);
        await browser.restart();
        const jar = await browser.context.cookies();
        expect(jar).toHaveLength(status === 200 ? 2 : 0);
        page = await browser.context.newPage();
        await page.goto(`${origin}/page`);
        expect((await ask(page, '/me')).status).toBe(status);
      },
    );

    describe('after a change of their domain', () => {
      const store = new MemorySessionStore();
      const WWW = `www.${HOST}`;

      async function moved(
        cookie: NonNullable<SessionJwtModuleOptions['cookie']>,
        refreshToken: NonNullable<SessionJwtModuleOptions['refreshToken']> = {},
      ): Promise<TestApp> {
        const { app, origin } = await serveApp(
          { store, cookie, refreshToken },
          WWW,
        );
        await page.goto(`${origin}/page`);
        return app;
      }

      beforeEach(async () => {
        await moved({ domain: HOST });
        expect((await signIn(page)).status).toBe(200);
      });

      it('S-081: of the same name go on, and the former ones are removed with the first that is written', async () => {
        const app = await moved(
          {
            name: '__Secure-session',
            formerDomains: [HOST],
          },
          { cookie: { name: '__Secure-session-refresh' } },
        );
        expect((await ask(page, '/me')).body.subject).toBe('ada');
        app.clock.advance('16m');
        expect((await ask(page, '/me')).body.subject).toBe('ada');
        const jar = await browser.context.cookies();
        expect(jar.map(shown).toSorted()).toEqual([
          '__Secure-session www.app.test / HttpOnly Secure Lax',
          '__Secure-session-refresh www.app.test / HttpOnly Secure Lax',
        ]);
        app.clock.advance('16m');
        expect((await post(page, '/change')).body.id).toBe('ada');
        expect(app.eventsOf('rejected')).toEqual([]);
      });

      it.each([
        ['for a domain within', { domain: WWW }, `__Secure- .${WWW}`],
        ['for this host alone', {}, `__Host-Http- ${WWW}`],
      ])(
        'A-102, S-081: %s, written before the former ones were named, cost one 401 and no more',
        async (_what, cookie, place) => {
          await moved(cookie);
          expect((await signIn(page)).status).toBe(200);
          expect(await browser.context.cookies()).toHaveLength(4);
          const app = await moved({ ...cookie, formerDomains: [HOST] });
          if ('domain' in cookie) {
            expect((await ask(page, '/me')).status).toBe(401);
            expect(await browser.context.cookies()).toEqual([]);
          }
          expect((await signIn(page)).status).toBe(200);
          const [prefix, domain] = place.split(' ');
          const jar = await browser.context.cookies();
          expect(jar.map(shown).toSorted()).toEqual([
            `${prefix}session ${domain} / HttpOnly Secure Lax`,
            `${prefix}session-refresh ${domain} / HttpOnly Secure Lax`,
          ]);
          app.clock.advance('16m');
          expect((await ask(page, '/me')).body.subject).toBe('ada');
        },
      );
    });

    describe('after a deploy that changes their attributes', () => {
      type CookieOptions = NonNullable<SessionJwtModuleOptions['cookie']>;

      const NAME = { name: '__Secure-id' };
      const NONE = { sameSite: 'none' } as const;

      const PREFIX = 'app';

      const DEPLOYS: [
        what: string,
        before: CookieOptions,
        after: CookieOptions,
        refreshPath?: string,
      ][] = [
        ['adds partitioned', NONE, { ...NONE, partitioned: true }],
        ['removes partitioned', { ...NONE, partitioned: true }, NONE],
        ['adds a domain', NAME, { ...NAME, domain: HOST }],
        ['adds a path', NAME, { ...NAME, path: '/app' }],
        [
          'adds partitioned next to a path of the refresh cookie',
          NONE,
          { ...NONE, partitioned: true },
          '/app/session',
        ],
        ['adds a domain, which changes the names', {}, { domain: HOST }],
        [
          'removes a domain',
          { ...NAME, domain: HOST },
          { ...NAME, formerDomains: [HOST] },
        ],
        ['removes a path', { ...NAME, path: '/app' }, NAME],
        [
          'removes a slash from a path',
          { ...NAME, path: '/app/' },
          { ...NAME, path: '/app' },
        ],
        ['changes the name', { name: '__Secure-old' }, NAME],
      ];

      // A row of three would get jest's own callback in place of the path.
      it.each(
        combinations(DEPLOYS, 4).map(
          ([what, before, after, refreshPath]) =>
            [what, before, after, { refreshPath }] as const,
        ),
      )(
        'S-081: that %s, cost one 401 at most; then a sign-in works, and a sign-out',
        async (_what, before, after, { refreshPath }) => {
          const store = new MemorySessionStore();
          const deploy = async (cookie: CookieOptions) => {
            const served = await serveApp(
              {
                store,
                cookie,
                refreshToken: refreshPath
                  ? { cookie: { path: refreshPath } }
                  : {},
                csrf: { token: { cookie: 'XSRF-TOKEN' } },
              },
              HOST,
              PREFIX,
            );
            await page.goto(`${served.origin}/app/page`);
            return served.app;
          };
          const user = { user: 'ada' };
          let refused = 0;
          /** What a page asks for; who is not let in signs in. */
          const visit = async (path: string, init: object = {}) => {
            const { status } = await ask(page, path, init);
            if (status !== 401) return status;
            refused += 1;
            return (await post(page, '/app/login', user)).status;
          };
          const proof = () =>
            page.evaluate<string>(
              `/(?:^|; )XSRF-TOKEN=([^;]*)/.exec(document.cookie)?.[1] ?? ''`,
            );

          await deploy(before);
          expect((await post(page, '/app/login', user)).status).toBe(200);
          const app = await deploy(after);
          const refresh = async () =>
            visit('/app/session/refresh', {
              method: 'POST',
              headers: { 'x-csrf-token': await proof() },
            });
          const statuses = [await visit('/app/me')];
          // The session is refreshed, and its cookies are written beside those of before.
          app.clock.advance(refreshPath ? '1m' : '16m');
          statuses.push(
            await visit('/app/me'),
            await refresh(),
            await visit('/app/me'),
            await refresh(),
            await visit('/app/me'),
          );
          expect(statuses).toEqual(statuses.map(() => 200));
          expect(refused).toBeLessThanOrEqual(1);
          const headers = { 'x-csrf-token': await proof() };
          expect((await post(page, '/app/change', {}, headers)).status).toBe(
            200,
          );
          const out = await post(page, '/app/session/logout', {}, headers);
          expect(out.status).toBe(204);
          expect((await ask(page, '/app/me')).status).toBe(401);
        },
      );
    });
  },
);

interface Answer {
  status: number;
  headers: [name: string, value: string][];
  body: any;
}

/** What a script of the page gets for a request. */
function ask(
  where: Pick<Page, 'evaluate'>,
  path: string,
  init: object = {},
): Promise<Answer> {
  return where.evaluate(
    `fetch(${JSON.stringify(path)}, ${JSON.stringify(init)}).then(async (answer) => ({
      status: answer.status,
      headers: [...answer.headers],
      body: await answer.json().catch(() => undefined),
    }))`,
  );
}

function post(
  where: Pick<Page, 'evaluate'>,
  path: string,
  body: object = {},
  headers: object = {},
): Promise<Answer> {
  return ask(where, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

function signIn(
  where: Pick<Page, 'evaluate'>,
  body: object = {},
): Promise<Answer> {
  return post(where, '/login', { user: 'ada', ...body });
}

/** A cookie without its value. */
function shown(cookie: Cookie): string {
  const { name, domain, path, httpOnly, secure, sameSite, partitionKey } =
    cookie;
  return [
    name,
    domain,
    path,
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(secure ? ['Secure'] : []),
    sameSite,
    ...(partitionKey ? [`in ${partitionKey}`] : []),
  ].join(' ');
}

/** A server of plain HTTP; the port of it. */
function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  closings.push(async () => {
    server.close();
    server.closeAllConnections();
  });
  return portOf(server.listen(0, '127.0.0.1'));
}

/** HTTPS in front of a server of this machine; the port of it. */
async function encrypted(port: number): Promise<number> {
  const front = await openHttpsFront(port, HOST);
  closings.push(() => front.close());
  return front.port;
}

async function portOf(server: { address(): unknown }): Promise<number> {
  await once(server as never, 'listening');
  return (server.address() as AddressInfo).port;
}
