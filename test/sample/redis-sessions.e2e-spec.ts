import type { Browser, BrowserContext } from 'playwright-core';
import {
  atFullEffort,
  describeAtFullEffort,
} from '../support/at-full-effort.js';
import { openForUsers, openUser } from '../support/chromium.js';
import { combinations, platforms } from '../support/effort.js';
import { startRedis } from '../support/redis-server.js';
import type { RedisServer } from '../support/redis-server.js';
import { DevicesPage } from './devices-page.js';
import { runSample, sampleEnds } from './sample-process.js';
import type { SampleProcess } from './sample-process.js';
import { SampleClient } from './sample-client.js';
import type { Device, SampleAnswer } from './sample-client.js';

const SAMPLE = '03-redis-sessions';

/** Where Redis has to answer, it may take its time: the machine may be busy. */
const PATIENT = { STORE_TIMEOUT: '20' };
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const MARKUP = '<img src=x onerror=alert(1)>';

describe.each(platforms('fastify'))('the devices on %s', (adapter) => {
  let server: SampleProcess;

  beforeAll(async () => {
    server = await runSample(SAMPLE, { ADAPTER: adapter });
  });

  afterEach(async () => {
    for (const user of ['ada', 'grace']) {
      const last = await signIn(user);
      await last.post('/devices/end-others');
      await last.post('/logout');
    }
  });

  afterAll(() => server?.stop());

  async function signIn(
    user: string,
    device: { label?: unknown; userAgent?: string } = {},
  ): Promise<SampleClient> {
    const client = new SampleClient(server.url, device.userAgent);
    await client.signIn(user, device);
    return client;
  }

  it('lists all sessions of a user in each of them, and marks that one (S-107)', async () => {
    const desktop = await signIn('ada', { label: ' Desk ' });
    const phone = await signIn('ada', { userAgent: IPHONE });
    await signIn('grace');

    const seen = await Promise.all([desktop.devices(), phone.devices()]);
    const [ofDesktop, ofPhone] = seen.map((devices) =>
      devices.toSorted((a, b) => a.id.localeCompare(b.id)),
    ) as [Device[], Device[]];
    expect(ofDesktop.map(({ id }) => id)).toEqual(ofPhone.map(({ id }) => id));
    expect(ofDesktop).toHaveLength(2);
    for (const [index, device] of ofDesktop.entries()) {
      expect(device.isThisDevice).toBe(!ofPhone[index]!.isThisDevice);
    }
    const own = seen.map((devices) => devices.find((it) => it.isThisDevice));
    expect(own[0]!.metadata).toMatchObject({ label: 'Desk' });
    expect(own[1]!.metadata).toEqual({
      userAgent: 'Safari on iPhone',
      ip: expect.stringMatching(/^(::1|(::ffff:)?127\.0\.0\.1)$/),
    });
    expect(Object.keys(own[1]!).toSorted()).toEqual([
      'createdAt',
      'id',
      'isThisDevice',
      'lastSeenAt',
      'metadata',
    ]);
  });

  it('ends one session, which gets 401 at its next request and loses its cookie (S-104, A-080)', async () => {
    const desktop = await signIn('ada');
    const phone = await signIn('ada');
    const id = await phone.ownId();
    expect(await desktop.post('/devices/end', { id })).toMatchObject({
      status: 204,
    });

    expect(await phone.get('/devices')).toMatchObject({ status: 401 });
    expect(phone.cookie).toBe('');
    expect(await desktop.devices()).toHaveLength(1);
    expect(await desktop.post('/devices/end', { id })).toMatchObject({
      status: 404,
    });
  });

  it('ends its own session by its id too (S-104)', async () => {
    const desktop = await signIn('ada');
    const id = await desktop.ownId();
    expect(await desktop.post('/devices/end', { id })).toMatchObject({
      status: 204,
    });
    expect(await desktop.get('/devices')).toMatchObject({ status: 401 });
    expect(desktop.cookie).toBe('');
  });

  it('ends all other sessions and keeps its own (S-106, S-055)', async () => {
    const [desktop, phone, tablet, other] = [
      await signIn('ada'),
      await signIn('ada'),
      await signIn('ada'),
      await signIn('grace'),
    ];
    expect(await desktop.post('/devices/end-others')).toMatchObject({
      status: 201,
      json: { ended: 2 },
    });
    const statuses = await Promise.all(
      [desktop, phone, tablet, other].map((client) => client.get('/devices')),
    );
    expect(statuses.map(({ status }) => status)).toEqual([200, 401, 401, 200]);
  });

  it('ends no session of another user, even by its id (A-090)', async () => {
    const ada = await signIn('ada');
    const grace = await signIn('grace');
    const id = await ada.ownId();
    expect(await grace.post('/devices/end', { id })).toMatchObject({
      status: 404,
    });
    expect(await grace.post('/devices/end-others')).toMatchObject({
      json: { ended: 0 },
    });
    expect(await ada.get('/devices')).toMatchObject({ status: 200 });
  });

  it.each([undefined, null, 7, '', {}, [], ['x'], { id: 'x' }, '../..'])(
    'finds no session with the id %j',
    async (id) => {
      const ada = await signIn('ada');
      expect(await ada.post('/devices/end', { id })).toMatchObject({
        status: 404,
      });
      expect(await ada.devices()).toHaveLength(1);
    },
  );

  it('refuses what another site posts, and leaves session and cookie alone (A-085)', async () => {
    const desktop = await signIn('ada');
    const phone = await signIn('ada');
    const { cookie } = desktop;
    const id = await phone.ownId();
    for (const [path, body] of [
      ['/devices/end', { id }],
      ['/devices/end-others', {}],
      ['/logout', {}],
      ['/login', { user: 'grace' }],
    ] as const) {
      const { status } = await desktop.post(path, body, {
        'Sec-Fetch-Site': 'cross-site',
        Origin: 'https://evil.example',
      });
      expect([path, status]).toEqual([path, 403]);
    }
    expect(desktop.cookie).toBe(cookie);
    expect(await desktop.devices()).toHaveLength(2);
    expect(await phone.devices()).toHaveLength(2);
  });

  it('replaces the session of a browser that signs in again (S-102)', async () => {
    const desktop = await signIn('ada');
    const id = await desktop.ownId();
    await desktop.signIn('ada');
    expect(await desktop.devices()).toHaveLength(1);
    expect(await desktop.ownId()).not.toBe(id);
  });

  it.each([
    [
      'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      'Firefox on Linux',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
      'Chrome on Windows',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
      'Edge on Mac',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
      'Safari on Mac',
    ],
    [
      'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
      'Chrome on Android',
    ],
    ['curl/8.5.0', 'curl'],
    ['x'.repeat(2_000), 'Unknown browser'],
  ])('calls %j %j', async (userAgent, name) => {
    const [device] = await (await signIn('ada', { userAgent })).devices();
    expect(device!.metadata).toMatchObject({ userAgent: name });
  });

  it.each([
    ['x'.repeat(100), 'x'.repeat(40)],
    ['   ', undefined],
    [{ toString: 'x' }, undefined],
    [7, undefined],
  ])('takes the label %j as %j', async (label, expected) => {
    const [device] = await (await signIn('ada', { label })).devices();
    expect(device!.metadata.label).toBe(expected);
  });

  it('asks for a session, and serves its page to everybody', async () => {
    const stranger = new SampleClient(server.url);
    for (const path of ['/devices/end', '/devices/end-others']) {
      expect(await stranger.post(path)).toMatchObject({ status: 401 });
    }
    expect(await stranger.get('/devices')).toMatchObject({ status: 401 });
    const page = await fetch(server.url);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain(
      "default-src 'none'",
    );
  });
});

