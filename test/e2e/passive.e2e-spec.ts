import {
  Controller,
  Get,
  Inject,
  Req,
  Res,
  UseGuards,
  type INestApplication,
} from '@nestjs/common';
import { SessionClient } from '../../lib/client/index.js';
import {
  MemorySessionStore,
  Passive,
  Public,
  Session,
  SessionGuard,
  SessionService,
  type ActiveSession,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionJwtModuleOptions,
  type SessionRecord,
} from '../../lib/index.js';
import { createGate } from '../support/asynchrony.js';
import { createExchange } from '../support/node-exchange.js';
import { openTestApp } from '../support/opened-apps.js';
import { Clicks, OpenPage, Polls, statusAt } from './page-of-session.js';
import { claimsIn, MINUTE } from '../support/session-claims.js';
import { SickStore } from '../support/sick-store.js';
import { platforms } from '../support/effort.js';
import { type TestApp } from '../support/test-app.js';
import { REFRESH_COOKIE, refreshClaimsIn } from '../support/token-pair.js';

const adapters = platforms('fastify');

const IDLE = 30 * MINUTE;
const POLL = 5;
const CLICK = 10 * MINUTE;
const TIMES = {
  dataRefreshInterval: '10m',
  lifetime: { idle: '30m' },
} as const;

type Options = Partial<SessionJwtModuleOptions>;

/** A store of 0.1, which knows of no passive requests. */
class FormerStore extends MemorySessionStore {
  override update(
    id: string,
    subject: string,
    { isPassive: _, ...change }: SessionChange,
  ): Promise<SessionRecord | undefined> {
    return super.update(id, subject, change);
  }

  override rotate(
    id: string,
    subject: string,
    { isPassive: _, ...presented }: PresentedRefresh,
  ): Promise<RotationVerdict> {
    return super.rotate(id, subject, presented);
  }
}

const PROFILES: readonly [string, () => Options][] = [
  ['a cookie', () => ({})],
  ['a cookie and a store', () => ({ store: new MemorySessionStore() })],
  [
    'a cookie and a store that is always asked',
    () => ({ store: new MemorySessionStore(), revocationCheck: 'always' }),
  ],
  [
    'a cookie that refers to a store',
    () => ({ store: new MemorySessionStore(), keepDataIn: 'store' }),
  ],
  ['an encrypted cookie', () => ({ encrypt: true })],
  ['a cookie pair', () => ({ refreshToken: {} })],
  [
    'a cookie pair of shorter session tokens',
    () => ({ refreshToken: { accessLifetime: '2m' } }),
  ],
  [
    'a cookie pair with a store',
    () => ({ refreshToken: {}, store: new MemorySessionStore() }),
  ],
];
const FORMER: [string, () => Options][] = [
  ['a cookie and a store of 0.1', () => ({ store: new FormerStore() })],
  [
    'a cookie pair with a store of 0.1',
    () => ({ refreshToken: {}, store: new FormerStore() }),
  ],
];

const open = (session: Options): Promise<TestApp> =>
  openTestApp('express', { session: { ...TIMES, ...session } });

/** Polls that many seconds, with a click now and then; the first second at which a request is refused. */
async function stay(
  app: TestApp,
  send: (isClick: boolean) => Promise<number>,
  seconds: number,
  every = Infinity,
): Promise<number | undefined> {
  for (let second = POLL; second <= seconds; second += POLL) {
    app.clock.advance(POLL);
    const statuses = [
      await send(false),
      ...(second % every === 0 ? [await send(true)] : []),
    ];
    if (statuses.some((status) => status !== 200)) {
      return second;
    }
  }
  return undefined;
}

describe.each([...PROFILES, ...FORMER])('polling with %s', (_name, options) => {
  it('keeps no absent user signed in: the session ends with the idle time, to the second (S-103)', async () => {
    const app = await open(options());
    const page = await OpenPage.signIn(app);
    const send = () => page.poll();
    expect(await stay(app, send, IDLE + MINUTE)).toBe(IDLE);
    expect(app.users.loads.length).toBeGreaterThan(2);
    expect(await page.click()).toBe(401);
  });

  it('starves nobody who works: a click every ten minutes keeps the session for three idle times', async () => {
    const app = await open(options());
    const page = await OpenPage.signIn(app);
    const send = (isClick: boolean) => (isClick ? page.click() : page.poll());
    expect(await stay(app, send, 3 * IDLE, CLICK)).toBeUndefined();
    const polled = await stay(app, () => page.poll(), 2 * IDLE);
    expect(polled).toBeGreaterThan(IDLE - CLICK);
    expect(polled).toBeLessThanOrEqual(IDLE);
  });

  it('does not outlive the absolute end, however much somebody works', async () => {
    const app = await open({
      ...options(),
      lifetime: { idle: '30m', absolute: '45m' },
    });
    const page = await OpenPage.signIn(app);
    const send = (isClick: boolean) => (isClick ? page.click() : page.poll());
    expect(await stay(app, send, IDLE * 2, 5 * MINUTE)).toBe(45 * MINUTE);
  });

  it('counts by the times of the session, where those are shorter', async () => {
    const app = await open(options());
    const own = { lifetime: { idle: '10m' }, dataRefreshInterval: '2m' };
    const alone = await OpenPage.signIn(app, own);
    expect(await stay(app, () => alone.poll(), IDLE)).toBe(10 * MINUTE);
    const page = await OpenPage.signIn(app, { ...own, persistent: false });
    const send = (isClick: boolean) => (isClick ? page.click() : page.poll());
    expect(await stay(app, send, 25 * MINUTE, 150)).toBeUndefined();
    expect(page.cookies.get('__Host-Http-session')?.until).toBe(Infinity);
  });
});

