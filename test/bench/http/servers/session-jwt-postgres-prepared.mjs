import { PostgresSessionStore } from '../../../../dist/stores/postgres/index.js';
import pg from 'pg';
import { POSTGRES } from '../app.mjs';
import { serveSessions } from '../sessions.mjs';

const store = new PostgresSessionStore({
  pool: new pg.Pool(POSTGRES),
  prepareStatements: true,
});
await store.ensureSchema();

await serveSessions({
  transport: 'header',
  store,
  storeTimeout: '10s',
  revocationCheck: 'always',
});
