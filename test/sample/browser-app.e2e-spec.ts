import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startAttacker } from '../../sample/05-browser-app/src/attacker.js';
import {
  atFullEffort,
  describeAtFullEffort,
} from '../support/at-full-effort.js';
import { openForUsers, openUser } from '../support/chromium.js';
import {
  AttackerPage,
  BrowserAppPage,
  overflowOf,
  tooSmallOf,
} from './browser-app-page.js';
import { runSample, serveSample } from './sample-process.js';
import type { ClockedSampleProcess, SampleProcess } from './sample-process.js';
import { combinations, platforms } from '../support/effort.js';

const SAMPLE = '05-browser-app';
/** Longer than a test runs: the browser has a clock of its own. */
const ACCESS_LIFETIME = 600;
const COOKIES = [
  'XSRF-TOKEN',
  '__Host-Http-session',
  '__Host-Http-session-refresh',
];

/** Written with `UPDATE_SCREENSHOT=1` only. */
const PICTURE = new URL(
  '../../docs/images/05-browser-app.png',
  import.meta.url,
);
const WINDOW = { width: 900, height: 1100 };

const ATTACKS = [
  'Form in a hidden frame',
  'Form in a window',
  'Form with a guessed token',
  'Multipart form',
  'Form that looks like JSON',
  'fetch without CORS',
  'fetch without a body',
  'fetch with JSON',
  'fetch with the CSRF header',
  'Beacon',
  'Form that pretends to be a GET',
  'Method override in a header',
  'Image that ends the session',
  'Image that signs out',
  'Image that refreshes',
  'Ending the other devices',
  'Reading the session',
  'Listening to the notes',
  'Framing the page',
  'Signing the victim out',
  'Signing the victim in as Mallory',
];

interface Counts {
  changes: number;
  signIns: number;
  signOuts: number;
  refreshes: number;
  pages: number;
  foreign: Record<string, number>;
}

let browser: Browser;
let here: BrowserContext;
let there: BrowserContext;
let attacker: Server;
let server: ClockedSampleProcess;
let pages: { page: Page; complaints: string[] }[] = [];

beforeAll(async () => {
  attacker = await startAttacker(0);
  browser = await openForUsers();
  [here, there] = await Promise.all([openUser(browser), openUser(browser)]);
});

afterAll(async () => {
  await browser?.close();
  attacker?.close();
});

afterEach(async () => {
  const complaints = pages.flatMap((page) => page.complaints);
  await Promise.all(pages.map(({ page }) => page.close()));
  pages = [];
  for (const context of [here, there]) await context.clearCookies();
  expect(complaints).toEqual([]);
});

async function serve(environment: Record<string, string>): Promise<void> {
  server = await serveSample(SAMPLE, {
    ATTACKER_PORT: String((attacker.address() as AddressInfo).port),
    ACCESS_LIFETIME: String(ACCESS_LIFETIME),
    ...environment,
  });
}

/** The name that has a sibling of the same site. */
const addressOf = ({ url }: SampleProcess): string =>
  url.replace('localhost', 'notes.localhost');

async function openTab(context = here): Promise<BrowserAppPage> {
  const tab = new BrowserAppPage(await context.newPage(), addressOf(server));
  pages.push(tab);
  return tab.open();
}

async function openAttacker(which: 'sibling' | 'other'): Promise<AttackerPage> {
  const page = new AttackerPage(await here.newPage());
  pages.push(page);
  await page.page.goto(`${addressOf(server)}/attacker/${which}`);
  return page;
}

async function counts(): Promise<Counts> {
  const response = await fetch(`${server.url}/demo/counts`);
  return (await response.json()) as Counts;
}

