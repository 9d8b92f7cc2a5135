import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type {
  BrowserContext,
  BrowserContextOptions,
  Browser as Users,
} from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The browser of the tests: `CHROMIUM_PATH`, or where distributions put it. */
export function chromiumPath(): string {
  const path = process.env.CHROMIUM_PATH || '/usr/bin/chromium';
  if (!existsSync(path)) {
    throw new Error(
      `No Chromium at ${path}: install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.`,
    );
  }
  return path;
}

/** Chromium without what only people see, which needs half the processor: the headless shell, where there is one. */
function shellPath(): string {
  const path =
    process.env.CHROMIUM_SHELL_PATH || '/usr/bin/chromium-headless-shell';
  return existsSync(path) ? path : chromiumPath();
}

/** One headless browser with a profile of its own, which `close` removes. */
export class Browser {
  private constructor(
    private readonly profile: string,
    private readonly options: LaunchOptions,
    /** Everything of the profile; another one after `restart`. */
    public context: BrowserContext,
  ) {}

  static async open(options: LaunchOptions): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'session-browser-'));
    try {
      const context = await launch(profile, options);
      return new Browser(profile, options, context);
    } catch (error) {
      await removeProfile(profile);
      throw error;
    }
  }

  /** Ends the browser as a person does who closes its last window, and starts it again with the same profile. */
  async restart(): Promise<void> {
    await this.context.close();
    this.context = await launch(this.profile, this.options);
  }

  async close(): Promise<void> {
    await this.context.close();
    await removeProfile(this.profile);
  }
}

type LaunchOptions = NonNullable<
  Parameters<typeof chromium.launchPersistentContext>[1]
>;

export function openBrowser(options: LaunchOptions = {}): Promise<Browser> {
  return Browser.open({ executablePath: shellPath(), ...options });
}

/** One with the settings and the back/forward cache of the browser that people use. */
export function openWholeBrowser(options: LaunchOptions): Promise<Browser> {
  return Browser.open({ executablePath: chromiumPath(), ...options });
}

/** One headless browser for several users: each of its contexts has its own cookies. */
export function openForUsers(): Promise<Users> {
  return chromium.launch({
    executablePath: shellPath(),
    args: ARGUMENTS,
    timeout: TIMEOUT,
  });
}

/** One of its users: separate cookies and storage. */
export async function openUser(
  browser: Users,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({
    reducedMotion: 'reduce',
    ...options,
  });
  context.setDefaultTimeout(TIMEOUT);
  return context;
}

/** In milliseconds: what a page has not done after so long it never will, on the slowest of machines too. */
const TIMEOUT = 300_000;

async function launch(
  profile: string,
  { args = [], ...options }: LaunchOptions,
): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(profile, {
    reducedMotion: 'reduce',
    args: [...ARGUMENTS, ...args],
    timeout: TIMEOUT,
    ...options,
  });
  context.setDefaultTimeout(TIMEOUT);
  return context;
}

function removeProfile(profile: string): Promise<void> {
  return rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
