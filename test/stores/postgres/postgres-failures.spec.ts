import { randomInt } from 'node:crypto';
import type { Pool } from 'pg';
import type { SessionLimit } from '../../../lib/ports/session-store.js';
import {
  PostgresSessionStore,
  type PostgresPool,
} from '../../../lib/stores/postgres/index.js';
import { rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
import {
  startPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { UnhandledErrors } from '../../support/unhandled.js';
import {
  intercepting,
  newRecord,
  newStore,
  presented,
} from './postgres-fixtures.js';

const LIMIT: SessionLimit = { max: 3, policy: 'end-oldest' };

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});

afterEach(() => server.endPools());

afterAll(() => server.stop());

/** Every method of a store, asked about one session. */
function askEverything(
  store: PostgresSessionStore,
  { id, subject } = newRecord(),
) {
  return {
    create: () => store.create(newRecord()),
    createWithin: () => store.create(newRecord(), { limit: LIMIT }),
    read: () => store.read(id, subject),
    seen: () => store.read(id, subject, 'seen'),
    confirm: () => store.confirm(id, subject, 0),
    rotate: () => store.rotate(id, subject, presented(0)),
    update: () => store.update(id, subject, { attributes: { a: 1 } }),
    end: () => store.end(id, subject),
    endAll: () => store.endAll(subject),
    list: () => store.list(subject),
    sweep: () => store.sweep(),
    ensureSchema: () => store.ensureSchema(),
  };
}

function sqlError(code: string): Error {
  return Object.assign(new Error(`injected ${code}`), { code });
}

describe('a conflict with other transactions', () => {
  const SESSIONS = rounds(1_000, 150);

  it(`F-13 in 20 % of the statements costs none of ${SESSIONS} sessions that refresh at once`, async () => {
    const { pool, store } = await newStore(server, { max: rounds(10, 4) });
    const records = Array.from({ length: SESSIONS }, () => newRecord());
    await Promise.all(records.map((record) => store.create(record)));
    let injected = 0;
    const shaky = new PostgresSessionStore({
      pool: intercepting(pool, () => {
        if (randomInt(100) >= 20) {
          return undefined;
        }
        injected += 1;
        return Promise.reject(sqlError(injected % 2 ? '40001' : '40P01'));
      }),
    });
    let rejected = 0;
    const refresh = async (id: string, subject: string): Promise<string> => {
      for (;;) {
        try {
          return await shaky.rotate(id, subject, presented(0));
        } catch (error) {
          expect((error as Error).message).toMatch(/^injected 40/);
          rejected += 1;
        }
      }
    };
    const verdicts = await Promise.all(
      records.map(({ id, subject }) => refresh(id, subject)),
    );
    printFigures(
      'F-13',
      `Postgres: ${injected} conflicts injected, ${rejected} of ${SESSIONS + rejected} refreshes had to be asked for again`,
    );
    expect(injected).toBeGreaterThan(SESSIONS / rounds(10, 20));
    // 0.2 ** 3 of them meet three conflicts in a row.
    expect(rejected).toBeLessThan(40);
    expect(verdicts.every((verdict) => verdict === 'rotated')).toBe(true);
    const next = await Promise.all(
      records.map(({ id, subject }) => store.rotate(id, subject, presented(1))),
    );
    expect(next.every((verdict) => verdict === 'rotated')).toBe(true);
  });

  it.each([
    ['40001', 2, 'survives'],
    ['40P01', 2, 'survives'],
    ['40001', 3, 'does not survive'],
    ['40P01', 3, 'does not survive'],
  ])(
    'F-13 is tried again twice: every method, met by %s %i times, %s',
    async (code, times, outcome) => {
      const { pool } = await newStore(server);
      let left = 0;
      const store = new PostgresSessionStore({
        pool: intercepting(pool, ({ text }) => {
          if (left === 0 || !text.includes('"user_sessions"')) {
            return undefined;
          }
          left -= 1;
          return Promise.reject(sqlError(code));
        }),
      });
      const { ensureSchema: _, ...methods } = askEverything(store);
      for (const ask of Object.values(methods)) {
        left = times;
        if (outcome === 'survives') {
          await ask();
        } else {
          await expect(ask()).rejects.toThrow(`injected ${code}`);
        }
        expect(left).toBe(0);
        await store.sweep();
      }
    },
  );

  it('F-13 that a stricter isolation causes is a real one, and is tried again', async () => {
    const { schema, store } = await newStore(server);
    const strict = server.pool(schema, {
      max: rounds(10, 4),
      options: `-c search_path=${schema} -c default_transaction_isolation=repeatable\\ read`,
    });
    const conflicts: unknown[] = [];
    const another = new PostgresSessionStore({
      pool: intercepting(strict, (_query, run) =>
        run().catch((error: { code?: string }) => {
          if (error.code === '40001') {
            conflicts.push(error);
          }
          throw error;
        }),
      ),
    });
    const { id, subject, ...record } = newRecord();
    await store.create({ id, subject, ...record });
    let changes = 0;
    for (; conflicts.length === 0 && changes < 1_000; changes += 2) {
      await Promise.all(
        ['a', 'b'].map((name) =>
          another.update(id, subject, { attributes: { [name]: changes } }),
        ),
      );
    }
    expect(conflicts).not.toEqual([]);
    expect((await store.read(id, subject))?.revision).toBe(changes);

    const verdicts = await Promise.all(
      Array.from({ length: 30 }, () =>
        another.create(newRecord({ subject }), { limit: LIMIT }),
      ),
    );
    expect(verdicts.every(({ kind }) => kind === 'created')).toBe(true);
    expect(await store.list(subject)).toHaveLength(3);
  });

  it('is the only error that is tried again', async () => {
    for (const error of [
      sqlError('57014'),
      sqlError('23505'),
      new Error('plain'),
      undefined,
    ]) {
      let asked = 0;
      const fail = (): Promise<never> => {
        asked += 1;
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors
        return Promise.reject(error);
      };
      const pool: PostgresPool = { query: fail, connect: fail };
      const store = new PostgresSessionStore({ pool });
      await expect(store.read('id', 'subject')).rejects.toBe(error);
      expect(asked).toBe(1);
      await expect(store.create(newRecord(), { limit: LIMIT })).rejects.toBe(
        error,
      );
      expect(asked).toBe(2);
    }
  });
});

