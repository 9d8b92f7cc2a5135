import type { Locator, Page } from 'playwright-core';

/** The page of sample 07 as a person uses it. */
export class StolenCookiePage {
  /** What the browser reported: errors, and violations of the Content Security Policy. */
  readonly complaints: string[] = [];
  /** The answers that the page received, in the order in which they arrived: `GET /account 200`. */
  readonly answers: string[] = [];

  constructor(
    readonly page: Page,
    readonly url: string,
  ) {
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      const isRefusal = /status of 401/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !isRefusal) {
        this.complaints.push(message.text());
      }
    });
    page.on('response', (response) => {
      const { pathname } = new URL(response.url());
      const method = response.request().method();
      this.answers.push(`${method} ${pathname} ${response.status()}`);
    });
  }

  async open(): Promise<this> {
    await this.page.goto(this.url);
    return this;
  }

  async signIn(password: string): Promise<this> {
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.press('Sign in');
    await this.page.getByRole('heading', { name: 'Ada Lovelace' }).waitFor();
    return this;
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  /** Waits until a fact on the page has a value. */
  async shows(id: string, text: string | RegExp): Promise<void> {
    await this.fact(id).filter({ hasText: text }).waitFor();
  }

  fact(id: string): Locator {
    return this.page.locator(`#${id}`);
  }

  /** Stops the polling, and waits until no request of it is in flight. */
  async pausePolling(): Promise<void> {
    await this.press('Ask every second');
    await this.page.locator('#polling[aria-pressed="false"]').waitFor();
    await this.page.locator('body[aria-busy="false"]').waitFor();
  }

  /** Asks for the account with the polling paused. Returns the status when the page shows the answer. */
  async ask(): Promise<number> {
    const [response] = await Promise.all([
      this.page.waitForResponse('**/account'),
      this.press('Ask for my account'),
    ]);
    await this.page.locator('body[aria-busy="false"]').waitFor();
    return response.status();
  }

  /** Waits until the log contains an entry. */
  async logs(text: string): Promise<void> {
    await this.#entries().filter({ hasText: text }).first().waitFor();
  }

  /** The log without its times, oldest first. */
  async log(): Promise<string[]> {
    const entries = await this.#entries().allInnerTexts();
    return entries
      .map((text) => text.replace(/^[\d:]+\s*/, '').replace(/\s+/g, ' '))
      .toReversed();
  }

  /** Waits until the thief has read the account so many times more. */
  async thiefReads(times: number): Promise<void> {
    await this.page.evaluate<void>(`new Promise((resolve) => {
      const accepted = document.getElementById('accepted');
      const goal = Number(accepted.textContent) + ${times};
      const look = () => Number(accepted.textContent) >= goal && resolve();
      new MutationObserver(look).observe(accepted, { childList: true });
      look();
    })`);
  }

  #entries(): Locator {
    return this.page.locator('#log li');
  }
}
