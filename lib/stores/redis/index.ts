/**
 * A store and a revocation log in Redis or Valkey, on a single server, behind Sentinel or on a cluster.
 *
 * @module nestjs-session-jwt/redis
 */
export type {
  IoredisClient,
  NodeRedisCall,
  NodeRedisClient,
  RedisClient,
} from './redis-client.js';
export type { RedisSessionStoreOptions } from './redis-options.js';
export {
  RedisRevocationLog,
  type RedisRevocationLogOptions,
} from './redis-revocation-log.js';
export { RedisSessionStore } from './redis-session-store.js';
