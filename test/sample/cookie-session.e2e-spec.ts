import { mkdir, writeFile } from 'node:fs/promises';
import type { Browser, BrowserContext } from 'playwright-core';
import { atFullEffort } from '../support/at-full-effort.js';
import { openForUsers, openUser } from '../support/chromium.js';
import { SamplePage } from './sample-page.js';
import { runSample, SampleHost } from './sample-process.js';
import type { ClockedSampleProcess, SampleProcess } from './sample-process.js';
import { platforms } from '../support/effort.js';

const INTERVAL_SECONDS = 15;
const MAX_STALE_SECONDS = 20;
/** A loader that failed often is asked again after this much at the latest. */
const LONGEST_BACK_OFF_SECONDS = 30;

const WINDOW = { width: 1200, height: 920 };
const SCALE = 1.5;
/** Written with `UPDATE_SCREENSHOT=1` only. */
const PICTURE = new URL('../../docs/images/sample.png', import.meta.url);

describe.each(platforms('express'))('the sample on %s', (adapter) => {
  let browser: Browser;
  let here: BrowserContext;
  let there: BrowserContext;
  let host: SampleHost;
  let server: ClockedSampleProcess;
  let ada: SamplePage;
  let pages: SamplePage[] = [];

  beforeAll(async () => {
    host = new SampleHost('01-cookie-session');
    browser = await openForUsers();
    [here, there] = await Promise.all([
      openUser(browser, { viewport: WINDOW, deviceScaleFactor: SCALE }),
      openUser(browser),
    ]);
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), host?.stop()]);
  });

  beforeEach(async () => {
    server = await host.serve({ ADAPTER: adapter });
    ada = await openPage(here);
  });

  afterEach(async () => {
    for (const { page } of pages) {
      await page.context().clearCookies();
      await page.close();
    }
    await server?.stop();
    const complaints = pages.flatMap((page) => page.complaints);
    const tokens = pages.flatMap((page) => [...page.tokens]);
    pages = [];
    expect(complaints).toEqual([]);
    expect(tokens.length).toBeGreaterThan(0);
    const printed = tokens.filter((token) => server.output().includes(token));
    expect(printed).toEqual([]);
  });

  async function openPage(where: BrowserContext): Promise<SamplePage> {
    const page = new SamplePage(await where.newPage(), server.url);
    pages.push(page);
    await page.open();
    return page;
  }

  /** Lets time pass; the pages need not wait until they would ask again. */
  async function advance(seconds: number): Promise<void> {
    await server.advance(seconds);
    await Promise.all(pages.map((page) => page.asksAgain()));
  }

  /** Lets the data grow old until it is due, and waits until the page has the new data. */
  async function passInterval(page: SamplePage): Promise<void> {
    await advance(10);
    await page.reads('#age', '10 s');
    await advance(INTERVAL_SECONDS - 10);
    await page.reads('#age', '0 s');
  }

  it('signs in with a cookie that no script can read and no answer repeats', async () => {
    await ada.reads('#state', 'Signed out');
    const [response] = await Promise.all([
      ada.page.waitForResponse('**/login'),
      ada.press('Sign in as Ada Lovelace'),
    ]);
    await ada.reads('#name', 'Ada Lovelace');
    await ada.reads('#email', 'ada@example.com');
    await ada.logs('created');

    const cookie = await ada.cookie();
    expect(cookie).toMatchObject({
      name: '__Host-Http-session',
      httpOnly: true,
      secure: true,
      sameSite: 'Lax',
      path: '/',
    });
    expect(await ada.page.evaluate('document.cookie')).toBe('');
    const token = cookie?.value ?? '';
    expect(token).not.toBe('');
    expect(await response.text()).not.toContain(token);
    expect(await ada.page.content()).not.toContain(token);
  });

  it('shows the age of the data, and shows a changed role after the next reload', async () => {
    await ada.signIn('Ada Lovelace');
    await ada.press('Change role of Ada Lovelace');
    await ada.reads('#differs', 'in the database: admin');

    await advance(10);
    await ada.reads('#age', '10 s');
    expect(await ada.bar.getAttribute('aria-valuenow')).toBe('10');
    expect(await ada.text('#role')).toBe('editor');

    await advance(INTERVAL_SECONDS - 10);
    await ada.reads('#role', 'admin');
    await ada.reads('#age', '0 s');
    await ada.logs('reloaded');
    expect(await ada.text('#differs')).toBe('');
  });

  atFullEffort('shows a changed role at once with "Reload now"', async () => {
    await ada.signIn('Ada Lovelace');
    await ada.press('Change role of Ada Lovelace');
    await ada.reads('#differs', 'in the database: admin');
    await ada.press('Reload now');
    await ada.reads('#role', 'admin');
    expect(await ada.text('#differs')).toBe('');
  });

  it('serves old data while the database is down, then 503, and signs nobody out', async () => {
    await ada.signIn('Ada Lovelace');
    const signedInAt = await ada.text('#signed-in-at');
    await ada.press('Take the database down');
    await ada.reads('#database-state', 'Down');
    await ada.press('Change role of Ada Lovelace');

    await advance(INTERVAL_SECONDS);
    await ada.reads('#state', 'Old data');
    await ada.logs('loaderFailed', 'LOADER_UNAVAILABLE');
    expect(await ada.text('#role')).toBe('editor');
    await ada.press('Reload now');
    await ada.page.locator('#error', { hasText: /^503/ }).waitFor();
    const cookie = await ada.cookie();

    await advance(MAX_STALE_SECONDS + 1);
    await ada.reads('#state', '503, unavailable');
    expect(await ada.text('#explain')).toContain('still signed in');
    expect(await ada.cookie()).toEqual(cookie);
    await ada.page.reload();
    await ada.reads('#state', '503, unavailable');
    expect(await ada.text('#unknown')).toContain('still signed in');

    await ada.press('Bring the database back');
    await ada.reads('#database-state', 'Up');
    await advance(LONGEST_BACK_OFF_SECONDS);
    await ada.reads('#state', 'Fresh');
    expect(await ada.text('#signed-in-at')).toBe(signedInAt);
    expect(await ada.text('#role')).toBe('admin');
  });

  atFullEffort(
    'ends the session of a disabled user at its next reload',
    async () => {
      await ada.signIn('Ada Lovelace');
      await ada.press('Disable Ada Lovelace');
      await ada.reads('#differs', 'in the database: disabled');
      expect(await ada.nextStatus()).toBe(200);

      await advance(INTERVAL_SECONDS);
      await ada.reads('#state', 'Signed out');
      await ada.reads('#farewell', 'The session of Ada Lovelace has ended.');
      await ada.logs('ended', 'user deleted or disabled');
      expect(await ada.cookie()).toBeUndefined();

      await ada.press('Sign in as Ada Lovelace');
      await ada.reads('#error', 'Ada Lovelace cannot sign in.');
      await ada.press('Enable Ada Lovelace');
      await ada.reads('#database-state', 'Up');
      await ada.signIn('Ada Lovelace');
    },
  );

  atFullEffort('signs out in this browser only', async () => {
    const grace = await openPage(there);
    await ada.signIn('Ada Lovelace');
    await grace.signIn('Grace Hopper');
    await ada.press('Sign out');
    await ada.reads('#state', 'Signed out');
    await ada.logs('ended', 'revoked');
    expect(await ada.cookie()).toBeUndefined();
    expect(await grace.nextStatus()).toBe(200);
    expect(await grace.text('#name')).toBe('Grace Hopper');
  });

  it('signs out everywhere: here at once, in the other browser at its reload', async () => {
    const elsewhere = await openPage(there);
    await elsewhere.signIn('Ada Lovelace');
    await ada.signIn('Ada Lovelace');
    await advance(1);
    await ada.press('Sign out everywhere');
    await ada.reads('#state', 'Signed out');
    expect(await elsewhere.nextStatus()).toBe(200);

    await advance(INTERVAL_SECONDS);
    await elsewhere.reads('#state', 'Signed out');
    await elsewhere.logs('ended', 'signed out everywhere');
    expect(await elsewhere.cookie()).toBeUndefined();
    await elsewhere.signIn('Ada Lovelace');
  });

  if (adapter !== 'express') {
    return; // the rest is about the page, which does not know the adapter
  }

  atFullEffort(
    'keeps the chosen theme, an attribute of the session, over reloads',
    async () => {
      await ada.signIn('Ada Lovelace');
      await ada.page.getByLabel('Dark').check();
      await ada.page.locator('html[data-theme=dark]').waitFor();
      await passInterval(ada);
      await ada.logs('reloaded');

      await ada.page.reload();
      await ada.page.locator('html[data-theme=dark]').waitFor();
      expect(await ada.page.getByLabel('Dark').isChecked()).toBe(true);
      await ada.page.getByLabel('Auto').check();
      await ada.page.locator('html[data-theme=auto]').waitFor();
    },
  );

  atFullEffort(
    'fits a phone without scrolling sideways, signed out and signed in',
    async () => {
      for (const width of [390, 320]) {
        await ada.page.setViewportSize({ width, height: 844 });
        expect([width, await ada.overflow()]).toEqual([width, 0]);
      }
      await ada.signIn('Ada Lovelace');
      await ada.press('Take the database down');
      await advance(INTERVAL_SECONDS);
      await ada.logs('loaderFailed');
      await ada.press('Change role of Ada Lovelace');
      await ada.page.locator('#differs:not(:empty)').waitFor();
      for (const width of [390, 320]) {
        await ada.page.setViewportSize({ width, height: 844 });
        expect([width, await ada.overflow()]).toEqual([width, 0]);
      }
    },
  );

  atFullEffort('looks like its picture in the README', async () => {
    await ada.signIn('Ada Lovelace');
    await passInterval(ada);
    await ada.press('Change role of Ada Lovelace');
    await advance(9);
    await ada.reads('#age', '9 s');
    await ada.page.emulateMedia({ reducedMotion: 'reduce' });
    const picture = await ada.page.screenshot({ animations: 'disabled' });

    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    expect(picture.readUInt32BE(16)).toBe(WINDOW.width * SCALE);
    expect(picture.length).toBeGreaterThan(50_000);
    if (process.env.UPDATE_SCREENSHOT === '1') {
      await mkdir(new URL('.', PICTURE), { recursive: true });
      await writeFile(PICTURE, picture);
    }
  });
});

