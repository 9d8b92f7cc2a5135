import type { Random } from '../../support/random.js';
import type { FaultyProxy } from './faulty-proxy.js';
import type { NatMap, StoreSettings } from './open-store.js';
import { startPgBouncer, startPostgresStore } from './postgres-stores.js';
import { startCluster } from './redis-cluster.js';
import { startSentinel } from './redis-sentinel.js';
import { startSingleRedis } from './redis-single.js';

/** The servers of one kind of store, and what may happen to them. */
export interface ChaosStore {
  /** The ports that processes connect to; each process has a proxy for each. */
  readonly upstreams: readonly number[];
  /** Proxies behind those, whose faults all processes suffer. */
  readonly shared: readonly FaultyProxy[];
  /** The library's time for one call. */
  readonly storeTimeout: string;
  /** Users whose sessions live where it hurts. */
  readonly subjects: readonly string[];
  /** How many more device pages there are than usual, while something happens to the servers. */
  readonly listsDuringEvent: number;
  /** Whether what the store confirms now may be lost later, as its documentation says. */
  readonly isLossy: boolean;
  settingsFor(portOf: (upstream: number) => number): StoreSettings;
  /** Something that happens to the servers while requests run: a failover, slots that move, a restart. */
  happen?(random: Random): Promise<void>;
  stop(): Promise<void>;
}

export const CHAOS_STORES = {
  redis: startSingleRedis,
  sentinel: startSentinel,
  cluster: startCluster,
  postgres: startPostgresStore,
  pgbouncer: startPgBouncer,
} as const satisfies Record<string, () => Promise<ChaosStore>>;

export type ChaosStoreName = keyof typeof CHAOS_STORES;

/** The addresses that servers name, and what a process must use in their place. */
export function natMapOf(
  upstreams: readonly number[],
  portOf: (upstream: number) => number,
): NatMap {
  return Object.fromEntries(
    upstreams.map((port) => [
      `127.0.0.1:${port}`,
      { host: '127.0.0.1', port: portOf(port) },
    ]),
  );
}

export function namedSubjects(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `user-${i}`);
}
