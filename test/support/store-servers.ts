import { Redis } from 'ioredis';
import type { SessionClock, SessionStore } from '../../lib/index.js';
import { PostgresSessionStore } from '../../lib/stores/postgres/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { startPostgres } from './postgres-server.js';
import { startRedis } from './redis-server.js';

/** A server of one kind, with stores that each have connections of their own and share what the server holds. */
export interface StoreServer {
  /** @param clock what the server's own clock is made to show */
  openStores(count: number, clock: SessionClock): Promise<SessionStore[]>;
  /** An outage that forgets nothing, where the server can do that. */
  halt(): Promise<void>;
  resume?(): Promise<void>;
  stop(): Promise<void>;
}

/** For `describe.each(Object.entries(SERVERS))`. */
export const SERVERS: Readonly<Record<string, () => Promise<StoreServer>>> = {
  Redis: startRedisStores,
  Postgres: startPostgresStores,
};

async function startRedisStores(): Promise<StoreServer> {
  const server = await startRedis();
  const clients: Redis[] = [];
  let prefixes = 0;
  return {
    async openStores(count, clock) {
      prefixes += 1;
      return Array.from({ length: count }, () => {
        const client = new Redis(server.port, '127.0.0.1');
        // Without a listener, lost connections are written to the console.
        client.on('error', () => undefined);
        clients.push(client);
        return new RedisSessionStore({
          client,
          prefix: `test${prefixes}:`,
          clockOffset: offsetOf(clock),
        });
      });
    },
    halt: () => server.stop(),
    async stop() {
      for (const client of clients) client.disconnect();
      await server.stop();
    },
  };
}

async function startPostgresStores(): Promise<StoreServer> {
  const server = await startPostgres();
  return {
    async openStores(count, clock) {
      const schema = await server.createSchema();
      const stores = Array.from(
        { length: count },
        () =>
          new PostgresSessionStore({
            pool: server.pool(schema, { max: 5 }),
            clockOffset: offsetOf(clock),
          }),
      );
      await Promise.all(stores.map((store) => store.ensureSchema()));
      return stores;
    },
    halt: () => server.halt(),
    resume: () => server.resume(),
    stop: () => server.stop(),
  };
}

function offsetOf(clock: SessionClock): () => number {
  return () => clock.nowSeconds() * 1000 - Date.now();
}