describe.each(platforms('fastify'))(
  'the browser application on %s',
  (ADAPTER) => {
    beforeAll(() => serve({ ADAPTER }));
    afterAll(() => server?.stop());

    it('adds, renames and deletes with the client, and shows it in the other tab at once', async () => {
      const tab = await (await openTab()).signIn('Ada Lovelace');
      const otherTab = await (await openTab()).isConnected('Ada Lovelace');
      await tab.add('<b>Water</b> the plants');
      await otherTab.shows('<b>Water</b> the plants');

      await otherTab.note('<b>Water</b> the plants').fill('Water the cactus');
      await otherTab.press('Save the note <b>Water</b> the plants');
      await tab.shows('Water the cactus');

      await tab.press('Delete the note Water the cactus');
      await Promise.all([tab.showsNoNotes(), otherTab.showsNoNotes()]);
      await tab.add('1');
      await tab.add('2');
      await otherTab.press('Delete all');
      await tab.showsNoNotes();
      expect(await tab.page.evaluate('document.cookie')).toMatch(
        /^XSRF-TOKEN=[^;]+$/,
      );
      expect([...(await tab.cookies()).keys()].toSorted()).toEqual(COOKIES);
    });

    atFullEffort(
      'refreshes when the session token has expired, and nobody notices but the log',
      async () => {
        const tab = await (await openTab()).signIn('Ada Lovelace');
        await tab.add('before');
        const old = await tab.cookies();
        const { refreshes } = await counts();
        await server.advance(ACCESS_LIFETIME);
        await tab.add('after');
        await tab.logs(/Refreshed/);
        expect((await counts()).refreshes).toBe(refreshes + 1);
        const renewed = await tab.cookies();
        expect([...renewed.keys()].toSorted()).toEqual(COOKIES);
        for (const [name, value] of renewed) {
          expect(value === old.get(name)).toBe(false);
        }
        await tab.isConnected('Ada Lovelace');
        await tab.press('Delete all');
        await tab.showsNoNotes();
      },
    );

    atFullEffort(
      'stays connected when the session token expires, and refreshes once with the next request',
      async () => {
        const tabs = [
          await (await openTab()).signIn('Ada Lovelace'),
          await (await openTab()).isConnected('Ada Lovelace'),
        ];
        const { refreshes } = await counts();
        await server.advance(ACCESS_LIFETIME);
        await tabs[0]!.add('still here');
        await tabs[1]!.shows('still here');
        await tabs[0]!.logs(/Refreshed/);
        expect((await counts()).refreshes).toBe(refreshes + 1);
        await tabs[1]!.isConnected('Ada Lovelace');
        await tabs[1]!.press('Delete all');
        await tabs[0]!.showsNoNotes();
      },
    );

    atFullEffort('says when another tab has refreshed', async () => {
      const tab = await (await openTab()).signIn('Ada Lovelace');
      const idle = await (await openTab()).isConnected('Ada Lovelace');
      // It must not ask for itself.
      await idle.page
        .context()
        .route('**/session', (route) =>
          route.request().frame().page() === idle.page
            ? route.abort()
            : route.fallback(),
        );
      await server.advance(ACCESS_LIFETIME);
      await tab.add('after');
      await idle.logs('Refreshed by another tab');
      expect(await tab.log()).not.toContain('Refreshed by another tab');
      await idle.page.context().unrouteAll();
      idle.complaints.length = 0;
      await tab.press('Delete all');
      await tab.showsNoNotes();
    });

    it('S-111: works without a script, by a token in a form, with the session that the request itself refreshed', async () => {
      const tab = await (await openTab()).signIn('Ada Lovelace');
      const { page } = tab;
      await page.goto(`${tab.url}/plain`);
      const loadedAt = async () =>
        Date.parse(
          (await page.locator('#loaded-at').getAttribute('datetime')) ?? '',
        );
      const atFirst = await loadedAt();
      await server.advance(ACCESS_LIFETIME);
      await page.getByRole('link', { name: 'Reload this page' }).click();
      expect(await loadedAt()).toBe(atFirst + ACCESS_LIFETIME * 1000);

      await server.advance(ACCESS_LIFETIME);
      await page.getByLabel('New note').fill('<i>by a form</i>');
      await page.getByRole('button', { name: 'Add' }).click();
      await page.getByText('<i>by a form</i>').waitFor();
      expect(await loadedAt()).toBe(atFirst + 2 * ACCESS_LIFETIME * 1000);

      await page.evaluate(
        "document.querySelector('[name=_csrf]').value = 'forged'",
      );
      await page.getByLabel('New note').fill('forged');
      await page.getByRole('button', { name: 'Add' }).click();
      await page.getByText('CSRF_REFUSED').waitFor();
      await tab.open();
      await tab.shows('<i>by a form</i>');
      await tab.press('Delete all');
      await tab.showsNoNotes();
    });

    it('ends the session of the other device at once, from either', async () => {
      const tab = await (await openTab()).signIn('Grace Hopper');
      const otherTab = await openTab(there);
      await otherTab.signIn('Grace Hopper');
      await Promise.all([tab.hasDevices(2), otherTab.hasDevices(2)]);
      await tab.press('End the session on Chrome on Linux');
      await otherTab.isSignedOut();
      await otherTab.logs('Signed out elsewhere');
      await tab.hasDevices(1);

      await otherTab.signIn('Grace Hopper');
      await otherTab.press('End all others');
      await tab.isSignedOut();
      await tab.logs('Signed out elsewhere');
      await otherTab.hasDevices(1);
      expect(await tab.cookies()).toEqual(new Map());
    });

    atFullEffort('signs out the other tab too', async () => {
      const tab = await (await openTab()).signIn('Ada Lovelace');
      const otherTab = await (await openTab()).isConnected('Ada Lovelace');
      await tab.press('Sign out');
      await Promise.all([tab.isSignedOut(), otherTab.isSignedOut()]);
      await tab.logs(/Signed out$/);
      await otherTab.logs('Signed out elsewhere');
      expect(await tab.cookies()).toEqual(new Map());
    });

    it.each(
      combinations(
        [
          // The browser sends the cookies along: only the library is in the way.
          ['a sibling of the same site', 'sibling', 'answered 403'],
          ['another site', 'other', 'answered 401'],
        ] as const,
        1,
      ),
    )(
      'A-120, A-124, A-127, A-131, A-133, S-111, S-112, S-113, S-158: refuses all that a page of %s can send',
      async (_where, which, answer) => {
        const tab = await (await openTab()).signIn('Ada Lovelace');
        await tab.add('mine');
        const attackers = await openAttacker(which);
        const cookies = await tab.cookies();
        const before = await counts();
        expect(await attackers.attack()).toEqual(
          new Map(ATTACKS.map((title) => [title, 'refused'])),
        );
        expect(await attackers.answerTo('Form in a hidden frame')).toBe(answer);

        const { foreign, ...after } = await counts();
        expect({ ...after, foreign: before.foreign }).toEqual(before);
        const answered = Object.values(foreign).reduce((a, b) => a + b, 0);
        const earlier = Object.values(before.foreign).reduce(
          (a, b) => a + b,
          0,
        );
        // All but the WebSocket.
        expect(answered - earlier).toBe(ATTACKS.length - 1);
        expect(await tab.cookies()).toEqual(cookies);
        await tab.isConnected('Ada Lovelace');
        await tab.shows('mine');
        await tab.press('Delete all');
        await tab.showsNoNotes();
      },
    );
  },
);