describe('node dist/main.js', () => {
  let server: SampleProcess | undefined;

  afterEach(async () => {
    await server?.stop();
  });

  it('serves the page, and says that it made a secret of its own', async () => {
    server = await runSample('01-cookie-session');
    const response = await fetch(server.url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toContain(
      "default-src 'none'",
    );
    expect(await response.text()).toContain('A session that reloads itself');
    expect(server.output()).toContain('SESSION_SECRET is not set');
  });

  atFullEffort(
    'uses SESSION_SECRET without printing it, so that a session outlives a restart',
    async () => {
      const secret = 'wF3kQ9-vN7xR1_bT5mZ8cJ2hL6pY4sD0gA-uE_iOaXq';
      server = await runSample('01-cookie-session', { SESSION_SECRET: secret });
      const login = await fetch(`${server.url}/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ user: 'ada' }),
      });
      const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
      const firstOutput = server.output();
      await server.stop();

      server = await runSample('01-cookie-session', {
        SESSION_SECRET: secret,
        ADAPTER: 'fastify',
      });
      const me = await fetch(`${server.url}/me`, { headers: { cookie } });
      expect(me.status).toBe(200);
      const output = firstOutput + server.output();
      expect(output).not.toContain('SESSION_SECRET');
      expect(output).not.toContain(secret);
    },
  );

  atFullEffort.each(platforms('fastify'))(
    'ends on %s although a page still listens to its events',
    async (adapter) => {
      server = await runSample('01-cookie-session', { ADAPTER: adapter });
      const events = await fetch(`${server.url}/events`);
      expect(events.headers.get('content-type')).toBe('text/event-stream');
      await server.stop();
      await events.body?.cancel().catch(() => undefined);
    },
  );
});
