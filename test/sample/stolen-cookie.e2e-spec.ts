import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import {
  BINDING_ARGUMENTS,
  findBindingChromium,
} from '../support/binding-chromium.js';
import { BOUND_COOKIE } from '../support/bound-browser.js';
import {
  atFullEffort,
  describeAtFullEffort,
} from '../support/at-full-effort.js';
import { openBrowser, type Browser } from '../support/chromium.js';
import { combinations, platforms } from '../support/effort.js';
import { overflowOf, tooSmallOf } from './browser-app-page.js';
import {
  runSample,
  serveSample,
  type ClockedSampleProcess,
  type SampleProcess,
} from './sample-process.js';
import { StolenCookiePage } from './stolen-cookie-page.js';

const SAMPLE = '07-stolen-cookie';
/** Longer than a test runs: the browser has its own clock. */
const ACCESS_LIFETIME = 600;
/** The age from which a payment needs the password again. */
const PASSWORD_AGE = 60;
const PASSWORD = randomBytes(16).toString('base64url');

const found = findBindingChromium();
/** The journey in a browser that binds shows the same page and the same thief. */
const unlessBinding = 'reason' in found ? describe : describeAtFullEffort;

describe.each(platforms('express'))('a stolen cookie on %s', (ADAPTER) => {
  let server: ClockedSampleProcess;
  let browser: Browser;
  let pages: StolenCookiePage[] = [];
  let tokens: Set<string>;

  beforeEach(async () => {
    tokens = new Set();
    server = await serveSample(SAMPLE, {
      ADAPTER,
      ACCESS_LIFETIME: String(ACCESS_LIFETIME),
      THIEF_PAUSE: '50',
    });
  });

  afterEach(async () => {
    await noteTokens();
    const shown = await Promise.all(pages.map(({ page }) => page.content()));
    const complaints = pages.flatMap((page) => page.complaints);
    pages = [];
    await browser.close();
    await server.stop();
    expect(complaints).toEqual([]);
    expect(tokens.size).toBeGreaterThan(1);
    const everything = [server.output(), ...shown].join('\n');
    const leaked = [...tokens, PASSWORD].filter((each) =>
      everything.includes(each),
    );
    expect(leaked.length).toBe(0);
    expect(everything).not.toMatch(/eyJ/);
  });

  async function noteTokens(): Promise<void> {
    for (const { value } of await browser.context.cookies()) tokens.add(value);
  }

  async function signedIn(): Promise<StolenCookiePage> {
    const tab = new StolenCookiePage(
      await browser.context.newPage(),
      server.url,
    );
    pages.push(tab);
    await (await tab.open()).signIn(PASSWORD);
    await noteTokens();
    return tab;
  }

  unlessBinding('in a browser that cannot bind sessions', () => {
    beforeEach(async () => {
      browser = await openBrowser({ ignoreHTTPSErrors: true });
    });

    it('stays valid: the thief refreshes the session like its owner', async () => {
      const owner = await signedIn();
      await owner.shows('bound', /^not bound$/);
      await owner.pausePolling();
      await owner.press('Copy my cookies to the thief');
      await owner.logs('GET /account: 200');
      owner.answers.length = 0;
      for (let lifetime = 0; lifetime < 2; lifetime += 1) {
        await server.advance(ACCESS_LIFETIME);
        await owner.thiefReads(2);
        expect(await owner.ask()).toBe(200);
      }
      await owner.logs('GET /account: 200, with new tokens');
      await owner.shows('thief', 'in');
      expect(owner.answers.filter((each) => each.endsWith(' 401'))).toEqual([]);
      expect((await owner.log()).join()).not.toContain('boundRefused');
      await noteTokens();

      await owner.press('Sign out');
      await owner.logs('ended (revoked)');
      await owner.logs('POST /session/refresh: 401');
      await owner.logs('with its own key: 200, the session has ended');
      await owner.shows('thief', 'out');
    });

    atFullEffort('fits a phone, and a finger', async () => {
      const owner = await signedIn();
      await owner.press('Copy my cookies to the thief');
      await owner.logs('GET /account: 200');
      for (const width of [375, 320]) {
        await owner.page.setViewportSize({ width, height: 812 });
        const overflow = await overflowOf(owner.page);
        const tooSmall = await tooSmallOf(owner.page);
        expect({ width, overflow, tooSmall }).toEqual({
          width,
          overflow: 0,
          tooSmall: [],
        });
      }
    });
  });

  if ('reason' in found) {
    it.skip(`in a browser that binds: ${found.reason}`, () => undefined);
    return;
  }

  describe('in a browser that binds sessions', () => {
    beforeEach(async () => {
      browser = await openBrowser({
        executablePath: found.path,
        ignoreHTTPSErrors: true,
        args: BINDING_ARGUMENTS,
      });
    });

    /** Waits until the browser refreshes by itself, with the polling paused. */
    async function bound(): Promise<StolenCookiePage> {
      const owner = await signedIn();
      await owner.shows('bound', /^bound$/);
      await owner.pausePolling();
      let status = 0;
      while (status !== 200) {
        await dropSessionCookie();
        status = await owner.page.evaluate<number>(
          `fetch('/account').then((response) => response.status)`,
        );
      }
      await noteTokens();
      owner.answers.length = 0;
      return owner;
    }

    /** As the browser does when the cookie ends. */
    const dropSessionCookie = () =>
      browser.context.clearCookies({ name: BOUND_COOKIE });

    it('is worthless after the lifetime of the session token, and the attempt to refresh appears on the page', async () => {
      const owner = await bound();
      await owner.press('Copy my cookies to the thief');
      await owner.logs('GET /account: 200');
      await server.advance(ACCESS_LIFETIME / 2);
      await owner.thiefReads(2);
      await owner.shows('thief', 'in');

      const before = (await owner.log()).length;
      await dropSessionCookie();
      await server.advance(ACCESS_LIFETIME / 2);
      await owner.logs('boundRefused (other-key)');
      await owner.logs('with its own key');
      await owner.shows('thief', 'out');
      expect((await owner.log()).slice(before)).toEqual([
        'Event boundRefused (no-proof)',
        'Thief GET /account: 401',
        'Event boundRefused (no-proof)',
        'Thief POST /session/refresh: 401',
        'Event boundRefused (other-key)',
        'Thief POST /session/device/refresh with its own key: 401',
      ]);

      expect(await owner.ask()).toBe(200);
      for (let lifetime = 0; lifetime < 2; lifetime += 1) {
        await dropSessionCookie();
        await server.advance(ACCESS_LIFETIME);
        expect(await owner.ask()).toBe(200);
      }
      await owner.logs('refreshed');
      await owner.shows('bound', /^bound$/);
      await owner.shows('thief', 'out');
      expect(owner.answers).toEqual([
        'POST /demo/theft 204',
        'GET /account 200',
        'GET /account 200',
        'GET /account 200',
      ]);
      await noteTokens();
    });

    atFullEffort(
      'pays nothing without the password: the page asks for it again once it is a minute old',
      async () => {
        const owner = await bound();
        const dialog = owner.page.getByRole('dialog');
        await owner.press('Pay 10');
        await owner.shows('paid', /^10$/);
        expect(owner.answers).toEqual(['POST /payments 200']);

        await server.advance(PASSWORD_AGE + 1);
        owner.answers.length = 0;
        await owner.press('Pay 10');
        const password = dialog.getByLabel('Password again');
        await password.fill('wrong');
        await owner.press('Confirm');
        await dialog.getByText('The password is wrong.').waitFor();
        await password.fill(PASSWORD);
        await owner.press('Confirm');
        await dialog.waitFor({ state: 'hidden' });
        await owner.shows('paid', /^20$/);
        await owner.press('Pay 10');
        await owner.shows('paid', /^30$/);
        expect(owner.answers).toEqual([
          'POST /payments 401',
          'POST /password 401',
          'POST /password 204',
          'POST /payments 200',
          'POST /payments 200',
        ]);

        await server.advance(PASSWORD_AGE + 1);
        await owner.press('Pay 10');
        await owner.press('Cancel');
        await owner.shows('notice', 'Nothing was paid.');
        expect(await owner.ask()).toBe(200);
        await owner.shows('bound', /^bound$/);
        await owner.shows('paid', /^30$/);
      },
    );
  });
});

