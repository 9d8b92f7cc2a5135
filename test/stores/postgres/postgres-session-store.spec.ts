import { Pool } from 'pg';
import { SessionConfigError } from '../../../lib/errors/session-config-error.js';
import {
  PostgresSessionStore,
  postgresSessionSchema,
} from '../../../lib/stores/postgres/index.js';
import { rounds } from '../../support/effort.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { rows } from '../../support/titles.js';
import { newRecord, newStore, presented } from './postgres-fixtures.js';

let server: PostgresServer;

beforeAll(async () => {
  server = await sharedPostgres();
});

afterAll(() => server.stop());

describe('the names of a PostgresSessionStore', () => {
  const HOSTILE = [
    '',
    'x"; DROP TABLE users; --',
    "x'",
    'a.b',
    'Sessions',
    '1st',
    'a b',
    'sessions\n',
    'sessions\0',
    'séance',
    'x'.repeat(64),
    7,
    null,
    ['sessions'],
    { toString: () => 'sessions' },
  ];

  it.each(rows(HOSTILE))('V-53 cannot be %s', (_title, name) => {
    const pool = new Pool();
    for (const option of ['table', 'schema']) {
      const names = { [option]: name };
      expect(() => new PostgresSessionStore({ pool, ...names })).toThrow(
        new RegExp(`PostgresSessionStore: ${option}: expected a name`),
      );
      expect(() => postgresSessionSchema(names)).toThrow(SessionConfigError);
    }
  });

  it.each([
    ['user_sessions', undefined],
    ['_', undefined],
    ['order', undefined],
    ['x'.repeat(63), undefined],
    ['sessions', 'the_schema'],
  ])('V-53 may be %s in schema %s', async (table, schema) => {
    const own = await server.createSchema();
    const pool = server.pool(own, { max: 2 });
    if (schema) {
      await pool.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    }
    const store = new PostgresSessionStore({
      pool,
      table,
      ...(schema && { schema }),
    });
    await store.ensureSchema();
    const record = newRecord();
    await store.create(record, { limit: { max: 1, policy: 'refuse' } });
    expect(await store.read(record.id, record.subject)).toMatchObject({
      id: record.id,
    });
    const indexes = await pool.query(
      'SELECT indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename = $2',
      [schema ?? own, table],
    );
    expect(indexes.rows).toHaveLength(2);
    expect(JSON.stringify(indexes.rows)).toContain('(expiry_hour)');
  });

  it('V-53 leaves ids and subjects to parameters', async () => {
    const { pool, store } = await newStore(server);
    const hostile = `'; DROP TABLE user_sessions; -- " \\ $1 \0 %`;
    const record = newRecord({ id: hostile, subject: hostile });
    await store.create(record, { limit: { max: 1, policy: 'end-oldest' } });
    await store.create(newRecord({ subject: hostile }));
    expect((await store.read(hostile, hostile))?.id).toBe(hostile);
    expect(
      (await store.list(hostile)).map(({ id }) => id).includes(hostile),
    ).toBe(true);
    expect(
      await store.create(newRecord({ subject: hostile }), {
        limit: { max: 1, policy: 'end-oldest' },
      }),
    ).toMatchObject({ kind: 'created', ended: [hostile, expect.any(String)] });
    expect(await store.endAll(hostile)).toBe(1);
    expect((await pool.query('SELECT FROM user_sessions')).rows).toEqual([]);
  });
});

describe('the options of a PostgresSessionStore', () => {
  it.each(
    rows([undefined, null, {}, { query: () => undefined }, 'postgres://']),
  )('refuses %s as a pool', (_title, pool) => {
    expect(() => new PostgresSessionStore({ pool: pool as never })).toThrow(
      /PostgresSessionStore: pool: expected a Pool/,
    );
  });

  it('refuses options that it does not know, and names every fault', () => {
    const options = {
      pool: new Pool(),
      tabel: 'x',
      table: 'X',
      prepareStatements: 'yes' as never,
    };
    expect(() => new PostgresSessionStore(options)).toThrow(
      /PostgresSessionStore: tabel: unknown option \(known here: pool, table, schema, prepareStatements\)/,
    );
    expect(() => new PostgresSessionStore(options)).toThrow(/table: expected/);
    expect(() => new PostgresSessionStore(options)).toThrow(
      /prepareStatements: expected true or false/,
    );
  });
});

