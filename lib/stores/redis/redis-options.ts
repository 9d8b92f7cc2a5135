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
   * The prefix of every key. Applications that share a Redis server each need a different one.
   *
   * @default 'session:'
   */
  prefix?: string;
  /**
   * Makes `end` and `endAll` wait until this many replicas have confirmed, and reject if they do not in time: the
   * sessions have ended then, but a failover may bring them back. Later commands on the same connection wait as well.
   * Without this option, a failover may lose the last writes, as always with Redis.
   */
  waitForReplicas?: {
    count: number;
    /**
     * Must leave room in the module's `storeTimeout`: Redis may notice the end of this time up to 100 ms late.
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

/** The options with defaults applied. */
export interface RedisSettings {
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly replicas: AwaitedReplicas | undefined;
  readonly clockOffset: () => number;
}

/** Printable characters without braces, which on a cluster would choose the node of every key. */
const PREFIX = /^[!-z|~]{1,64}$/;

/**
 * Reads and checks the options.
 *
 * @throws {SessionConfigError} that names every fault
 */
export function readRedisOptions(
  options: RedisSessionStoreOptions,
): RedisSettings {
  const faults: string[] = [];
  const settings = readRedisSettings(options, faults, [
    'the session ended',
    'bring it back',
  ]);
  if (!settings) {
    throw new SessionConfigError(
      faults.map((fault) => `store: RedisSessionStore: ${fault}`),
    );
  }
  return settings;
}

/** Reads and checks the options that stores and logs share. Returns `undefined` if there are faults. */
export function readRedisSettings(
  options: RedisSessionStoreOptions,
  faults: string[],
  outcome: AwaitedReplicas['outcome'],
): RedisSettings | undefined {
  const { client, prefix = 'session:', waitForReplicas } = options;
  const connection = connectionOf(client);
  if (!connection) {
    faults.push('client: expected a client of ioredis or redis');
  }
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    faults.push(
      'prefix: expected 1 to 64 printable ASCII characters without spaces or braces',
    );
  }
  const { count, timeout = '100ms' } = waitForReplicas ?? { count: 1 };
  if (!Number.isInteger(count) || count < 1) {
    faults.push('waitForReplicas.count: expected an integer of at least 1');
  }
  const milliseconds = Math.round((readDurationSeconds(timeout) ?? 0) * 1000);
  if (milliseconds < 1) {
    faults.push(
      "waitForReplicas.timeout: expected at least 1 ms, as a number of seconds or a string like '100ms'",
    );
  }
  if (!connection || faults.length > 0) {
    return undefined;
  }
  return {
    connection,
    prefix,
    replicas: waitForReplicas && { count, timeout: milliseconds, outcome },
    clockOffset: options.clockOffset ?? (() => 0),
  };
}
