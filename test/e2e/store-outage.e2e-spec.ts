import { monitorEventLoopDelay } from 'node:perf_hooks';
import { inspect } from 'node:util';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import {
  Public,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import type { StoreOperation } from '../../lib/stores/call-listeners.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import type { TestRequest, TestResponse } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { printFigures } from '../support/figures.js';
import { throughGuard } from '../support/node-exchange.js';
import { percentile } from '../faults/nodes.js';
import { SessionClient } from '../support/session-client.js';
import { DAY, MINUTE } from '../support/session-claims.js';
import { CLEARED } from '../support/set-cookie.js';
import { ILL, ILLNESSES, SickStore } from '../support/sick-store.js';
import { openStoredNode, openStoredNodes } from '../support/stored-nodes.js';
import {
  adapters,
  SECRET,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import { UnhandledErrors } from '../support/unhandled.js';

type Options = Partial<SessionJwtModuleOptions>;

/** After so many calls without an answer, a store is only probed. */
const SILENT_CALLS = 5;

@Controller()
class RefreshController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('refresh')
  @HttpCode(200)
  refresh(@Req() request: never, @Res({ passthrough: true }) response: object) {
    return this.sessions.refresh(request, { response });
  }

  @Public()
  @Post('end-session')
  @HttpCode(200)
  end(@Body() named: { id: string; subject: string }) {
    return this.sessions.revoke(named);
  }

  @Public()
  @Get('list')
  list() {
    return this.sessions.list('ada');
  }

  @Public()
  @Post('end-all')
  @HttpCode(200)
  endAll() {
    return this.sessions.revokeAll('ada');
  }
}

/** A step that needs the store: how the application is configured, what is asked, and which operation that is. */
interface Step {
  what: string;
  session?: Options;
  /** How old the session is. */
  age?: string;
  request: TestRequest;
  operation: StoreOperation;
  /** An explicit sign-out makes the client forget its tokens, and this process refuse them, all the same. */
  signsOut?: boolean;
}

const post = (path: string, body: object = {}): TestRequest => ({
  method: 'POST',
  path,
  body,
});

const STEPS: Step[] = [
  {
    what: 'generate',
    request: post('/login', { user: 'ada' }),
    operation: 'create',
  },
  {
    what: 'revoke(session)',
    request: post('/sign-out'),
    operation: 'end',
    signsOut: true,
  },
  {
    what: 'revoke(request)',
    request: post('/logout'),
    operation: 'end',
    signsOut: true,
  },
  {
    what: 'revoke({ id, subject })',
    request: post('/end-session', { id: 'x', subject: 'ada' }),
    operation: 'end',
  },
  { what: 'revokeAll', request: post('/end-all'), operation: 'endAll' },
  { what: 'list', request: { path: '/list' }, operation: 'list' },
  {
    what: 'update',
    request: post('/attributes', { theme: 'dark' }),
    operation: 'update',
  },
  { what: 'reload', request: post('/reload'), operation: 'update' },
  {
    what: "the guard with 'always'",
    session: { revocationCheck: 'always' },
    request: { path: '/me' },
    operation: 'read',
  },
  {
    what: 'the guard where the store keeps the data',
    session: { keepDataIn: 'store' },
    request: { path: '/me' },
    operation: 'read',
  },
  {
    what: 'the guard with data that is too old',
    age: '30m',
    request: { path: '/me' },
    operation: 'update',
  },
  {
    what: 'an expired session token, as the guard reads the record of its refresh token',
    session: { refreshToken: {} },
    age: '15m',
    request: { path: '/me' },
    operation: 'read',
  },
  {
    what: 'an expired session token, as the guard rotates its refresh token',
    session: { refreshToken: {} },
    age: '15m',
    request: { path: '/me' },
    operation: 'rotate',
  },
  {
    what: 'refresh, as it reads the record',
    session: { refreshToken: {} },
    request: post('/refresh'),
    operation: 'read',
  },
  {
    what: 'refresh, as it rotates',
    session: { refreshToken: {} },
    request: post('/refresh'),
    operation: 'rotate',
  },
];

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
afterEach(async () => {
  expect(await unhandled.settled()).toEqual([]);
});

describe.each(adapters)('while the store is down on %s', (adapter) => {
  const open = (session: Options = {}, options: TestAppOptions = {}) =>
    openStoredNode(
      adapter,
      { storeTimeout: 0.02, ...session },
      { controllers: [RefreshController], ...options },
    );
  const signIn = (app: TestApp) => SessionClient.signIn(app, 'cookie');

  describe.each(ILLNESSES)('F-07, F-12, S-120: each call %s', (illness) => {
    it.each(STEPS.map((step) => [step.what, step.operation, step] as const))(
      '%s (%s): 503, told once, nobody is logged out, and it works again afterwards',
      async (_what, operation, { session, age, request, signsOut = false }) => {
        const { app, store } = await open(session);
        const browser = await app.signIn();
        if (age) app.clock.advance(age);
        store.fall(illness, operation);
        const refused = await browser.sendOnly(request);
        expect(refused.status).toBe(503);
        expect(refused.headers['retry-after']).toMatch(/^[1-5]$/);
        expect(refused.json).toEqual({
          statusCode: 503,
          message: 'Service Unavailable',
          errorCode: 'SESSION_UNAVAILABLE',
        });
        expect(refused.setCookie).toEqual(signsOut ? [CLEARED] : []);
        const told = app.eventsOf('storeFailed');
        expect(told.map((event) => event.operation)).toEqual([operation]);
        expect(app.eventsOf('rejected')).toEqual([]);

        store.recover();
        app.clock.advance(1);
        const me = await browser.get('/me');
        expect(me.status).toBe(signsOut ? 401 : 200);
        if (!signsOut) {
          expect((await browser.send(request)).status).toBe(200);
        }
      },
    );

    it('an explicit sign-out: the client forgets its token, and this process refuses it', async () => {
      const { app, store } = await open();
      const client = await signIn(app);
      const copied = client.copy();
      store.fall(illness);
      const answer = await client.post('/sign-out');
      expect(answer.status).toBe(503);
      expect(answer.setCookie).toEqual([CLEARED]);
      expect((await copied.copy().get('/me')).status).toBe(401);
      expect(app.eventsOf('ended')).toMatchObject([
        { reason: 'revoked', reach: 'process' },
      ]);
      await expect(app.sessions.verify(copied.token!)).rejects.toMatchObject({
        code: 'SESSION_ENDED',
      });
    });

    it('an explicit sign-out throws STORE_UNAVAILABLE, with what the store threw as cause', async () => {
      const { app, store } = await open();
      const { session } = await createTestSession(app.app, 'ada');
      store.fall(illness);
      const message =
        illness === 'hangs' ? 'the store took longer than 0.02 s' : ILL;
      await expect(app.sessions.revoke(session)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        cause: { message },
      });
    });

    it('a sign-out that is tried again ends the session in the store too', async () => {
      const { app, store } = await open();
      const client = await signIn(app);
      const copied = client.copy();
      store.fall(illness);
      expect((await client.post('/logout')).status).toBe(503);
      store.recover();
      expect(await store.healthy.list('ada')).toHaveLength(1);
      expect((await copied.copy().post('/logout')).status).toBe(204);
      expect(await store.healthy.list('ada')).toEqual([]);
    });

    it('a sign-in costs nobody the session that they have', async () => {
      const { app, store } = await open();
      const client = await signIn(app);
      store.fall(illness);
      expect((await client.post('/login', { user: 'bob' })).status).toBe(503);
      expect((await client.get('/me')).json.subject).toBe('ada');
      expect(app.eventsOf('created')).toHaveLength(1);
    });

    it('F-20: a loader that ends the session is heard', async () => {
      const { app, store } = await open();
      const client = await signIn(app);
      app.users.all.delete('ada');
      app.clock.advance('15m');
      store.fall(illness);
      const refused = await client.copy().get('/me');
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toEqual([CLEARED]);
      expect(app.eventsOf('ended')).toMatchObject([
        { reason: 'loader', reach: 'process' },
      ]);
      expect((await client.copy().get('/me')).status).toBe(401);
    });
  });

  it('a session token that is fresh opens every route, and a due one does with old data', async () => {
    const { app, store } = await open();
    const client = await signIn(app);
    const { token } = client;
    store.fall('rejects');
    for (let i = 0; i < 5; i += 1) {
      expect((await client.get('/me')).status).toBe(200);
    }
    expect(app.eventsOf('storeFailed')).toEqual([]);
    app.clock.advance('15m');
    app.users.all.get('ada')!.role = 'owner';
    for (let i = 0; i < 5; i += 1) {
      const { status, json, setCookie } = await client.get('/me');
      expect([status, json.data.role, setCookie]).toEqual([200, 'admin', []]);
    }
    // Within the back-off neither store nor loader are asked again.
    expect(app.eventsOf('storeFailed')).toHaveLength(1);
    expect(app.users.loads).toHaveLength(2);
    app.clock.advance(15 * MINUTE - 1);
    expect((await client.get('/me')).status).toBe(200);
    app.clock.advance(1);
    expect((await client.get('/me')).status).toBe(503);
    expect(client.token === token).toBe(true);
    store.recover();
    app.clock.advance(30);
    expect((await client.get('/me')).json.data.role).toBe('owner');
  });

  it('asks a store again after 1, 2, 4, 8, 16 and then every 30 s, for each session', async () => {
    const { app, store } = await open({ loader: { maxStale: '1h' } });
    const client = await signIn(app);
    app.clock.advance('15m');
    store.fall('rejects');
    const attempts: number[] = [];
    for (let second = 0; second <= 121; second += 1) {
      store.takeCalls();
      await client.get('/me');
      if (store.takeCalls().length > 0) attempts.push(second);
      app.clock.advance(1);
    }
    expect(attempts).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121]);
  });

  it("is told once for each request with 'always', and logged at most once a minute", async () => {
    const logs = new CapturedLogs();
    const { app, store } = await open(
      { revocationCheck: 'always' },
      { configure: (nest) => nest.useLogger(logs) },
    );
    const client = await signIn(app);
    store.fall('rejects');
    const lines = () => logs.matching('session store could not answer');
    for (let second = 0; second < 60; second += 5) {
      await client.get('/me');
      app.clock.advance(5);
    }
    expect(app.eventsOf('storeFailed')).toHaveLength(12);
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toContain(ILL);
    await client.get('/me');
    expect(lines()).toHaveLength(2);
    expect(lines()[1]).toContain('11 more since');
    await client.post('/end-all');
    expect(lines()).toHaveLength(3);
  });

  it('A-163: neither events nor logs nor errors hold a token, an id or a secret', async () => {
    const logs = new CapturedLogs();
    const { app, store } = await open(
      { refreshToken: {} },
      { configure: (nest) => nest.useLogger(logs) },
    );
    const sessions = [];
    for (let i = 0; i < 3; i += 1) {
      sessions.push(await createTestSession(app.app, 'ada'));
    }
    store.fall('rejects');
    const answers: TestResponse[] = [];
    const errors: unknown[] = [];
    for (const { session, cookie, refreshToken } of sessions) {
      for (const request of [
        ...STEPS.map((step) => step.request),
        post('/refresh', { refreshToken }),
        post('/end-session', { id: session.id, subject: 'ada' }),
      ]) {
        const headers = { Cookie: cookie };
        answers.push(await app.browser().send({ ...request, headers }));
      }
      for (const call of [
        () => app.sessions.revoke(session),
        () => app.sessions.update(session, { theme: 'dark' }),
        () => app.sessions.reload(session),
        () => app.sessions.refresh(refreshToken!),
        () => app.sessions.revoke({ id: session.id, subject: 'ada' }),
      ]) {
        await call().catch((error: unknown) => errors.push(error));
      }
    }
    expect(errors).toHaveLength(15);
    expect(app.eventsOf('storeFailed').length).toBeGreaterThan(15);
    expect(logs.matching('could not answer').length).toBeGreaterThan(3);
    const told = [
      inspect(app.events, { depth: null }),
      inspect(errors, { depth: null, showHidden: true }),
      JSON.stringify([app.events, errors]),
      ...logs.lines.map(({ text }) => text),
      ...answers.map(({ text }) => text),
    ].join('\n');
    const secret = [
      SECRET,
      ...sessions.flatMap(({ session, token, refreshToken }) => [
        session.id,
        token,
        token.split('.')[2]!,
        refreshToken!,
        refreshToken!.split('.')[2]!,
      ]),
    ];
    expect(secret.map((each) => told.includes(each))).toEqual(
      secret.map(() => false),
    );
  });

  it('F-19: 200 active sessions survive 60 s without a store, and all reload after it', async () => {
    const { app, store } = await open({ loader: { timeout: 60 } });
    const cookies: string[] = [];
    for (let i = 0; i < 200; i += 1) {
      app.users.all.set(`user ${i}`, { id: `user ${i}`, role: 'member' });
      cookies.push((await createTestSession(app.app, `user ${i}`)).cookie);
    }
    const everybody = () =>
      Promise.all(cookies.map((cookie) => throughGuard(app.app, cookie)));
    app.clock.advance('15m');
    store.fall('rejects');
    const verdicts = [];
    for (let second = 0; second <= 60; second += 5) {
      verdicts.push(...(await everybody()));
      app.clock.advance(5);
    }
    expect(verdicts).toHaveLength(2_600);
    const [refused, written] = [
      verdicts.filter(({ status }) => status !== 200).length,
      verdicts.filter(({ setCookie }) => setCookie.length > 0).length,
    ];
    expect(app.eventsOf('ended')).toEqual([]);
    store.recover();
    app.clock.advance(30);
    const after = await everybody();
    const reloaded = after.filter(
      ({ status, setCookie }) => status === 200 && setCookie.length === 1,
    );
    printFigures(
      'F-19',
      `60 s without a store, ${verdicts.length} requests of 200 active sessions: ${refused} refused, ${written} cookies touched; afterwards ${reloaded.length} reloaded within one back-off`,
    );
    expect([refused, written, reloaded.length]).toEqual([0, 0, 200]);
  });

  it('F-06: an application starts while its store hangs: live tokens open, sign-ins get 503, and it recovers by itself', async () => {
    const healthy = await open({ storeTimeout: 0.25 });
    const { cookie } = await createTestSession(healthy.app.app, 'ada');
    const store = new SickStore(healthy.store.healthy);
    store.fall('hangs');
    const begun = performance.now();
    const { app } = await openStoredNode(
      adapter,
      {},
      { clock: healthy.app.clock },
      store,
    );
    const started = performance.now() - begun;
    const statuses = new Set<number>();
    for (let i = 0; i < 1_000; i += 1) {
      statuses.add((await throughGuard(app.app, cookie)).status);
    }
    expect([...statuses]).toEqual([200]);
    const times: number[] = [];
    const refusals = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const asked = performance.now();
        const error = await app.sessions.generate('ada').then(
          () => undefined,
          (reason: { code: string }) => reason.code,
        );
        times.push(performance.now() - asked);
        return error;
      }),
    );
    expect(new Set(refusals)).toEqual(new Set(['STORE_UNAVAILABLE']));
    const slowest = Math.max(...times);
    printFigures(
      'F-06',
      `started in ${started.toFixed(0)} ms with a store that hangs; 1,000 requests with live tokens: 1,000 x 200; 100 sign-ins: 100 x 503 within ${slowest.toFixed(0)} ms`,
    );
    store.recover();
    expect((await app.browser().post('/login', { user: 'ada' })).status).toBe(
      200,
    );
  });

  it('F-08: a store that takes too long for each call is probed, and the rest is refused without waiting', async () => {
    const { app, store } = await open({
      refreshToken: {},
      transport: 'header',
    });
    const { refreshToken } = await app.sessions.generate('ada');
    const refresh = async (): Promise<number> => {
      const asked = performance.now();
      const response = await app.browser().post('/refresh', { refreshToken });
      expect(response.status).toBe(503);
      return performance.now() - asked;
    };
    store.fall('hangs');
    for (let i = 0; i < SILENT_CALLS; i += 1) await refresh();
    store.takeCalls();
    const lag = monitorEventLoopDelay({ resolution: 1 });
    lag.enable();
    const begun = performance.now();
    const times: number[] = [];
    for (let i = 0; i < 100; i += 1) times.push(await refresh());
    const seconds = (performance.now() - begun) / 1000;
    lag.disable();
    const probes = store.takeCalls().length;
    printFigures(
      'F-08',
      `100 refreshes in ${seconds.toFixed(1)} s: 100 x 503, half of them within ${percentile(times, 50)} ms, ${probes} calls of the store; event loop lag ${(lag.percentile(99) / 1e6).toFixed(0)} ms (p99)`,
    );
    // Pauses of 0.1, 0.2, 0.4, 0.8 and then 1 s.
    expect(probes).toBeLessThanOrEqual(5 + seconds);
    expect(probes).toBeGreaterThan(0);
  });

  it('F-14: a node that is cut off from the store refuses nobody whom it may let in, and learns of ends when it is back', async () => {
    const clock = new TestSessionClock();
    const { app: a, store } = await open({}, { clock });
    const cut = new SickStore(store.healthy);
    const { app: b } = await openStoredNode(adapter, {}, { clock }, cut);
    const client = await signIn(a);
    cut.fall('rejects');
    await a.sessions.revokeAll('ada');
    expect((await client.copy(b).get('/me')).status).toBe(200);
    clock.advance('15m');
    expect((await client.copy(b).get('/me')).status).toBe(200);
    cut.recover();
    clock.advance(1);
    expect((await client.copy(b).get('/me')).status).toBe(401);
    printFigures(
      'F-14',
      'without a log: a node without its store refuses a revoked session at the first reload with it',
    );
  });

  it('a lost answer of the store at a reload harms nobody', async () => {
    const { app, store } = await open({ loader: { maxStale: '1h' } });
    const client = await signIn(app);
    app.clock.advance('15m');
    // It does what it was asked, and the answer does not arrive.
    const update = store.healthy.update.bind(store.healthy);
    store.healthy.update = async (...args) => {
      await update(...args);
      throw new Error('connection lost');
    };
    expect((await client.get('/me')).status).toBe(200);
    store.healthy.update = update;
    app.clock.advance(1);
    const after = await client.get('/me');
    expect(after.status).toBe(200);
    expect(after.setCookie).toHaveLength(1);
    expect(await app.sessions.list('ada')).toHaveLength(1);
  });

  it("with 'always', old data is not used instead of an answer of the store", async () => {
    const { a, b, store, clock } = await openStoredNodes(adapter, {
      revocationCheck: 'always',
      loader: { maxStale: '1d' },
    });
    const client = await signIn(a);
    await a.sessions.revokeAll('ada');
    store.fall('rejects');
    for (const age of [0, 15 * MINUTE, DAY]) {
      clock.advance(age);
      const { status, setCookie } = await client.copy(b).get('/me');
      expect([status, setCookie]).toEqual([503, []]);
    }
  });
});
