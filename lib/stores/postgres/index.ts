export type { PostgresSessionStoreOptions } from './postgres-options.js';
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
export { PostgresSessionStore } from './postgres-session-store.js';