describe('ensureSchema', () => {
  it('may be called by many processes at once, and again', async () => {
    for (let round = 0; round < rounds(5, 1); round += 1) {
      const schema = await server.createSchema();
      const pool = server.pool(schema, { max: rounds(10, 5) });
      const stores = Array.from(
        { length: 10 },
        () => new PostgresSessionStore({ pool }),
      );
      await Promise.all(stores.map((store) => store.ensureSchema()));
      const record = newRecord();
      await stores[0]!.create(record);
      await stores[1]!.ensureSchema();
      expect(await stores[2]!.list(record.subject)).toHaveLength(1);
      await pool.end();
    }
  });

  it('is the SQL that a migration runs', async () => {
    const schema = await server.createSchema();
    const pool = server.pool('public');
    await pool.query(postgresSessionSchema({ table: 'sessions', schema }));
    const store = new PostgresSessionStore({ pool, table: 'sessions', schema });
    await store.create(newRecord({ subject: 'somebody' }));
    expect(await store.list('somebody')).toHaveLength(1);
  });
});

describe('a table of an older version', () => {
  it.each([
    [
      'ensureSchema',
      (pool: Pool) => new PostgresSessionStore({ pool }).ensureSchema(),
    ],
    ['a migration', (pool: Pool) => pool.query(postgresSessionSchema())],
  ])(
    'gets its missing columns from %s, and keeps its sessions, which can be bound',
    async (_how, migrate) => {
      const { pool, store } = await newStore(server);
      const record = newRecord();
      const { id, subject } = record;
      await store.create(record);
      expect(await store.rotate(id, subject, presented(0))).toBe('rotated');
      await pool.query(
        'ALTER TABLE user_sessions DROP COLUMN used_at, DROP COLUMN recovered, DROP COLUMN device_key',
      );
      await expect(store.read(id, subject)).rejects.toThrow('device_key');
      await migrate(pool);
      await migrate(pool);
      expect(await store.read(id, subject)).not.toHaveProperty('deviceKey');
      expect(await store.rotate(id, subject, presented(1))).toBe('rotated');
      expect(await store.bind(id, subject, 'key')).toBe('bound');
      await migrate(pool);
      expect(await store.read(id, subject)).toMatchObject({ deviceKey: 'key' });
      expect(await store.rotate(id, subject, presented(2))).toBe('unproven');
      const found = await pool.query(
        `SELECT count(*)::int AS columns FROM information_schema.columns
         WHERE table_schema = current_schema() AND column_name IN ('used_at', 'recovered', 'device_key')`,
      );
      expect(found.rows).toEqual([{ columns: 3 }]);
    },
  );
});

describe('a PostgresSessionStore', () => {
  it('never closes the pool', async () => {
    const { pool, store } = await newStore(server);
    await store.create(newRecord());
    await store.sweep();
    expect(pool.ended).toBe(false);
    expect(
      Object.getOwnPropertyNames(PostgresSessionStore.prototype),
    ).not.toEqual(
      expect.arrayContaining(['onModuleDestroy', 'onApplicationShutdown']),
    );
  });

  it('is not misled by type parsers that the application gave the pool', async () => {
    const { schema, store } = await newStore(server);
    const record = newRecord({
      attributes: { a: 1 },
      data: { value: { b: 2 }, loadedAt: 12.5 },
    });
    await store.create(record);
    const pool = server.pool(schema, {
      types: {
        // 25 is text; everything else becomes nonsense.
        getTypeParser: (oid: number) => (value: string) =>
          oid === 25 ? value : { nonsense: oid },
      },
    });
    const another = new PostgresSessionStore({ pool });
    const expected = await store.read(record.id, record.subject);
    expect(expected).toMatchObject({ attributes: { a: 1 }, revision: 0 });
    const same = { ...expected, asOf: expect.any(Date) };
    expect(await another.read(record.id, record.subject)).toEqual(same);
    expect(await another.list(record.subject)).toEqual([same]);
    const attributes = { c: 3 };
    expect(
      await another.update(record.id, record.subject, { attributes }),
    ).toMatchObject({ attributes: { a: 1, c: 3 }, revision: 1 });
    expect(await another.sweep()).toBe(0);
    expect(await another.end(record.id, record.subject)).toBe(true);
    expect(await another.endAll(record.subject)).toBe(0);
  });
});
