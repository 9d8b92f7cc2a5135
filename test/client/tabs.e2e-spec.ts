import type { Server } from 'node:http';
import { Controller, Get, Header, Module, Param } from '@nestjs/common';
import type { Page } from 'playwright-core';
import {
  MemorySessionStore,
  Public,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { openBrowser, type Browser } from '../support/chromium.js';
import { clientScripts } from '../support/client-script.js';
import {
  startTestApp,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';

const TABS = 5;
const RUNS = 5;
const PATIENCE_MILLISECONDS = 60_000;

let scripts: ReadonlyMap<string, string>;

/** A page that uses the client, which it loads from the application. */
@Public()
@Controller()
class PageController {
  @Get('client/:file')
  @Header('Content-Type', 'text/javascript')
  script(@Param('file') file: string) {
    return scripts.get(file);
  }

  @Get('page')
  @Header('Content-Type', 'text/html')
  page() {
    return `<!doctype html><link rel="icon" href="data:,"><script type="module">
      import { SessionClient } from '/client/index.js';
      const keeps = new URLSearchParams(location.search).get('tokens');
      globalThis.ended = 0;
      globalThis.client = new SessionClient({
        tokens: keeps,
        csrf: { header: 'X-CSRF-Token', cookie: 'XSRF-TOKEN' },
        onSessionEnded: () => { ended += 1; },
      });
    </script>`;
  }
}

@Module({ controllers: [PageController] })
class PageModule {}

const SIGN_IN = `client.fetch('/login', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ user: 'ada' }),
}).then(async (answer) => { client.use(await answer.json()); return answer.status; })`;
const ME = `client.fetch('/me').then(({ status }) => status)`;
const CHANGE = `client.fetch('/change', { method: 'POST', body: new URLSearchParams({ a: '1' }) }).then(({ status }) => status)`;
const SIGN_OUT = `client.signOut().then(({ status }) => status)`;

type Kind = 'cookies' | 'every path' | 'memory';

const SESSION: Record<Kind, () => Partial<SessionJwtModuleOptions>> = {
  cookies: () => ({
    csrf: { token: { cookie: 'XSRF-TOKEN' } },
    refreshToken: {
      cookie: { name: '__Secure-refresh', path: '/session' },
    },
    store: new MemorySessionStore(),
  }),
  'every path': () => ({
    csrf: { token: { cookie: 'XSRF-TOKEN' } },
    refreshToken: {},
    store: new MemorySessionStore(),
  }),
  memory: () => ({
    transport: 'header',
    refreshToken: {},
    store: new MemorySessionStore(),
  }),
};

describe.each<[what: string, kind: Kind, adapter: AdapterName]>([
  ['a refresh cookie for the routes', 'cookies', 'fastify'],
  ['a refresh cookie for every path', 'every path', 'express'],
  ['tokens in memory', 'memory', 'fastify'],
])('five tabs of one browser with %s', (_what, kind, adapter) => {
  let browser: Browser;
  let app: TestApp;
  let tabs: Page[];

  const inAll = (script: string): Promise<unknown[]> =>
    Promise.all(tabs.map((tab) => tab.evaluate(script)));
  const every = (status: number): number[] => Array(TABS).fill(status);

  beforeAll(async () => {
    scripts = await clientScripts();
    browser = await openBrowser();
  }, PATIENCE_MILLISECONDS);

  afterAll(() => browser?.close(), PATIENCE_MILLISECONDS);

  beforeEach(async () => {
    app = await startTestApp(adapter, {
      session: SESSION[kind](),
      extras: { routes: true },
      imports: [PageModule],
    });
    tabs = await Promise.all(
      Array.from({ length: TABS }, () => browser.context.newPage()),
    );
    // "localhost": there a browser keeps Secure cookies without HTTPS too.
    const url = `http://localhost:${app.port}/page?tokens=${kind === 'memory' ? kind : 'cookies'}`;
    await Promise.all(tabs.map((tab) => tab.goto(url)));
    expect(await tabs[0]!.evaluate(SIGN_IN)).toBe(200);
    expect(await inAll(ME)).toEqual(every(200));
  }, PATIENCE_MILLISECONDS);

  afterEach(async () => {
    await Promise.all(tabs.map((tab) => tab.close()));
    await browser.context.clearCookies();
    const closed = app.close();
    // Browsers open connections ahead of any request; a server waits a minute for that.
    (app.app.getHttpServer() as Server).closeAllConnections();
    await closed;
  }, PATIENCE_MILLISECONDS);

  const runs = Array.from({ length: RUNS }, (_, i) => i + 1);

  it.each(runs)(
    'all work after one refresh when the session token has expired (run %i)',
    async () => {
      app.clock.advance('16m');
      expect(await inAll(ME)).toEqual(every(200));
      // A refresh cookie that reaches every route is exchanged there, by the first of the requests.
      const refreshed = () =>
        app
          .eventsOf('refreshed')
          .map(({ repeated }) => repeated)
          .filter((repeated) => !repeated || kind !== 'every path');
      expect(refreshed()).toEqual([false]);
      app.clock.advance('16m');
      expect(await inAll(CHANGE)).toEqual(every(200));
      expect(refreshed()).toEqual([false, false]);
      expect(await inAll('ended')).toEqual(every(0));
    },
    PATIENCE_MILLISECONDS,
  );

  it.each(runs)(
    'all hear of it when one of them signs out (run %i)',
    async () => {
      await inAll(`client.fetch('/session').then(({ status }) => status)`);
      expect(await tabs[2]!.evaluate(SIGN_OUT)).toBe(204);
      await Promise.all(tabs.map((tab) => tab.waitForFunction('ended > 0')));
      expect(await inAll(ME)).toEqual(every(401));
      expect(await inAll('ended')).toEqual(every(1));
      expect(app.eventsOf('ended')).toMatchObject([{ reason: 'revoked' }]);
    },
    PATIENCE_MILLISECONDS,
  );

  it(
    'A-163: keep no token where a script could find it',
    async () => {
      const kept = await inAll(
        `JSON.stringify([{ ...localStorage }, { ...sessionStorage }])`,
      );
      expect(kept).toEqual(Array(TABS).fill('[{},{}]'));
      const cookies = await tabs[0]!.evaluate<string>('document.cookie');
      expect(cookies.replace(/=.*/, '')).toBe(
        kind === 'memory' ? '' : 'XSRF-TOKEN',
      );
    },
    PATIENCE_MILLISECONDS,
  );
});
