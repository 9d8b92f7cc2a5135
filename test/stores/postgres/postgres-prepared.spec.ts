import type { Pool } from 'pg';
import {
  PostgresSessionStore,
  type PostgresQuery,
} from '../../../lib/stores/postgres/index.js';
import { combinations } from '../../support/effort.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import {
  intercepting,
  newRecord,
  newStore,
  presented,
} from './postgres-fixtures.js';

/** All but the sweep. */
const STATEMENTS = 16;

let server: PostgresServer;

beforeAll(async () => {
  server = await sharedPostgres();
});

afterEach(() => server.endPools());

afterAll(() => server.stop());

/** A store with prepared statements on a pool of one connection, which has its own table. */
async function newPreparedStore(clockOffset: () => number = () => 0) {
  const { schema, pool } = await newStore(server, { max: 1 });
  const store = new PostgresSessionStore({
    pool,
    prepareStatements: true,
    clockOffset,
  });
  return { schema, pool, store };
}

/** Every statement, and every answer is what it should be. */
async function useEverything(store: PostgresSessionStore): Promise<void> {
  const { subject } = newRecord();
  const limit = { max: 2, policy: 'end-oldest' } as const;
  const [first, second] = [newRecord({ subject }), newRecord({ subject })];
  const { id } = second;
  expect(await store.create(first)).toMatchObject({ kind: 'created' });
  expect(await store.create(second, { limit })).toMatchObject({ ended: [] });
  expect(await store.read(id, subject)).toMatchObject({ id, revision: 0 });
  expect(await store.read(id, subject, 'seen')).toMatchObject({ id });
  expect(await store.confirm(id, subject, 0)).toBeInstanceOf(Date);
  const change = { attributes: { theme: 'dark' } };
  expect(await store.update(id, subject, change)).toMatchObject(change);
  expect(await store.confirm(id, subject, 0)).toMatchObject(change);
  expect(await store.rotate(id, subject, presented(0))).toBe('rotated');
  expect(await store.rotate(id, subject, presented(0))).toBe('repeated');
  await store.confirmUse(id, subject, 1);
  expect(await store.bind(id, subject, 'key')).toBe('bound');
  expect(await store.now()).toBeInstanceOf(Date);
  expect(await store.list(subject)).toHaveLength(2);
  expect(await store.end(first.id, subject)).toBe(true);
  expect(await store.endAll(subject)).toBe(1);
  expect(await store.sweep()).toBe(0);
}

async function preparedOn(pool: Pool) {
  const { rows } = await pool.query<{
    name: string;
    statement: string;
    generic: number;
  }>(`SELECT name, statement, generic_plans::int AS generic FROM pg_prepared_statements
    WHERE name LIKE 'session%'`);
  return rows;
}

