import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext } from 'playwright-core';
import { atFullEffort } from '../support/at-full-effort.js';
import { openForUsers, openUser } from '../support/chromium.js';
import { combinations } from '../support/effort.js';
import { freePort } from '../support/free-port.js';
import { overflowOf, tooSmallOf } from './browser-app-page.js';
import {
  runSample,
  sampleEnds,
  serveSample,
  type ClockedSampleProcess,
  type SampleProcess,
} from './sample-process.js';
import {
  closedSocket,
  openSocket,
  receives,
  SocketsPage,
} from './sockets-page.js';

const SAMPLE = '06-graphql-and-sockets';
/** Longer than a test runs: the browser has its own clock. */
const RELOAD = 600;

/** The picture of the README, and the windows in it. */
const PICTURE = new URL(
  '../../docs/images/06-graphql-and-sockets.png',
  import.meta.url,
);
const WINDOW = { width: 900, height: 1000 };

const COMBINATIONS = combinations(
  [
    ['fastify', 'mercurius', 'io'],
    ['express', 'apollo', 'ws'],
    ['fastify', 'apollo', 'io'],
    ['fastify', 'mercurius', 'ws'],
    ['express', 'apollo', 'io'],
    ['fastify', 'apollo', 'ws'],
  ] as const,
  1,
);

let browser: Browser;

beforeAll(async () => {
  browser = await openForUsers();
});

afterAll(() => browser?.close());

