import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  Header,
  Inject,
  Post,
  Redirect,
  Render,
  Res,
  StreamableFile,
  type INestApplication,
} from '@nestjs/common';
import { ModuleRef, type AbstractHttpAdapter } from '@nestjs/core';
import {
  MemorySessionStore,
  OptionalSession,
  Public,
  Session,
  SessionService,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import type { Browser, TestResponse } from '../support/browser.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsIn } from '../support/session-claims.js';
import { fieldsOf, linesOf, valueOf } from '../support/set-cookie.js';
import {
  bothAdapters as adapters,
  startTestApp,
  Users,
  type TestApp,
} from '../support/test-app.js';
import {
  asCookies,
  refreshLinesOf,
  refreshOf,
  type PairKind,
} from '../support/token-pair.js';

type Options = Partial<SessionJwtModuleOptions>;

const HTML = 'text/html; charset=utf-8';

/** A page of the signed-in user: every value is the session's, at the time of rendering. */
function pageOf({ data, subject, loadedAt }: ActiveSession): string {
  const { role } = data as { role: string };
  return `<!doctype html><p data-loaded="${loadedAt.toISOString()}">${subject} is ${role}</p>`;
}

/** How an application sends a page that it made from the session of the request. */
@Controller('pages')
class Pages {
  @Get('returned')
  @Header('Content-Type', HTML)
  returned(@Session() session: ActiveSession) {
    return pageOf(session);
  }

  @Get('sent')
  sent(@Session() session: ActiveSession, @Res() response: any) {
    response.type('text/html').send(pageOf(session));
  }

  @Get('passthrough')
  passthrough(
    @Session() session: ActiveSession,
    @Res({ passthrough: true }) response: any,
  ) {
    response.header('Content-Type', HTML);
    return pageOf(session);
  }

  @Get('rendered')
  @Render('page')
  rendered(@Session() session: ActiveSession) {
    return { session };
  }

  @Get('streamed')
  streamed(@Session() session: ActiveSession) {
    const page = pageOf(session);
    const parts = [page.slice(0, 20), page.slice(20)];
    return new StreamableFile(Readable.from(parts.map((p) => Buffer.from(p))), {
      type: HTML,
    });
  }

  @Get('later')
  @Header('Content-Type', HTML)
  async later(@Session() session: ActiveSession) {
    await new Promise((resolve) => setImmediate(resolve));
    return pageOf(session);
  }

  @OptionalSession()
  @Get('optional')
  @Header('Content-Type', HTML)
  @Header('Cache-Control', 'public, max-age=60')
  optional(@Session() session: ActiveSession | undefined) {
    return session ? pageOf(session) : '<!doctype html><p>Sign in</p>';
  }
}

const WAYS: [path: string][] = [
  ['returned'],
  ['sent'],
  ['passthrough'],
  ['rendered'],
  ['streamed'],
  ['later'],
  ['optional'],
];

/** Forms that change the session, and the pages with which they answer. */
@Controller('forms')
class Forms {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {}

  @Post('role')
  @Redirect('/pages/returned', 303)
  async changeRole(
    @Session() session: ActiveSession,
    @Body() { role, reload }: { role: string; reload: boolean },
  ) {
    const users = this.modules.get(Users, { strict: false });
    users.all.get(session.subject)!.role = role;
    if (reload) await this.sessions.reload(session);
  }

  @Get('role')
  @Header('Content-Type', HTML)
  form(@Session() session: ActiveSession) {
    return formOf(this.sessions.csrfToken(session));
  }

  @Public()
  @Post('sign-in')
  @Header('Content-Type', HTML)
  async signIn(
    @Body() { user }: { user: string },
    @Res({ passthrough: true }) response: object,
  ) {
    const { session } = await this.sessions.generate(user, { response });
    return formOf(this.sessions.csrfToken(session));
  }

  /** A second factor, say: the session goes on under another id. */
  @Post('step-up')
  @Header('Content-Type', HTML)
  async stepUp(
    @Session() { subject }: ActiveSession,
    @Res({ passthrough: true }) response: object,
  ) {
    const { session } = await this.sessions.generate(subject, { response });
    return formOf(this.sessions.csrfToken(session));
  }
}

function formOf(csrfToken: string): string {
  return `<!doctype html><form method="post"><input type="hidden" name="_csrf" value="${csrfToken}"></form>`;
}

function csrfTokenIn({ text }: TestResponse): string {
  return / value="([^"]+)"/.exec(text)?.[1] ?? '';
}