describeAtFullEffort.each(platforms('fastify'))(
  'without protection, on %s',
  (ADAPTER) => {
    beforeAll(() => serve({ ADAPTER, PROTECTION: 'off' }));
    afterAll(() => server?.stop());

    it.each(
      combinations(
        [
          [
            'a sibling',
            'sibling',
            ATTACKS.filter(
              (title) =>
                // Another origin cannot send or read these without CORS, and the routes know no GET.
                !/JSON$|header|Image|other devices|Reading|Multipart/.test(
                  title,
                ) || title === 'Form that looks like JSON',
            ),
          ],
          [
            'another site',
            'other',
            ['Framing the page', 'Signing the victim in as Mallory'],
          ],
        ] as const,
        1,
      ),
    )(
      'the attacks of %s succeed and are shown to: the page is honest',
      async (_where, which, expected) => {
        const tab = await (await openTab()).signIn('Ada Lovelace');
        await tab.add('mine');
        const before = await counts();
        const verdicts = await (await openAttacker(which)).attack();
        const succeeded = [...verdicts]
          // Fastify has no parser for it.
          .filter(([title]) => title !== 'Multipart form')
          .filter(([, verdict]) => verdict === 'succeeded')
          .map(([title]) => title);
        expect(succeeded).toEqual(expected);
        const after = await counts();
        expect(after.signIns).toBe(before.signIns + 1);
        expect(after.changes > before.changes).toBe(which === 'sibling');
      },
    );
  },
);