describe.each(COMBINATIONS)(
  'the application on %s with %s and %s',
  (ADAPTER, DRIVER, SOCKETS) => {
    let server: ClockedSampleProcess;
    let chatUrl: string;
    const contexts: BrowserContext[] = [];
    const pages: SocketsPage[] = [];

    beforeAll(async () => {
      const [PORT, CHAT_PORT] = [
        String(await freePort()),
        String(await freePort()),
      ];
      server = await serveSample(SAMPLE, {
        ADAPTER,
        DRIVER,
        SOCKETS,
        PORT,
        CHAT_PORT,
        RELOAD: String(RELOAD),
      });
      chatUrl =
        SOCKETS === 'ws'
          ? `ws://localhost:${CHAT_PORT}/chat`
          : `ws://localhost:${CHAT_PORT}/chat/?EIO=4&transport=websocket`;
    });

    afterAll(() => server?.stop());

    afterEach(async () => {
      const complaints = pages
        .splice(0)
        .flatMap((page) => page.complaints.splice(0));
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      expect(complaints).toEqual([]);
    });

    const graphqlUrl = (): string =>
      `${server.url.replace('http', 'ws')}/graphql`;

    async function newContext(): Promise<BrowserContext> {
      const context = await openUser(browser);
      contexts.push(context);
      return context;
    }

    async function openPage(context?: BrowserContext): Promise<SocketsPage> {
      const page = await SocketsPage.open(
        context ?? (await newContext()),
        server.url,
      );
      pages.push(page);
      return page;
    }

    const signedIn = async (name: string): Promise<SocketsPage> =>
      (await openPage()).signIn(name);

    it('shows orders and messages of one user to the other', async () => {
      const ada = await signedIn('Ada');
      const bob = await signedIn('Bob');
      await ada.order('<b>Tea</b>');
      await bob.shows('<b>Tea</b>, for Ada');
      await bob.say('<i>Thanks</i>');
      await ada.shows('Bob (member): <i>Thanks</i>');
      await ada.say('Welcome');
      await bob.shows('Ada (member): Welcome');

      const grace = await signedIn('Grace');
      await grace.shows('<b>Tea</b>, for Ada');
      expect(await grace.rows('chat')).toEqual([
        'Ada (member): Welcome',
        'Bob (member): <i>Thanks</i>',
      ]);
      expect(await ada.page.evaluate('document.cookie')).toBe('');
    });

    it('ends the page, the subscription and the chat of a user whom the admin signs out, and of no other', async () => {
      const ada = await signedIn('Ada');
      const bob = await signedIn('Bob');
      const grace = await signedIn('Grace');
      await openSocket(ada.page, 'orders', graphqlUrl(), 'graphql');
      await openSocket(ada.page, 'chat', chatUrl, SOCKETS);
      await receives(ada.page, 'orders', '"next"');
      await bob.shows('Ada (member): from a script');

      await grace.press('Sign Ada out');
      await ada.isSignedOut();
      expect(await ada.notice()).toBe('You were signed out.');
      await ada.hasStates(/^closed/);
      expect(await ada.cookies()).toEqual([]);

      await bob.order('Coffee');
      await grace.shows('Coffee, for Bob');
      await bob.say('Where is Ada?');
      await grace.shows('Bob (member): Where is Ada?');
      await Promise.all([bob.isLive(), grace.isLive()]);
      // The first sockets of their pages.
      expect([bob.sockets.length, grace.sockets.length]).toEqual([2, 2]);

      const orders = await closedSocket(ada.page, 'orders');
      const chat = await closedSocket(ada.page, 'chat');
      expect(orders.code).toBe(4401);
      // Clients of socket.io get a packet instead of a close code.
      if (SOCKETS === 'ws') expect(chat.code).toBe(4401);
      else expect(chat.received.at(-1)).toBe('41');
      expect(String([...orders.received, ...chat.received])).not.toMatch(
        /Coffee|Where is Ada/,
      );

      await ada.signIn('Ada');
      await ada.shows('Coffee, for Bob');
    });

    atFullEffort(
      'shows a new role from the next reload on, over the same connections',
      async () => {
        const bob = await signedIn('Bob');
        const grace = await signedIn('Grace');
        await grace.press('Make Bob admin');
        await grace.page
          .getByRole('button', { name: 'Make Bob member' })
          .waitFor();
        await bob.say('before');
        await grace.shows('Bob (member): before');
        await server.advance(RELOAD);
        await bob.say('after');
        await grace.shows('Bob (admin): after');
        await bob.isLive();
        expect(bob.sockets).toHaveLength(2);

        await bob.page.reload();
        await bob.isLive();
        await bob.press('Make Bob member');
        await bob.page
          .getByRole('button', { name: 'Make Bob admin' })
          .waitFor();
      },
    );

    atFullEffort('refuses what only admins may do', async () => {
      const bob = await signedIn('Bob');
      const ada = await signedIn('Ada');
      for (const operation of [
        'mutation { signUserOut(user: "ada") }',
        'mutation { setRole(user: "bob", role: admin) { id } }',
        '{ users { id } }',
      ]) {
        expect(await bob.graphql(operation)).toMatchObject({
          data: null,
          errors: [{ message: 'Forbidden' }],
        });
      }
      await bob.say('still a member');
      await ada.shows('Bob (member): still a member');
    });

    atFullEffort('reports a message that is too long', async () => {
      const ada = await signedIn('Ada');
      await ada.page.evaluate(
        "document.querySelector('#say input').removeAttribute('maxlength')",
      );
      await ada.say('x'.repeat(201));
      await ada.shows('A message has 1 to 200 characters.');
      await ada.isLive();
    });

    atFullEffort('fits a phone, and a finger', async () => {
      const phone = await openPage();
      const fits = async (): Promise<void> => {
        for (const width of [375, 320]) {
          await phone.page.setViewportSize({ width, height: 812 });
          const overflow = await overflowOf(phone.page);
          const tooSmall = await tooSmallOf(phone.page);
          expect({ width, overflow, tooSmall }).toEqual({
            width,
            overflow: 0,
            tooSmall: [],
          });
        }
      };
      await phone.isSignedOut();
      await fits();
      await phone.signIn('Grace');
      await phone.order('w'.repeat(80));
      await phone.shows(`${'w'.repeat(80)}, for Grace`);
      await phone.say('w'.repeat(200));
      await phone.shows(`Grace (admin): ${'w'.repeat(200)}`);
      await phone.page.getByRole('button', { name: 'Sign Ada out' }).waitFor();
      await fits();
    });

    atFullEffort('looks like its picture in the README', async () => {
      const ada = await signedIn('Ada');
      const grace = await signedIn('Grace');
      for (const item of ['Tea', 'A slice of lemon cake']) {
        await ada.order(item);
        await grace.shows(`${item}, for Ada`);
      }
      await ada.say('Is the cake fresh?');
      await grace.say('It is. Try a slice.');
      await ada.shows('Grace (admin): It is. Try a slice.');
      await grace.press('Sign Ada out');
      await ada.isSignedOut();
      await ada.hasStates(/^closed/);
      const shots: string[] = [];
      for (const { page } of [grace, ada]) {
        await page.setViewportSize(WINDOW);
        await page.evaluate('scrollTo(0, 0)');
        const shot = await page.screenshot({ animations: 'disabled' });
        shots.push(shot.toString('base64'));
      }
      const sheet = await (await newContext()).newPage();
      await sheet.setViewportSize({ ...WINDOW, width: 2 * WINDOW.width });
      await sheet.setContent(
        `<body style="margin:0;display:flex">${shots
          .map((shot) => `<img src="data:image/png;base64,${shot}">`)
          .join('')}`,
      );
      const picture = await sheet.screenshot();
      expect(picture.readUInt32BE(16)).toBe(2 * WINDOW.width);
      expect(picture.length).toBeGreaterThan(50_000);
      if (process.env.UPDATE_SCREENSHOT === '1') {
        await writeFile(PICTURE, picture);
      }
    });

    atFullEffort(
      'signs the other tab out too, and says there that it was signed out',
      async () => {
        const context = await newContext();
        const tab = await (await openPage(context)).signIn('Ada');
        const otherTab = await (await openPage(context)).isLive();
        await tab.press('Sign out');
        await tab.isSignedOut();
        await tab.hasStates(/^closed/);
        await otherTab.isSignedOut();
        await otherTab.hasStates(/^closed/);
        expect(await otherTab.notice()).toBe('You were signed out.');
        expect(await tab.page.locator('#notice').isVisible()).toBe(false);
      },
    );

    atFullEffort('refreshes the session before it reconnects', async () => {
      const ada = await signedIn('Ada');
      const { page } = ada;
      await page.addInitScript(`{
        globalThis.codes = [];
        const Native = WebSocket;
        globalThis.WebSocket = class extends Native {
          constructor(...given) {
            super(...given);
            this.addEventListener('close', ({ code }) => codes.push(code));
          }
        };
      }`);
      const session = await page.evaluate(
        "fetch('/session').then((response) => response.json())",
      );
      const before = await ada.cookies();
      await server.advance(RELOAD);
      // The page takes its expired token for a good one, once.
      await page.route(
        '**/session',
        (route) => route.fulfill({ json: session }),
        {
          times: 1,
        },
      );
      await page.reload();
      await ada.isLive();
      const codes = await page.evaluate<number[]>('codes');
      expect(codes).toHaveLength(2);
      if (DRIVER === 'apollo' || SOCKETS === 'ws')
        expect(codes).toContain(4410);
      if (DRIVER === 'mercurius') {
        // The handshake itself was refused, which browsers report.
        expect(ada.complaints.splice(0)).toEqual([
          expect.stringMatching(/WebSocket connection to .* failed/),
        ]);
      }
      const after = await ada.cookies();
      expect(after).toHaveLength(2);
      expect(after.filter((value) => before.includes(value))).toEqual([]);
      await ada.order('Cake');
      await ada.shows('Cake, for Ada');
    });

    describe('for a page of another origin', () => {
      let attacker: Server;

      beforeAll(async () => {
        attacker = createServer((_request, response) => {
          response.setHeader('Content-Type', 'text/html');
          response.end('<!doctype html><title>Another origin</title>');
        }).listen(0);
        await once(attacker, 'listening');
      });

      afterAll(() => attacker?.close());

      it.each(
        combinations(
          [
            // The browser sends the cookies along: only the library is in the way.
            ['on another port', 'localhost', 200, 4401],
            ['on another site', '127.0.0.1', 401, 4410],
          ] as const,
          1,
        ),
      )(
        'opens neither the subscription nor the chat: %s',
        async (_where, host, status, refusal) => {
          const context = await newContext();
          const ada = await (await openPage(context)).signIn('Ada');
          const before = await ada.rows('chat');
          const page = await context.newPage();
          const { port } = attacker.address() as AddressInfo;
          await page.goto(`http://${host}:${port}`);
          const [answer] = await Promise.all([
            page.waitForResponse('**/session'),
            page.evaluate(
              `fetch('${server.url}/session', { mode: 'no-cors', credentials: 'include' }).then(() => {}, () => {})`,
            ),
          ]);
          expect(answer.status()).toBe(status);

          await openSocket(page, 'orders', graphqlUrl(), 'graphql');
          await openSocket(page, 'chat', chatUrl, SOCKETS);
          const { received, code } = await closedSocket(page, 'orders');
          expect(received).toEqual([]);
          // Mercurius refuses the handshake.
          expect(code).toBe(DRIVER === 'mercurius' ? 1006 : refusal);
          const chat = await closedSocket(page, 'chat');
          expect(String(chat.received)).not.toMatch(/said|recent/);
          if (SOCKETS === 'ws') expect(chat.code).toBe(refusal);

          await ada.say(`not heard ${host}`);
          const message = `Ada (member): not heard ${host}`;
          await ada.shows(message);
          expect(await ada.rows('chat')).toEqual([message, ...before]);
          await ada.isLive();
        },
      );
    });
  },
);