/** A view engine that knows one view. */
function withViews(nest: INestApplication): void {
  const adapter = nest.getHttpAdapter() as AbstractHttpAdapter;
  adapter.render = (response: any, view: string, model: any) => {
    if (view !== 'page') throw new Error(`no view ${view}`);
    response.type('text/html').send(pageOf(model.session as ActiveSession));
  };
}

interface Situation {
  readonly what: string;
  readonly options: () => Options;
  /** Until the data is due, or the session token has expired. */
  readonly wait: string;
  readonly reason: 'reload' | 'refresh';
  /** The browser has dropped the session cookie. */
  readonly dropsSession?: boolean;
}

const pair =
  (kind: PairKind, more: Options = {}) =>
  (): Options => ({
    refreshToken: {},
    ...(kind === 'stored' && { store: new MemorySessionStore() }),
    ...more,
  });

const SITUATIONS: Situation[] = [
  {
    what: 'one token is due',
    options: () => ({}),
    wait: '15m',
    reason: 'reload',
  },
  {
    what: 'one encrypted token is due',
    options: () => ({ encrypt: true }),
    wait: '15m',
    reason: 'reload',
  },
  {
    what: 'one token with a store is due',
    options: () => ({ store: new MemorySessionStore() }),
    wait: '15m',
    reason: 'reload',
  },
  ...(['stateless', 'stored'] as const).flatMap((kind): Situation[] => [
    {
      what: `the session token of a ${kind} pair is due`,
      options: pair(kind, {
        dataRefreshInterval: '5m',
        refreshToken: { accessLifetime: '15m' },
      }),
      wait: '5m',
      reason: 'reload',
    },
    {
      what: `the session token of a ${kind} pair has expired`,
      options: pair(kind),
      wait: '15m',
      reason: 'refresh',
    },
    {
      what: `the browser has dropped the session token of a ${kind} pair`,
      options: pair(kind),
      wait: '15m',
      reason: 'refresh',
      dropsSession: true,
    },
  ]),
];

async function linesAreNew(
  browser: Browser,
  response: TestResponse,
  { reason }: Situation,
): Promise<void> {
  const lines = linesOf(response);
  expect(lines).toHaveLength(1);
  expect(valueOf(lines[0])).toBe(await browser.cookie());
  expect(refreshLinesOf(response)).toHaveLength(reason === 'refresh' ? 1 : 0);
}

