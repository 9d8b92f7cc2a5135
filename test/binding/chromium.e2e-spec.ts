import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  Body,
  Controller,
  Get,
  Header,
  Module,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import type { Page } from 'playwright-core';
import {
  MemorySessionStore,
  Public,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  BINDING_ARGUMENTS,
  findBindingChromium,
} from '../support/binding-chromium.js';
import { BOUND_COOKIE } from '../support/bound-browser.js';
import { atFullEffort } from '../support/at-full-effort.js';
import { openBrowser, type Browser } from '../support/chromium.js';
import { combinations, platforms } from '../support/effort.js';
import { openHttpsFront, type HttpsFront } from '../support/https-front.js';
import { SickStore } from '../support/sick-store.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { TestSessionClock } from '../../lib/testing/index.js';

const ACCESS = 300;
const HOST = 'app.test';
const OTHER_HOST = 'other.test';
const PAGE = '<!doctype html><link rel="icon" href="data:,"><p>page</p>';
const QUOTA_ARGUMENTS = BINDING_ARGUMENTS.map((argument) =>
  argument.replace(':RefreshQuota/false', ''),
);

@Public()
@Controller()
class PagesController {
  constructor(private readonly sessions: SessionService) {}

  @Get('page')
  @Header('Content-Type', 'text/html')
  page() {
    return PAGE;
  }

  @Post('form-login')
  @Header('Content-Type', 'text/html')
  async form(
    @Body() { user }: { user: string },
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.generate(user, { response });
    return PAGE;
  }

  /** Where an identity provider of another site sends the browser back to. */
  @Get('callback')
  @Header('Content-Type', 'text/html')
  async callback(
    @Query('user') user: string,
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.generate(user, { response, crossSite: true });
    return PAGE;
  }
}

@Controller()
class PrivatePageController {
  @Get('private')
  @Header('Content-Type', 'text/html')
  page() {
    return `<!doctype html><link rel="icon" href="data:,"><p>private</p><script>
      addEventListener('pageshow', ({ persisted }) => {
        if (persisted) {
          fetch('/me').then(({ status }) => fetch('/page?restored=' + status));
        }
      });
    </script>`;
  }
}

@Module({ controllers: [PagesController, PrivatePageController] })
class PagesModule {}

interface Served {
  readonly app: TestApp;
  readonly origin: string;
  readonly otherOrigin: string;
  /** Requests and answers, in the order of the answers: `GET /me 200`. */
  readonly answered: string[];
  readonly front: HttpsFront;
}

const found = findBindingChromium();
const closings: (() => Promise<void>)[] = [];