describeAtFullEffort('the pages', () => {
  beforeAll(() => serve({ ACCESS_LIFETIME: '20' }));
  afterAll(() => server?.stop());

  it('fit a phone, and a finger', async () => {
    const tab = await openTab();
    await tab.page.setViewportSize({ width: 360, height: 800 });
    const fits = async (page: Page) =>
      expect([await overflowOf(page), await tooSmallOf(page)]).toEqual([0, []]);
    await tab.isSignedOut();
    await fits(tab.page);
    await tab.signIn('Grace Hopper');
    await tab.add('w'.repeat(80));
    await fits(tab.page);
    await tab.page.goto(`${tab.url}/plain`);
    await fits(tab.page);
    const { page } = await openAttacker('sibling');
    await page.setViewportSize({ width: 360, height: 800 });
    await fits(page);
  });

  it('look like their picture', async () => {
    const tab = await (await openTab()).signIn('Ada Lovelace');
    await (await openTab(there)).signIn('Ada Lovelace');
    await tab.hasDevices(2);
    await tab.page.setViewportSize(WINDOW);
    for (const text of [
      'Water the plants',
      'Write to Charles about the engine',
      'Compute the Bernoulli numbers',
    ]) {
      await tab.add(text);
    }
    const attackers = await openAttacker('sibling');
    await attackers.page.setViewportSize(WINDOW);
    await attackers.attack();
    await attackers.page.evaluate('scrollTo(0, 0)');
    const shots = await Promise.all(
      [tab.page, attackers.page].map((page) =>
        page.screenshot({ animations: 'disabled' }),
      ),
    );
    const { page: sheet } = await openTab();
    await sheet.setViewportSize({ ...WINDOW, width: 2 * WINDOW.width });
    await sheet.goto('about:blank');
    await sheet.setContent(
      `<body style="margin:0;display:flex">${shots
        .map(
          (shot) =>
            `<img src="data:image/png;base64,${shot.toString('base64')}">`,
        )
        .join('')}`,
    );
    const picture = await sheet.screenshot();

    expect(picture.readUInt32BE(16)).toBe(2 * WINDOW.width);
    expect(picture.length).toBeGreaterThan(100_000);
    if (process.env.UPDATE_SCREENSHOT === '1') {
      await mkdir(new URL('.', PICTURE), { recursive: true });
      await writeFile(PICTURE, picture);
    }
  });
});

describe('node dist/main.js', () => {
  let started: SampleProcess | undefined;

  afterEach(() => started?.stop());

  it.each(platforms('express'))(
    'starts both on %s, and no page of it may be framed',
    async (ADAPTER) => {
      started = await runSample(SAMPLE, { ADAPTER, ATTACKER_PORT: '0' });
      for (const path of ['/', '/files/app/app.js', '/session', '/nowhere']) {
        const { headers } = await fetch(started.url + path);
        expect(headers.get('content-security-policy')).toContain(
          "frame-ancestors 'none'",
        );
      }
      const client = await fetch(`${started.url}/files/client/index.js`);
      expect(await client.text()).toContain('SessionClient');
      expect(started.output()).toContain('evil.notes.localhost');
      expect(started.output()).not.toContain('can be attacked');
    },
  );

  atFullEffort(
    'says that it can be attacked where that was asked for',
    async () => {
      started = await runSample(SAMPLE, {
        ATTACKER_PORT: '0',
        PROTECTION: 'off',
      });
      expect(started.output()).toContain('can be attacked');
    },
  );
});
