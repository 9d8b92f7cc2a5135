import { Cluster, Redis } from 'ioredis';
import { Pool } from 'pg';
import { createClient } from 'redis';
import type { RevocationLog, SessionStore } from '../../../lib/index.js';
import {
  PostgresRevocationLog,
  PostgresSessionStore,
} from '../../../lib/stores/postgres/index.js';
import {
  RedisRevocationLog,
  RedisSessionStore,
} from '../../../lib/stores/redis/index.js';

/** By address, which port a process must use in its place, so that it goes through its proxy. */
export type NatMap = Readonly<
  Record<string, { readonly host: string; readonly port: number }>
>;

/** How a process reaches its store, as a message can carry it. */
export type StoreSettings =
  | {
      readonly kind: 'redis';
      readonly port: number;
      readonly client: 'ioredis' | 'redis';
    }
  | {
      readonly kind: 'sentinel';
      readonly sentinel: number;
      readonly natMap: NatMap;
    }
  | {
      readonly kind: 'cluster';
      readonly ports: readonly number[];
      readonly natMap: NatMap;
    }
  | { readonly kind: 'postgres'; readonly port: number };

const RETRY_MILLISECONDS = 50;
const HOST = '127.0.0.1';

/** As docs/stores.md tells applications: what cannot be sent now fails now, and is never sent later. */
const FAIL_FAST = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
} as const;

/** What a process needs of its servers. */
export interface OpenedServers {
  readonly store: SessionStore;
  readonly log: RevocationLog;
}

/** @param clockOffset milliseconds that the clocks of store and log are ahead of those of their servers */
export async function openServers(
  settings: StoreSettings,
  clockOffset: () => number,
): Promise<OpenedServers> {
  switch (settings.kind) {
    case 'redis': {
      const client =
        settings.client === 'ioredis'
          ? new Redis(settings.port, HOST, {
              ...FAIL_FAST,
              retryStrategy: () => RETRY_MILLISECONDS,
            })
          : createClient({
              url: `redis://${HOST}:${settings.port}`,
              disableOfflineQueue: true,
              socket: { reconnectStrategy: () => RETRY_MILLISECONDS },
            });
      client.on('error', () => undefined);
      if (!(client instanceof Redis)) {
        client.connect().catch(() => undefined);
      }
      return {
        store: new RedisSessionStore({ client, clockOffset }),
        log: new RedisRevocationLog({ client, clockOffset }),
      };
    }
    case 'sentinel': {
      const client = new Redis({
        ...FAIL_FAST,
        sentinels: [{ host: HOST, port: settings.sentinel }],
        name: 'primary',
        natMap: settings.natMap,
        retryStrategy: () => RETRY_MILLISECONDS,
        sentinelRetryStrategy: () => RETRY_MILLISECONDS,
        reconnectOnError: (error) => error.message.startsWith('READONLY'),
      });
      client.on('error', () => undefined);
      const waitForReplicas = { count: 2, timeout: '150ms' };
      return {
        store: new RedisSessionStore({ client, clockOffset, waitForReplicas }),
        log: new RedisRevocationLog({ client, clockOffset, waitForReplicas }),
      };
    }
    case 'cluster': {
      const client = new Cluster(
        settings.ports.map((port) => ({ host: HOST, port })),
        {
          natMap: settings.natMap,
          enableOfflineQueue: false,
          clusterRetryStrategy: () => RETRY_MILLISECONDS,
          redisOptions: FAIL_FAST,
        },
      );
      client.on('error', () => undefined);
      return {
        store: new RedisSessionStore({ client, clockOffset }),
        log: new RedisRevocationLog({ client, clockOffset }),
      };
    }
    case 'postgres': {
      const pool = new Pool({
        host: HOST,
        port: settings.port,
        user: 'postgres',
        password: 'postgres',
        database: 'postgres',
        max: 5,
        connectionTimeoutMillis: 1_000,
      });
      pool.on('error', () => undefined);
      return {
        store: new PostgresSessionStore({ pool, clockOffset }),
        log: new PostgresRevocationLog({ pool, clockOffset }),
      };
    }
  }
}