describe('polling over the header transport through the client', () => {
  async function openClient(store?: MemorySessionStore) {
    const app = await open({
      transport: 'header',
      refreshToken: {},
      ...(store && { store }),
    });
    const passive: string[] = [];
    /** The application without a connection. */
    const fetchFrom: typeof fetch = async (input) => {
      const request = input as Request;
      const headers = Object.fromEntries(request.headers);
      const exchange = createExchange(headers, request.method);
      const isRefresh = request.url.endsWith('/refresh');
      if (isRefresh) passive.push(headers['session-passive'] ?? 'no');
      Object.assign(exchange.request, {
        body: JSON.parse((await request.text()) || '{}') as object,
      });
      let status = 200;
      let body: unknown = {};
      if (isRefresh) {
        body = await app.sessions
          .refresh(exchange.request, { response: exchange.response })
          .catch(() => ((status = 401), {}));
      } else {
        status = await statusAt(app, exchange);
      }
      exchange.response.writeHead(status);
      return Response.json(body, {
        status,
        headers: exchange.response.getHeaders() as Record<string, string>,
      });
    };
    const client = new SessionClient({
      url: 'https://app.example/session',
      tokens: 'memory',
      fetch: fetchFrom,
    });
    const issued = await app.sessions.generate('ada');
    client.use(JSON.parse(JSON.stringify(issued)) as never);
    const send = async (isClick: boolean): Promise<number> => {
      const url = 'https://app.example/messages';
      const answer = await (isClick
        ? client.fetch(url)
        : client.fetch(url, { passive: true }));
      return answer.status;
    };
    return { app, send, passive };
  }

  it.each([
    ['without', undefined],
    ['with', () => new MemorySessionStore()],
  ])(
    'ends after the idle time when the user is absent, and not while the user works, %s a store (S-103)',
    async (_what, store) => {
      const idle = await openClient(store?.());
      const poll = () => idle.send(false);
      expect(await stay(idle.app, poll, IDLE + MINUTE)).toBe(IDLE);
      expect(new Set(idle.passive)).toEqual(new Set(['?1']));

      const busy = await openClient(store?.());
      const { app, send } = busy;
      expect(await stay(app, send, 3 * IDLE, CLICK)).toBeUndefined();
      expect(busy.passive).toContain('?1');
      expect(busy.passive).toContain('no');
    },
  );
});

