import { SessionDataLoader, type LoadContext } from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { arrived, createGate, turn, until } from '../support/asynchrony.js';
import { send } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { usedHeap } from '../support/heap.js';
import {
  cookiesOf,
  createExchange,
  throughGuard,
  type GuardVerdict,
} from '../support/node-exchange.js';
import { claimsIn, MINUTE } from '../support/session-claims.js';
import {
  startTestApp,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

const INTERVAL = 15 * MINUTE;
/** Sessions that go on through an outage. */
const ACTIVE = rounds(1_000, 200);
const HANGING = rounds(1_000, 300);
const UPDATES = rounds(3_000, 1_500);

/** A loader that a test steers; it keeps nothing, so that memory can be measured. */
class Source {
  calls = 0;
  /** Calls that were neither answered nor given up. */
  underWay = 0;
  peak = 0;
  failure: unknown;
  answer: () => Promise<unknown> = async () => ({ fresh: true });

  get loader() {
    // oxlint-disable-next-line typescript/no-this-alias -- the class below has a `this` of its own
    const source = this;
    return class extends SessionDataLoader<string, unknown> {
      async load(_params: string, { signal, reason }: LoadContext) {
        if (reason === 'generate') {
          return { fresh: false };
        }
        source.calls += 1;
        source.underWay += 1;
        source.peak = Math.max(source.peak, source.underWay);
        let left = false;
        const leave = () => {
          source.underWay -= Number(!left);
          left = true;
        };
        signal.addEventListener('abort', leave);
        try {
          if (source.failure) {
            throw source.failure;
          }
          return await source.answer();
        } finally {
          leave();
        }
      }
    };
  }
}

describe('while the data source is slow or down', () => {
  let app: TestApp;

  async function start(options: TestAppOptions = {}): Promise<TestApp> {
    const { session = {}, ...others } = options;
    app = await startTestApp('express', {
      ...others,
      // On a busy machine no load may pass its timeout unless a test wants that.
      session: { ...session, loader: { timeout: 60, ...session.loader } },
    });
    return app;
  }

  afterEach(() => app.close());

  const loads = () =>
    app.users.loads.filter(({ context }) => context.reason === 'reload').length;

  /** The `Cookie` headers of sessions that begin now. */
  async function sessions(count: number): Promise<string[]> {
    const cookies: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const { cookie } = await createTestSession(app.app, `user ${i}`, {
        data: { fresh: false },
      });
      cookies.push(cookie);
    }
    return cookies;
  }

  /** What the guard does, without a connection. */
  async function authenticate(cookie: string) {
    const exchange = createExchange({ cookie });
    const { request, response } = exchange;
    try {
      const session = await app.sessions.authenticate(request, { response });
      return { session, exchange };
    } catch (error) {
      return { error, exchange };
    }
  }

  /** How long 200 parallel requests take, the best of three times, and what data they have. */
  async function together(cookie: string) {
    let p99 = Infinity;
    const answers: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      const times: number[] = [];
      await Promise.all(
        Array.from({ length: 200 }, async () => {
          const begun = performance.now();
          const { session } = await authenticate(cookie);
          times.push(performance.now() - begun);
          answers.push(session?.data);
        }),
      );
      p99 = Math.min(p99, times.toSorted((a, b) => a - b)[197]!);
    }
    return { p99, answers };
  }

  describe('a request waits for a load', () => {
    it('until the timeout by default, and has the new data then', async () => {
      await start();
      const browser = await app.signIn();
      app.users.all.get('ada')!.role = 'owner';
      app.clock.advance('15m');
      const gate = createGate();
      app.users.gate = gate.promise;
      const request = browser.get('/me');
      await until(() => loads() === 1, 'a reload');
      for (let i = 0; i < 20; i += 1) await turn();
      gate.open();
      expect((await request).json.data.role).toBe('owner');
    });

    it.each([[0], [0.01]])(
      'for a patience of %d s at most: then the load goes on for the next one',
      async (patience) => {
        await start({ session: { loader: { patience } } });
        const browser = await app.signIn();
        app.users.all.get('ada')!.role = 'owner';
        app.clock.advance('15m');
        const gate = createGate();
        app.users.gate = gate.promise;
        for (let i = 0; i < 3; i += 1) {
          const stale = await browser.get('/me');
          expect(stale.status).toBe(200);
          expect(stale.json.data.role).toBe('admin');
          expect(stale.setCookie).toEqual([]);
        }
        expect(loads()).toBe(1);
        gate.open();
        await until(
          () => app.eventsOf('reloaded').length === 1,
          'the end of the load',
        );
        const fresh = await browser.get('/me');
        expect(fresh.json.data.role).toBe('owner');
        expect(fresh.setCookie).toHaveLength(1);
        expect(loads()).toBe(1);
        expect(app.eventsOf('loaderFailed')).toEqual([]);
      },
    );

    it('and has 503 where neither patience nor maxStale is left, without a failure of the loader', async () => {
      await start({ session: { loader: { patience: 0 } } });
      const browser = await app.signIn();
      app.clock.advance('30m');
      const gate = createGate();
      app.users.gate = gate.promise;
      const response = await browser.get('/me');
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toBe('1');
      expect(response.setCookie).toEqual([]);
      gate.open();
      await until(
        () => app.eventsOf('reloaded').length === 1,
        'the end of the load',
      );
      expect((await browser.get('/me')).status).toBe(200);
      expect(app.eventsOf('loaderFailed')).toEqual([]);
    });

    it('F-17: with a patience of 0 nobody waits: 200 parallel requests are answered at once', async () => {
      await start({ session: { loader: { patience: 0 } } });
      const [cookie = ''] = await sessions(1);
      app.clock.advance('15m');
      app.users.gate = new Promise(() => undefined);
      const { p99, answers } = await together(cookie);
      printFigures(
        'F-17',
        `200 parallel requests while the loader hangs: ${loads()} load, p99 ${p99.toFixed(1)} ms`,
      );
      expect(answers).toEqual(
        Array.from({ length: 600 }, () => ({ fresh: false })),
      );
      expect(loads()).toBe(1);
    });

    it('F-17: from the first failure on nobody waits either', async () => {
      await start({ session: { loader: { timeout: 0.01 } } });
      const [cookie = ''] = await sessions(1);
      app.clock.advance('15m');
      app.users.gate = new Promise(() => undefined);
      await authenticate(cookie);
      const { answers } = await together(cookie);
      expect(answers).toEqual(
        Array.from({ length: 600 }, () => ({ fresh: false })),
      );
      expect(loads()).toBe(1);
    });
  });

  describe('old data is used', () => {
    it.each([
      ['the default, one interval', {}, {}, 2 * INTERVAL],
      ['an hour', { loader: { maxStale: '1h' } }, {}, INTERVAL + 60 * MINUTE],
      ['a second', { loader: { maxStale: 1 } }, {}, INTERVAL + 1],
      ['none', { loader: { maxStale: 0 } }, {}, INTERVAL],
      [
        'the default, and a shorter interval of the session',
        {},
        { dataRefreshInterval: 60 },
        60 + INTERVAL,
      ],
    ])(
      'for exactly interval + maxStale: %s',
      async (_name, session, options, seconds) => {
        await start({ session });
        const browser = await app.signIn('ada', options);
        app.users.failure = new Error('connection refused');
        app.clock.advance(seconds - 1);
        const last = await browser.get('/me');
        expect(last.status).toBe(200);
        expect(last.setCookie).toEqual([]);
        app.clock.advance(1);
        const over = await browser.get('/me');
        expect(over.status).toBe(503);
        expect(over.headers['retry-after']).toMatch(/^[1-5]$/);
        expect(over.setCookie).toEqual([]);
      },
    );

    it('by @OptionalSession() routes too, which never break', async () => {
      await start();
      const browser = await app.signIn();
      app.users.failure = new Error('connection refused');
      app.clock.advance('15m');
      const stale = await browser.get('/optional');
      expect(stale.json).toEqual({ subject: 'ada' });
      app.clock.advance('15m');
      const over = await browser.get('/optional');
      expect(over.status).toBe(200);
      expect(over.json).toEqual({ subject: null });
      expect(over.setCookie).toEqual([]);
    });
  });

  describe('after failed loads the session is left alone', () => {
    it.each<[string, (app: TestApp) => void]>([
      [
        'throws',
        ({ users }) => {
          users.failure = new Error('connection refused');
        },
      ],
      [
        'returns what cannot be serialised',
        ({ users }) => {
          users.all.get('ada')!.role = NaN as never;
        },
      ],
      [
        'returns more than a cookie holds',
        ({ users }) => {
          users.all.get('ada')!.role = 'x'.repeat(4_000);
        },
      ],
    ])(
      'for 1, 2, 4, 8, 16 and then 30 s by the clock, where the loader %s',
      async (_what, breakIt) => {
        await start({ session: { loader: { maxStale: '1h' } } });
        const { cookie } = await createTestSession(app.app, 'ada');
        app.clock.advance('15m');
        breakIt(app);
        const seconds: number[] = [];
        for (let second = 0; second < 130; second += 1) {
          const before = loads();
          await authenticate(cookie);
          await authenticate(cookie);
          if (loads() > before) seconds.push(second);
          app.clock.advance(1);
        }
        const pauses = seconds.slice(1).map((at, i) => at - seconds[i]!);
        expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
      },
    );

    it('with a Retry-After from 1 to 5 that tells how long', async () => {
      await start({ session: { loader: { maxStale: 0 } } });
      const browser = await app.signIn();
      app.users.failure = new Error('connection refused');
      app.clock.advance('15m');
      const seen: (string | undefined)[] = [];
      for (let i = 0; i < 6; i += 1) {
        const response = await browser.get('/me');
        expect(response.status).toBe(503);
        seen.push(response.headers['retry-after']);
        app.clock.advance(30);
      }
      expect(seen).toEqual(['1', '2', '4', '5', '5', '5']);
    });

    it('and data that fits again is found after it, though a request without a response saw the larger', async () => {
      await start({ session: { loader: { maxStale: 0 } } });
      const browser = await app.signIn();
      app.clock.advance('15m');
      app.users.all.get('ada')!.role = 'x'.repeat(4_000);
      const cookie = `__Host-Http-session=${await browser.cookie()}`;
      await app.sessions.authenticate({ headers: { cookie } });
      const tooLarge = await browser.get('/me');
      expect(tooLarge.status).toBe(503);
      expect(tooLarge.setCookie).toEqual([]);
      app.users.all.get('ada')!.role = 'owner';
      app.clock.advance(30);
      const me = await browser.get('/me');
      expect(me.status).toBe(200);
      expect(me.json.data.role).toBe('owner');
    });

    it('and a success ends the back-off', async () => {
      await start({ session: { loader: { maxStale: '1h' } } });
      const browser = await app.signIn();
      app.clock.advance('15m');
      app.users.failure = new Error('connection refused');
      for (let i = 0; i < 5; i += 1) {
        await browser.get('/me');
        app.clock.advance(30);
      }
      app.users.failure = undefined;
      expect((await browser.get('/me')).setCookie).toHaveLength(1);
      app.users.failure = new Error('connection refused');
      app.clock.advance('15m');
      await browser.get('/me');
      const before = loads();
      app.clock.advance(1);
      await browser.get('/me');
      expect(loads()).toBe(before + 1);
    });

    it('while others are not', async () => {
      await start();
      const [ada, bob] = [await app.signIn('ada'), await app.signIn('bob')];
      app.clock.advance('15m');
      app.users.failure = new Error('connection refused');
      await ada.get('/me');
      app.users.failure = undefined;
      expect((await bob.get('/me')).setCookie).toHaveLength(1);
      expect((await ada.get('/me')).setCookie).toEqual([]);
    });
  });

  describe('F-18: loads that hang', () => {
    it('hold no more than 64 places, leave their memory, and are never re-issued late', async () => {
      const source = new Source();
      await start({
        session: { loader: { timeout: 0.01, maxStale: '1d' } },
        extras: { dataLoader: source.loader },
      });
      const cookies = await sessions(HANGING);
      app.clock.advance('15m');
      let gate = createGate();
      source.answer = () => gate.promise.then(() => ({ fresh: true }));

      const outcomes = await Promise.all(cookies.map(authenticate));
      const first = source.calls;
      expect(source.peak).toBe(64);
      expect(source.underWay).toBe(0);
      expect(
        outcomes.every(({ session }) => session?.data.fresh === false),
      ).toBe(true);

      gate.open();
      for (let i = 0; i < 20; i += 1) await turn();
      expect(app.eventsOf('reloaded')).toEqual([]);
      const later = await Promise.all(cookies.map(authenticate));
      const late = later.flatMap(({ exchange }) => cookiesOf(exchange)).length;
      expect(late).toBe(0);
      expect(later.every(({ session }) => session?.data.fresh === false)).toBe(
        true,
      );

      // Each round hangs again, with promises that nobody can settle any more.
      const heap: number[] = [];
      for (let round = 0; round < 6; round += 1) {
        app.clock.advance(30);
        app.events.length = 0;
        gate = createGate();
        await Promise.all(cookies.map(authenticate));
        app.events.length = 0;
        if (round === 1 || round === 5) {
          heap.push((await usedHeap()) / 2 ** 20);
        }
      }
      const growth = heap[1]! - heap[0]!;
      printFigures(
        'F-18',
        `${HANGING} hanging loads: ${first} calls, ${source.peak} under way at most, ${late} late re-issues, heap ${growth.toFixed(1)} MB more after 4 further rounds`,
      );
      expect(growth).toBeLessThan(rounds(4, 1.5));

      app.clock.advance(30);
      source.answer = async () => ({ fresh: true });
      for (const cookie of cookies.slice(0, 50)) {
        expect((await authenticate(cookie)).session?.data.fresh).toBe(true);
      }
    });

    it('obey a cap of the application', async () => {
      const source = new Source();
      await start({
        session: { loader: { concurrency: 3 } },
        extras: { dataLoader: source.loader },
      });
      const cookies = await sessions(50);
      app.clock.advance('15m');
      source.answer = async () => {
        await turn();
        return { fresh: true };
      };
      const outcomes = await Promise.all(cookies.map(authenticate));
      expect(
        outcomes.every(({ session }) => session?.data.fresh === true),
      ).toBe(true);
      expect(source.peak).toBe(3);
      expect(source.calls).toBe(50);
    });
  });

  it(`F-19: ${ACTIVE} active sessions survive an outage of a minute, and all reload after it`, async () => {
    const source = new Source();
    await start({ extras: { dataLoader: source.loader } });
    const cookies = await sessions(ACTIVE);
    let [requests, ended, cleared, served, oldest] = [0, 0, 0, 0, 0];
    const judge = (
      { status, setCookie }: Pick<GuardVerdict, 'status' | 'setCookie'>,
      loadedAt: Date | undefined,
    ): void => {
      requests += 1;
      ended += Number(status === 401);
      cleared += setCookie.filter((line) => /max-age=0/i.test(line)).length;
      served += Number(status === 200);
      const age = app.clock.nowSeconds() - Number(loadedAt) / 1000;
      oldest = Math.max(oldest, age);
    };
    /** One request of every session, of every 50th over a connection. */
    const everybody = async (): Promise<GuardVerdict[]> => {
      for (let i = 0; i < cookies.length; i += 50) {
        const headers = { Cookie: cookies[i]! };
        const response = await send(app.port, { path: '/me', headers });
        judge(response, new Date(response.json.loadedAt));
      }
      const verdicts = await Promise.all(
        cookies.map((cookie) => throughGuard(app.app, cookie)),
      );
      for (const verdict of verdicts) {
        judge(verdict, verdict.session?.loadedAt);
      }
      return verdicts;
    };

    source.failure = new Error('connection refused');
    app.clock.advance('15m');
    for (let second = 0; second <= 60; second += 5) {
      await everybody();
      app.clock.advance(5);
    }
    const duringOutage = requests;
    expect(served).toBe(duringOutage);

    source.failure = undefined;
    app.clock.advance(30);
    const before = source.calls;
    const recovered = await everybody();
    printFigures(
      'F-19',
      `60 s without a data source, ${duringOutage} requests of ${ACTIVE} active sessions: ${ended} sessions ended, ${cleared} cookies cleared; data at most ${oldest} s old; afterwards ${source.calls - before} reloaded within one back-off`,
    );
    expect(ended).toBe(0);
    expect(cleared).toBe(0);
    expect(app.eventsOf('ended')).toEqual([]);
    expect(oldest).toBeGreaterThan(INTERVAL);
    expect(oldest).toBeLessThanOrEqual(2 * INTERVAL);
    expect(source.calls - before).toBe(ACTIVE);
    expect(
      recovered.every(
        ({ session, setCookie }) =>
          session?.data.fresh === true && setCookie.length === 1,
      ),
    ).toBe(true);
  });

  it('F-21: a mass sign-in is no mass reload', async () => {
    const source = new Source();
    await start({ extras: { dataLoader: source.loader } });
    const count = rounds(2_000, 500);
    const step = rounds(1, 7);
    const cookies = await sessions(count);
    source.answer = async () => {
      await turn();
      return { fresh: true };
    };
    const perSecond: number[] = [];
    app.clock.advance(0.9 * INTERVAL - 1);
    for (let second = 0; second <= 0.1 * INTERVAL + 1; second += step) {
      const before = source.calls;
      await Promise.all(
        cookies.map((cookie) =>
          app.sessions.authenticate({ headers: { cookie } }),
        ),
      );
      perSecond.push((source.calls - before) / step);
      app.clock.advance(step);
    }
    const peak = Math.max(...perSecond);
    const mean = count / (0.1 * INTERVAL);
    printFigures(
      'F-21',
      `${count} sessions of one second, all active: peak ${peak.toFixed(0)} loads/s, mean ${mean.toFixed(0)}/s, ${source.peak} at once`,
    );
    expect(source.calls).toBe(count);
    expect(perSecond[0]).toBe(0);
    expect(peak).toBeLessThanOrEqual(3 * mean);
    expect(source.peak).toBeLessThanOrEqual(64);
  });

  it('F-20: a user who is gone is refused on the next request at any node, with one event there', async () => {
    await start();
    const other = await startTestApp('express', { clock: app.clock });
    try {
      const browser = await app.signIn();
      const cookie = `__Host-Http-session=${await browser.cookie()}`;
      app.clock.advance('15m');
      for (const node of [app, other]) {
        node.users.all.delete('ada');
        const responses = [
          await node.browser().get('/me', { Cookie: cookie }),
          await node.browser().get('/me', { Cookie: cookie }),
        ];
        expect(responses.map(({ status }) => status)).toEqual([401, 401]);
        expect(node.eventsOf('ended')).toHaveLength(1);
      }
      printFigures(
        'F-20',
        '2 requests at each of 2 nodes: 4 x 401, 1 event a node',
      );
    } finally {
      await other.close();
    }
  });

  it('ends a session while its load is under way: nothing of it goes out', async () => {
    await start();
    const browser = await app.signIn();
    app.clock.advance('15m');
    const gate = createGate();
    app.users.gate = gate.promise;
    const all = arrived(app.app.getHttpServer(), 1);
    const request = browser.sendOnly({ path: '/me' });
    await all;
    const session = await app.sessions.verify((await browser.cookie())!);
    await app.sessions.revoke(session);
    gate.open();
    const response = await request;
    expect(response.status).toBe(401);
    expect(response.setCookie).toEqual([
      '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
    expect(app.eventsOf('reloaded')).toEqual([]);
    expect(app.eventsOf('ended')).toHaveLength(1);
  });

  it('remembers a bounded number of tokens for a session that is updated over and over', async () => {
    await start();
    const { session, cookie } = await createTestSession(app.app, 'ada');
    const { id } = session;
    app.clock.advance('15m');
    await authenticate(cookie);
    const updates = async (count: number) => {
      for (let i = 0; i < count; i += 1) {
        const { session: current } = await authenticate(cookie);
        await app.sessions.update(current!, { i });
        app.events.length = 0;
      }
      return (await usedHeap()) / 2 ** 20;
    };
    const before = await updates(300);
    const after = await updates(UPDATES);
    process.stdout.write(
      `${UPDATES} updates of one session by a client that keeps its old token: heap ${(after - before).toFixed(1)} MB more\n`,
    );
    expect(after - before).toBeLessThan(rounds(2, 1));
    const [line = ''] = cookiesOf((await authenticate(cookie)).exchange);
    expect(claimsIn(line.split(/[=;]/)[1]).sid === id).toBe(true);
  });
});
