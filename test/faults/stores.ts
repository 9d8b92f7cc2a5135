import { Redis } from 'ioredis';
import {
  MemorySessionStore,
  type SessionClock,
  type SessionStore,
} from '../../lib/index.js';
import { PostgresSessionStore } from '../../lib/stores/postgres/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { rounds } from '../support/effort.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../support/postgres-server.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import type { NodeSettings } from './node-server.js';

export type StoreName = 'memory' | 'redis' | 'postgres';

/** For `describe.each(STORES)`. */
export const STORES: readonly StoreName[] = ['memory', 'redis', 'postgres'];

/** Where the nodes of an application keep their sessions. */
export interface SharedStore {
  /** A store for one more node, on a client of its own. */
  storeForNode(): SessionStore;
  /** How another process reaches the same records; its store has the clock of the server. */
  connection(): Pick<NodeSettings, 'redis' | 'postgres'>;
  /** Looks into the table. */
  query?(
    text: string,
    values: unknown[],
  ): Promise<{ readonly rows: readonly unknown[] }>;
  close(): Promise<void>;
}

/** Servers that a spec started, which start at the first use. */
export class StoreServers {
  #redis: Promise<RedisServer> | undefined;
  #postgres: Promise<PostgresServer> | undefined;
  #opened = 0;

  redis(): Promise<RedisServer> {
    return (this.#redis ??= startRedis());
  }

  postgres(): Promise<PostgresServer> {
    return (this.#postgres ??= sharedPostgres());
  }

  /** Starts the servers of these stores at once. */
  async start(names: readonly StoreName[]): Promise<void> {
    await Promise.all([
      names.includes('redis') && this.redis(),
      names.includes('postgres') && this.postgres(),
    ]);
  }

  /** An empty store whose own clock reads what the given one does. */
  async open(name: StoreName, clock: SessionClock): Promise<SharedStore> {
    this.#opened += 1;
    // Read at each command, so that the store's clock stands still between two moves.
    const clockOffset = (): number => clock.nowSeconds() * 1000 - Date.now();
    switch (name) {
      case 'memory': {
        const store = new MemorySessionStore();
        store.useClock(clock);
        // It has a clock now, whatever clocks its nodes have.
        Object.assign(store, { useClock: undefined });
        return {
          storeForNode: () => store,
          connection: () => ({}),
          close: async () => undefined,
        };
      }
      case 'redis': {
        const { port } = await this.redis();
        const prefix = `store-${this.#opened}:`;
        const clients: Redis[] = [];
        return {
          storeForNode() {
            const client = new Redis(port, '127.0.0.1');
            clients.push(client);
            return standingStill(
              new RedisSessionStore({ client, prefix, clockOffset }),
            );
          },
          connection: () => ({ redis: { port, prefix } }),
          async close() {
            for (const client of clients) client.disconnect();
          },
        };
      }
      case 'postgres': {
        const server = await this.postgres();
        const schema = await server.createSchema();
        const storeForNode = (): PostgresSessionStore =>
          standingStill(
            new PostgresSessionStore({
              // Each connection costs the server a process.
              pool: server.pool(schema, { max: rounds(5, 2) }),
              clockOffset,
            }),
          );
        await storeForNode().ensureSchema();
        const own = server.pool(schema, { max: 2 });
        return {
          query: (text, values) => own.query(text, values),
          storeForNode,
          connection: () => ({
            postgres: {
              host: '127.0.0.1',
              port: server.port,
              user: 'postgres',
              password: 'postgres',
              database: 'postgres',
              options: `-c search_path=${schema}`,
              max: 10,
            },
          }),
          close: () => server.endPools(),
        };
      }
    }
  }

  async stop(): Promise<void> {
    await (await this.#redis)?.stop();
    await (await this.#postgres)?.stop();
  }
}

/** A clock that stands still between two moves tells nothing of when a call is carried out: no call has a deadline. */
function standingStill<Store extends SessionStore>(store: Store): Store {
  return Object.assign(store, { now: undefined });
}