describe('a passive request', () => {
  it.each(PROFILES)(
    'of a session with %s loads its data and moves no end, neither that of tokens nor of the record',
    async (_name, options) => {
      const given = options();
      const app = await open(given);
      const page = await OpenPage.signIn(app);
      const endsOf = async () => {
        const [record] = given.store ? await app.sessions.list('ada') : [];
        const refresh = page.cookie(REFRESH_COOKIE);
        return {
          session:
            given.encrypt || refresh ? undefined : claimsIn(page.cookie()).exp,
          refresh: refresh && refreshClaimsIn(refresh).exp,
          rexp: refresh && claimsIn(page.cookie()).rexp,
          record: record?.expiresAt,
          lastSeenAt: record?.lastSeenAt,
        };
      };
      const before = await endsOf();
      expect(Object.values(before).some(Boolean)).toBe(!given.encrypt);
      app.clock.advance(10 * MINUTE);
      const token = page.cookie();
      expect(await page.poll()).toBe(200);
      expect(app.users.loads).toHaveLength(2);
      expect(page.session?.loadedAt.getTime()).toBe(
        app.clock.nowSeconds() * 1000,
      );
      expect(page.cookie()).not.toBe(token);
      expect(await endsOf()).toEqual(before);

      expect(await page.click()).toBe(200);
      expect(app.users.loads.length).toBeLessThanOrEqual(
        given.refreshToken ? 3 : 2,
      );
      const after = await endsOf();
      for (const name of ['session', 'refresh', 'rexp'] as const) {
        const end = before[name] as number | undefined;
        expect(after[name]).toBe(end && end + 10 * MINUTE);
      }
      if (before.record) {
        expect(after.record!.getTime() - before.record.getTime()).toBe(
          10 * MINUTE * 1000,
        );
      }
    },
  );

  it.each([
    ['passive first', Polls, Clicks],
    ['active first', Clicks, Polls],
  ])(
    'and an active one that come together have one load and tokens of their own, %s',
    async (_order, first, second) => {
      for (const [name, options] of PROFILES) {
        const app = await open(options());
        const page = await OpenPage.signIn(app);
        app.clock.advance(10 * MINUTE);
        const gate = createGate();
        app.users.gate = gate.promise;
        const exchanges = [page.request(), page.request()] as const;
        const statuses = Promise.all([
          statusAt(app, exchanges[0], first),
          statusAt(app, exchanges[1], second),
        ]);
        gate.open();
        expect([name, ...(await statuses)]).toEqual([name, 200, 200]);
        expect([name, app.users.loads.length]).toEqual([name, 2]);
        const lines = exchanges.map((each) => page.take(each));
        expect(lines[0]![0]).not.toBe(lines[1]![0]);
        // Whichever comes last: the browser is left with the later end.
        const end = app.clock.nowSeconds() + IDLE;
        const { until } = page.cookies.get(
          page.cookie(REFRESH_COOKIE) ? REFRESH_COOKIE : '__Host-Http-session',
        )!;
        expect([name, until]).toEqual([name, end]);
      }
    },
  );

  it.each(PROFILES)(
    'with %s whose answer comes after that of an active one leaves the later end',
    async (_name, options) => {
      const app = await open(options());
      const page = await OpenPage.signIn(app);
      app.clock.advance(10 * MINUTE);
      const passive = page.request();
      expect(await statusAt(app, passive, Polls)).toBe(200);
      app.clock.advance(10);
      const active = page.request();
      expect(await statusAt(app, active, Clicks)).toBe(200);
      page.take(active);
      const ends = () => [...page.cookies.values()].map(({ until }) => until);
      const end = Math.max(...ends());
      expect(end).toBe(app.clock.nowSeconds() + IDLE);
      page.take(passive);
      expect(Math.max(...ends())).toBeGreaterThanOrEqual(end - 10);
      expect(await stay(app, () => page.poll(), IDLE + MINUTE)).toBe(IDLE);
    },
  );

  it('with an active one of the same refresh token on another node leaves the record at the later end', async () => {
    const store = new MemorySessionStore();
    const session = { refreshToken: {}, store };
    const app = await open(session);
    const other = await openTestApp('express', {
      clock: app.clock,
      session: { ...TIMES, ...session },
    });
    const page = await OpenPage.signIn(app);
    app.clock.advance(10 * MINUTE);
    const [passive, active] = [page.request(), page.request()];
    expect(await statusAt(other, passive, Polls)).toBe(200);
    expect(await statusAt(app, active, Clicks)).toBe(200);
    expect(app.eventsOf('refreshed')).toMatchObject([{ repeated: true }]);
    const [record] = await app.sessions.list('ada');
    expect(record!.expiresAt.getTime() / 1000).toBe(
      app.clock.nowSeconds() + IDLE,
    );
  });

  it('leaves what an active one does to it: neither a load, nor a store that is asked more than once', async () => {
    const store = new SickStore();
    const app = await open({ store });
    const page = await OpenPage.signIn(app);
    app.clock.advance(10 * MINUTE);
    await page.poll();
    const [old, loads] = [
      page.request().request.headers,
      app.users.loads.length,
    ];
    store.calls = [];
    const parallel = Array.from({ length: 20 }, () =>
      createExchange(old as Record<string, string>),
    );
    const statuses = await Promise.all(
      parallel.map((each) => statusAt(app, each, Clicks)),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(store.calls).toEqual(['update']);
    const late = createExchange(old as Record<string, string>);
    expect(await statusAt(app, late, Clicks)).toBe(200);
    expect(store.calls).toEqual(['update']);
    expect(app.users.loads).toHaveLength(loads);
  });

  it.each([
    ['a cookie', {}],
    ['a cookie pair', { refreshToken: {} }],
  ])(
    'may be followed by an active one while the store is down: with %s that is answered, and asks again later',
    async (_name, options) => {
      const store = new SickStore();
      const app = await open({ ...options, store });
      const page = await OpenPage.signIn(app);
      app.clock.advance(10 * MINUTE);
      await page.poll();
      store.illness = 'rejects';
      store.calls = [];
      expect([await page.click(), await page.click()]).toEqual([200, 200]);
      expect(store.calls).toHaveLength(1);
      store.illness = undefined;
      app.clock.advance(5);
      expect(await page.click()).toBe(200);
      const [record] = await app.sessions.list('ada');
      expect(record!.expiresAt.getTime() / 1000).toBe(
        app.clock.nowSeconds() + IDLE,
      );
    },
  );

  it('of a session that another node has ended makes no active one after it go on', async () => {
    const store = new MemorySessionStore();
    const app = await open({ store });
    const page = await OpenPage.signIn(app);
    app.clock.advance(10 * MINUTE);
    await page.poll();
    await store.endAll('ada');
    expect(await page.click()).toBe(401);
  });
});

@Passive()
@Controller('passive')
class PassiveController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Get()
  poll(@Session() session: ActiveSession) {
    return session;
  }

  @Passive(false)
  @Get('active')
  active(@Session() session: ActiveSession) {
    return session;
  }

  @Get('reload')
  async reload(@Session() session: ActiveSession) {
    await this.sessions.reload(session);
    return this.sessions.update(session, { theme: 'dark' });
  }

  @Public()
  @Get('authenticate')
  async authenticate(
    @Req() request: Request,
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.authenticate(request, { response, passive: true });
  }

  @Public()
  @UseGuards(SessionGuard)
  @Get('open')
  open() {
    return {};
  }
}