describe.each(adapters)('a page rendered on %s', (adapter) => {
  describe.each(
    SITUATIONS.map((situation) => [situation.what, situation] as const),
  )('where %s', (_what, situation) => {
    let app: TestApp;

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        session: situation.options(),
        controllers: [Pages],
        configure: withViews,
      });
    });
    afterAll(() => app.close());

    it.each(WAYS)(
      'has the new data, brings the new cookie, and the next one loads nothing: %s',
      async (path) => {
        app.users.all.get('ada')!.role = 'member';
        const browser = await app.signIn();
        const refresh = await refreshOf(browser);
        const before = await browser.get(`/pages/${path}`);
        expect(before.text).toContain('ada is member');
        expect(before.setCookie).toEqual([]);

        app.users.all.get('ada')!.role = 'owner';
        app.clock.advance(situation.wait);
        app.users.loads = [];
        const page = await browser.get(
          `/pages/${path}`,
          situation.dropsSession ? asCookies({ refresh }) : {},
        );
        const now = new Date(app.clock.nowSeconds() * 1000).toISOString();
        expect(page.status).toBe(200);
        expect(page.headers['content-type']).toMatch(/^text\/html/);
        expect(page.text).toBe(
          `<!doctype html><p data-loaded="${now}">ada is owner</p>`,
        );
        await linesAreNew(browser, page, situation);
        expect(page.headers['cache-control']).toBe('no-store');
        expect(fieldsOf(page.headers['vary'])).toEqual(['cookie']);

        const next = await browser.get(`/pages/${path}`);
        expect(next.text).toBe(page.text);
        expect(next.setCookie).toEqual([]);
        expect(app.users.loads).toMatchObject([
          { params: 'ada', context: { reason: situation.reason } },
        ]);
      },
    );
  });

  it('where the store keeps the data has what is true now, with the token that the browser has', async () => {
    const app = await openTestApp(adapter, {
      session: { store: new MemorySessionStore(), keepDataIn: 'store' },
      controllers: [Pages],
      configure: withViews,
    });
    const browser = await app.signIn();
    app.users.all.get('ada')!.role = 'owner';
    app.clock.advance('15m');
    const page = await browser.get('/pages/rendered');
    expect(page.text).toContain('ada is owner');
    app.users.loads = [];
    expect((await browser.get('/pages/sent')).text).toBe(page.text);
    expect(app.users.loads).toEqual([]);
  });

  it('with the data source down has the old data, and then none: 503, and the session stays', async () => {
    const app = await openTestApp(adapter, { controllers: [Pages] });
    const browser = await app.signIn();
    app.users.failure = new Error('down');
    app.clock.advance('15m');
    expect((await browser.get('/pages/sent')).text).toContain('ada is admin');
    app.clock.advance('15m');
    expect((await browser.get('/pages/sent')).status).toBe(503);
    app.users.failure = undefined;
    app.clock.advance('1m');
    expect((await browser.get('/pages/sent')).text).toContain('ada is admin');
  });
});

describe.each(adapters)('a page for everybody on %s', (adapter) => {
  it('says in both of its variants that caches must separate them by the cookie (V-45)', async () => {
    const app = await openTestApp(adapter, { controllers: [Pages] });
    const browser = await app.signIn();
    const anonymous = await app.browser().get('/pages/optional');
    const signedIn = await browser.get('/pages/optional');
    expect(anonymous.text).toContain('Sign in');
    expect(signedIn.text).toContain('ada is admin');
    for (const page of [anonymous, signedIn]) {
      expect(page.status).toBe(200);
      expect(page.setCookie).toEqual([]);
      expect(page.headers['cache-control']).toBe('public, max-age=60');
      expect(fieldsOf(page.headers['vary'])).toEqual(['cookie']);
    }
  });

  it('is the anonymous one, and cannot be stored, once the session is over', async () => {
    const app = await openTestApp(adapter, { controllers: [Pages] });
    const browser = await app.signIn();
    app.users.all.get('ada')!.disabled = true;
    app.clock.advance('15m');
    const page = await browser.get('/pages/optional');
    expect(page.status).toBe(200);
    expect(page.text).toContain('Sign in');
    expect(page.headers['cache-control']).toBe('no-store');
    expect(fieldsOf(page.headers['vary'])).toEqual(['cookie']);
    expect(await browser.cookie()).toBeUndefined();
    const next = await browser.get('/pages/optional');
    expect(next.headers['cache-control']).toBe('public, max-age=60');
  });
});

const PROFILES: [what: string, options: () => Options, reason: string][] = [
  ['one token', () => ({}), 'reload'],
  ['a stateless pair', pair('stateless'), 'refresh'],
  ['a stored pair', pair('stored'), 'refresh'],
];