describe('node dist/main.js', () => {
  let started: SampleProcess | undefined;

  afterEach(() => started?.stop());

  it('serves a page that may not be framed, and the browser builds that it loads', async () => {
    started = await runSample(SAMPLE, {
      ADAPTER: 'express',
      CHAT_PORT: String(await freePort()),
    });
    const { headers } = await fetch(started.url);
    expect(headers.get('content-security-policy')).toContain(
      "frame-ancestors 'none'",
    );
    for (const [path, content] of [
      ['session/index.js', 'SessionClient'],
      ['graphql-ws/client.js', 'createClient'],
      ['socket.io/socket.io.esm.min.js', 'Socket.IO'],
    ]) {
      const file = await fetch(`${started.url}/files/${path}`);
      expect(await file.text()).toContain(content);
    }
    const outside = await fetch(`${started.url}/files/app/..%2findex.html`);
    expect(outside.status).toBe(404);
  });

  atFullEffort.each([
    [
      { DRIVER: 'mercurius', ADAPTER: 'express' },
      'DRIVER=mercurius requires ADAPTER=fastify',
    ],
    [{ SOCKETS: 'sse' }, 'SOCKETS: expected io or ws, got sse'],
  ])('refuses %o', async (environment, message) => {
    const { code, output } = await sampleEnds(SAMPLE, environment);
    expect(code).toBe(1);
    expect(output).toContain(message);
  });
});
