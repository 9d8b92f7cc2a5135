import { mkdtempSync, rmSync } from 'node:fs';
import {
  connect,
  createServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import {
  RedisSessionStore,
  type RedisClient,
} from '../../lib/stores/redis/index.js';
import type { Browser, TestResponse } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import {
  startRedis,
  until,
  type RedisServer,
} from '../support/redis-server.js';
import { startTestApp } from '../support/test-app.js';
import { inBatches, percentile, tally } from './nodes.js';

const REFRESHES = rounds(100, 10);
const GETS = rounds(300, 30);

/**
 * A Redis that can be killed and started again with its records, always at the same port: a line that is cut while the
 * server is down, so that clients are refused, as the server itself would refuse them.
 */
class MortalRedis {
  readonly #folder = mkdtempSync(join(tmpdir(), 'session-outage-'));
  readonly #sockets = new Set<Socket>();
  #server: RedisServer | undefined;
  #line: Server | undefined;
  #holdsBack = false;
  port = 0;

  async start(): Promise<void> {
    this.#server = await startRedis({
      arguments: [
        '--dir',
        this.#folder,
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
      ],
    });
    const { port } = this.#server;
    this.#line = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (chunk) => this.#holdsBack || to.write(chunk));
        from.on('error', () => undefined);
        from.on('close', () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => {
      this.#line!.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (this.#line.address() as AddressInfo).port;
  }

  /** From now on commands vanish, and connections stay open. */
  swallow(): void {
    this.#holdsBack = true;
  }

  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#line?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    await closed;
    await this.#server?.stop();
    this.#line = undefined;
    this.#server = undefined;
    this.#holdsBack = false;
  }

  async end(): Promise<void> {
    if (this.#server) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Connected {
  readonly client: RedisClient;
  isReady(): boolean;
  close(): void;
}

/** How an application should set up its client: what cannot be sent now must fail now, and never be sent later. */
const CLIENTS: Readonly<Record<string, (port: number) => Promise<Connected>>> =
  {
    ioredis: async (port) => {
      const client = new Redis(port, '127.0.0.1', {
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        maxRetriesPerRequest: 0,
        retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
      });
      client.on('error', () => undefined);
      return {
        client,
        isReady: () => client.status === 'ready',
        close: () => client.disconnect(),
      };
    },
    'node-redis': async (port) => {
      const client = createClient({
        url: `redis://127.0.0.1:${port}`,
        disableOfflineQueue: true,
        socket: {
          reconnectStrategy: (attempt) => Math.min(attempt * 50, 1_000),
        },
      });
      client.on('error', () => undefined);
      // Fulfilled when it is connected, and the application does not wait for that.
      client.connect().catch(() => undefined);
      return {
        client,
        isReady: () => client.isReady,
        close: () => client.destroy(),
      };
    },
  };

interface Timed {
  readonly response: TestResponse;
  readonly milliseconds: number;
}

async function timed(browser: Browser): Promise<Timed> {
  const begin = performance.now();
  const response = await browser.get('/me');
  return { response, milliseconds: performance.now() - begin };
}

const statusesOf = (answers: readonly Timed[]): Record<string, number> =>
  tally(answers.map(({ response }) => String(response.status)));

describe.each(Object.keys(CLIENTS))('through %s', (name) => {
  it.each([
    ['down', 'kill'],
    ['silent', 'swallow'],
  ] as const)(
    `F-06 F-07 a Redis that is %s costs ${REFRESHES} refreshes a quick 503 and nobody else anything`,
    async (what, how) => {
      const redis = new MortalRedis();
      await redis.start();
      const { client, isReady, close } = await CLIENTS[name]!(redis.port);
      const session = {
        refreshToken: {},
        store: new RedisSessionStore({ client }),
      };
      const app = await startTestApp('express', { session });
      // For what must succeed: on a busy machine, Redis may take longer than the default.
      const patient = await startTestApp('express', {
        clock: app.clock,
        session: { ...session, storeTimeout: '20s' },
      });
      const signIn = async () => (await patient.signIn()).at(app);
      try {
        await until(async () => isReady());
        const due = await inBatches(
          Array.from({ length: REFRESHES }, (_, i) => i),
          10,
          signIn,
        );
        app.clock.advance('15m');
        const fresh = await inBatches([1, 2, 3, 4, 5], 5, signIn);
        const get = (count: number) =>
          inBatches(
            Array.from({ length: count }, (_, i) => fresh[i % fresh.length]!),
            5,
            timed,
          );
        const before = await get(GETS);

        await redis[how]();
        const refused = await inBatches(due, 5, timed);
        const during = await get(GETS);
        if (how === 'swallow') await redis.kill();
        app.clock.advance(60);
        await redis.start();
        const restarted = performance.now();
        await until(async () => (await due[0]!.get('/me')).status === 200);
        const recovery = Math.round(performance.now() - restarted);
        const after = await inBatches(due, 5, (browser) =>
          timed(browser.at(patient)),
        );

        const slowest = percentile(
          refused.map(({ milliseconds }) => milliseconds),
          100,
        );
        const setCookies = [...refused, ...during].filter(
          ({ response }) => response.setCookie.length > 0,
        ).length;
        const alarms = [app, patient].flatMap((node) =>
          node.eventsOf('refreshReused'),
        ).length;
        const p99 = (answers: readonly Timed[]): number =>
          percentile(
            answers.map(({ milliseconds }) => milliseconds),
            99,
          );
        printFigures(
          ['F-06', 'F-07'],
          `${name}, Redis ${what}: ${GETS} fresh tokens ${JSON.stringify(statusesOf(during))} (p99 ${p99(during)} ms, before ${p99(before)} ms), ${REFRESHES} refreshes ${JSON.stringify(statusesOf(refused))}, slowest ${slowest} ms, ${setCookies} Set-Cookie; first success ${recovery} ms after the restart, then ${JSON.stringify(statusesOf(after))}, ${alarms} alarms`,
        );
        expect(statusesOf(before)).toEqual({ 200: GETS });
        expect(statusesOf(during)).toEqual({ 200: GETS });
        expect(statusesOf(refused)).toEqual({ 503: REFRESHES });
        expect(
          refused.every(
            ({ response }) => response.headers['retry-after'] === '1',
          ),
        ).toBe(true);
        expect(setCookies).toBe(0);
        expect(statusesOf(after)).toEqual({ 200: REFRESHES });
        expect(alarms).toBe(0);
      } finally {
        await Promise.all([app.close(), patient.close()]);
        close();
        await redis.end();
      }
    },
  );

  it('F-06 an application starts without its Redis, and uses it when it is there', async () => {
    const redis = new MortalRedis();
    await redis.start();
    await redis.kill();
    const { client, close } = await CLIENTS[name]!(redis.port);
    const begin = performance.now();
    const app = await startTestApp('express', {
      session: { refreshToken: {}, store: new RedisSessionStore({ client }) },
    });
    try {
      const started = Math.round(performance.now() - begin);
      const browser = app.browser();
      const refused = await browser.post('/login', { user: 'ada' });
      await redis.start();
      const restarted = performance.now();
      await until(
        async () =>
          (await browser.post('/login', { user: 'ada' })).status === 200,
      );
      const recovery = Math.round(performance.now() - restarted);
      printFigures(
        'F-06',
        `${name}: started in ${started} ms without Redis, a sign-in got ${refused.status}, the first success came ${recovery} ms after its start`,
      );
      expect(refused.status).toBe(503);
      expect(refused.setCookie).toEqual([]);
      expect((await browser.get('/me')).status).toBe(200);
    } finally {
      await app.close();
      close();
      await redis.end();
    }
  });
});
