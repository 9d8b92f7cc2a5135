import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool, PoolClient } from 'pg';
import {
  PostgresRevocationLog,
  postgresRevocationSchema,
  type PostgresPool,
} from '../../../lib/stores/postgres/index.js';
import {
  append,
  Follower,
  RETENTION,
  texts,
} from '../../../lib/testing/log-contract/follower.js';
import { FaultyProxy } from '../../faults/chaos/faulty-proxy.js';
import { combinations, rounds } from '../../support/effort.js';
import {
  startPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { until } from '../../support/redis-server.js';
import { UnhandledErrors } from '../../support/unhandled.js';
import { intercepting } from './postgres-fixtures.js';

const ENTRIES = 'session_revocations';
const STATE = 'session_revocations_state';
const unhandled = new UnhandledErrors();

let server: PostgresServer;
let schema: string;
let pool: Pool;
let log: PostgresRevocationLog;
let followers: Follower[];

beforeAll(async () => {
  unhandled.start();
  server = await startPostgres();
  schema = await server.createSchema();
  pool = server.lastingPool(schema, { max: 10 });
});

beforeEach(async () => {
  followers = [];
  // A test that failed may have left a transaction open.
  await pool.query(
    `SET lock_timeout = '60s'; DROP SCHEMA ${schema} CASCADE; CREATE SCHEMA ${schema}; RESET lock_timeout`,
  );
  log = new PostgresRevocationLog({ pool });
  await log.ensureSchema();
});

afterEach(async () => {
  await Promise.all(followers.map((follower) => follower.stop()));
  await server.endPools();
  expect(await unhandled.settled()).toEqual([]);
});

afterAll(async () => {
  unhandled.stop();
  await server.stop();
});

function follow(followed: PostgresRevocationLog, from?: string): Follower {
  const follower = new Follower(followed, from);
  followers.push(follower);
  return follower;
}

function gapsOf({ batches }: Follower): number {
  return batches.filter(({ hasGap = false }) => hasGap).length;
}

/** A log whose statements run in a transaction that the test commits. */
async function logIn(client: PoolClient): Promise<PostgresRevocationLog> {
  await client.query('BEGIN');
  // The transaction has an id from now on.
  await client.query('SELECT txid_current()');
  return new PostgresRevocationLog({
    pool: intercepting(pool, (query) =>
      // Only what appends; sweeps have a transaction of their own.
      query.text.includes('pg_notify') ? client.query(query) : undefined,
    ),
  });
}

describe('two transactions that append', () => {
  it('lose nothing when they commit in the other order than they began', async () => {
    const clients = [await pool.connect(), await pool.connect()] as const;
    const [older, newer] = [await logIn(clients[0]), await logIn(clients[1])];
    const follower = follow(log);
    await append(newer, ['newer']);
    await clients[1].query('COMMIT');
    await follower.untilAll(['newer']);
    await append(older, ['older']);
    await clients[0].query('COMMIT');
    await follower.untilAll(['older']);
    expect(gapsOf(follower)).toBe(0);
    for (const client of clients) client.release();
  });

  it('have numbers and times in the order of their commits, since the second waits for the first', async () => {
    const client = await pool.connect();
    const first = await logIn(client);
    const follower = follow(log);
    const firstTime = await append(first, ['first']);
    let isAppended = false;
    const second = append(log, ['second']).finally(() => (isAppended = true));
    await untilWaiting();
    expect(isAppended).toBe(false);
    await client.query('COMMIT');
    client.release();
    const secondTime = await second;
    await follower.untilAll(['first', 'second']);
    expect(follower.received).toEqual(['first', 'second']);
    expect(secondTime.getTime()).toBeGreaterThanOrEqual(firstTime.getTime());
  });

  it('leave no gap when one of them is rolled back', async () => {
    const client = await pool.connect();
    const first = await logIn(client);
    await append(log, ['before']);
    const follower = await follow(log).untilAll(['before']);
    await append(first, texts('undone', 3));
    const second = append(log, ['second']);
    await untilWaiting();
    await client.query('ROLLBACK');
    client.release();
    await second;
    await follower.untilAll(['second']);
    expect(follower.received).toEqual(['before', 'second']);
    expect(gapsOf(follower)).toBe(0);
  });

  it('never make a follower believe that it has what is not committed yet', async () => {
    const client = await pool.connect();
    const late = await logIn(client);
    const follower = await follow(log).untilAll([]);
    const time = await append(late, ['late']);
    const proof = append(log, ['proof'], { isProof: true });
    await untilWaiting();
    const reader = follow(log);
    await reader.until(() => reader.batches.length > 0);
    expect(reader.asOf).toBeLessThan(time.getTime());
    await client.query('COMMIT');
    client.release();
    await proof;
    await follower.untilAll(['late', 'proof']);
    await reader.untilAll(['late', 'proof']);
  });

  it('wait for each other whatever isolation level the database has', async () => {
    const strict = server.pool(schema, {
      max: 8,
      options: `-c search_path=${schema} -c default_transaction_isolation=serializable`,
    });
    const logs = Array.from(
      { length: 8 },
      () => new PostgresRevocationLog({ pool: strict }),
    );
    const follower = follow(log);
    const entries = logs.map((_, i) =>
      texts(`writer ${i}, entry`, rounds(10, 3)),
    );
    await Promise.all(
      logs.map(async (each, i) => {
        for (const text of entries[i]!) await append(each, [text]);
      }),
    );
    await follower.untilAll(entries.flat());
    expect(gapsOf(follower)).toBe(0);
  });
});

/** Until a statement waits for the lock of another one. */
function untilWaiting(): Promise<void> {
  return until(async () => {
    const { rowCount } = await pool.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${ENTRIES}%'`,
    );
    return rowCount! > 0;
  });
}

