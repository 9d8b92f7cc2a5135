import type { Pool } from 'pg';
import { PostgresSessionStore } from '../../../lib/stores/postgres/index.js';
import { describeSessionStore } from '../../../lib/testing/describe-session-store.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';
import { takingTurns } from '../contract-turns.js';

let server: PostgresServer;
let pools: Record<'unnamed' | 'prepared', [Pool, Pool]>;
const TABLES = { unnamed: 'sessions', prepared: 'sessions_prepared' };

beforeAll(async () => {
  server = await sharedPostgres();
  const schema = await server.createSchema();
  // Each connection costs the server a process.
  const max = 4;
  // Where Postgres may choose, it first plans five times for the values at hand.
  const generic = {
    options: `-c search_path=${schema} -c plan_cache_mode=force_generic_plan`,
    max,
  };
  pools = {
    unnamed: [server.pool(schema, { max }), server.pool(schema, { max })],
    prepared: [server.pool(schema, generic), server.pool(schema, generic)],
  };
  for (const kind of ['unnamed', 'prepared'] as const) {
    const [pool] = pools[kind];
    await new PostgresSessionStore({
      pool,
      table: TABLES[kind],
    }).ensureSchema();
  }
});

afterAll(() => server.stop());

const KINDS = {
  PostgresSessionStore: 'unnamed',
  'PostgresSessionStore with prepared statements': 'prepared',
} as const;

for (const { name, way: kind, runner } of takingTurns(KINDS)) {
  describeSessionStore(name, () => newFixture(kind), runner);
}

function newFixture(kind: keyof typeof pools) {
  const table = TABLES[kind];
  let offset = 0;
  const [store, another] = pools[kind].map(
    (pool) =>
      new PostgresSessionStore({
        pool,
        table,
        prepareStatements: kind === 'prepared',
        clockOffset: () => offset,
      }),
  ) as [PostgresSessionStore, PostgresSessionStore];
  return {
    store,
    another,
    advance(seconds: number) {
      offset += seconds * 1000;
    },
    async dump() {
      const { rows } = await pools[kind][0].query(`SELECT * FROM ${table}`);
      return JSON.stringify(rows);
    },
  };
}
