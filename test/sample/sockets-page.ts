import type { BrowserContext, Page } from 'playwright-core';

/** What a socket that a script opened has received, and the code it was closed with. */
export interface SocketReport {
  readonly received: string[];
  readonly code: number;
}

/** How a script speaks to each server: what it sends first, and its answers to messages, by their beginning. */
const DIALOGUES = {
  graphql: {
    protocol: 'graphql-transport-ws',
    first: ['{"type":"connection_init"}'],
    answers: [
      [
        '{"type":"connection_ack"',
        '{"id":"1","type":"subscribe","payload":{"query":"subscription { orders { item } }"}}',
      ],
    ],
  },
  ws: { first: ['{"event":"say","data":"from a script"}'], answers: [] },
  io: {
    first: ['40'],
    answers: [
      ['40{', '42["say","from a script"]'],
      ['2', '3'],
    ],
  },
};
type Dialogue = keyof typeof DIALOGUES;

/** Opens a socket as a script of the page can; `sockets[name]` of the page keeps what becomes of it. */
export async function openSocket(
  page: Page,
  name: string,
  url: string,
  dialogue: Dialogue,
): Promise<void> {
  await page.evaluate<void>(`{
    const { protocol, first, answers } = ${JSON.stringify(DIALOGUES[dialogue])};
    const socket = new WebSocket(${JSON.stringify(url)}, protocol ? [protocol] : []);
    const received = [];
    const closed = new Promise((resolve) => {
      socket.onclose = ({ code }) => resolve({ received, code });
    });
    socket.onopen = () => first.forEach((frame) => socket.send(frame));
    socket.onmessage = ({ data }) => {
      received.push(data);
      for (const [start, frame] of answers) {
        if (data.startsWith(start)) socket.send(frame);
      }
    };
    (globalThis.sockets ??= {})[${JSON.stringify(name)}] = { socket, received, closed };
  }`);
}

/** Waits until a socket of `openSocket` is closed. */
export function closedSocket(page: Page, name: string): Promise<SocketReport> {
  return page.evaluate<SocketReport>(`sockets.${name}.closed`);
}

/** Waits until a socket of `openSocket` has received a text. */
export function receives(
  page: Page,
  name: string,
  text: string,
): Promise<void> {
  return page.evaluate<void>(`new Promise((resolve) => {
    const { socket, received } = sockets.${name};
    const look = () =>
      received.some((each) => each.includes(${JSON.stringify(text)})) && resolve();
    socket.addEventListener('message', look);
    look();
  })`);
}

/** The page of sample 06 as a person uses it. */
export class SocketsPage {
  /** What the browser reported: errors, and violations of the Content Security Policy. */
  readonly complaints: string[] = [];
  /** The addresses of the sockets that it opened. */
  readonly sockets: string[] = [];

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
    page.on('websocket', (socket) => this.sockets.push(socket.url()));
  }

  static async open(context: BrowserContext, url: string) {
    const page = new SocketsPage(await context.newPage(), url);
    await page.page.goto(url);
    return page;
  }

  async signIn(name: string): Promise<this> {
    await this.press(new RegExp(`^Sign in as ${name}`));
    return this.isLive();
  }

  async isLive(): Promise<this> {
    await this.hasStates('live');
    return this;
  }

  /** Both connections. */
  async hasStates(text: string | RegExp): Promise<void> {
    for (const id of ['orders', 'chat']) {
      await this.page
        .locator(`#${id}-state`)
        .filter({ hasText: text })
        .waitFor();
    }
  }

  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  async order(item: string): Promise<void> {
    await this.page.getByLabel('New order').fill(item);
    await this.press('Order');
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel('Message').fill(text);
    await this.press('Send');
  }

  async shows(text: string): Promise<void> {
    await this.page.getByText(text, { exact: true }).first().waitFor();
  }

  async isSignedOut(): Promise<void> {
    await this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  }

  notice(): Promise<string> {
    return this.page.locator('#notice').innerText();
  }

  rows(list: 'orders' | 'chat'): Promise<string[]> {
    return this.page.locator(`#${list} > li`).allInnerTexts();
  }

  cookies(): Promise<string[]> {
    return this.page
      .context()
      .cookies(this.url)
      .then((cookies) => cookies.map(({ value }) => value));
  }

  /** Executes an operation as a script of the page would. */
  graphql(query: string): Promise<unknown> {
    return this.page.evaluate(`fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query: ${JSON.stringify(query)} }),
    }).then((response) => response.json())`);
  }
}
