import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import helmet from 'helmet';
import type { Page } from 'playwright-core';
import { selfSigned } from '../../../sample/07-stolen-cookie/src/certificate.js';
import { CapturedLogs } from '../../support/captured-logs.js';
import { openBrowser, type Browser } from '../../support/chromium.js';
import { freePort } from '../../support/free-port.js';
import { ROOT } from '../../support/library-sources.js';
import { boot, type BootedApp } from '../../support/nest-app.js';
import { OTHER_SECRET, SECRET } from '../../support/secrets.js';
import { Guide, type GuideFolder } from '../guide.js';
import { runMain } from '../run-main.js';
import { FormController } from './form-pages.js';

const guide = new Guide('docs/guides/localhost.md');
const LAN = '192.168.1.20';
const ME = `fetch('/me').then(({ status }) => status)`;
const SIGN_IN = `fetch('/login', { method: 'POST' }).then(({ status }) => status)`;

let folder: GuideFolder;
let browser: Browser;
let page: Page;
const apps: INestApplication[] = [];

beforeAll(async () => {
  folder = guide.write({
    'src/app.module.ts': `
      import { Module } from '@nestjs/common';
      import { FormController } from '${join(ROOT, 'test/docs/guides/form-pages.ts')}';
      import { SessionModule } from './session.module.js';

      @Module({ imports: [SessionModule], controllers: [FormController] })
      export class AppModule {}`,
  });
  browser = await openBrowser({
    ignoreHTTPSErrors: true,
    args: [`--host-resolver-rules=MAP *.test 127.0.0.1, MAP ${LAN} 127.0.0.1`],
  });
  page = await browser.context.newPage();
});

afterAll(async () => {
  await browser?.close();
  folder.remove();
});

afterEach(async () => {
  await browser.context.clearCookies();
  for (const app of apps.splice(0)) {
    const closed = app.close();
    // Browsers open connections ahead of any request; a server waits a minute for that.
    (app.getHttpServer() as Server).closeAllConnections();
    await closed;
  }
});

/** Starts an application with the sessions of the page, as far as these variables change them. */
async function start(
  env: Record<string, string> = {},
  configure: (app: INestApplication) => void = () => undefined,
): Promise<BootedApp & { logs: CapturedLogs }> {
  const { SessionModule } = await import(
    folder.pathOf('src/session.module.ts')
  );
  const logger = new CapturedLogs();
  const before = { ...process.env };
  Object.assign(process.env, { SESSION_SECRET: SECRET, ...env });
  try {
    const app = await boot(
      { imports: [SessionModule], controllers: [FormController] },
      { logger, configure },
    );
    apps.push(app.app);
    return Object.assign(app, { logs: logger });
  } finally {
    process.env = before;
  }
}

const cookies = async (): Promise<string[]> =>
  (await browser.context.cookies()).map(({ name }) => name).toSorted();

/** Submits the form of a page, and returns the text of the answer. */
async function submit(): Promise<string | null> {
  await Promise.all([
    page.waitForURL('**/login'),
    page.click('button', { noWaitAfter: true }),
  ]);
  return page.textContent('body');
}

const PREFIXED = ['__Host-Http-session', '__Host-Http-session-refresh'];

it('a sign-in works on this machine without any settings', async () => {
  const { port } = await start();
  for (const host of ['localhost', '127.0.0.1', 'shop.localhost']) {
    await page.goto(`http://${host}:${port}/form`);
    expect(await page.evaluate(SIGN_IN)).toBe(201);
    expect(await page.evaluate(ME)).toBe(200);
    expect(await cookies()).toEqual(PREFIXED);
    await browser.context.clearCookies();
  }
});

it('a sign-in on another address is refused, or its cookie is dropped, and the log says why', async () => {
  const { port, logs } = await start();
  await page.goto(`http://${LAN}:${port}/form`);
  expect(await page.evaluate(SIGN_IN)).toBe(403);
  await page.goto(`http://${LAN}:${port}/callback`);
  expect(await page.evaluate(ME)).toBe(401);
  expect(await cookies()).toEqual([]);
  const { code } = guide.blocks.find(({ language }) => language === 'text')!;
  const lines = code.trim().replaceAll('20:3000', `20:${port}`).split('\n');
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(logs.matching(line, 'warn')).toHaveLength(1);
});