const DEVICES_PAGES = [
  { place: 'Redis', script: 'cluster.js', adapter: 'fastify', processes: 2 },
  { place: 'memory', script: 'main.js', adapter: 'express', processes: 1 },
];

describe.each(combinations(DEVICES_PAGES, 1))(
  'the page of devices, with sessions in $place, in $processes process(es)',
  ({ place, script, adapter, processes }) => {
    let browser: Browser;
    let contexts: BrowserContext[] = [];
    let redis: RedisServer | undefined;
    let server: SampleProcess;
    let pages: DevicesPage[] = [];
    let desktop: DevicesPage;
    let phone: DevicesPage;

    beforeAll(async () => {
      [browser, redis] = await Promise.all([
        openForUsers(),
        place === 'Redis' ? startRedis() : undefined,
      ]);
      contexts = await Promise.all([
        openUser(browser, { viewport: { width: 1000, height: 700 } }),
        openUser(browser, {
          viewport: { width: 390, height: 844 },
          userAgent: IPHONE,
        }),
      ]);
      server = await runSample(
        SAMPLE,
        { ...PATIENT, ADAPTER: adapter, REDIS_URL: redis?.url },
        script,
      );
    });

    afterAll(async () => {
      await browser?.close();
      await server?.stop();
      await redis?.stop();
    });

    beforeEach(async () => {
      [desktop, phone] = (await Promise.all(contexts.map(openPage))) as [
        DevicesPage,
        DevicesPage,
      ];
    });

    afterEach(async () => {
      const complaints = pages.flatMap((page) => page.complaints);
      for (const { page } of pages) {
        await page.request.post(`${server.url}/logout`);
        await page.close();
      }
      pages = [];
      expect(complaints).toEqual([]);
    });

    async function openPage(context: BrowserContext): Promise<DevicesPage> {
      const page = new DevicesPage(await context.newPage(), server.url);
      pages.push(page);
      await page.open();
      return page;
    }

    it('shows both devices on both, and ends the other, which is signed out at its next request (S-104, S-107)', async () => {
      await desktop.signIn('Ada Lovelace');
      expect(await desktop.titles(1)).toEqual(['Chrome on Linux*']);
      await phone.signIn('Ada Lovelace', 'My phone');
      expect(await desktop.titles(2)).toEqual(['Chrome on Linux*', 'My phone']);
      expect(await phone.titles(2)).toEqual(['My phone*', 'Chrome on Linux']);
      // Two pages that ask in turns may meet one process each.
      const answering = new Set<string>();
      while (answering.size < processes) {
        await desktop.asksAgain();
        answering.add(await desktop.answeredBy(place));
        answering.add(await phone.answeredBy(place));
      }
      expect(answering.size).toBe(processes);

      await desktop.press('End the session on My phone');
      await desktop.says('The session on My phone has ended.');
      expect(await desktop.titles(1)).toEqual(['Chrome on Linux*']);
      await phone.isSignedOut();
      await phone.says('This session has ended.');
      expect(await phone.page.context().cookies(server.url)).toEqual([]);
    });

    atFullEffort('ends all others and keeps this one (S-106)', async () => {
      await phone.signIn('Ada Lovelace');
      await desktop.signIn('Ada Lovelace');
      const third = new SampleClient(server.url);
      await third.signIn('ada');
      await desktop.titles(3);
      await desktop.press('End all others');
      await desktop.says('All other sessions have ended.');
      expect(await desktop.titles(1)).toEqual(['Chrome on Linux*']);
      await phone.isSignedOut();
      const { cookie } = third;
      for (let i = 0; i < 2 * processes; i += 1) {
        third.cookie = cookie;
        expect(await third.get('/devices')).toMatchObject({ status: 401 });
      }
      expect(
        await desktop.page
          .getByRole('button', { name: 'End all others' })
          .isVisible(),
      ).toBe(false);
      expect(await desktop.focused()).toBe('Ada Lovelace');
    });

    atFullEffort('signs out, and says so', async () => {
      await desktop.signIn('Grace Hopper');
      await desktop.press('Sign out');
      await desktop.isSignedOut();
      await desktop.says('You are signed out.');
      expect(await desktop.focused()).toBe('Sign in');
      expect(await desktop.page.context().cookies(server.url)).toEqual([]);
    });

    atFullEffort(
      'shows as text what a device says of itself, and fits a phone',
      async () => {
        await desktop.signIn('Ada Lovelace', MARKUP);
        await phone.signIn('Ada Lovelace', 'x'.repeat(40));
        expect(await phone.titles(2)).toEqual([`${'x'.repeat(40)}*`, MARKUP]);
        for (const width of [390, 320]) {
          await phone.page.setViewportSize({ width, height: 844 });
          expect([width, await phone.overflow()]).toEqual([width, 0]);
        }
      },
    );
  },
);