describe('a follower of tables that lose entries', () => {
  const run = (text: string) => (): Promise<unknown> => pool.query(text);
  const LOSSES: [how: string, lose: () => Promise<unknown>][] = [
    ['one is deleted', run(`DELETE FROM ${ENTRIES} WHERE number = 12`)],
    ['the state is deleted', run(`DELETE FROM ${STATE}`)],
    ['everything is truncated', run(`TRUNCATE ${ENTRIES}, ${STATE}`)],
    ['all are deleted', run(`DELETE FROM ${ENTRIES}`)],
    ['the entries are truncated', run(`TRUNCATE ${ENTRIES}`)],
    [
      'the tables are new',
      async () => {
        await pool.query(`DROP TABLE ${ENTRIES}, ${STATE}`);
        await log.ensureSchema();
      },
    ],
  ];

  it.each(combinations(LOSSES, 3))(
    'learns of it once, when it comes back: %s',
    async (_how, lose) => {
      await append(log, texts('received', 10));
      await append(log, ['proof'], { isProof: true });
      const first = await follow(log).untilCaughtUp();
      await first.stop();
      await append(log, texts('missed', 3));
      await lose();
      const entries = texts('new', 15);
      for (const text of entries) await append(log, [text]);
      await append(log, ['last proof'], { isProof: true });
      const back = await follow(log, first.position).untilAll(entries);
      await back.untilAll(['last proof']);
      expect(gapsOf(back)).toBe(1);
      await append(log, ['later']);
      await back.untilAll(['later']);
      const next = await follow(log, back.position).untilCaughtUp();
      expect([gapsOf(back), gapsOf(next)]).toEqual([1, 0]);
    },
  );

  // As many as were lost come first: only then is the last number the same.
  it.each(combinations([3, 1, 10], 1))(
    'learns of a restored backup, to which %i entries were added since',
    async (count) => {
      await append(log, texts('common', 5));
      await append(log, ['proof'], { isProof: true });
      await pool.query(`CREATE TABLE entries_backup AS TABLE ${ENTRIES}`);
      await pool.query(`CREATE TABLE state_backup AS TABLE ${STATE}`);
      await append(log, texts('lost', 3));
      const first = await follow(log).untilAll(['lost 2']);
      await first.stop();
      await pool.query(`TRUNCATE ${ENTRIES}, ${STATE}`);
      await pool.query(`INSERT INTO ${ENTRIES} TABLE entries_backup`);
      await pool.query(`INSERT INTO ${STATE} TABLE state_backup`);
      const entries = texts('new', count);
      for (const text of entries) await append(log, [text]);
      const back = await follow(log, first.position).untilAll(entries);
      await back.untilCaughtUp();
      expect(gapsOf(back)).toBe(1);
      expect(back.hasAll(texts('common', 5))).toBe(true);
    },
  );

  it.each([ENTRIES, STATE])('never goes on silently: %s', async (table) => {
    const following = follow(log);
    await append(log, texts('received', 5));
    await append(log, ['proof'], { isProof: true });
    await following.untilAll(['received 4', 'proof']);
    await pool.query(`TRUNCATE ${table}`);
    await append(log, ['new']);
    await expect(following.untilAll(['new'])).rejects.toThrow(
      'has lost entries',
    );
    const back = await follow(log, following.position).untilAll(['new']);
    expect(gapsOf(back)).toBe(1);
  });

  it('learns of it before anything new is appended', async () => {
    await append(log, texts('received', 3));
    const first = await follow(log).untilCaughtUp();
    await first.stop();
    await append(log, texts('missed', 3));
    await pool.query(`DELETE FROM ${ENTRIES} WHERE number > 3`);
    const back = await follow(log, first.position).untilCaughtUp();
    expect(gapsOf(back)).toBe(1);
    const next = await follow(log, back.position).untilCaughtUp();
    expect(gapsOf(next)).toBe(0);
  });

  it('learns of a restored backup that lacks only a proof which it received', async () => {
    await append(log, ['common']);
    await pool.query(`CREATE TABLE state_backup AS TABLE ${STATE}`);
    await append(log, ['lost proof'], { isProof: true });
    const first = await follow(log).untilAll(['lost proof']);
    await first.stop();
    await append(log, ['lost entry']);
    await pool.query(`DELETE FROM ${ENTRIES} WHERE number > 1`);
    await pool.query(`TRUNCATE ${STATE}`);
    await pool.query(`INSERT INTO ${STATE} TABLE state_backup`);
    const back = await follow(log, first.position).untilCaughtUp();
    expect(gapsOf(back)).toBe(1);
  });

  it('learns of it with a position of another kind of log', async () => {
    await append(log, ['entry']);
    const back = await follow(log, '1795999124905-1 0-0').untilCaughtUp();
    expect(gapsOf(back)).toBe(1);
    expect(back.received).toEqual(['entry']);
  });
});

