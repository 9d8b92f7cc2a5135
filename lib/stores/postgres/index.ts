export type {
  PostgresClient,
  PostgresPool,
  PostgresQuery,
  PostgresResult,
} from './postgres-pool.js';
export {
  postgresSessionSchema,
  type PostgresTable,
} from './postgres-schema.js';
export {
  PostgresSessionStore,
  type PostgresSessionStoreOptions,
} from './postgres-session-store.js';
