import { randomInt } from 'node:crypto';
import { SessionConfigError } from '../../errors/session-config-error.js';
import type { Duration } from '../../options/durations.js';
import {
  RevocationLog,
  type AppendOptions,
  type RevocationBatch,
} from '../../ports/revocation-log.js';
import { followLog } from '../follow-log.js';
import { evictionWarnings } from './eviction-policy.js';
import { APPEND } from './log-scripts.js';
import type { RedisClient } from './redis-client.js';
import {
  duplicating,
  RedisFollower,
  type LogKeys,
  type OpenFollower,
} from './redis-follower.js';
import {
  readRedisSettings,
  type RedisSessionStoreOptions,
  type RedisSettings,
} from './redis-options.js';

/** Options of {@link RedisRevocationLog}. */
export interface RedisRevocationLogOptions extends Pick<
  RedisSessionStoreOptions,
  'prefix'
> {
  /**
   * A client of `ioredis` (`Redis`, `Cluster`) or `redis` (client, pool, sentinel, cluster) that appends. The
   * application connects and closes it.
   */
  client: RedisClient;
  /**
   * Creates the connection of one follower, with a client of either library. `follow` connects it, if necessary, blocks
   * it, and closes it in the end. It must not reconnect by itself nor read from replicas, and its command and socket
   * timeouts, if any, must be longer than a second. Required if `client` is a pool, which has no `duplicate()`.
   *
   * @default client.duplicate(), with these settings
   */
  createFollower?: () => RedisClient | Promise<RedisClient>;
  /**
   * Makes `append` wait until this many replicas have confirmed, and reject if they do not in time: the entries have
   * been appended then, but a failover may lose them. Later commands on the same connection wait as well. Without this
   * option, a failover may lose the last entries, as always with Redis.
   */
  waitForReplicas?: {
    count: number;
    /** @default '100ms' */
    timeout?: Duration;
  };
  /**
   * Milliseconds by which the log's clock is ahead of that of the server.
   *
   * @internal
   */
  clockOffset?: () => number;
}

/** Milliseconds by which the keys outlive the retention of their last entry. */
const DAY = 86_400_000;
const RANDOM_NUMBERS = 2 ** 40;

/**
 * Carries revocations in Redis 6.2 or later, or Valkey, standalone, with Sentinel or as a cluster: a stream of entries,
 * and another with the last proof of life. Appending is one script and one round trip, and the time of the log is that
 * of Redis. Each `follow` holds a separate connection.
 *
 * Followers notice that entries are missing after a flush, an eviction, a trim, or a failover to a replica that lacked
 * entries they had received. Entries that reached neither a follower nor the promoted replica leave no trace: see
 * `waitForReplicas`. Set `maxmemory-policy` to `noeviction` or one of the `volatile` policies.
 */
export class RedisRevocationLog extends RevocationLog {
  readonly #settings: RedisSettings;
  readonly #createFollower: OpenFollower;
  readonly #keys: LogKeys;

  /** @throws {SessionConfigError} that names every faulty option */
  constructor(options: RedisRevocationLogOptions) {
    super();
    const faults: string[] = [];
    const settings = readRedisSettings(options, faults, [
      'the entries were appended',
      'lose them',
    ]);
    const createFollower =
      options.createFollower ?? duplicating(options.client);
    if (typeof createFollower !== 'function') {
      faults.push(
        'createFollower: expected a function, because this client has no duplicate()',
      );
    }
    if (!settings || !createFollower || faults.length > 0) {
      throw new SessionConfigError(
        faults.map((fault) => `revocations: RedisRevocationLog: ${fault}`),
      );
    }
    this.#settings = settings;
    this.#createFollower = createFollower;
    // The braces make a cluster keep both in one slot.
    const key = `${settings.prefix}revocations:{log}`;
    this.#keys = [key, `${key}:proof`];
  }

  override async append(
    entries: readonly string[],
    { retentionSeconds, isProof = false }: AppendOptions,
  ): Promise<Date> {
    const { connection, clockOffset, replicas } = this.#settings;
    const retention = Math.ceil(retentionSeconds * 1000);
    const parameters = [
      Math.round(clockOffset()),
      retention,
      retention + DAY,
      isProof ? '1' : '',
      randomInt(1, RANDOM_NUMBERS),
      ...entries,
    ].map(String);
    const keys = [...this.#keys];
    const time = replicas
      ? await connection.runAndWait(APPEND, keys, parameters, replicas)
      : await connection.run(APPEND, keys, parameters);
    return new Date(Number(time));
  }

  override follow(
    from: string | undefined,
    listener: (batch: RevocationBatch) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const follower = new RedisFollower(this.#createFollower, this.#keys);
    return followLog(follower, from, listener, signal);
  }

  override warnings(): Promise<readonly string[]> {
    const { connection } = this.#settings;
    return evictionWarnings(connection, this.#keys[0], 'RedisRevocationLog', [
      'revocations',
      'loses revocations',
    ]);
  }
}