describe.each(adapters)('what is passive on %s', (adapter) => {
  it.each<[what: string, path: string, headers: object, isPassive: boolean]>([
    ['a method of a passive class', '/passive', {}, true],
    ['one that is active there', '/passive/active', {}, false],
    ['reloads and updates in it', '/passive/reload', {}, true],
    ['authenticate({ passive: true })', '/passive/authenticate', {}, true],
    ['a handler without a word', '/me', {}, false],
    ['a request that says so', '/me', { 'Session-Passive': '?1' }, true],
    [
      'one that says so to an active handler',
      '/passive/active',
      { 'Session-Passive': '?1' },
      true,
    ],
    ['one that denies it', '/me', { 'Session-Passive': '?0' }, false],
    [
      'one that says something else',
      '/me',
      { 'Session-Passive': 'true' },
      false,
    ],
    [
      'one that denies it to a passive handler',
      '/passive',
      { 'Session-Passive': '?0' },
      true,
    ],
    [
      'a session that is optional',
      '/optional',
      { 'Session-Passive': '?1' },
      true,
    ],
  ])('%s (%s %j): %s', async (_what, path, headers, isPassive) => {
    const store = new MemorySessionStore();
    const app = await openTestApp(adapter, {
      session: { ...TIMES, store },
      controllers: [PassiveController],
    });
    const browser = await app.signIn();
    const { exp } = claimsIn(await browser.cookie());
    app.clock.advance(10 * MINUTE);
    const answer = await browser.get(path, headers as Record<string, string>);
    expect(answer.status).toBe(200);
    expect(answer.setCookie).toHaveLength(1);
    const moved = isPassive ? 0 : 10 * MINUTE;
    expect(claimsIn(await browser.cookie()).exp).toBe(exp + moved);
    const [record] = await app.sessions.list('ada');
    expect(record!.expiresAt.getTime() / 1000).toBe(exp + moved);
    expect(record!.lastSeenAt.getTime() / 1000).toBe(exp - IDLE + moved);
  });

  it('is what the ready-made refresh is told, and nothing else decides there', async () => {
    const app = await openTestApp(adapter, {
      session: { ...TIMES, refreshToken: {} },
      extras: { routes: true },
    });
    const browser = await app.signIn();
    const endOf = async () => {
      const cookies = await browser.jar.getCookies('https://app.example');
      const found = cookies.find(({ key }) => key === REFRESH_COOKIE);
      return refreshClaimsIn(found?.value).exp;
    };
    const before = await endOf();
    app.clock.advance(MINUTE);
    await browser.post('/session/refresh', {}, { 'Session-Passive': '?1' });
    expect(await endOf()).toBe(before);
    await browser.post('/session/refresh');
    expect(await endOf()).toBe(before + MINUTE);
  });

  it('is not what middleware has already taken for activity, nor what a guard takes for it after that', async () => {
    for (const middleware of [false, true]) {
      const app = await openTestApp(adapter, {
        session: TIMES,
        controllers: [PassiveController],
        configure: (nest: INestApplication) =>
          nest.use((request: any, response: object, next: () => void) => {
            const passive = !middleware;
            void nest
              .get(SessionService)
              .authenticate(request, { response, passive })
              .then(() => next(), next);
          }),
      });
      const browser = await app.signIn();
      const { exp } = claimsIn(await browser.cookie());
      app.clock.advance(10 * MINUTE);
      await browser.get(middleware ? '/passive' : '/passive/active');
      expect(claimsIn(await browser.cookie()).exp).toBe(exp + 10 * MINUTE);
      expect(app.users.loads).toHaveLength(2);
    }
  });
});
