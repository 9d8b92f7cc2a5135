import type { Locator, Page } from 'playwright-core';

/** What a page wrote to the console, but the answers that it expects. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const isRefusal = /status of (401|403)/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !isRefusal) {
      complaints.push(message.text());
    }
  });
  return complaints;
}

/** How far a page is wider than its window. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate<number>(
    'document.scrollingElement.scrollWidth - innerWidth',
  );
}

/** What can be pressed and is smaller than a finger, but links within a text. */
export function tooSmallOf(page: Page): Promise<string[]> {
  return page.evaluate<
    string[]
  >(`[...document.querySelectorAll('button, input, .button, .hint a')]
    .filter((each) => each.type !== 'hidden' && each.checkVisibility())
    .filter((each) => each.getBoundingClientRect().height < 44)
    .map((each) => each.outerHTML)`);
}

/** The page of sample 05 as a person uses it. */
export class BrowserAppPage {
  readonly complaints: string[];

  constructor(
    readonly page: Page,
    readonly url: string,
  ) {
    this.complaints = complaintsOf(page);
  }

  async open(): Promise<this> {
    await this.page.goto(this.url);
    return this;
  }

  async signIn(name: string): Promise<this> {
    await this.press(`Sign in as ${name}`);
    return this.isConnected(name);
  }

  async isConnected(name: string): Promise<this> {
    await this.page.getByRole('heading', { name }).waitFor();
    await this.page.getByText('Connected', { exact: true }).waitFor();
    return this;
  }

  /** A tab behind others draws nothing, so that a click waits for seconds. */
  async press(name: string): Promise<void> {
    await this.page.bringToFront();
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  async add(text: string): Promise<void> {
    await this.page.getByLabel('New note').fill(text);
    await this.press('Add');
    await this.note(text).waitFor();
  }

  note(text: string): Locator {
    return this.page.getByLabel(`Text of the note ${text}`, { exact: true });
  }

  async shows(text: string): Promise<void> {
    await this.note(text).waitFor();
  }

  async showsNoNotes(): Promise<void> {
    await this.page.getByText('No notes yet.').waitFor();
  }

  async isSignedOut(): Promise<void> {
    await this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }

  async logs(text: string | RegExp): Promise<void> {
    const entries = this.page.locator('#log li');
    await entries.filter({ hasText: text }).first().waitFor();
  }

  async log(): Promise<string[]> {
    const entries = await this.page.locator('#log li').allInnerTexts();
    return entries.map((text) => text.replace(/^[\d:]+/, ''));
  }

  async hasDevices(count: number): Promise<void> {
    const devices = this.page.locator('#devices > li');
    await devices.nth(count - 1).waitFor();
    await devices.nth(count).waitFor({ state: 'detached' });
  }

  /** The cookies of the session and the CSRF cookie, by their names. */
  async cookies(): Promise<Map<string, string>> {
    const cookies = await this.page.context().cookies(this.url);
    return new Map(cookies.map(({ name, value }) => [name, value]));
  }
}

/** The page that attacks sample 05. */
export class AttackerPage {
  /** Not what the console says: the browser reports there what it has refused. */
  readonly complaints: string[] = [];

  constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.complaints.push(String(error)));
  }

  /** Presses the button, and gives the verdict on each attack, by its title, when all are over. */
  async attack(): Promise<Map<string, string>> {
    await this.page.getByRole('button', { name: 'Claim your prize' }).click();
    const summary = this.page.getByRole('status');
    await summary.filter({ hasText: 'succeeded' }).waitFor();
    const [titles, verdicts] = await Promise.all(
      ['.title', '.verdict'].map((part) =>
        this.page.locator(`#attacks ${part}`).allInnerTexts(),
      ),
    );
    return new Map(titles!.map((title, i) => [title, verdicts![i]!]));
  }

  /** What the application answered to an attack. */
  answerTo(title: string): Promise<string> {
    const attack = this.page.locator('#attacks li').filter({ hasText: title });
    return attack.locator('.came-back').innerText();
  }
}