describe('the retention of entries', () => {
  it('is theirs: older ones are removed in the background, and by sweep()', async () => {
    let offset = 0;
    const moved = () =>
      new PostgresRevocationLog({ pool, clockOffset: () => offset });
    await append(moved(), texts('old', 1_200));
    await append(moved(), ['proof'], { isProof: true });
    offset = (RETENTION / 2) * 1000;
    await append(moved(), texts('kept', 10));
    offset = (RETENTION + 1) * 1000;
    await append(moved(), ['new']);
    await until(async () => (await numbers()).length === 11);
    const follower = await follow(moved()).untilCaughtUp();
    expect(follower.received.toSorted()).toEqual(
      [...texts('kept', 10), 'new', 'proof'].toSorted(),
    );
    expect(gapsOf(follower)).toBe(0);

    offset = RETENTION * 1.7 * 1000;
    const last = moved();
    expect(await last.sweep()).toBe(0);
    await append(last, ['proof'], { isProof: true });
    await last.sweep();
    expect(await numbers()).toEqual(['1211']);
    offset = RETENTION * 3 * 1000;
    expect(await last.sweep()).toBe(1);
    expect(await numbers()).toEqual([]);
    for (const from of [undefined, follower.position]) {
      const back = await follow(last, from).untilCaughtUp();
      await append(last, ['later']);
      await back.untilAll(['later']);
      expect(gapsOf(back)).toBe(0);
    }
  });

  it('is not over for entries that sweeps in parallel leave', async () => {
    let offset = 0;
    const logs = Array.from(
      { length: 4 },
      () => new PostgresRevocationLog({ pool, clockOffset: () => offset }),
    );
    await append(logs[0]!, texts('old', 2_000));
    offset = (RETENTION + 1) * 1000;
    await Promise.all(logs.map((each, i) => append(each, [`new ${i}`])));
    await Promise.all(logs.map((each) => each.sweep()));
    expect(await numbers()).toHaveLength(4);
    const follower = await follow(log).untilCaughtUp();
    expect(gapsOf(follower)).toBe(0);
  });

  async function numbers(): Promise<string[]> {
    const { rows } = await pool.query<{ number: string }>(
      `SELECT number FROM ${ENTRIES} ORDER BY number`,
    );
    return rows.map(({ number }) => number);
  }
});