describe('a server that is gone', () => {
  it('F-13 makes every method reject, and costs nothing when it is back', async () => {
    const { store } = await newStore(server);
    const record = newRecord();
    await store.create(record);
    await server.halt();
    for (const ask of Object.values(askEverything(store))) {
      await expect(ask()).rejects.toThrow();
    }
    await server.resume();
    expect(await store.rotate(record.id, record.subject, presented(0))).toBe(
      'rotated',
    );
    expect(
      await store.create(newRecord({ subject: record.subject }), {
        limit: LIMIT,
      }),
    ).toEqual({ kind: 'created', ended: [] });
  });

  it('F-13 in the middle of a sign-in with a limit leaves nothing behind, and does not end the process', async () => {
    const unhandled = new UnhandledErrors();
    unhandled.start();
    const { pool, store } = await newStore(server, { max: 3 });
    const record = newRecord();
    const holder = await pool.connect();
    await holder.query(
      `SELECT pg_advisory_lock(hashtextextended($1 || ' begins in "user_sessions"', 0))`,
      [record.subject],
    );
    const created = store.create(record, { limit: LIMIT });
    const outcome = expect(created).rejects.toThrow();
    let killed = 0;
    while (killed === 0) {
      const { rows } = await holder.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'`,
      );
      killed = rows.length;
    }
    await outcome;
    await holder.query('SELECT pg_advisory_unlock_all()');
    holder.release();
    expect(await store.list(record.subject)).toEqual([]);
    expect(await store.create(record, { limit: LIMIT })).toEqual({
      kind: 'created',
      ended: [],
    });
    expect(await unhandled.settled()).toEqual([]);
    unhandled.stop();
  });

  it('that fails a sign-in with a limit at any statement leaves nothing behind and gives the connection back', async () => {
    const { pool, store } = await newStore(server, { max: 1 });
    const { subject } = newRecord();
    const kept = newRecord({ subject });
    await store.create(kept);
    for (let failing = 1; failing <= 5; failing += 1) {
      let asked = 0;
      const shaky = new PostgresSessionStore({
        pool: intercepting(pool, () => {
          asked += 1;
          return asked === failing
            ? Promise.reject(new Error('cut'))
            : undefined;
        }),
      });
      await expect(
        shaky.create(newRecord({ subject }), {
          limit: { max: 1, policy: 'end-oldest' },
        }),
      ).rejects.toThrow('cut');
      expect((await store.list(subject)).map(({ id }) => id)).toEqual([
        kept.id,
      ]);
      expect(pool).toMatchObject({ idleCount: 1, waitingCount: 0 });
    }
  });
});

