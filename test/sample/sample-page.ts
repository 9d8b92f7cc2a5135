import type { Locator, Page, Cookie } from 'playwright-core';

/** The page as a person uses it: what can be pressed, and what can be read. */
export class SamplePage {
  /** What no page may write to the console: everything but the answers 401 and 503. */
  readonly complaints: string[] = [];
  /** Every value the session cookie has had. */
  readonly tokens = new Set<string>();

  constructor(
    readonly page: Page,
    private readonly url: string,
  ) {
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      const isRefusal = /status of (401|503)/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !isRefusal) {
        this.complaints.push(message.text());
      }
    });
    page.on('request', () => void this.cookie().catch(() => undefined));
  }

  async open(): Promise<void> {
    await this.page.goto(this.url);
    await this.reads('#stream-state', 'Live');
  }

  press(name: string): Promise<void> {
    return this.page.getByRole('button', { name, exact: true }).click();
  }

  async signIn(name: string): Promise<void> {
    await this.press(`Sign in as ${name}`);
    await this.reads('#name', name);
    await this.reads('#state', 'Fresh');
  }

  /** Asks at once, as when somebody comes back to the tab, and not only when its second is over. */
  async asksAgain(): Promise<void> {
    await this.page.evaluate(
      "document.dispatchEvent(new Event('visibilitychange'))",
    );
  }

  /** Waits until an element that is on show reads so. */
  async reads(selector: string, text: string): Promise<void> {
    const found = this.page
      .locator(selector)
      .filter({ hasText: exactly(text), visible: true });
    await found.first().waitFor();
  }

  /** What an element reads now. */
  text(selector: string): Promise<string> {
    return this.page.locator(selector).innerText();
  }

  /** Waits until the log has an entry with these words, in this order. */
  async logs(...words: string[]): Promise<void> {
    const entry = this.page.locator('#log li').filter({
      hasText: new RegExp(words.map(escapeRegExp).join('.*'), 's'),
    });
    await entry.first().waitFor();
  }

  get bar(): Locator {
    return this.page.getByRole('progressbar', { name: 'Age of the data' });
  }

  /** Waits for the next answer of `GET /me` and gives its status. */
  async nextStatus(): Promise<number> {
    const response = await this.page.waitForResponse(`${this.url}/me`);
    return response.status();
  }

  async cookie(): Promise<Cookie | undefined> {
    const cookies = await this.page.context().cookies(this.url);
    const cookie = cookies.find(({ name }) => name === '__Host-Http-session');
    if (cookie) {
      this.tokens.add(cookie.value);
    }
    return cookie;
  }

  /** How far the page is wider than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate<number>(
      'document.documentElement.scrollWidth - window.innerWidth',
    );
  }
}

function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${escapeRegExp(text)}\\s*$`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