if ('reason' in found) {
  it.skip(`Chromium binds sessions: ${found.reason}`, () => undefined);
} else {
  const { path } = found;
  let browser: Browser;
  const launch = (args: readonly string[], ignoreDefaultArgs: string[] = []) =>
    openBrowser({
      executablePath: path,
      ignoreDefaultArgs,
      ignoreHTTPSErrors: true,
      args: [...args, '--host-resolver-rules=MAP *.test 127.0.0.1'],
    });

  beforeEach(async () => {
    browser = await launch(BINDING_ARGUMENTS);
  });

  afterEach(async () => {
    await browser.close();
    for (const close of closings.splice(0).toReversed()) await close();
  });

  describe.each(platforms('express'))('Chromium and %s', (adapter) => {
    async function serve(
      session: Partial<SessionJwtModuleOptions> = {},
      clock = new TestSessionClock(),
    ): Promise<Served> {
      const answered: string[] = [];
      const app = await startTestApp(adapter, {
        clock,
        session: {
          refreshToken: { accessLifetime: ACCESS },
          dataRefreshInterval: ACCESS,
          deviceBinding: true,
          ...session,
        },
        extras: { routes: true },
        imports: [PagesModule],
        configure: (nest) =>
          nest.use(
            (
              request: IncomingMessage & { originalUrl?: string },
              response: ServerResponse,
              next: () => void,
            ) => {
              response.on('finish', () => {
                const { method, originalUrl, url } = request;
                answered.push(
                  `${method} ${originalUrl ?? url} ${response.statusCode}`,
                );
              });
              next();
            },
          ),
      });
      closings.push(() => app.close());
      const front = await openHttpsFront(app.port, HOST);
      closings.push(() => front.close());
      return {
        app,
        answered,
        front,
        origin: `https://${HOST}:${front.port}`,
        otherOrigin: `https://${OTHER_HOST}:${front.port}`,
      };
    }

    /** A page whose session the browser has bound. */
    async function boundPage(
      served: Served,
      session = served.app.eventsOf('bound').length,
    ): Promise<Page> {
      const page = await browser.context.newPage();
      await page.goto(`${served.origin}/page`);
      expect(await signIn(page)).toBe(200);
      await untilBound(page, served, session + 1);
      return page;
    }

    /** Waits until the browser has taken note of the answer to its registration: then it refreshes by itself. */
    async function untilBound(
      page: Page,
      { app, answered }: Served,
      times = 1,
    ): Promise<void> {
      while (app.eventsOf('bound').length < times) {
        await page.evaluate(`fetch('/page')`);
      }
      let status = 0;
      while (status !== 200) {
        await browser.context.clearCookies({ name: BOUND_COOKIE });
        status = await statusOf(page);
      }
      answered.length = 0;
    }

    /** Ends the session token, and with it the cookie. */
    async function endAccess({ app }: Served): Promise<void> {
      app.clock.advance(ACCESS);
      await browser.context.clearCookies({ name: BOUND_COOKIE });
    }

    const refreshesOf = ({ answered }: Served) =>
      answered.filter((line) => line === 'POST /session/device/refresh 200');

    const KINDS: [string, () => Partial<SessionJwtModuleOptions>][] = [
      ['tokens alone', () => ({})],
      ['a store', () => ({ store: new MemorySessionStore() })],
    ];

    it.each(combinations(KINDS, 1))(
      'binds after a sign-in by fetch, and refreshes once for 20 requests: %s',
      async (_kind, options) => {
        const served = await serve(options());
        const page = await boundPage(served);
        for (let round = 0; round < 3; round += 1) {
          served.answered.length = 0;
          await endAccess(served);
          const statuses = await page.evaluate<number[]>(
            `Promise.all(Array.from({ length: 20 }, () => fetch('/me').then((r) => r.status)))`,
          );
          expect(statuses).toEqual(Array.from({ length: 20 }, () => 200));
          expect(refreshesOf(served)).toHaveLength(1);
        }
      },
    );

    atFullEffort.each(KINDS)(
      'binds after a sign-in by form: %s',
      async (_kind, options) => {
        const served = await serve(options());
        const page = await browser.context.newPage();
        await page.goto(`${served.origin}/page`);
        await Promise.all([
          page.waitForURL('**/form-login'),
          page.evaluate(`(() => {
          const form = document.createElement('form');
          form.method = 'POST';
          form.action = '/form-login';
          form.innerHTML = '<input name="user" value="ada">';
          document.body.append(form);
          form.submit();
        })()`),
        ]);
        await untilBound(page, served);
        await endAccess(served);
        expect(await statusOf(page)).toBe(200);
      },
    );

    atFullEffort(
      'binds after a sign-in that a redirect from another site reached, by the challenge alone',
      async () => {
        const served = await serve({ store: new MemorySessionStore() });
        const page = await browser.context.newPage();
        await page.goto(`${served.otherOrigin}/page`);
        await Promise.all([
          page.waitForURL(/callback/),
          page.evaluate(`location.href = '${served.origin}/callback?user=ada'`),
        ]);
        await untilBound(page, served);
        await endAccess(served);
        expect(await statusOf(page)).toBe(200);
        expect(refreshesOf(served)).toHaveLength(1);
      },
    );

    atFullEffort(
      'opens a page by a link of another site after the end of the session cookie',
      async () => {
        const served = await serve({ store: new MemorySessionStore() });
        const page = await boundPage(served);
        await page.goto(`${served.otherOrigin}/page`);
        await endAccess(served);
        await Promise.all([
          page.waitForURL('**/private'),
          page.evaluate(`location.href = '${served.origin}/private'`),
        ]);
        await page.getByText('private').waitFor();
        expect(refreshesOf(served)).toHaveLength(1);
        expect(served.answered).toContain('GET /private 401');
        expect(served.answered).toContain('GET /private 200');
      },
    );

    it('loads a page once again, and no more, for copied cookies in a browser that has no key', async () => {
      const served = await serve({ store: new MemorySessionStore() });
      await boundPage(served);
      const cookies = await browser.context.cookies();
      await endAccess(served);
      const other = await launch(['--ignore-certificate-errors']);
      closings.push(() => other.close());
      await other.context.addCookies(
        cookies.filter(({ name }) => name !== BOUND_COOKIE),
      );
      const page = await other.context.newPage();
      await page.goto(`${served.otherOrigin}/page`);
      served.answered.length = 0;
      await page.evaluate(`location.href = '${served.origin}/private'`);
      const privateAnswers = () =>
        served.answered.filter((line) => line.startsWith('GET /private'));
      // Until the page stays: a page that loads itself again and again would never answer.
      const stays = (): Promise<boolean> =>
        page.evaluate(`fetch('/page')`).then(
          () => true,
          () => false,
        );
      for (let answers = 0; privateAnswers().length < 2 || answers < 3;) {
        answers = (await stays()) ? answers + 1 : 0;
      }
      expect(privateAnswers()).toEqual([
        'GET /private 401',
        'GET /private 401',
      ]);
    });

    atFullEffort(
      'goes on after a second sign-in in the same browser',
      async () => {
        const served = await serve({ store: new MemorySessionStore() });
        const page = await boundPage(served);
        expect(await signIn(page, 'bob')).toBe(200);
        await untilBound(page, served, 2);
        for (let round = 0; round < 2; round += 1) {
          await endAccess(served);
          expect(await subjectOf(page)).toBe('bob');
        }
        expect(served.app.eventsOf('refreshReused')).toEqual([]);
      },
    );

    it('goes on after the server was restarted', async () => {
      const store = new MemorySessionStore();
      const served = await serve({ store });
      const page = await boundPage(served);
      const restarted = await serve({ store }, served.app.clock);
      served.front.forwardTo(restarted.app.port);
      await served.app.close();
      await endAccess(served);
      expect(await statusOf(page)).toBe(200);
      expect(refreshesOf(restarted)).toHaveLength(1);
    });

    atFullEffort.each(['store', 'loader'] as const)(
      'loses nothing while the %s is down: 503, then 200',
      async (what) => {
        const store = new SickStore();
        const served = await serve({ store });
        const page = await boundPage(served);
        await endAccess(served);
        if (what === 'store') store.fall('rejects');
        else served.app.users.failure = new Error('down');
        expect(await statusOf(page)).toBe(503);
        store.recover();
        served.app.users.failure = undefined;
        served.app.clock.advance(30);
        let status = 503;
        while (status === 503) {
          status = await statusOf(page);
        }
        expect(status).toBe(200);
      },
    );

    atFullEffort(
      'is signed out in every tab by a sign-out in one',
      async () => {
        const served = await serve({ store: new MemorySessionStore() });
        const page = await boundPage(served);
        const other = await browser.context.newPage();
        await other.goto(`${served.origin}/page`);
        expect(await statusOf(other)).toBe(200);
        expect(
          await other.evaluate(
            `fetch('/logout', { method: 'POST' }).then((r) => r.status)`,
          ),
        ).toBe(204);
        await endAccess(served);
        expect(await statusOf(page)).toBe(401);
        expect(await browser.context.cookies()).toEqual([]);
      },
    );

    atFullEffort('shares one refresh among two tabs', async () => {
      const served = await serve({ store: new MemorySessionStore() });
      const page = await boundPage(served);
      const other = await browser.context.newPage();
      await other.goto(`${served.origin}/page`);
      served.answered.length = 0;
      await endAccess(served);
      const statuses = await Promise.all(
        [page, other, page, other].map((each) => statusOf(each)),
      );
      expect(statuses).toEqual([200, 200, 200, 200]);
      expect(refreshesOf(served)).toHaveLength(1);
    });

    atFullEffort(
      'needs a new sign-in once its cookies are cleared, and can sign in',
      async () => {
        const served = await serve({ store: new MemorySessionStore() });
        const page = await boundPage(served);
        await browser.context.clearCookies();
        expect(await statusOf(page)).toBe(401);
        const bindings = served.app.eventsOf('bound').length;
        expect(await signIn(page)).toBe(200);
        await untilBound(page, served, bindings + 1);
        await endAccess(served);
        expect(await statusOf(page)).toBe(200);
      },
    );

    atFullEffort(
      'goes back to a page after the end of the session cookie',
      async () => {
        const served = await serve({ store: new MemorySessionStore() });
        const page = await boundPage(served);
        await page.goto(`${served.origin}/private`);
        await page.goto(`${served.origin}/page`);
        await endAccess(served);
        await page.goBack();
        await page.getByText('private').waitFor();
        expect(await statusOf(page)).toBe(200);
        expect(served.answered).not.toContain('GET /private 401');
      },
    );

    atFullEffort(
      'refreshes for a page that it restores from the back/forward cache',
      async () => {
        await browser.close();
        // Playwright turns it off, and cannot follow a page there: the page itself reports.
        browser = await launch(BINDING_ARGUMENTS, [
          '--disable-back-forward-cache',
        ]);
        const served = await serve({ store: new MemorySessionStore() });
        const page = await boundPage(served);
        await page.goto(`${served.origin}/private`);
        await page.goto(`${served.origin}/page`);
        served.answered.length = 0;
        await endAccess(served);
        await page.evaluate(`setTimeout(() => history.back(), 0)`);
        const reports = () =>
          served.answered.filter((line) => line.includes('restored='));
        while (reports().length === 0) {
          await browser.context.cookies();
        }
        expect(reports()).toEqual(['GET /page?restored=200 200']);
        expect(refreshesOf(served)).toHaveLength(1);
        expect(served.answered).not.toContain('GET /private 200');
      },
    );

    it('lets no script of the page bind or refresh', async () => {
      const served = await serve({ store: new MemorySessionStore() });
      const page = await boundPage(served);
      await endAccess(served);
      const statuses = await page.evaluate(`Promise.all(
        ['/session/device', '/session/device/refresh'].map((path) =>
          fetch(path, {
            method: 'POST',
            headers: { 'Secure-Session-Response': 'ey.ey.ey' },
          }).then((r) => r.status),
        ),
      )`);
      expect(statuses).toEqual([403, 403]);
      expect(await statusOf(page)).toBe(200);
    });
  });

  describe('Chromium with a quota of refreshes', () => {
    atFullEffort(
      'gets 503 once the quota is reached, and loses nothing',
      async () => {
        await browser.close();
        browser = await launch(QUOTA_ARGUMENTS);
        const app = await startTestApp('express', {
          session: {
            refreshToken: { accessLifetime: ACCESS },
            dataRefreshInterval: ACCESS,
            deviceBinding: true,
            store: new MemorySessionStore(),
          },
          extras: { routes: true },
          imports: [PagesModule],
        });
        closings.push(() => app.close());
        const front = await openHttpsFront(app.port, HOST);
        closings.push(() => front.close());
        const page = await browser.context.newPage();
        await page.goto(`https://${HOST}:${front.port}/page`);
        expect(await signIn(page)).toBe(200);
        // An offer ends with the clock of the test.
        const isBound = () =>
          page.evaluate<boolean>(
            `fetch('/session').then((r) => r.json()).then(({ isBound }) => isBound)`,
          );
        while (!(await isBound()));
        const statuses = new Map<number, number>();
        while (!statuses.has(503)) {
          app.clock.advance(ACCESS);
          await browser.context.clearCookies({ name: BOUND_COOKIE });
          const status = await statusOf(page);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
        console.log(
          `until the quota was reached: ${JSON.stringify([...statuses])}`,
        );
        const names = (await browser.context.cookies()).map(({ name }) => name);
        expect(names).toContain('__Host-Http-session-refresh');
        expect(app.eventsOf('ended')).toEqual([]);
      },
    );
  });
}

function signIn(page: Page, user = 'ada'): Promise<number> {
  return page.evaluate(`fetch('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: '${user}' }),
  }).then((response) => response.status)`);
}

function statusOf(page: Page): Promise<number> {
  return page.evaluate(`fetch('/me').then((response) => response.status)`);
}

function subjectOf(page: Page): Promise<string> {
  return page.evaluate(
    `fetch('/me').then((response) => response.json()).then(({ subject }) => subject)`,
  );
}
