import type { IncomingMessage, Server } from 'node:http';
import { Controller, Get, Header, Module, Param } from '@nestjs/common';
import type { Page } from 'playwright-core';
import {
  MemorySessionStore,
  Public,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createGate } from '../support/asynchrony.js';
import { atFullEffort } from '../support/at-full-effort.js';
import {
  openBrowser,
  openWholeBrowser,
  type Browser,
} from '../support/chromium.js';
import { clientScripts } from '../support/client-script.js';
import { combinations, rounds } from '../support/effort.js';
import {
  startTestApp,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';

const TABS = rounds(5, 3);
const REFRESHES = rounds(20, 2);
const SIGN_OUTS = rounds(3, 1);

let scripts: ReadonlyMap<string, string>;
let browser: Browser;

beforeAll(async () => {
  scripts = await clientScripts();
  browser = await openBrowser();
});

afterAll(() => browser?.close());

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
      const given = new URLSearchParams(location.search);
      if (given.has('unlocked')) {
        Object.defineProperty(navigator, 'locks', { value: undefined });
      }
      globalThis.ended = 0;
      globalThis.client = new SessionClient({
        tokens: given.get('tokens'),
        csrf: { header: 'X-CSRF-Token', cookie: 'XSRF-TOKEN' },
        onSessionEnded: () => {
          ended += 1;
          dispatchEvent(new Event('ended'));
        },
      });
    </script>`;
  }
}

@Module({ controllers: [PageController] })
class PageModule {}

const statusOf = (request: string): string =>
  `${request}.then(({ status }) => status)`;
const signInAs = (user: string): string => `client.fetch('/login', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"user":"${user}"}',
}).then(async (answer) => { client.use(await answer.json()); return answer.status; })`;
const ME = statusOf(`client.fetch('/me')`);
const SUBJECT = `client.fetch('/me').then((answer) => answer.json()).then(({ subject }) => subject)`;
const CHANGE = statusOf(
  `client.fetch('/change', { method: 'POST', body: new URLSearchParams({ a: '1' }) })`,
);
const SIGN_OUT = statusOf('client.signOut()');
const afterEnd = (count: number): string => `new Promise((resolve) => {
  const look = () => ended >= ${count} && resolve(ended);
  addEventListener('ended', look);
  look();
})`;

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

const CLIENTS: [
  what: string,
  kind: Kind,
  locks: '' | '&unlocked',
  adapter: AdapterName,
][] = [
  ['a refresh cookie for the routes', 'cookies', '', 'fastify'],
  ['tokens in memory and no Web Locks', 'memory', '&unlocked', 'express'],
  ['a refresh cookie for every path', 'every path', '', 'express'],
  ['tokens in memory', 'memory', '', 'fastify'],
  ['a refresh cookie and no Web Locks', 'cookies', '&unlocked', 'express'],
];

describe.each(combinations(CLIENTS, 2))(
  `${TABS} tabs of one browser with %s`,
  (what, kind, locks, adapter) => {
    let app: TestApp;
    let tabs: Page[];
    /** The ends that each tab has told of. */
    let ends = 0;

    const inAll = (script: string): Promise<unknown[]> =>
      Promise.all(tabs.map((tab) => tab.evaluate(script)));
    const every = <T>(value: T): T[] => Array<T>(TABS).fill(value);
    const server = (): Server => app.app.getHttpServer() as Server;
    const refreshed = (repeated: boolean): number =>
      app.eventsOf('refreshed').filter((event) => event.repeated === repeated)
        .length;
    const refreshes = (): number => refreshed(false);

    /** Without locks, a tab of a busy machine may not hear in time that another one refreshes: `tabs.spec.ts`. */
    function expectRefreshes(count: number, exactly: number): void {
      expect(count).toBeGreaterThanOrEqual(exactly);
      expect(count).toBeLessThanOrEqual(exactly * (locks === '' ? 1 : TABS));
    }

    function requestOf(path: string): Promise<void> {
      return new Promise((resolve) => {
        const note = ({ url }: IncomingMessage): void => {
          if (url === path) {
            server().off('request', note);
            resolve();
          }
        };
        server().on('request', note);
      });
    }

    async function expectSignedIn(user = 'ada'): Promise<void> {
      expect(await tabs[0]!.evaluate(signInAs(user))).toBe(200);
      expect(await inAll(SUBJECT)).toEqual(every(user));
      await inAll(statusOf(`client.fetch('/session')`));
    }

    async function expectSignedOut(): Promise<void> {
      ends += 1;
      expect(await inAll(afterEnd(ends))).toEqual(every(ends));
      expect(await inAll(ME)).toEqual(every(401));
      expect(await inAll('ended')).toEqual(every(ends));
    }

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        // The loads of some of these tests wait for another tab.
        session: { ...SESSION[kind](), loader: { timeout: '30s' } },
        extras: { routes: true },
        imports: [PageModule],
      });
      tabs = await Promise.all(
        Array.from({ length: TABS }, () => browser.context.newPage()),
      );
      // "localhost": there a browser keeps Secure cookies without HTTPS too.
      const url = `http://localhost:${app.port}/page?tokens=${kind === 'memory' ? kind : 'cookies'}${locks}`;
      await Promise.all(tabs.map((tab) => tab.goto(url)));
      expect(await inAll('navigator.locks === undefined')).toEqual(
        every(locks !== ''),
      );
    });

    afterAll(async () => {
      await Promise.all(tabs.map((tab) => tab.close()));
      await browser.context.clearCookies();
      const closed = app.close();
      // Browsers open connections ahead of any request; a server waits a minute for that.
      server().closeAllConnections();
      await closed;
    });

    it(`all work after one refresh, each of ${REFRESHES} times that the session token has expired`, async () => {
      await expectSignedIn();
      const began = performance.now();
      const counts: number[] = [];
      const statuses: unknown[] = [];
      for (let run = 0; run < REFRESHES; run += 1) {
        app.clock.advance('16m');
        const before = refreshes();
        statuses.push(await inAll(run % 2 === 0 ? ME : CHANGE));
        counts.push(refreshes() - before);
      }
      for (const count of counts) expectRefreshes(count, 1);
      expect(statuses).toEqual(Array(REFRESHES).fill(every(200)));
      expect(await inAll('ended')).toEqual(every(ends));
      // Only locks are exact; and a refresh cookie that reaches every route is exchanged by each request.
      const repeated = refreshed(true);
      if (locks === '' && kind !== 'every path') expect(repeated).toBe(0);
      const milliseconds = Math.round(performance.now() - began);
      process.stdout.write(
        `${what}: ${REFRESHES} runs of ${TABS} tabs, ${refreshes()} refreshes (${repeated} repeated), ${statuses.flat().length} answers 200, ${milliseconds} ms\n`,
      );
    });

    it(`all hear of it, each of ${SIGN_OUTS} times that one of them signs out`, async () => {
      for (let run = 0; run < SIGN_OUTS; run += 1) {
        await expectSignedIn();
        const before = app.eventsOf('ended').length;
        expect(await tabs[run % TABS]!.evaluate(SIGN_OUT)).toBe(204);
        await expectSignedOut();
        expect(app.eventsOf('ended').slice(before)).toMatchObject([
          { reason: 'revoked' },
        ]);
      }
    });

    it(`A-084: are all signed out by one of them while another one refreshes`, async () => {
      for (let run = 0; run < SIGN_OUTS; run += 1) {
        await expectSignedIn();
        app.clock.advance('16m');
        const gate = createGate();
        app.users.gate = gate.promise;
        // Where the guard refreshes, nothing holds up the sign-out; where the client does, it waits.
        const isGuard = kind === 'every path';
        const reached = requestOf(isGuard ? '/me' : '/session/refresh');
        const me = tabs[0]!.evaluate(ME);
        await reached;
        const signedOut = tabs[1 + (run % (TABS - 1))]!.evaluate(SIGN_OUT);
        if (isGuard) await signedOut;
        await inAll('ended');
        gate.open();
        app.users.gate = undefined;
        expect(await signedOut).toBe(204);
        await me;
        await expectSignedOut();
        const cookies = await browser.context.cookies();
        expect(cookies.map(({ name }) => name)).toEqual([]);
      }
    });

    it('go on when the network comes back, after one refresh', async () => {
      await expectSignedIn();
      app.clock.advance('16m');
      const before = refreshes();
      await browser.context.setOffline(true);
      const failed = await inAll(
        `client.fetch('/me').catch(({ name }) => name)`,
      );
      await browser.context.setOffline(false);
      expect(failed).toEqual(every('TypeError'));
      expect(refreshes() - before).toBe(0);
      expect(await inAll(CHANGE)).toEqual(every(200));
      expectRefreshes(refreshes() - before, 1);
      expect(await inAll('ended')).toEqual(every(ends));
    });

    it('one that was frozen while the others refreshed twice goes on with what they have got', async () => {
      await expectSignedIn();
      const frozen = tabs.at(-1)!;
      const running = tabs.slice(0, -1);
      const life = await browser.context.newCDPSession(frozen);
      await life.send('Page.setWebLifecycleState', { state: 'frozen' });
      const before = refreshes();
      for (let round = 0; round < 2; round += 1) {
        app.clock.advance('16m');
        expect(
          await Promise.all(running.map((tab) => tab.evaluate(ME))),
        ).toEqual(running.map(() => 200));
      }
      await life.send('Page.setWebLifecycleState', { state: 'active' });
      expect(await frozen.evaluate(ME)).toBe(200);
      expectRefreshes(refreshes() - before, 2);
      expect(app.eventsOf('refreshReused')).toEqual([]);
      expect(await inAll('ended')).toEqual(every(ends));
    });

    it('all work for the user who signed in last, in turn with another one', async () => {
      for (const user of ['ada', 'bob', 'ada']) {
        await expectSignedIn(user);
        app.clock.advance('16m');
        expect(await inAll(SUBJECT)).toEqual(every(user));
      }
      expect(await inAll('ended')).toEqual(every(ends));
    });

    it('A-163: keep no token where a script could find it', async () => {
      await expectSignedIn();
      const kept = await inAll(
        `JSON.stringify([{ ...localStorage }, { ...sessionStorage }])`,
      );
      expect(kept).toEqual(every('[{},{}]'));
      const cookies = await tabs[0]!.evaluate<string>('document.cookie');
      expect(cookies.replace(/=.*/, '')).toBe(
        kind === 'memory' ? '' : 'XSRF-TOKEN',
      );
    });
  },
);