describe('a rotation', () => {
  let pool: Pool;

  beforeAll(async () => {
    const { schema } = await newStore(server, { max: 1 });
    pool = server.lastingPool(schema, { max: 1 });
  });

  it.each([
    ['rotated', 0],
    ['rolled-forward', 0],
    ['reused', 0],
    ['expired', 0],
    ['rotated', 2],
    ['repeated', 1],
    ['unproven', 1],
  ])('refuses %s that changed %i records (V-25)', async (verdict, affected) => {
    const store = new PostgresSessionStore({
      pool: intercepting(pool, ({ text }) =>
        text.includes('decided')
          ? Promise.resolve({
              rows: [{ verdict, affected: String(affected) }],
              rowCount: 1,
            })
          : undefined,
      ),
    });
    await expect(store.rotate('id', 'subject', presented(0))).rejects.toThrow(
      `rotate: expected ${verdict} to change ${['repeated', 'unproven'].includes(verdict) ? 0 : 1} records, got ${affected}`,
    );
  });
});

describe('a binding', () => {
  it.each([
    ['bound', 0],
    ['conflict', 0],
    ['expired', 0],
    ['conflict', 2],
    ['same', 1],
  ])('refuses %s that changed %i records', async (outcome, affected) => {
    const pool = server.pool('public');
    const store = new PostgresSessionStore({
      pool: intercepting(pool, ({ text }) =>
        text.includes('decided')
          ? Promise.resolve({
              rows: [{ outcome, affected: String(affected) }],
              rowCount: 1,
            })
          : undefined,
      ),
    });
    await expect(store.bind('id', 'subject', 'key')).rejects.toThrow(
      `bind: expected ${outcome} to change ${outcome === 'same' ? 0 : 1} records, got ${affected}`,
    );
  });
});

describe('a pool', () => {
  it('F-13 without a free connection holds calls up, which then are right', async () => {
    const { pool, store } = await newStore(server, { max: 1 });
    const record = newRecord();
    await store.create(record);
    await store.sweep();
    const busy = await pool.connect();
    let isBusy = true;
    const rotated = store
      .rotate(record.id, record.subject, presented(0))
      .then((verdict) => [verdict, isBusy]);
    await busy.query('SELECT pg_sleep(0.3)');
    isBusy = false;
    busy.release();
    expect(await rotated).toEqual(['rotated', false]);
  });

  it('F-13 that gives up waiting makes the store reject', async () => {
    const { schema } = await newStore(server);
    const pool = server.pool(schema, { max: 1 });
    const store = new PostgresSessionStore({ pool });
    const busy = await pool.connect();
    // Only the wait for this connection has a limit, not that for the server.
    pool.options.connectionTimeoutMillis = 100;
    const methods = Object.values(askEverything(store)).map((ask) => ask());
    for (const outcome of await Promise.allSettled(methods)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringContaining('timeout') },
      });
    }
    busy.release();
    expect(await store.list('subject')).toEqual([]);
  });

  it('F-13 of a read-only standby makes every method reject, so that none answers from the past', async () => {
    const { schema, store } = await newStore(server);
    const record = newRecord();
    await store.create(record);
    const pool = server.pool(schema, {
      options: `-c search_path=${schema} -c default_transaction_read_only=on`,
    });
    const methods = askEverything(new PostgresSessionStore({ pool }), record);
    for (const [method, ask] of Object.entries(methods)) {
      const code = await ask().then(
        () => `${method} answered`,
        (error: { code?: string }) => error.code,
      );
      expect(code).toBe('25006');
    }
  });

  it('whose table is missing makes every method reject', async () => {
    const pool = server.pool(await server.createSchema());
    const { ensureSchema, ...methods } = askEverything(
      new PostgresSessionStore({ pool }),
    );
    for (const ask of Object.values(methods)) {
      await expect(ask()).rejects.toMatchObject({ code: '42P01' });
    }
    await ensureSchema();
    expect(await methods.list()).toEqual([]);
  });
});