describe('the connection of a follower', () => {
  let proxy: FaultyProxy;
  let proxied: Pool;
  let followed: PostgresRevocationLog;

  beforeEach(async () => {
    proxy = await FaultyProxy.start(server.port);
    proxied = server.pool(schema, { port: proxy.port, max: 5 });
    followed = new PostgresRevocationLog({ pool: proxied });
    await append(log, ['first']);
  });

  afterEach(async () => {
    await Promise.all(followers.map((follower) => follower.stop()));
    await server.endPools();
    await proxy.stop();
  });

  it.each(combinations(['fin', 'rst'] as const, 1))(
    'may be cut (%s): the follower rejects, and continues',
    async (how) => {
      const first = await follow(followed).untilCaughtUp();
      proxy.cut(how);
      await first.untilRejected();
      await append(log, texts('meanwhile', 3));
      const second = await follow(followed, first.position).untilAll(
        texts('meanwhile', 3),
      );
      expect(gapsOf(second)).toBe(0);
    },
  );

  it.each(['while it reads', 'while it waits'])(
    'is closed by an abort although it is silent, %s',
    async (when) => {
      const follower = await follow(
        new PostgresRevocationLog({
          pool: proxied,
          pollInterval: when === 'while it reads' ? '10ms' : '60s',
        }),
      ).untilCaughtUp();
      proxy.disturb('toStore', { stall: { afterChunks: 0 } });
      await until(async () => when === 'while it waits' || proxy.heldBytes > 0);
      await append(log, ['unheard']);
      await follower.stop();
      expect(proxied.totalCount).toBe(0);
      proxy.heal();
      await until(async () => proxy.connections === 0);
    },
  );

  it('is closed by an abort while it opens', async () => {
    proxy.disturb('fromStore', { stall: { afterChunks: 0 } });
    const follower = follow(followed);
    await until(async () => proxy.connections > 0);
    await follower.stop();
    expect(follower.batches).toEqual([]);
    proxy.heal();
    await until(async () => proxied.totalCount === 0);
    await until(async () => proxy.connections === 0);
  });

  it('is the only one that it takes, and never goes back to the pool', async () => {
    const small = server.pool(schema, { max: 2 });
    const both = new PostgresRevocationLog({ pool: small });
    const follower = await follow(both).untilCaughtUp();
    for (const text of texts('entry', 20)) await append(both, [text]);
    await follower.untilAll(texts('entry', 20));
    expect(small.idleCount).toBe(1);
    await follower.stop();
    expect([small.totalCount, small.idleCount]).toEqual([1, 1]);
    const { rows } = await small.query(`SELECT pg_listening_channels()`);
    expect(rows).toEqual([]);
  });

  it('ends with the server, and what is appended after its return arrives', async () => {
    const first = await follow(followed).untilCaughtUp();
    await server.halt();
    await first.untilRejected();
    await follow(followed, first.position).untilRejected();
    await server.resume();
    await append(log, ['after']);
    const second = await follow(followed, first.position).untilAll(['after']);
    expect(gapsOf(second)).toBe(0);
  });

  it('may get no notifications: the follower polls', async () => {
    const deaf: PostgresPool = intercepting(pool, ({ text }) =>
      text.startsWith('LISTEN')
        ? Promise.resolve({ rows: [], rowCount: 0 })
        : undefined,
    );
    const follower = follow(
      new PostgresRevocationLog({ pool: deaf, pollInterval: '10ms' }),
    );
    await append(log, ['proof'], { isProof: true });
    for (const text of texts('entry', 5)) {
      await append(log, [text]);
      await follower.untilAll([text]);
    }
    // Reads that find nothing new deliver nothing.
    expect(follower.received.filter((text) => text === 'proof')).toHaveLength(
      1,
    );
  });

  it('gets notifications: the follower does not wait for its next poll', async () => {
    let reads = 0;
    const counted = intercepting(pool, ({ text }) => {
      if (text.includes('json_agg')) reads += 1;
      return undefined;
    });
    const follower = await follow(
      new PostgresRevocationLog({ pool: counted, pollInterval: '60s' }),
    ).untilCaughtUp();
    for (const text of texts('entry', 5)) {
      await append(log, [text]);
      await follower.untilAll([text]);
    }
    expect(reads).toBeLessThanOrEqual(2 + 5 * 2);
  });
});