atFullEffort(
  'a page in the back/forward cache is either the same and goes on, or is loaded anew when the others have had news',
  async () => {
    const cached = await openWholeBrowser({
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    });
    const app = await startTestApp('fastify', {
      session: SESSION.memory(),
      extras: { routes: true },
      imports: [PageModule],
    });
    try {
      const [page, other] = [
        await cached.context.newPage(),
        await cached.context.newPage(),
      ];
      const url = `http://localhost:${app.port}/page?tokens=memory`;
      await page.goto(url);
      await other.goto(url);
      expect(await page.evaluate(signInAs('ada'))).toBe(200);
      expect(await other.evaluate(ME)).toBe(200);

      /** Whether the page that comes back is the one that was left. */
      const comesBack = async (
        meanwhile: () => Promise<void>,
      ): Promise<unknown> => {
        await page.evaluate('left = true');
        await page.goto('about:blank');
        await meanwhile();
        await page.goBack({ waitUntil: 'commit' });
        return page.evaluate(`globalThis.left ?? false`);
      };
      expect(await comesBack(async () => undefined)).toBe(true);
      expect(await page.evaluate(ME)).toBe(200);

      const hasNews = async (): Promise<void> => {
        for (let round = 0; round < 2; round += 1) {
          app.clock.advance('16m');
          expect(await other.evaluate(ME)).toBe(200);
        }
      };
      expect(await comesBack(hasNews)).toBe(false);
      await page.waitForLoadState();
      expect(await page.evaluate(SUBJECT)).toBe('ada');
      expect(app.eventsOf('refreshReused')).toEqual([]);
      expect(await other.evaluate(SIGN_OUT)).toBe(204);
      expect(await page.evaluate(afterEnd(1))).toBe(1);
    } finally {
      await cached.close();
      const closed = app.close();
      (app.app.getHttpServer() as Server).closeAllConnections();
      await closed;
    }
  },
);