it('a sign-in works there over plain HTTP without Secure, under other names', async () => {
  const { port } = await start({ COOKIE_SECURE: 'false' });
  for (const host of [LAN, 'app.test', 'localhost']) {
    await page.goto(`http://${host}:${port}/form`);
    expect(await page.evaluate(SIGN_IN)).toBe(201);
    expect(await page.evaluate(ME)).toBe(200);
    expect(await cookies()).toEqual(['session', 'session-refresh']);
    await browser.context.clearCookies();
  }
});

it('cookies are Secure unless a variable says otherwise', async () => {
  for (const COOKIE_SECURE of ['', 'true', '0', 'FALSE']) {
    const { port } = await start({ COOKIE_SECURE });
    await page.goto(`http://localhost:${port}/callback`);
    expect(await cookies()).toEqual(PREFIXED);
  }
});

it('a sign-in works on any address over HTTPS', async () => {
  const files = mkdtempSync(join(tmpdir(), 'session-certificate-'));
  const { key, cert } = selfSigned('app.test');
  writeFileSync(join(files, 'key'), key);
  writeFileSync(join(files, 'cert'), cert);
  const port = await freePort();
  Object.assign(process.env, {
    SESSION_SECRET: SECRET,
    PORT: String(port),
    TLS_KEY: join(files, 'key'),
    TLS_CERT: join(files, 'cert'),
  });
  const logs = new CapturedLogs();
  apps.push(await runMain(folder.pathOf('src/main.ts'), logs));
  rmSync(files, { recursive: true });
  for (const host of [LAN, 'app.test']) {
    const origin = `https://${host}:${port}`;
    const response = await page.goto(`${origin}/form`);
    expect(response?.headers()['referrer-policy']).toBe('same-origin');
    expect(await submit()).toBe(origin);
    expect(await page.evaluate(ME)).toBe(200);
    expect(await cookies()).toEqual(PREFIXED);
    await browser.context.clearCookies();
  }
  expect(logs.matching('', 'warn')).toEqual([]);
});

it('two applications on one host sign users of each other out, on two hosts they do not', async () => {
  const [shop, admin] = [
    await start(),
    await start({ SESSION_SECRET: OTHER_SECRET }),
  ];
  const visit = async (host: string, { port }: BootedApp, path: string) => {
    const response = await page.goto(`http://${host}:${port}/${path}`);
    return response?.status();
  };
  await visit('localhost', shop, 'callback');
  await visit('localhost', admin, 'callback');
  expect(await visit('localhost', admin, 'me')).toBe(200);
  expect(await visit('localhost', shop, 'me')).toBe(401);

  await visit('shop.localhost', shop, 'callback');
  await visit('admin.localhost', admin, 'callback');
  expect(await visit('shop.localhost', shop, 'me')).toBe(200);
  expect(await visit('admin.localhost', admin, 'me')).toBe(200);
});

describe('forms of pages behind helmet', () => {
  const POLICIES = {
    default: helmet(),
    'no-referrer': helmet({ contentSecurityPolicy: false }),
    'same-origin': helmet({
      contentSecurityPolicy: false,
      referrerPolicy: { policy: 'same-origin' },
    }),
  };

  const open = async (host: string, policy: keyof typeof POLICIES) => {
    const app = await start({ COOKIE_SECURE: 'false' }, (it) => {
      it.use(POLICIES[policy]);
    });
    const origin = `http://${host}:${app.port}`;
    await page.goto(`${origin}/form`);
    return { origin, logs: app.logs };
  };

  it('have no origin on localhost, and are admitted all the same', async () => {
    await open('localhost', 'default');
    expect(await submit()).toBe('null');
    expect(await page.evaluate(ME)).toBe(200);
  });

  it('are refused over plain HTTP elsewhere, unlike scripts', async () => {
    const { logs } = await open(LAN, 'no-referrer');
    expect(await page.evaluate(SIGN_IN)).toBe(201);
    expect(await submit()).toContain('CSRF_REFUSED');
    expect(logs.matching('null-origin', 'warn')).toHaveLength(1);
  });

  it('are admitted with the policy of the page', async () => {
    expect(guide.file('src/main.ts')).toContain("policy: 'same-origin'");
    const { origin } = await open(LAN, 'same-origin');
    expect(await submit()).toBe(origin);
  });

  it('reach no server if helmet upgrades them', async () => {
    const { origin } = await open(LAN, 'default');
    const blocked = page.waitForEvent('console');
    await page.click('button', { noWaitAfter: true });
    const text = (await blocked).text();
    expect(text).toContain(`${origin.replace('http:', 'https:')}/login`);
    expect(await page.evaluate(`${SIGN_IN}.catch(({ name }) => name)`)).toBe(
      'TypeError',
    );
  });
});
