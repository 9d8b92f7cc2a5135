import { PostgresSessionStore } from '../../../lib/stores/postgres/index.js';
import { rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { intercepting, newRecord, newStore } from './postgres-fixtures.js';

const COPY = `
INSERT INTO user_sessions (subject, id, params, metadata, attributes, created_at, last_seen_at, expires_at,
  hash, rotated_at)
SELECT 'subject-' || i % 20000, 'copy-of-a-session-id-' || lpad(i::text, 22, '0'), params, metadata,
  attributes, created_at, last_seen_at, expires_at, hash, rotated_at
FROM (SELECT * FROM user_sessions LIMIT 1) AS record, generate_series(1, $1::int) AS i`;

let server: PostgresServer;

beforeAll(async () => {
  server = await sharedPostgres();
});

afterEach(() => server.endPools());

afterAll(() => server.stop());

/** A store whose time the test moves, the duration of each sweeping statement, and how many rows there are. */
async function newExpiringStore() {
  const clock = { offset: 0 };
  const { pool, store } = await newStore(server, {
    clockOffset: () => clock.offset,
  });
  const batches: number[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const watched = new PostgresSessionStore({
    pool: intercepting(pool, ({ text }, run) => {
      if (!text.includes('SKIP LOCKED')) {
        return undefined;
      }
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      const begin = performance.now();
      return run().finally(() => {
        atOnce -= 1;
        batches.push(performance.now() - begin);
      });
    }),
    clockOffset: () => clock.offset,
  });
  const count = async () => {
    const { rows } = await pool.query(
      'SELECT count(*)::int FROM user_sessions',
    );
    return rows[0].count as number;
  };
  return {
    clock,
    pool,
    store,
    watched,
    batches,
    count,
    most: () => mostAtOnce,
  };
}

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe('expired records', () => {
  it('F-30 are all removed by a sweep, in batches that hold nobody up', async () => {
    const copies = rounds(100_000, 5_000);
    const { clock, pool, watched, batches, count } = await newExpiringStore();
    await watched.create(newRecord());
    await pool.query(COPY, [copies]);
    clock.offset = 6 * 86_400_000;
    const alive = newRecord();
    await watched.create(alive);
    expect(await count()).toBe(copies + 2);
    expect(await watched.sweep()).toBe(0);

    clock.offset = 8 * 86_400_000;
    batches.length = 0;
    const begin = performance.now();
    expect(await watched.sweep()).toBe(copies + 1);
    const longest = Math.max(...batches);
    printFigures(
      'F-30',
      `Postgres: ${copies + 1} records in ${batches.length} batches and ${Math.round(performance.now() - begin)} ms, the longest batch (of index ${batches.indexOf(longest)}) ${longest.toFixed(1)} ms`,
    );
    // 500 records a batch at most: what a batch holds up is bounded, however many have expired.
    expect(batches.length).toBeGreaterThanOrEqual(copies / 500 + 1);
    expect(await count()).toBe(1);
    expect(await watched.list(alive.subject)).toHaveLength(1);
  });

  it('F-30 go to two sweeps at once without either waiting or counting one twice', async () => {
    const { clock, pool, store, watched, count } = await newExpiringStore();
    await store.create(newRecord());
    const copies = rounds(20_000, 5_000);
    await pool.query(COPY, [copies]);
    clock.offset = 8 * 86_400_000;
    const [first, second] = await Promise.all([store.sweep(), watched.sweep()]);
    const rest = await store.sweep();
    expect(first + second + rest).toBe(copies + 1);
    expect(await count()).toBe(0);
  });

  it('that somebody holds are left for later, not waited for', async () => {
    const { clock, pool, watched, count } = await newExpiringStore();
    await watched.create(newRecord());
    await pool.query(COPY, [10]);
    clock.offset = 8 * 86_400_000;
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM user_sessions LIMIT 3 FOR UPDATE');
    expect(await watched.sweep()).toBe(8);
    await holder.query('COMMIT');
    holder.release();
    expect(await watched.sweep()).toBe(3);
    expect(await count()).toBe(0);
  });

  it('F-30 are swept in the background by a sign-in, and then not again for a minute', async () => {
    const { clock, pool, store, watched, batches, count } =
      await newExpiringStore();
    await store.create(newRecord());
    await pool.query(COPY, [2_500]);
    clock.offset = 8 * 86_400_000;
    await watched.create(newRecord());
    await until(async () => (await count()) === 1 && batches.length >= 6);
    expect(batches).toHaveLength(6);
    await Promise.all(
      Array.from({ length: 20 }, () => watched.create(newRecord())),
    );
    await watched.sweep();
    expect(batches).toHaveLength(7);
  });

  it('are never removed by two sweeps of one store at once', async () => {
    const { clock, pool, store, watched, count, most } =
      await newExpiringStore();
    await store.create(newRecord());
    await pool.query(COPY, [5_000]);
    clock.offset = 8 * 86_400_000;
    const removed = await Promise.all([1, 2, 3].map(() => watched.sweep()));
    expect(removed.reduce((sum, each) => sum + each)).toBe(5_001);
    expect(most()).toBe(1);
    expect(await count()).toBe(0);
  });

  it('do not matter to a sign-in that cannot sweep', async () => {
    const { pool } = await newExpiringStore();
    let asked = 0;
    const store = new PostgresSessionStore({
      pool: intercepting(pool, ({ text }) => {
        if (!text.includes('SKIP LOCKED')) {
          return undefined;
        }
        asked += 1;
        return Promise.reject(new Error('cannot sweep'));
      }),
    });
    expect(await store.create(newRecord())).toEqual({
      kind: 'created',
      ended: [],
    });
    await expect(store.sweep()).rejects.toThrow('cannot sweep');
    expect(asked).toBe(2);
  });
});
