import type { Pool } from 'pg';
import type {
  CreateVerdict,
  RotationVerdict,
  SessionLimit,
} from '../../../lib/ports/session-store.js';
import { PostgresSessionStore } from '../../../lib/stores/postgres/index.js';
import { rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { hashOf, newRecord, presented } from './postgres-fixtures.js';

/** Each costs the server a process. */
const CONNECTIONS_EACH = rounds(10, 3);

let server: PostgresServer;
let shared: Pool;
let stores: PostgresSessionStore[];

beforeAll(async () => {
  server = await sharedPostgres();
  const schema = await server.createSchema();
  shared = server.lastingPool(schema, { max: 5 });
  await new PostgresSessionStore({ pool: shared }).ensureSchema();
  stores = [1, 2, 3, 4].map(() => {
    const own = server.lastingPool(schema, { max: CONNECTIONS_EACH });
    return new PostgresSessionStore({ pool: own });
  });
});

afterAll(() => server.stop());

/** Stores of several processes on one empty table, and a pool to look into it. */
async function severalStores() {
  const pool = shared;
  await pool.query('TRUNCATE user_sessions');
  const store = new PostgresSessionStore({ pool });
  const parallel = <T>(
    count: number,
    work: (store: PostgresSessionStore, i: number) => Promise<T>,
  ) =>
    Promise.all(
      Array.from({ length: count }, (_, i) => work(stores[i % 4]!, i)),
    );
  return { pool, store, parallel };
}

function tally(verdicts: readonly RotationVerdict[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const verdict of verdicts) {
    counts[verdict] = (counts[verdict] ?? 0) + 1;
  }
  return counts;
}

describe('rotation', () => {
  const refreshes = rounds(10_000, 60);

  it(`F-01 V-25 gives ${refreshes} parallel refreshes of one token over four pools one child`, async () => {
    const { pool, store, parallel } = await severalStores();
    const { id, subject, ...record } = newRecord();
    await store.create({ id, subject, ...record });
    const begin = performance.now();
    const verdicts = await parallel(refreshes, (each) =>
      each.rotate(id, subject, presented(0)),
    );
    printFigures(
      'F-01',
      `Postgres: ${refreshes} refreshes in ${Math.round(performance.now() - begin)} ms: ${JSON.stringify(tally(verdicts))}`,
    );
    expect(tally(verdicts)).toEqual({ rotated: 1, repeated: refreshes - 1 });
    const { rows } = await pool.query('SELECT * FROM user_sessions');
    expect(rows).toMatchObject([
      { generation: '1', hash: hashOf(1), previous_hash: hashOf(0) },
    ]);
  });

  it('F-01 keeps one chain over many generations, each presented 20 times at once', async () => {
    const { store, parallel } = await severalStores();
    const record = newRecord();
    await store.create(record);
    for (let generation = 0; generation < rounds(100, 3); generation += 1) {
      const verdicts = await parallel(20, (each) =>
        each.rotate(record.id, record.subject, presented(generation)),
      );
      expect(tally(verdicts)).toEqual({ rotated: 1, repeated: 19 });
    }
  });

  it('rolls forward once when the record has lost writes', async () => {
    const { store, parallel } = await severalStores();
    const record = newRecord();
    await store.create(record);
    const verdicts = await parallel(100, (each) =>
      each.rotate(record.id, record.subject, presented(7)),
    );
    expect(tally(verdicts)).toEqual({ 'rolled-forward': 1, repeated: 99 });
    expect(await store.rotate(record.id, record.subject, presented(8))).toBe(
      'rotated',
    );
  });

  it('reports a reuse once, and nothing brings the session back (V-25)', async () => {
    const { pool, store, parallel } = await severalStores();
    for (let round = 0; round < rounds(20, 3); round += 1) {
      const record = newRecord();
      await store.create(record);
      const verdicts = await parallel(40, (each, i) =>
        i % 2
          ? each.rotate(record.id, record.subject, presented(0))
          : each.rotate(record.id, record.subject, {
              ...presented(0),
              secretHash: 'of another chain',
            }),
      );
      const { reused, rotated = 0 } = tally(verdicts);
      expect({ reused, most: rotated <= 1 }).toEqual({
        reused: 1,
        most: true,
      });
      expect((await pool.query('SELECT FROM user_sessions')).rows).toEqual([]);
    }
  });

  it('an end at the same time as refreshes and updates wins', async () => {
    const { pool, store, parallel } = await severalStores();
    for (let round = 0; round < rounds(50, 6); round += 1) {
      const { id, subject, ...record } = newRecord();
      await store.create({ id, subject, ...record });
      const ended = await parallel(12, async (each, i) => {
        switch (i % 4) {
          case 0:
            return (await each.rotate(id, subject, presented(0))) === 'reused';
          case 1:
            await each.update(id, subject, { attributes: { i } });
            return false;
          case 2:
            return i === 6 && each.end(id, subject);
          default:
            await each.read(id, subject, 'seen');
            return false;
        }
      });
      expect(ended.filter(Boolean)).toHaveLength(1);
      expect((await pool.query('SELECT FROM user_sessions')).rows).toEqual([]);
    }
  });
});

describe('changes at the same time', () => {
  const changes = rounds(200, 40);

  it('of different attributes all survive, with refreshes among them', async () => {
    const { store, parallel } = await severalStores();
    const { id, subject, ...record } = newRecord();
    await store.create({ id, subject, ...record });
    await parallel(changes, async (each, i) => {
      await each.update(id, subject, { attributes: { [`a${i}`]: i } });
      if (i % 10 === 0) {
        await each.rotate(id, subject, presented(0));
      }
    });
    const read = await store.read(id, subject);
    expect(read?.revision).toBe(changes);
    expect(read?.attributes).toEqual(
      Object.fromEntries(
        Array.from({ length: changes }, (_, i) => [`a${i}`, i]),
      ),
    );
  });

  it('of data keep what was loaded last', async () => {
    const { store, parallel } = await severalStores();
    const { id, subject, ...record } = newRecord();
    await store.create({ id, subject, ...record });
    await parallel(100, (each, i) => {
      const loadedAt = 1_000 + ((i * 37) % 100);
      return each.update(id, subject, { data: { value: loadedAt, loadedAt } });
    });
    expect((await store.read(id, subject))?.data).toEqual({
      value: 1_099,
      loadedAt: 1_099,
    });
  });
});

describe('sign-ins at the same time', () => {
  it.each<[SessionLimit['policy'], (verdicts: CreateVerdict[]) => void]>([
    [
      'refuse',
      (verdicts) => {
        const created = verdicts.filter(({ kind }) => kind === 'created');
        expect(created).toHaveLength(3);
      },
    ],
    [
      'end-oldest',
      (verdicts) => {
        const ended = verdicts.flatMap((verdict) =>
          verdict.kind === 'created' ? verdict.ended : ['refused'],
        );
        expect(ended).toHaveLength(47);
        expect(new Set(ended).size).toBe(47);
        expect(ended).not.toContain('refused');
      },
    ],
  ])(
    '50 of one subject leave 3 where 3 are allowed (%s)',
    async (policy, judge) => {
      for (let round = 0; round < rounds(3, 1); round += 1) {
        const { store, parallel } = await severalStores();
        const { subject } = newRecord();
        const verdicts = await parallel(50, (each) =>
          each.create(newRecord({ subject }), { limit: { max: 3, policy } }),
        );
        judge(verdicts);
        expect(await store.list(subject)).toHaveLength(3);
      }
    },
  );

  it('of many subjects do not wait for one another', async () => {
    const { pool, store } = await severalStores();
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query(
      `SELECT pg_advisory_xact_lock(hashtextextended('held begins in "user_sessions"', 0))`,
    );
    const limit = { max: 3, policy: 'refuse' } as const;
    let isHeld = true;
    const held = store
      .create(newRecord({ subject: 'held' }), { limit })
      .then((verdict) => {
        expect(isHeld).toBe(false);
        return verdict;
      });
    const others = await Promise.all(
      Array.from({ length: 20 }, () => store.create(newRecord(), { limit })),
    );
    expect(others.every(({ kind }) => kind === 'created')).toBe(true);
    isHeld = false;
    await holder.query('COMMIT');
    holder.release();
    expect(await held).toEqual({ kind: 'created', ended: [] });
  });
});

describe('a call that waits for a lock', () => {
  it.each<
    [string, (store: PostgresSessionStore, notAfter: Date) => Promise<unknown>]
  >([
    [
      'rotate',
      (store, notAfter) =>
        store.rotate('locked', 'ada', { ...presented(0), notAfter }),
    ],
    [
      'bind',
      (store, notAfter) => store.bind('locked', 'ada', 'k', { notAfter }),
    ],
    [
      'update',
      (store, notAfter) =>
        store.update('locked', 'ada', { attributes: { a: 1 }, notAfter }),
    ],
    [
      'create',
      (store, notAfter) =>
        store.create(newRecord({ subject: 'ada' }), {
          replaces: 'locked',
          notAfter,
        }),
    ],
    [
      'endAll',
      (store, notAfter) => store.endAll('ada', 'locked', { notAfter }),
    ],
  ])(
    'changes nothing when that is given to it after its deadline: %s',
    async (_name, call) => {
      const { pool, store } = await severalStores();
      await store.create(newRecord({ id: 'locked', subject: 'ada' }));
      await store.create(newRecord({ subject: 'ada' }));
      const before = await store.list('ada');
      const holder = await pool.connect();
      await holder.query('BEGIN');
      await holder.query(
        `SELECT FROM user_sessions WHERE id = 'locked' FOR UPDATE`,
      );
      const now = await store.now();
      const outcome = call(store, new Date(now.getTime() + 100)).then(
        () => 'carried out',
        (error: Error) => error.name,
      );
      await holder.query('SELECT pg_sleep(0.3)');
      await holder.query('COMMIT');
      holder.release();
      expect(await outcome).toBe('LateCallError');
      const after = await store.list('ada');
      const asOf = expect.any(Date);
      expect(after).toEqual(before.map((record) => ({ ...record, asOf })));
      expect(await store.rotate('locked', 'ada', presented(0))).toBe('rotated');
    },
  );
});

describe('a binding that waits for a rotation', () => {
  it.each([
    ['continues the chain from the token that it names', true, 0],
    ['leaves the chain as the rotation left it', false, 1],
  ])('%s', async (_what, isContinuing, current) => {
    const { pool, store } = await severalStores();
    const { id, subject, ...record } = newRecord();
    await store.create({ id, subject, ...record });
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query(
      'UPDATE user_sessions SET generation = 1, hash = $1, previous_hash = hash',
      [hashOf(1)],
    );
    const continuesFrom = presented(0);
    const options = isContinuing ? { continuesFrom } : {};
    const bound = store.bind(id, subject, 'key', options);
    const waiting = `SELECT FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    while ((await pool.query(waiting)).rowCount === 0);
    await holder.query('COMMIT');
    holder.release();
    expect(await bound).toBe('bound');
    const { rows } = await pool.query(
      'SELECT generation::int, hash, previous_hash, device_key FROM user_sessions',
    );
    expect(rows).toEqual([
      {
        generation: current,
        hash: hashOf(current),
        previous_hash: isContinuing ? null : hashOf(0),
        device_key: 'key',
      },
    ]);
  });
});
