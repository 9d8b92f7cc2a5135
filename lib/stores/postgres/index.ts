/**
 * A store and a revocation log in Postgres.
 *
 * @module nestjs-session-jwt/postgres
 */
export type { PostgresSessionStoreOptions } from './postgres-options.js';
export type {
  PostgresClient,
  PostgresPool,
  PostgresQuery,
  PostgresResult,
} from './postgres-pool.js';
export {
  PostgresRevocationLog,
  type PostgresRevocationLogOptions,
} from './postgres-revocation-log.js';
export {
  postgresSessionSchema,
  type PostgresTable,
} from './postgres-schema.js';
export {
  postgresRevocationSchema,
  type PostgresRevocationTable,
} from './revocation-schema.js';
export { PostgresSessionStore } from './postgres-session-store.js';