describe.each(adapters)('a form on %s', (adapter) => {
  describe.each(PROFILES)('with %s', (_what, options, reason) => {
    const open = (more: Options = {}): Promise<TestApp> =>
      openTestApp(adapter, {
        session: { ...options(), ...more },
        controllers: [Pages, Forms],
        configure: withViews,
      });

    it('that changes the data and redirects (303): the page after it has the new data, and loads nothing', async () => {
      const app = await open();
      const browser = await app.signIn();
      app.users.loads = [];
      const posted = await browser.post('/forms/role', {
        role: 'owner',
        reload: true,
      });
      expect(posted.status).toBe(303);
      expect(posted.headers['location']).toBe('/pages/returned');
      expect(linesOf(posted)).toHaveLength(1);
      const page = await browser.get(posted.headers['location']!);
      expect(page.text).toContain('ada is owner');
      expect(page.setCookie).toEqual([]);
      expect(app.users.loads).toMatchObject([
        { context: { reason: 'reload' } },
      ]);
    });

    it('that comes when the session is due: the redirect brings the cookie, and the page after it loads nothing', async () => {
      const app = await open();
      const browser = await app.signIn();
      app.users.all.get('ada')!.role = 'owner';
      app.clock.advance('15m');
      app.users.loads = [];
      const posted = await browser.post('/forms/role', {
        role: 'owner',
        reload: false,
      });
      expect(posted.status).toBe(303);
      expect(linesOf(posted)).toHaveLength(1);
      expect(refreshLinesOf(posted)).toHaveLength(reason === 'refresh' ? 1 : 0);
      const page = await browser.get('/pages/returned');
      expect(page.text).toContain('ada is owner');
      expect(page.setCookie).toEqual([]);
      expect(app.users.loads).toMatchObject([{ context: { reason } }]);
    });

    describe('with a CSRF token', () => {
      const submit = (browser: Browser, token: string): Promise<TestResponse> =>
        browser.post('/forms/role', {
          role: 'owner',
          reload: false,
          _csrf: token,
        });

      it.each([['/forms/sign-in'], ['/forms/step-up']])(
        'S-160: in the page that answers %s, which gives the session another id, is good for the new session only',
        async (path) => {
          const app = await open({ csrf: { token: true } });
          const browser = await app.signIn();
          const old = claimsIn(await browser.cookie()).sid;
          const before = csrfTokenIn(await browser.get('/forms/role'));
          const page = await browser.post(path, { user: 'ada', _csrf: before });
          expect(page.status).toBe(201);
          expect(claimsIn(valueOf(linesOf(page)[0])).sid).not.toBe(old);
          expect((await submit(browser, before)).status).toBe(403);
          expect((await submit(browser, csrfTokenIn(page))).status).toBe(303);
        },
      );

      it('in the page of the request that brought the session up to date is good, and so are those of before', async () => {
        const app = await open({ csrf: { token: true } });
        const browser = await app.signIn();
        const before = csrfTokenIn(await browser.get('/forms/role'));
        app.clock.advance('15m');
        const page = await browser.get('/forms/role');
        expect(linesOf(page)).toHaveLength(1);
        for (const token of [csrfTokenIn(page), before]) {
          expect((await submit(browser, token)).status).toBe(303);
        }
      });
    });
  });
});

describe.each(adapters)(
  'pages that a browser asks for at once on %s',
  (adapter) => {
    it.each(PROFILES)(
      'with %s: each of 8 has the new data, and their cookies work in the order in which they arrive',
      async (_what, options) => {
        const app = await openTestApp(adapter, {
          session: options(),
          controllers: [Pages],
        });
        const browser = await app.signIn();
        app.users.all.get('ada')!.role = 'owner';
        app.clock.advance('15m');
        const pages = await Promise.all(
          Array.from({ length: 8 }, () =>
            browser.sendOnly({ path: '/pages/returned' }),
          ),
        );
        for (const page of pages) {
          expect(page.text).toContain('ada is owner');
          expect(linesOf(page)).toHaveLength(1);
          await browser.take(page);
        }
        app.users.loads = [];
        const next = await browser.get('/pages/returned');
        expect(next.text).toContain('ada is owner');
        expect(next.setCookie).toEqual([]);
        expect(app.users.loads).toEqual([]);
      },
    );
  },
);
