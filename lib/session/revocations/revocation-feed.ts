import { Deadline, pause } from '../../deadline.js';
import type { MonotonicTime, SessionClock } from '../../ports/clock.js';
import type {
  RevocationBatch,
  RevocationLog,
} from '../../ports/revocation-log.js';
import { StoreClock } from '../../stores/store-clock.js';

export interface RevocationFeedParts {
  readonly log: RevocationLog;
  readonly clock: SessionClock;
  readonly time: MonotonicTime;
  /** For how long the feed may hear nothing before it is behind. */
  readonly maxLagSeconds: number;
  /** Receives each entry, at least once. */
  readonly onEntry: (entry: string) => void;
  /** Called when entries are missing. */
  readonly onGap: () => void;
  /** Called when the log fails. The feed then follows it again from where it was. */
  readonly onFailure: (error: unknown) => void;
}

/** Milliseconds after a failure, more after each in a row. */
const SHORTEST_PAUSE = 20;
const LONGEST_PAUSE = 1_000;
/** A connection that is silent for this many times the lag is replaced. */
const GIVE_UP_AFTER = 2;
/** Milliseconds for which the first requests wait until the log is read. */
const LONGEST_START = 10_000;

/**
 * Follows a revocation log and knows how far it has come. Measures that on a clock that never goes back, since the time
 * of day may be wrong, and on the time of day, since the other clock stands still while a machine sleeps.
 */
export class RevocationFeed {
  readonly #parts: RevocationFeedParts;
  readonly #clock: StoreClock;
  readonly #waiting = new Set<() => void>();
  #position: string | undefined;
  /** How far the clock of the log is ahead of the monotonic clock, at least. Milliseconds. */
  #offset: number | undefined;
  /** The instant of the monotonic clock up to which nothing is missing. Milliseconds. */
  #freshAt = -Infinity;
  /** The time of day when that was learnt. Seconds. */
  #freshAtClock = -Infinity;
  #asOf = -Infinity;
  #heardAt = -Infinity;
  #attempt: AbortController | undefined;
  #isStopped = false;
  #starting: Promise<void> | undefined;
  #isStarted = false;
  /** Whether everything was read that was there at the start. */
  #isRead = false;

  constructor(parts: RevocationFeedParts) {
    this.#parts = parts;
    this.#clock = new StoreClock(() => parts.time() * 1000);
  }

  /** Seconds since this process knew every entry; `Infinity` before that. */
  get lagSeconds(): number {
    const { time, clock } = this.#parts;
    return Math.max(
      time() - this.#freshAt / 1000,
      // Both are whole seconds.
      clock.nowSeconds() - this.#freshAtClock - 1,
    );
  }

  /** Whether entries may be missing. For every request. */
  get isBehind(): boolean {
    return this.lagSeconds > this.#parts.maxLagSeconds;
  }

  /** The time of the log up to which nothing is missing, in milliseconds since the Unix epoch. */
  get asOf(): number {
    return this.#asOf;
  }

  /** The time of the log in milliseconds since the Unix epoch, or a little earlier; `undefined` before its first answer. */
  get now(): number | undefined {
    return this.#offset === undefined
      ? undefined
      : this.#offset + this.#clock.instant;
  }

  /** The current instant, for {@link learn}. */
  get instant(): number {
    return this.#clock.instant;
  }

  /** Learns the time of the log from its answer to a call that was sent at an instant. */
  learn(time: Date, sentAt: number): void {
    this.#clock.note(time, sentAt);
    this.#offset = this.#clock.earliest! - this.#clock.instant;
    // A time of the log that was only heard may be old; the answer to a call is not.
    if (sentAt > -Infinity) {
      this.#noteFreshness();
      this.#tellWaiting();
    }
  }

  /** Follows the log from now on. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#starting = this.#readFirst().then(() => {
      this.#starting = undefined;
    });
    void this.#follow();
  }

  /** A log that was read may still have no writer that proves that it lives. */
  async #readFirst(): Promise<void> {
    const { maxLagSeconds } = this.#parts;
    await this.until(() => this.#isRead, LONGEST_START);
    await this.until(() => !this.isBehind, maxLagSeconds * 1000);
  }

  /** `undefined` once the log has been read, or could not be; until then a promise that never rejects. */
  get starting(): Promise<void> | undefined {
    return this.#starting;
  }

  stop(): void {
    this.#isStopped = true;
    this.#attempt?.abort();
    this.#tellWaiting();
  }

  /** Replaces the connection to the log if that is silent in real time: half of it may be gone. */
  replaceIfSilent(): void {
    const silentSeconds = (performance.now() - this.#heardAt) / 1000;
    if (silentSeconds > GIVE_UP_AFTER * this.#parts.maxLagSeconds) {
      this.#heardAt = performance.now();
      this.#attempt?.abort();
    }
  }

  /** Resolves with `true` once a condition holds; with `false` if that takes too long, or the log fails meanwhile. */
  until(isMet: () => boolean, milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isInTime: boolean): void => {
        deadline.clear();
        this.#waiting.delete(look);
        resolve(isInTime);
      };
      const look = (): void => {
        if (isMet()) settle(true);
        else if (this.#isStopped || !this.#attempt) settle(false);
      };
      const deadline = new Deadline(milliseconds, () => settle(isMet()));
      this.#waiting.add(look);
      if (isMet()) settle(true);
    });
  }

  async #follow(): Promise<void> {
    const { log, onFailure } = this.#parts;
    for (let failures = 0; !this.#isStopped; failures += 1) {
      const attempt = new AbortController();
      this.#attempt = attempt;
      this.#heardAt = performance.now();
      try {
        await log.follow(
          this.#position,
          (batch) => {
            if (attempt.signal.aborted) return;
            failures = 0;
            this.#receive(batch);
          },
          attempt.signal,
        );
      } catch (error) {
        if (!this.#isStopped) onFailure(error);
      }
      attempt.abort();
      this.#attempt = undefined;
      this.#tellWaiting();
      await pause(Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** failures));
    }
  }

  #receive({ entries, position, asOf, hasGap }: RevocationBatch): void {
    const { onEntry, onGap } = this.#parts;
    this.#heardAt = performance.now();
    if (hasGap) onGap();
    for (const entry of entries) onEntry(entry);
    this.#position = position;
    if (asOf) this.#note(asOf);
    // Without a time, a batch is part of more, unless the log is empty.
    this.#isRead ||= asOf !== undefined || entries.length === 0;
    this.#tellWaiting();
  }

  /** The first time that is heard only sets the clock: it may be that of an entry written long ago. */
  #note(asOf: Date): void {
    const isFirst = this.#offset === undefined;
    this.#asOf = asOf.getTime();
    this.learn(asOf, -Infinity);
    if (!isFirst) this.#noteFreshness();
  }

  #noteFreshness(): void {
    this.#freshAt = Math.max(this.#freshAt, this.#asOf - this.#offset!);
    this.#freshAtClock = this.#parts.clock.nowSeconds();
  }

  #tellWaiting(): void {
    for (const look of Array.from(this.#waiting)) look();
  }
}