describe('node dist/main.js', () => {
  let started: SampleProcess | undefined;

  afterEach(() => started?.stop());

  it.each(
    combinations<[Record<string, string>, boolean]>(
      [
        [{ ADAPTER: 'express' }, true],
        [{ ADAPTER: 'fastify', DEVICE_BINDING: 'off' }, false],
      ],
      1,
    ),
  )('serves HTTPS, and offers the binding: %o', async (environment, offers) => {
    started = await runSample(SAMPLE, environment);
    expect(started.url).toMatch(/^https:/);
    const page = await send(started.url, 'GET');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain(
      "frame-ancestors 'none'",
    );
    const file = await send(`${started.url}/files/app/..%2findex.html`, 'GET');
    expect(file.statusCode).toBe(404);
    const signIn = await send(
      `${started.url}/login`,
      'POST',
      JSON.stringify({ password: PASSWORD }),
    );
    expect(signIn.statusCode).toBe(204);
    expect('secure-session-registration' in signIn.headers).toBe(offers);
    expect(started.output().includes('DEVICE_BINDING=off')).toBe(!offers);
    for (const line of signIn.headers['set-cookie']!) {
      expect(started.output().includes(line.split(/[=;]/)[1]!)).toBe(false);
    }
  });
});

/** Sends a request to a server whose certificate no authority has signed. */
async function send(
  url: string,
  method: string,
  body = '',
): Promise<IncomingMessage> {
  const outgoing = request(url, {
    method,
    rejectUnauthorized: false,
    agent: false,
    headers: {
      Origin: new URL(url).origin,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    },
  });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  answer.resume();
  return answer;
}
