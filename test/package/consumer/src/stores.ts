/** Only compiled: the stores take the clients of the libraries as they are, without a cast. */
import { Cluster, Redis } from 'ioredis';
import {
  MemorySessionStore,
  type SessionJwtModuleOptions,
  type SessionStore,
} from 'nestjs-session-jwt';
import {
  PostgresSessionStore,
  postgresSessionSchema,
} from 'nestjs-session-jwt/postgres';
import { RedisSessionStore } from 'nestjs-session-jwt/redis';
import pg from 'pg';
import {
  createClient,
  createClientPool,
  createCluster,
  createSentinel,
} from 'redis';

export const stores: SessionStore[] = [
  new MemorySessionStore(),
  new RedisSessionStore({ client: new Redis({ lazyConnect: true }) }),
  new RedisSessionStore({ client: new Cluster([]), prefix: 'shop:' }),
  new RedisSessionStore({ client: createClient() }),
  new RedisSessionStore({ client: createClient({ RESP: 3 }) }),
  new RedisSessionStore({ client: createClientPool() }),
  new RedisSessionStore({ client: createCluster({ rootNodes: [] }) }),
  new RedisSessionStore({
    client: createSentinel({ name: 'main', sentinelRootNodes: [] }),
    waitForReplicas: { count: 1, timeout: '100ms' },
  }),
  new PostgresSessionStore({ pool: new pg.Pool(), schema: 'shop' }),
];

export const sql: string = postgresSessionSchema({ table: 'user_sessions' });

export const options: Omit<SessionJwtModuleOptions, 'secret'> = {
  refreshToken: { cookie: { path: '/auth' }, grace: '1m' },
  store: stores[0]!,
  maxSessions: { max: 5, policy: 'end-oldest' },
};
