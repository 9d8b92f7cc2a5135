import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { SessionStore } from '../../lib/index.js';
import { PostgresSessionStore } from '../../lib/stores/postgres/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import type { Browser, TestResponse } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  startPostgres,
  type PostgresServer,
} from '../support/postgres-server.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import type { TestApp } from '../support/test-app.js';
import { tally } from './nodes.js';
import type { FailureId } from './report/failures.js';

const SESSIONS = rounds(100, 10);

const clock = new TestSessionClock(new Date());
const clockOffset = (): number => clock.nowSeconds() * 1000 - Date.now();

let redisServer: RedisServer;
let postgresServer: PostgresServer;
let redis: Redis;
let admin: Pool;

beforeAll(async () => {
  [redisServer, postgresServer] = await Promise.all([
    startRedis(),
    startPostgres(),
  ]);
  redis = new Redis(redisServer.port, '127.0.0.1');
  admin = postgresServer.pool('public', { max: 1 });
});

afterAll(async () => {
  redis.disconnect();
  await Promise.all([redisServer.stop(), postgresServer.stop()]);
});

/** An application, and browsers whose session tokens have all expired. */
async function openWith(
  store: SessionStore,
): Promise<{ app: TestApp; browsers: Browser[] }> {
  const app = await openTestApp('fastify', {
    clock,
    // A busy machine must not look like a sick one; each fault answers at once, or is told its own limit.
    session: { refreshToken: {}, store, storeTimeout: '5s' },
  });
  const browsers: Browser[] = [];
  for (let i = 0; i < SESSIONS; i += 1) {
    browsers.push(await app.signIn());
  }
  clock.advance('16m');
  return { app, browsers };
}

const askAll = (browsers: Browser[]): Promise<TestResponse[]> =>
  Promise.all(browsers.map((browser) => browser.get('/me')));

async function openPostgres(
  config: { max?: number } = { max: rounds(10, 3) },
): Promise<{ store: PostgresSessionStore; pool: Pool }> {
  const pool = postgresServer.pool(await postgresServer.createSchema(), config);
  const store = new PostgresSessionStore({ pool, clockOffset });
  await store.ensureSchema();
  return { store, pool };
}

/** What refuses a server's answer, and what makes it well again. */
interface Fault {
  id: FailureId;
  what: string;
  open: () => Promise<SessionStore>;
  begin: () => Promise<unknown>;
  end: () => Promise<unknown>;
}

let prefixes = 0;
const openRedis = async (): Promise<SessionStore> => {
  prefixes += 1;
  return new RedisSessionStore({
    client: redis,
    prefix: `refusing${prefixes}:`,
    clockOffset,
  });
};

const FAULTS: Fault[] = [
  {
    id: 'F-12',
    what: 'Redis out of memory (OOM)',
    open: openRedis,
    begin: () => redis.config('SET', 'maxmemory', '1'),
    end: () => redis.config('SET', 'maxmemory', '0'),
  },
  {
    id: 'F-12',
    what: 'Redis that has become a replica (READONLY)',
    open: openRedis,
    begin: () => redis.replicaof('127.0.0.1', 1),
    end: () => redis.replicaof('NO', 'ONE'),
  },
  {
    id: 'F-13',
    what: 'Postgres that has become read-only',
    open: async () => (await openPostgres()).store,
    begin: () => setReadOnly('on'),
    end: () => setReadOnly('off'),
  },
];

async function setReadOnly(value: 'on' | 'off'): Promise<void> {
  await admin.query('SET default_transaction_read_only = off');
  await admin.query(
    `ALTER SYSTEM SET default_transaction_read_only = ${value}`,
  );
  await admin.query('SELECT pg_reload_conf()');
  // Connections read the new setting between two statements, but not at a promised moment.
  const probe = postgresServer.pool('public', { max: 1 });
  for (;;) {
    const { rows } = await probe.query<Record<string, string>>(
      'SHOW default_transaction_read_only',
    );
    if (rows[0]?.['default_transaction_read_only'] === value) break;
  }
  await probe.end();
}

describe('a server that refuses', () => {
  it.each(FAULTS)(
    '$what costs nobody a session: 503, tokens kept, and all go on afterwards ($id)',
    async ({ id, what, open, begin, end }) => {
      const { app, browsers } = await openWith(await open());
      await begin();
      let sick: TestResponse[];
      try {
        sick = await askAll(browsers);
      } finally {
        await end();
      }
      const statuses = tally(sick.map(({ status }) => String(status)));
      expect(statuses).toEqual({ 503: SESSIONS });
      expect(sick.flatMap(({ setCookie }) => setCookie)).toEqual([]);
      expect(sick.every(({ headers }) => headers['retry-after'] === '1')).toBe(
        true,
      );
      const well = await askAll(browsers);
      const after = tally(well.map(({ status }) => String(status)));
      expect(after).toEqual({ 200: SESSIONS });
      expect(app.eventsOf('refreshReused')).toEqual([]);
      printFigures(
        id,
        `${what}: ${JSON.stringify(statuses)}, 0 Set-Cookie; afterwards ${JSON.stringify(after)}, 0 alarms`,
      );
    },
  );

  it('F-12: that has forgotten its scripts (NOSCRIPT) is given them again, and nobody notices', async () => {
    const { browsers } = await openWith(await openRedis());
    await redis.script('FLUSH');
    const answers = await askAll(browsers);
    const statuses = tally(answers.map(({ status }) => String(status)));
    expect(statuses).toEqual({ 200: SESSIONS });
    printFigures(
      'F-12',
      `Redis without its scripts: ${JSON.stringify(statuses)}`,
    );
  });

  it('F-13: whose only connection is held by others is waited for no longer than storeTimeout', async () => {
    const { store, pool } = await openPostgres({ max: 1 });
    const { browsers } = await openWith(store);
    const impatient = await openTestApp('fastify', {
      clock,
      session: { refreshToken: {}, store },
    });
    const browser = browsers[0]!;
    const held = await pool.connect();
    const start = performance.now();
    // Nobody gives the connection back meanwhile: that there is an answer at all is the library's deadline.
    const sick = await browser.at(impatient).get('/me');
    const elapsed = performance.now() - start;
    held.release();
    expect([sick.status, sick.setCookie]).toEqual([503, []]);
    expect((await browser.get('/me')).status).toBe(200);
    printFigures(
      'F-13',
      `Postgres pool held by others: 503 after ${elapsed.toFixed(0)} ms, then 200`,
    );
  });
});
