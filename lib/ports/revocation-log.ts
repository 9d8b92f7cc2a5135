import type { SessionClock } from './clock.js';

/** What a follower of a log receives in one call. */
export interface RevocationBatch {
  /** The entries as they were appended, each at least once. Their order does not matter. */
  readonly entries: readonly string[];
  /** Where the follower is after this batch: it continues from here after a failure. Only the log reads this. */
  readonly position: string;
  /**
   * The time of the log up to which the follower has received every entry. `undefined` while older entries are still to
   * come. Must not be derived from an entry that this follower only expects.
   */
  readonly asOf?: Date;
  /**
   * Whether entries that followed the position of this follower are missing although their retention is not over: they
   * were trimmed manually, evicted, flushed, or lost in a failover.
   *
   * @default false
   */
  readonly hasGap?: boolean;
}

/** Options of {@link RevocationLog.append}. */
export interface AppendOptions {
  /** Seconds for which the log keeps the entries. It may remove older ones, of any process, with the same call. */
  readonly retentionSeconds: number;
  /**
   * `true` for a proof of life: an entry that ends nothing and shows followers that they miss nothing. A log delivers it
   * like any other entry, and keeps only the last one, whatever its age.
   *
   * @default false
   */
  readonly isProof?: boolean;
}

/**
 * Carries revocations to every process within milliseconds, with or without a `SessionStore`. An append-only log:
 * processes keep its live entries in memory and query them for each request.
 *
 * Time is that of the log's server, in milliseconds, and never goes back. Every implementation must pass the tests of
 * `describeRevocationLog` from `nestjs-session-jwt/testing`.
 */
export abstract class RevocationLog {
  /**
   * Appends entries in one step. Resolves once they are durable and every follower will receive them.
   *
   * @param entries text of at most 2 KB each
   * @returns the time of the log in that step
   */
  abstract append(
    entries: readonly string[],
    options: AppendOptions,
  ): Promise<Date>;

  /**
   * Delivers every entry after a position, and then each new one as soon as it is appended. The first batches contain
   * what is there already; the last of them, even if it is empty, has {@link RevocationBatch.asOf} if the log contains
   * anything at all. After that, every batch has it.
   *
   * Must not occupy a connection that other commands wait for. If its connection breaks, it rejects, and its caller
   * follows again from the last position; a client that reconnects by itself may also go on from there.
   *
   * @param from the position of the last batch that was received; `undefined`: from the oldest entry
   * @param listener must not throw
   * @param signal ends this: the promise then resolves, and the listener is called no more
   */
  abstract follow(
    from: string | undefined,
    listener: (batch: RevocationBatch) => void,
    signal: AbortSignal,
  ): Promise<void>;

  /** Returns what is wrong with the server, for the log, such as a setting that may cost entries. Called after startup. */
  warnings?(): Promise<readonly string[]>;

  /** Receives the clock of the module, for logs that have none. */
  useClock?(clock: SessionClock): void;
}
