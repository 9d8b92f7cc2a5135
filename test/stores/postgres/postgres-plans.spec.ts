import type { Pool } from 'pg';
import {
  PostgresSessionStore,
  type PostgresQuery,
} from '../../../lib/stores/postgres/index.js';
import { median } from '../../bench/support/statistics.mjs';
import { rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
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

const HOUR = 3_600_000;

let server: PostgresServer;

beforeAll(async () => {
  server = await sharedPostgres();
});

afterEach(() => server.endPools());

afterAll(() => server.stop());

/** Copies of the only record, spread over so many subjects. */
async function multiply(pool: Pool, count: number, subjects: number) {
  await pool.query(
    `INSERT INTO user_sessions (subject, id, params, metadata, attributes, created_at, last_seen_at,
       expires_at, hash, rotated_at)
     SELECT 'subject-' || i % $2::int, 'copy-of-a-session-id-' || lpad(i::text, 22, '0'), params, metadata,
       attributes, created_at, last_seen_at, expires_at, hash, rotated_at
     FROM user_sessions, generate_series(1, $1::int) AS i`,
    [count, subjects],
  );
  await pool.query('VACUUM ANALYZE user_sessions');
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  Plans?: PlanNode[];
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

describe('every statement', () => {
  /** What each method asks for, and which columns of which index find it. */
  const METHODS: [
    name: string,
    ask: (store: PostgresSessionStore) => Promise<unknown>,
    statements: number,
    index: string,
    condition: RegExp,
  ][] = [
    [
      'create',
      (s) => s.create(newRecord({ subject: 'subject-7' })),
      1,
      'user_sessions_pkey',
      /subject/,
    ],
    [
      'create with a limit',
      (s) =>
        s.create(newRecord({ subject: 'subject-7' }), {
          limit: { max: 3, policy: 'end-oldest' },
        }),
      5,
      'user_sessions_pkey',
      /subject/,
    ],
    [
      'read',
      (s) => s.read('id', 'subject-7'),
      1,
      'user_sessions_pkey',
      /subject.* AND .*id/,
    ],
    [
      'read as seen',
      (s) => s.read('id', 'subject-7', 'seen'),
      2,
      'user_sessions_pkey',
      /subject.* AND .*id/,
    ],
    [
      'confirm',
      (s) => s.confirm('id', 'subject-7', 0),
      2,
      'user_sessions_pkey',
      /subject.* AND .*id/,
    ],
    [
      'rotate',
      (s) => s.rotate('id', 'subject-7', presented(0)),
      2,
      'user_sessions_pkey',
      /subject.* AND .*id/,
    ],
    [
      'update',
      (s) => s.update('id', 'subject-7', { attributes: { a: 1 } }),
      1,
      'user_sessions_pkey',
      /subject.* AND .*id/,
    ],
    [
      'bind',
      (s) => s.bind('id', 'subject-7', 'key'),
      1,
      'user_sessions_pkey',
      /subject.* AND .*id/,
    ],
    [
      'end',
      (s) => s.end('id', 'subject-7'),
      1,
      'user_sessions_pkey',
      /subject.* AND .*id/,
    ],
    [
      'endAll',
      (s) => s.endAll('subject-7', 'id'),
      1,
      'user_sessions_pkey',
      /subject/,
    ],
    ['list', (s) => s.list('subject-7'), 1, 'user_sessions_pkey', /subject/],
    [
      'sweep',
      (s) => s.sweep(),
      1,
      'user_sessions_expiry_hour_idx',
      /expiry_hour/,
    ],
  ];

  let filledPool: Pool;

  beforeAll(async () => {
    const filled = await newStore(server, { max: 2 });
    await filled.store.create(newRecord());
    await multiply(filled.pool, 40_000, 10_000);
    // For all methods: a connection costs the server a process.
    filledPool = server.lastingPool(filled.schema, { max: 2 });
  });

  it.each(METHODS)(
    'of %s finds its records among 40,000 by an index, planned for its values or for any',
    async (_name, ask, statements, index, condition) => {
      const asked: PostgresQuery[] = [];
      const watched = new PostgresSessionStore({
        pool: intercepting(filledPool, (query) => {
          // The sweep after a sign-in is asked for by its own name.
          asked.push(query);
          return undefined;
        }),
      });
      await ask(watched);
      const own = asked.slice(0, statements);
      expect(asked.length - own.length).toBeLessThanOrEqual(1);

      const scans: PlanNode[] = [];
      for (const { text, values } of own) {
        if (!/user_sessions/.test(text)) {
          continue;
        }
        for (const [explain, given] of [
          [`EXPLAIN (FORMAT JSON) ${text}`, values] as const,
          [`EXPLAIN (FORMAT JSON, GENERIC_PLAN) ${text}`] as const,
        ]) {
          const { rows } = await filledPool.query(explain, given as unknown[]);
          const [{ Plan: plan }] = rows[0]['QUERY PLAN'];
          scans.push(
            ...nodesOf(plan).filter((node) =>
              node['Node Type'].endsWith(' Scan'),
            ),
          );
        }
      }
      const types = new Set(scans.map((node) => node['Node Type']));
      for (const harmless of [
        'CTE Scan',
        'Bitmap Heap Scan',
        'Tid Scan',
        'Subquery Scan',
        'Index Scan',
        'Index Only Scan',
        'Bitmap Index Scan',
      ]) {
        types.delete(harmless);
      }
      expect([...types]).toEqual([]);
      const indexed = scans.filter((node) => node['Index Name'] !== undefined);
      expect(indexed.length).toBeGreaterThan(0);
      for (const node of indexed) {
        expect(node['Index Name']).toBe(index);
        expect(node['Index Cond']).toMatch(condition);
      }
    },
  );

  it('is one round trip, but for a limit that is near, a check that finds something to change, and a token that is not the current one', async () => {
    let offset = 0;
    const clockOffset = () => offset;
    const { pool } = await newStore(server);
    let asked = 0;
    const store = new PostgresSessionStore({
      clockOffset,
      pool: intercepting(pool, ({ text }) => {
        asked += Number(!text.includes('SKIP LOCKED'));
        return undefined;
      }),
    });
    const trips = async (work: () => Promise<unknown>) => {
      const before = asked;
      await work();
      return asked - before;
    };
    const record = newRecord();
    const { id, subject } = record;
    const minuteLater = <T>(work: () => Promise<T>) => {
      offset += 60_000;
      return work();
    };
    expect({
      create: await trips(() => store.create(record, { replaces: 'another' })),
      read: await trips(() => store.read(id, subject)),
      seen: await trips(() => store.read(id, subject, 'seen')),
      confirm: await trips(() => store.confirm(id, subject, 0)),
      seenAfterAMinute: await trips(() =>
        minuteLater(() => store.read(id, subject, 'seen')),
      ),
      seenAgain: await trips(() => store.read(id, subject, 'seen')),
      confirmAfterAMinute: await trips(() =>
        minuteLater(() => store.confirm(id, subject, 0)),
      ),
      confirmAgain: await trips(() => store.confirm(id, subject, 0)),
      update: await trips(() =>
        store.update(id, subject, { attributes: { a: 1 } }),
      ),
      confirmOfNewer: await trips(() => store.confirm(id, subject, 0)),
      rotate: await trips(() => store.rotate(id, subject, presented(0))),
      repeated: await trips(() => store.rotate(id, subject, presented(0))),
      list: await trips(() => store.list(subject)),
      endAll: await trips(() => store.endAll(subject, id)),
      end: await trips(() => store.end(id, subject)),
    }).toEqual({
      create: 1,
      read: 1,
      seen: 1,
      confirm: 1,
      seenAfterAMinute: 2,
      seenAgain: 1,
      confirmAfterAMinute: 2,
      confirmAgain: 1,
      update: 1,
      confirmOfNewer: 2,
      rotate: 1,
      repeated: 2,
      list: 1,
      endAll: 1,
      end: 1,
    });
  });
});

describe('a subject with 10,000 sessions', () => {
  const ROUNDS = rounds(5, 1);

  it('F-31 has them all ended in one statement', async () => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { pool, store } = await newStore(server);
      const kept = newRecord({ subject: 'subject-0' });
      await store.create(kept);
      await multiply(pool, 10_000, 1);
      const begin = performance.now();
      expect(await store.endAll('subject-0', kept.id)).toBe(10_000);
      times.push(performance.now() - begin);
      expect(await store.list('subject-0')).toHaveLength(1);
      const copy = `copy-of-a-session-id-${'1'.padStart(22, '0')}`;
      expect(await store.rotate(copy, 'subject-0', presented(0))).toBe(
        'unknown',
      );
      await server.endPools();
    }
    printFigures(
      'F-31',
      `Postgres: 10,000 sessions ended in ${median(times).toFixed(1)} ms (median of ${ROUNDS})`,
    );
  });
});

describe('refreshes', () => {
  it('touch no index while the hour of the end stays the same', async () => {
    // In the middle of an hour, so that none passes meanwhile.
    const clockOffset = () => 1.5 * HOUR - (Date.now() % HOUR);
    const { pool, store } = await newStore(server, { max: 1, clockOffset });
    const records = Array.from({ length: rounds(300, 50) }, () => newRecord());
    for (const record of records) {
      await store.create(record);
    }
    for (let generation = 0; generation < 4; generation += 1) {
      for (const { id, subject } of records) {
        await store.rotate(id, subject, presented(generation));
      }
    }
    await pool.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await pool.query(
      `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
       WHERE relid = 'user_sessions'::regclass`,
    );
    console.log('refreshes that touched no index:', rows[0]);
    expect(rows[0].updates).toBe(4 * records.length);
    expect(rows[0].hot).toBeGreaterThan((4 / 1.2) * records.length);
  });
});