describe('a server that must not be followed', () => {
  it('is a read-only one', async () => {
    const readOnly = server.pool(schema, {
      options: `-c search_path=${schema} -c default_transaction_read_only=on`,
    });
    const follower = follow(new PostgresRevocationLog({ pool: readOnly }));
    await expect(follower.ended).rejects.toThrow(
      'expected a server that accepts writes, got a standby or a read-only server',
    );
  });

  it('is a standby', async () => {
    const standby = await startPostgres({ hot_standby: 'on' });
    try {
      const own = standby.pool('public');
      const { rows } = await own.query<{ data_directory: string }>(
        'SHOW data_directory',
      );
      await new PostgresRevocationLog({ pool: own }).ensureSchema();
      await own.end();
      await standby.halt();
      await writeFile(join(rows[0]!.data_directory, 'standby.signal'), '');
      // It never gets ready for writes.
      void standby.resume().catch(() => undefined);
      const reading = standby.pool('public');
      await until(async () => {
        await reading.query('SELECT 1');
        return true;
      });
      const follower = follow(new PostgresRevocationLog({ pool: reading }));
      await expect(follower.ended).rejects.toThrow('during recovery');
    } finally {
      await standby.stop();
    }
  });
});

describe('the tables of a log', () => {
  it('may be created by any number of processes, and by a migration', async () => {
    const own = await server.createSchema();
    const names = { schema: own, table: 'a'.repeat(63) };
    const logs = Array.from(
      { length: 5 },
      () => new PostgresRevocationLog({ pool, ...names }),
    );
    await Promise.all(logs.map((each) => each.ensureSchema()));
    await pool.query(postgresRevocationSchema(names));
    await append(logs[0]!, ['entry']);
    await follow(logs[1]!).untilAll(['entry']);
  });

  it('have one row for all proofs of life', async () => {
    for (const text of texts('proof', 20)) {
      await append(log, [text], { isProof: true });
    }
    const { rows } = await pool.query(
      `SELECT (SELECT count(*) FROM ${ENTRIES})::int AS entries, (SELECT count(*) FROM ${STATE})::int AS states`,
    );
    expect(rows).toEqual([{ entries: 0, states: 1 }]);
  });

  it.each([
    ['table', { table: 'Log' }],
    ['schema', { schema: 'a b' }],
    ['pollInterval', { pollInterval: 0 }],
    ['pool', { pool: {} as never }],
    ['retention', { retention: 1 } as never],
  ])(
    'have checked names, and a log has checked options: %s',
    (name, options) => {
      expect(() => new PostgresRevocationLog({ pool, ...options })).toThrow(
        expect.objectContaining({
          name: 'SessionConfigError',
          faults: [
            expect.stringContaining(
              `revocations: PostgresRevocationLog: ${name}`,
            ),
          ],
        }),
      );
    },
  );

  it('come with a warning if a crash of the server may cost revocations', async () => {
    expect(await log.warnings()).toEqual([]);
    const hasty = server.pool(schema, {
      options: `-c search_path=${schema} -c synchronous_commit=off`,
    });
    const risky = new PostgresRevocationLog({ pool: hasty });
    expect(await risky.warnings()).toEqual([
      expect.stringContaining('synchronous_commit'),
    ]);
  });
});
