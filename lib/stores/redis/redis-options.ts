import { SessionConfigError } from '../../errors/session-config-error.js';
import { readDurationSeconds, type Duration } from '../../options/durations.js';
import {
  connectionOf,
  type AwaitedReplicas,
  type RedisClient,
  type RedisConnection,
} from './redis-client.js';

/** Options of {@link RedisSessionStore}. */
export interface RedisSessionStoreOptions {
  /**
   * A client of `ioredis` (`Redis`, `Cluster`) or `redis` (client, pool, sentinel, cluster). The application
   * connects and closes it; the store only sends commands.
   */
  client: RedisClient;
  /**
   * Begins every key. Applications that share a Redis need one each.
   *
   * @default 'session:'
   */
  prefix?: string;
  /**
   * `end` and `endAll` wait until so many replicas have it, and reject when they do not within the time: the
   * sessions have ended then, but a failover may bring them back. Without this option a failover may lose the
   * last writes, as always with Redis. Commands after it on the same connection wait too.
   */
  waitForReplicas?: {
    count: number;
    /**
     * Must leave room in the module's `storeTimeout`: Redis may notice up to 100 ms late that it has passed.
     *
     * @default '100ms'
     */
    timeout?: Duration;
  };
  /**
   * Milliseconds by which the store's clock is ahead of that of the server.
   *
   * @internal
   */
  clockOffset?: () => number;
}

/** The options with their defaults. */
export interface RedisSettings {
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly replicas: AwaitedReplicas | undefined;
  readonly clockOffset: () => number;
}

/** Printable, and no braces: on a cluster they would choose the node of every key. */
const PREFIX = /^[!-z|~]{1,64}$/;

/** @throws {SessionConfigError} naming every fault */
export function readRedisOptions(
  options: RedisSessionStoreOptions,
): RedisSettings {
  const { client, prefix = 'session:', waitForReplicas } = options;
  const faults: string[] = [];
  const connection = connectionOf(client);
  if (!connection) {
    faults.push('client: expected a client of ioredis or redis');
  }
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    faults.push(
      'prefix: expected 1 to 64 printable ASCII characters without blanks and braces',
    );
  }
  const { count, timeout = '100ms' } = waitForReplicas ?? { count: 1 };
  if (!Number.isInteger(count) || count < 1) {
    faults.push('waitForReplicas.count: expected a whole number from 1');
  }
  const milliseconds = Math.round((readDurationSeconds(timeout) ?? 0) * 1000);
  if (milliseconds < 1) {
    faults.push(
      "waitForReplicas.timeout: expected seconds, or a text like '100ms', of at least a millisecond",
    );
  }
  if (!connection || faults.length > 0) {
    throw new SessionConfigError(
      faults.map((fault) => `store: RedisSessionStore: ${fault}`),
    );
  }
  return {
    connection,
    prefix,
    replicas: waitForReplicas && { count, timeout: milliseconds },
    clockOffset: options.clockOffset ?? (() => 0),
  };
}
