import type { Pool } from 'pg';
import { PostgresSessionStore } from '../../../lib/stores/postgres/index.js';
import { describeSessionStore } from '../../../lib/testing/describe-session-store.js';
import {
  startPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';

let server: PostgresServer;
let pools: [Pool, Pool];
let tables = 0;

beforeAll(async () => {
  server = await startPostgres();
  const schema = await server.createSchema();
  pools = [server.pool(schema), server.pool(schema)];
}, 30_000);

afterAll(() => server.stop());

describeSessionStore('PostgresSessionStore', async () => {
  tables += 1;
  const table = `sessions_${tables}`;
  let offset = 0;
  const [store, another] = pools.map(
    (pool) =>
      new PostgresSessionStore({ pool, table, clockOffset: () => offset }),
  ) as [PostgresSessionStore, PostgresSessionStore];
  await store.ensureSchema();
  return {
    store,
    another,
    advance(seconds) {
      offset += seconds * 1000;
    },
    async dump() {
      const { rows } = await pools[0].query(`SELECT * FROM ${table}`);
      return JSON.stringify(rows);
    },
  };
});
