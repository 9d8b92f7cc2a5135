import type { Pool } from 'pg';
import { PostgresRevocationLog } from '../../../lib/stores/postgres/index.js';
import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../../support/postgres-server.js';

let server: PostgresServer;
let pools: [Pool, Pool];
let tables = 0;

beforeAll(async () => {
  server = await sharedPostgres();
  const schema = await server.createSchema();
  pools = [server.pool(schema, { max: 20 }), server.pool(schema, { max: 20 })];
});

afterAll(() => server.stop());

describeRevocationLog('PostgresRevocationLog', async () => {
  let offset = 0;
  tables += 1;
  const table = `log_${tables}`;
  const [log, another] = pools.map(
    (pool) =>
      new PostgresRevocationLog({
        pool,
        table,
        pollInterval: '60s',
        clockOffset: () => offset,
      }),
  ) as [PostgresRevocationLog, PostgresRevocationLog];
  await log.ensureSchema();
  const [administrator] = pools;
  return {
    log,
    another,
    advance(seconds) {
      offset += seconds * 1000;
    },
    async lose() {
      await administrator.query(`DELETE FROM ${table}`);
    },
    async cut() {
      await administrator.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE query ~ 'LISTEN|json_agg' AND pid <> pg_backend_pid()`,
      );
    },
  };
});