describeAtFullEffort('two processes behind one port', () => {
  let redis: RedisServer;
  let server: SampleProcess | undefined;

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(async () => {
    await server?.stop();
    server = undefined;
    await redis.stop();
  });

  it('share every session: signed in by one, listed and ended by the other (S-104, S-122)', async () => {
    server = await runSample(
      SAMPLE,
      { ...PATIENT, REDIS_URL: redis.url },
      'cluster.js',
    );
    const desktop = new SampleClient(server.url);
    const phone = new SampleClient(server.url);
    await desktop.signIn('ada');
    await phone.signIn('ada');
    const pids = new Set<number>();
    while (pids.size < 2) {
      const { json } = await desktop.get('/devices');
      expect(json.devices).toHaveLength(2);
      pids.add(json.server.process);
    }

    const { cookie } = phone;
    await desktop.post('/devices/end', { id: await phone.ownId() });
    pids.clear();
    for (let i = 0; i < 10; i += 1) {
      phone.cookie = cookie;
      expect(await phone.get('/devices')).toMatchObject({ status: 401 });
      // Requests take turns, so a second one between moves those of the phone on to the other process.
      const { json } = await desktop.get('/devices');
      if (i % 2 === 0) await desktop.get('/devices');
      pids.add(json.server.process);
    }
    expect(pids.size).toBe(2);
  });

  it('end together (F-29)', async () => {
    server = await runSample(
      SAMPLE,
      { ...PATIENT, REDIS_URL: redis.url },
      'cluster.js',
    );
    const client = new SampleClient(server.url);
    await client.signIn('ada');
    const pids = new Set<number>();
    while (pids.size < 2) {
      pids.add((await client.get('/devices')).json.server.process);
    }
    await server.stop();
    const isAlive = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    while ([...pids].some(isAlive)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it.each([
    ['two processes', {}, 'cluster.js', 'in one process of several'],
    ['production', { NODE_ENV: 'production' }, 'main.js', 'loses every'],
  ])(
    'do not start without Redis: %s (F-28)',
    async (_, environment, script, text) => {
      const { code, output } = await sampleEnds(SAMPLE, environment, script);
      expect(code).toBe(1);
      expect(output).toContain(`MemorySessionStore`);
      expect(output).toContain(text);
    },
  );
});

describeAtFullEffort.each(platforms('fastify'))(
  'a Redis in trouble, on %s',
  (ADAPTER) => {
    let redis: RedisServer;
    let server: SampleProcess | undefined;

    beforeEach(async () => {
      redis = await startRedis();
    });

    afterEach(async () => {
      await server?.stop();
      server = undefined;
      await redis.stop();
    });

    it('connects before it listens, and keeps sessions over a restart with the same secret', async () => {
      const environment = {
        ...PATIENT,
        ADAPTER,
        REDIS_URL: redis.url,
        SESSION_SECRET: 'wF3kQ9-vN7xR1_bT5mZ8cJ2hL6pY4sD0gA-uE_iOaXq',
      };
      server = await runSample(SAMPLE, environment);
      const [connected, open] = ['[Redis] connected', '[Sample] Open'].map(
        (line) => server!.output().indexOf(line),
      ) as [number, number];
      expect(connected).toBeGreaterThan(0);
      expect(open).toBeGreaterThan(connected);
      const before = new SampleClient(server.url);
      await before.signIn('ada');
      await server.stop();

      server = await runSample(SAMPLE, environment);
      const after = new SampleClient(server.url);
      after.cookie = before.cookie;
      expect(await after.devices()).toHaveLength(1);
    });

    it('answers 503 at once while Redis is gone, and clears no cookie (F-07, F-12)', async () => {
      server = await runSample(SAMPLE, {
        ...PATIENT,
        ADAPTER,
        REDIS_URL: redis.url,
      });
      const client = new SampleClient(server.url);
      await client.signIn('ada');
      const { cookie } = client;
      await redis.stop();

      for (let i = 0; i < 5; i += 1) {
        const { status, retryAfter } = await client.get('/devices');
        expect([status, Number(retryAfter) > 0]).toEqual([503, true]);
      }
      expect(client.cookie).toBe(cookie);
      expect(
        await new SampleClient(server.url).post('/login', { user: 'ada' }),
      ).toMatchObject({ status: 503 });
    });

    it('starts without Redis and answers 503 until there is one (F-06)', async () => {
      const { url } = redis;
      await redis.stop();
      server = await runSample(SAMPLE, { ADAPTER, REDIS_URL: url });
      expect(
        await new SampleClient(server.url).post('/login', { user: 'ada' }),
      ).toMatchObject({ status: 503 });
      expect(server.output()).toContain('ECONNREFUSED');
    });

    it('goes on when a Redis that hung answers again, everybody still signed in (F-07, F-08)', async () => {
      server = await runSample(SAMPLE, { ADAPTER, REDIS_URL: redis.url });
      const client = new SampleClient(server.url);
      const askUntilAnswered = async (
        ask: () => Promise<SampleAnswer>,
      ): Promise<number> => {
        for (;;) {
          const { status } = await ask();
          if (status !== 503) return status;
        }
      };
      const signIn = () => client.post('/login', { user: 'ada' });
      expect(await askUntilAnswered(signIn)).toBe(201);
      await redis.command('CLIENT PAUSE 3000 ALL');
      const devices = () => client.get('/devices');
      expect(await devices()).toMatchObject({ status: 503 });
      expect(await askUntilAnswered(devices)).toBe(200);
    });
  },
);
