import { randomBytes } from 'node:crypto';
import { SessionConfigError } from '../../errors/session-config-error.js';
import { OptionReader } from '../../options/option-reader.js';
import type { Duration } from '../../options/durations.js';
import {
  RevocationLog,
  type AppendOptions,
  type RevocationBatch,
} from '../../ports/revocation-log.js';
import { followLog } from '../follow-log.js';
import { ExpirySweep } from './expiry-sweep.js';
import { PostgresFollower } from './postgres-follower.js';
import { isPool } from './postgres-options.js';
import { inTransaction, type PostgresPool } from './postgres-pool.js';
import { retryConflicts } from './retry-conflicts.js';
import {
  readRevocationNames,
  revocationSchemaOf,
  type PostgresRevocationTable,
  type RevocationNames,
} from './revocation-schema.js';
import {
  revocationStatements,
  type RevocationStatements,
} from './revocation-statements.js';
import { toKey } from './session-row.js';

/** Options of {@link PostgresRevocationLog}. */
export interface PostgresRevocationLogOptions extends PostgresRevocationTable {
  /**
   * A `Pool` of the package `pg`. The application owns it: the log never closes it. Each `follow` takes one of its
   * connections for as long as it runs, so the pool must have at least one more.
   */
  pool: PostgresPool;
  /**
   * How long a follower waits for a notification before it reads anyway. A pooler that may give each transaction another
   * connection, such as PgBouncer with `pool_mode = transaction`, delivers none: every revocation then takes up to this
   * long to arrive.
   *
   * @default '250ms'
   */
  pollInterval?: Duration;
  /**
   * Milliseconds to add to the clock of the server.
   *
   * @internal
   */
  clockOffset?: () => number;
}

/**
 * Carries revocations in a table of a PostgreSQL database, and wakes followers by `NOTIFY`. Its time is that of the
 * server, which must not be a standby. Create the tables in a migration with `postgresRevocationSchema()`, or with
 * {@link ensureSchema}.
 *
 * Appending is one statement and one commit. Processes append one after the other, so that no follower passes an entry
 * that commits late.
 */
export class PostgresRevocationLog extends RevocationLog {
  readonly #pool: PostgresPool;
  readonly #names: RevocationNames;
  readonly #statements: RevocationStatements;
  readonly #pollInterval: number;
  readonly #clockOffset: () => number;
  readonly #sweep = new ExpirySweep((size) => this.#removeOldest(size));
  #retentionSeconds = Infinity;

  /** @throws {SessionConfigError} that names every faulty option */
  constructor(options: PostgresRevocationLogOptions) {
    super();
    const { clockOffset = () => 0, ...rest } = options ?? {};
    const reader = new OptionReader();
    const given = reader.group('options', rest, [
      'pool',
      'table',
      'schema',
      'pollInterval',
    ]);
    this.#names = readRevocationNames(reader, given);
    const range = { min: 0.01, max: 60, whole: false };
    const pollInterval = given['pollInterval'];
    this.#pollInterval =
      reader.seconds('pollInterval', pollInterval, 0.25, range) * 1000;
    if (!isPool(given['pool'])) {
      reader.fault('pool', "expected a Pool of the package 'pg'");
    }
    if (reader.faults.length > 0) {
      throw new SessionConfigError(
        reader.faults.map(
          (fault) => `revocations: PostgresRevocationLog: ${fault}`,
        ),
      );
    }
    this.#pool = options.pool;
    this.#statements = revocationStatements(this.#names);
    this.#clockOffset = clockOffset;
  }

  /**
   * Creates the tables if they are missing. Any number of processes may do so in parallel. Requires the right to create
   * in the schema even if the tables exist: without that right, use a migration.
   */
  async ensureSchema(): Promise<void> {
    await this.#pool.query({
      text: `SELECT pg_advisory_xact_lock(hashtextextended('nestjs-session-jwt schema', 0));
${revocationSchemaOf(this.#names)}`,
    });
  }

  override async append(
    entries: readonly string[],
    { retentionSeconds, isProof = false }: AppendOptions,
  ): Promise<Date> {
    const texts = entries.map(toKey);
    const generation = randomBytes(9).toString('base64url');
    const { at } =
      isProof && texts.length > 0
        ? await this.#write<{ at: string }>('prove', generation, texts.at(-1))
        : await this.#write<{ at: string }>('append', generation, texts);
    this.#retentionSeconds = retentionSeconds;
    this.#sweep.runNowAndThen();
    return new Date(Math.floor(Number(at) / 1000));
  }

  override follow(
    from: string | undefined,
    listener: (batch: RevocationBatch) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const follower = new PostgresFollower({
      pool: this.#pool,
      channel: this.#names.channel,
      read: this.#statements.read,
      pollInterval: this.#pollInterval,
    });
    return followLog(follower, from, listener, signal);
  }

  override async warnings(): Promise<readonly string[]> {
    const { rows } = await this.#pool.query({
      text: `SELECT current_setting('synchronous_commit') AS setting`,
    });
    const [{ setting }] = rows as [{ setting: string }];
    return setting === 'off'
      ? [
          'PostgresRevocationLog: expected synchronous_commit = on, got off, which may lose the last revocations in a crash of the server; set it to on for the user of this pool',
        ]
      : [];
  }

  /**
   * Removes every entry now whose retention has ended, 500 at a time, and returns how many there were. Appending starts
   * this in the background, at most once a minute per process. The retention is that of the last `append`; before it,
   * nothing is removed.
   */
  sweep(): Promise<number> {
    return this.#sweep.run();
  }

  async #removeOldest(size: number): Promise<number> {
    if (this.#retentionSeconds === Infinity) {
      return 0;
    }
    const retention = this.#retentionSeconds;
    const { count } = await this.#write<{ count: string }>(
      'sweep',
      retention,
      size,
    );
    return Number(count);
  }

  /**
   * Returns the only row of a statement. It must see what was committed while it waited for a lock, so after a conflict
   * it runs in a transaction of the right isolation level, whatever the default of the database.
   */
  async #write<Row>(
    name: 'append' | 'prove' | 'sweep',
    ...values: unknown[]
  ): Promise<Row> {
    const query = {
      text: this.#statements[name],
      values: [this.#clockOffset() / 1000, ...values],
    };
    let hasConflict = false;
    const { rows } = await retryConflicts(() => {
      if (hasConflict) {
        return inTransaction(this.#pool, (client) => client.query(query));
      }
      hasConflict = true;
      return this.#pool.query(query);
    });
    return rows[0] as Row;
  }
}
