import type { Locator, Page } from 'playwright-core';

/** The page of sample 03 as a person uses it. */
export class DevicesPage {
  /** What the page wrote to the console, but the answers that a sign-out and a store that is down bring. */
  readonly complaints: string[] = [];
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
  }

  async open(): Promise<void> {
    await this.page.goto(this.url);
    await this.isSignedOut();
  }

  async signIn(name: string, label = ''): Promise<void> {
    await this.page.getByLabel('Name of this device').fill(label);
    await this.press(`Sign in as ${name}`);
    await this.page.getByRole('heading', { name }).waitFor();
  }

  press(name: string): Promise<void> {
    return this.page.getByRole('button', { name, exact: true }).click();
  }

  get devices(): Locator {
    return this.page.locator('#devices').getByRole('listitem');
  }

  /** The titles of the devices, in order, once there are so many; that of this one with a star. */
  async titles(count: number): Promise<string[]> {
    await this.devices.nth(count - 1).waitFor();
    await this.devices.nth(count).waitFor({ state: 'detached' });
    const headings = await this.devices.getByRole('heading').allInnerTexts();
    return headings.map((text) => text.replace(/\s*This device$/, '*'));
  }

  async isSignedOut(): Promise<void> {
    await this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }

  async says(text: string): Promise<void> {
    await this.page.getByRole('status').filter({ hasText: text }).waitFor();
  }

  /** Waits until the list was asked for again. */
  async asksAgain(): Promise<void> {
    await this.page.waitForResponse('**/devices');
  }

  /** What the page says of the process that answered, below the list. */
  answeredBy(place: string): Promise<string> {
    const said = this.page.getByText(`Kept in ${place}, answered by process`);
    return said.innerText();
  }

  /** How far the page is wider than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate<number>(
      'document.documentElement.scrollWidth - window.innerWidth',
    );
  }

  /** What has the focus: its text. */
  focused(): Promise<string> {
    return this.page.evaluate<string>('document.activeElement.textContent');
  }
}
