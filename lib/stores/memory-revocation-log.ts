import { SessionConfigError } from '../errors/session-config-error.js';
import { SystemSessionClock, type SessionClock } from '../ports/clock.js';
import {
  RevocationLog,
  type AppendOptions,
  type RevocationBatch,
} from '../ports/revocation-log.js';
import { riskOfThisProcess } from './risk-of-this-process.js';

/** Options of {@link MemoryRevocationLog}. */
export interface MemoryRevocationLogOptions {
  /**
   * Allows this log with `NODE_ENV=production` and in one process of several (`node:cluster`, PM2), although each
   * restart loses all revocations and no process knows those of another.
   *
   * @default false
   */
  allowInProduction?: boolean;
}

interface LoggedEntry {
  readonly text: string;
  readonly number: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
}

/**
 * Keeps revocations in the memory of one process, for development, tests, and single-process servers. Its time is that
 * of the module's clock, in whole seconds. A restart forgets all revocations.
 *
 * Followers receive new entries in a microtask, before `append` resolves.
 */
export class MemoryRevocationLog extends RevocationLog {
  readonly #followers = new Set<() => void>();
  #clock: SessionClock = new SystemSessionClock();
  #entries: LoggedEntry[] = [];
  #proof: LoggedEntry | undefined;
  /** The number of the last entry. */
  #last = 0;
  #time = -Infinity;

  /** @throws {SessionConfigError} in production or in one process of several, unless `allowInProduction` is set */
  constructor(options: MemoryRevocationLogOptions = {}) {
    super();
    const risk = options.allowInProduction
      ? undefined
      : riskOfThisProcess('revocation');
    if (risk) {
      throw new SessionConfigError([
        `revocations: MemoryRevocationLog ${risk}; use RedisRevocationLog or PostgresRevocationLog, or allow it with new MemoryRevocationLog({ allowInProduction: true })`,
      ]);
    }
  }

  /** How many entries it holds, the last proof of life included. */
  get size(): number {
    return this.#entries.length + (this.#proof ? 1 : 0);
  }

  override useClock(clock: SessionClock): void {
    this.#clock = clock;
  }

  override async append(
    entries: readonly string[],
    { retentionSeconds, isProof = false }: AppendOptions,
  ): Promise<Date> {
    const time = Math.max(this.#time, this.#clock.nowSeconds() * 1000);
    this.#time = time;
    for (const text of entries) {
      this.#last += 1;
      const entry = { text, number: this.#last, time };
      if (isProof) {
        this.#proof = entry;
      } else {
        this.#entries.push(entry);
      }
    }
    this.#removeBefore(time - retentionSeconds * 1000);
    await Promise.resolve();
    for (const deliver of this.#followers) deliver();
    return new Date(time);
  }

  override follow(
    from: string | undefined,
    listener: (batch: RevocationBatch) => void,
    signal: AbortSignal,
  ): Promise<void> {
    return new Promise((resolve) => {
      let position = Number(from ?? 0);
      let isFirst = true;
      const deliver = (): void => {
        // A position ahead of the log is one of another log.
        const hasGap = !(position <= this.#last);
        if (signal.aborted || !(isFirst || hasGap || position < this.#last)) {
          return;
        }
        const entries = this.#after(hasGap ? 0 : position);
        position = this.#last;
        isFirst = false;
        listener({
          entries,
          position: String(position),
          ...(position > 0 && { asOf: new Date(this.#time) }),
          ...(hasGap && { hasGap }),
        });
      };
      const end = (): void => {
        this.#followers.delete(deliver);
        signal.removeEventListener('abort', end);
        resolve();
      };
      if (signal.aborted) {
        end();
        return;
      }
      signal.addEventListener('abort', end);
      this.#followers.add(deliver);
      queueMicrotask(deliver);
    });
  }

  #after(position: number): string[] {
    const read = this.#entries.findLastIndex(
      ({ number }) => number <= position,
    );
    const found = this.#entries.slice(read + 1);
    if (this.#proof && this.#proof.number > position) {
      found.push(this.#proof);
    }
    return found.map(({ text }) => text);
  }

  #removeBefore(time: number): void {
    const kept = this.#entries.findIndex((entry) => entry.time >= time);
    if (kept !== 0) {
      this.#entries = kept < 0 ? [] : this.#entries.slice(kept);
    }
  }
}