describe('prepared statements', () => {
  it('are those of a store that is told to prepare them, each once for a connection', async () => {
    const { pool, store } = await newPreparedStore();
    await useEverything(new PostgresSessionStore({ pool }));
    expect(await preparedOn(pool)).toEqual([]);
    await useEverything(store);
    const prepared = await preparedOn(pool);
    expect(prepared).toHaveLength(STATEMENTS);
    await useEverything(store);
    expect(await preparedOn(pool)).toHaveLength(STATEMENTS);
    for (const { name } of prepared) {
      expect(name).toMatch(/^session_[\w-]{22}$/);
    }
  });

  it('have names of their text, so that different ones never share one', async () => {
    const { pool } = await newPreparedStore();
    const texts = new Map<string, Set<string>>();
    const names = async (table: string) => {
      const asked: PostgresQuery[] = [];
      const store = new PostgresSessionStore({
        pool: intercepting(pool, (query) => {
          asked.push(query);
          return undefined;
        }),
        table,
        prepareStatements: true,
      });
      await store.ensureSchema();
      await useEverything(store);
      for (const { name, text } of asked) {
        if (name) {
          texts.set(name, (texts.get(name) ?? new Set()).add(text));
        }
      }
      return new Set(asked.flatMap(({ name }) => name ?? []));
    };
    const [some, again, others] = [
      await names('some'),
      await names('some'),
      await names('others'),
    ];
    expect(some.size).toBe(STATEMENTS);
    expect(again).toEqual(some);
    const shared = [...some].filter((name) => others.has(name));
    expect(shared.flatMap((name) => [...texts.get(name)!])).toEqual([
      expect.stringMatching(/^SELECT extract\(epoch FROM [^"]*$/),
    ]);
    expect([...texts.values()].every(({ size }) => size === 1)).toBe(true);
  });

  it('follow a connection to another schema', async () => {
    const { schema, pool, store } = await newPreparedStore();
    const another = await server.createSchema();
    const record = newRecord();
    await store.create(record);
    await useEverything(store);
    await pool.query(`SET search_path = ${another}`);
    await store.ensureSchema();
    expect(await store.read(record.id, record.subject)).toBeUndefined();
    await useEverything(store);
    await pool.query(`SET search_path = ${schema}`);
    expect(await store.read(record.id, record.subject)).toMatchObject({
      id: record.id,
    });
  });

  const CHANGES = [
    ['gets a column', 'ALTER TABLE user_sessions ADD COLUMN tenant text'],
    ['is made anew', 'DROP TABLE user_sessions'],
    [
      'gets a column that must have a value',
      `ALTER TABLE user_sessions ADD COLUMN note text NOT NULL DEFAULT 'x'`,
    ],
    ['gets another index', 'CREATE INDEX ON user_sessions (last_seen_at)'],
    [
      'is replaced by another',
      'ALTER TABLE user_sessions RENAME TO old_sessions',
    ],
  ] as const;

  it.each(combinations(CHANGES, 2))(
    'work on when their table %s',
    async (_what, statement) => {
      const { pool, store } = await newPreparedStore();
      // Often enough for plans that are kept.
      for (let i = 0; i < 7; i += 1) {
        await useEverything(store);
      }
      await pool.query(statement);
      await store.ensureSchema();
      await useEverything(store);
      expect(await preparedOn(pool)).toHaveLength(STATEMENTS);
    },
  );
});

describe('a pooler that does not know prepared statements', () => {
  it('makes methods reject with 26000 or 42P05, and does no harm to a store that prepares none', async () => {
    const { schema, pool, store } = await newPreparedStore();
    await useEverything(store);
    const [prepared] = await preparedOn(pool);
    // As when the connection to the server has become another one.
    await pool.query('DEALLOCATE ALL');
    await expect(store.endAll('subject')).rejects.toMatchObject({
      code: '26000',
    });
    const unprepared = new PostgresSessionStore({ pool });
    await useEverything(unprepared);

    const another = server.pool(schema, { max: 1 });
    await another.query(`PREPARE "${prepared!.name}" AS SELECT 1`);
    const preparing = new PostgresSessionStore({
      pool: another,
      prepareStatements: true,
    });
    await expect(useEverything(preparing)).rejects.toMatchObject({
      code: '42P05',
    });
  });
});

describe('plans that are kept', () => {
  const sequentialScans = async (pool: Pool): Promise<number> => {
    await pool.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await pool.query(
      `SELECT seq_scan::int AS count FROM pg_stat_user_tables WHERE relid = 'user_sessions'::regclass`,
    );
    return rows[0].count as number;
  };
  const fill = (pool: Pool, count: number) =>
    pool.query(
      `INSERT INTO user_sessions (subject, id, params, metadata, attributes, created_at, last_seen_at,
         expires_at, rotated_at)
       SELECT 'subject-' || i % 5000, 'id-' || i, '1', '{}', '{}', now(), now(), now() + interval '7 days', now()
       FROM generate_series(1, $1::int) AS i ON CONFLICT DO NOTHING`,
      [count],
    );

  it.each([
    ['that was empty and grew', 0],
    ['that was small when it was last analyzed, and is again', 20],
  ])('never read a whole table %s', async (_how, before) => {
    const { pool, store } = await newPreparedStore();
    await fill(pool, before);
    if (before > 0) {
      await pool.query('VACUUM ANALYZE user_sessions');
    }
    for (let i = 0; i < 10; i += 1) {
      await useEverything(store);
    }
    const kept = (await preparedOn(pool)).filter(({ generic }) => generic > 0);
    expect(kept.length).toBeGreaterThan(5);
    await fill(pool, 20_000);
    if (before > 0) {
      await pool.query('ANALYZE user_sessions');
    }
    const scans = await sequentialScans(pool);
    for (let i = 0; i < 10; i += 1) {
      await useEverything(store);
    }
    expect((await sequentialScans(pool)) - scans).toBe(0);
  });
});
