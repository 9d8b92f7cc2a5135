import { Deadline, pause } from '../../deadline.js';
import { SessionError } from '../../errors/session-error.js';
import type { RevocationLog } from '../../ports/revocation-log.js';
import { answerOf, withoutDetails } from '../../stores/store-answers.js';
import type { CallMeter } from '../model/call-meter.js';
import type { RevocationFeed } from './revocation-feed.js';

export interface RevocationAppendsParts {
  readonly log: RevocationLog;
  readonly feed: RevocationFeed;
  /** For how long a caller waits. */
  readonly timeoutSeconds: number;
  /** For how long the log keeps an entry. */
  readonly retentionSeconds: number;
  readonly meter: CallMeter;
  /** Called for every call that fails. */
  readonly onFailure: (error: unknown) => void;
}

/** An entry that is not confirmed yet. Its caller may have given up; the entry is appended nonetheless. */
interface Waiting {
  readonly entry: string;
  confirmed(): void;
  failed(error: unknown): void;
}

/** Entries that one call appends. */
const MOST_AT_ONCE = 500;
/** Entries kept while the log is down. The caller of each received an error. */
const MOST_WAITING = 100_000;
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;

/**
 * Appends to a revocation log. Concurrent entries share a call. What fails is tried again until it succeeds: appending
 * an entry twice changes nothing, and a late revocation is safe.
 */
export class RevocationAppends {
  readonly #parts: RevocationAppendsParts;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: RevocationAppendsParts) {
    this.#parts = parts;
  }

  /** How many entries are not confirmed yet. */
  get size(): number {
    return this.#waiting.length;
  }

  /** @throws {SessionError} `STORE_UNAVAILABLE` if that takes too long or fails; it is tried again in the background */
  append(entries: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      let missing = entries.length;
      const fail = (error: unknown): void => {
        deadline.clear();
        reject(unavailable(error));
      };
      const { timeoutSeconds } = this.#parts;
      const deadline = new Deadline(timeoutSeconds * 1000, () => {
        const error = new SilentLogError(timeoutSeconds);
        this.#parts.onFailure(error);
        fail(error);
      });
      for (const entry of entries) {
        this.#waiting.push({
          entry,
          confirmed() {
            missing -= 1;
            if (missing > 0) return;
            deadline.clear();
            resolve();
          },
          failed: fail,
        });
      }
      this.#flush();
    });
  }

  /**
   * Appends a proof of life. Returns the time of the log then.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`
   */
  prove(proof: string): Promise<Date> {
    return this.#attempt([proof], true);
  }

  /**
   * Appends entries once.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`; it is not tried again
   */
  async appendOnce(entries: readonly string[]): Promise<void> {
    await this.#attempt(entries, false);
  }

  async #attempt(entries: readonly string[], isProof: boolean): Promise<Date> {
    try {
      return await this.#call(entries, isProof);
    } catch (error) {
      this.#parts.onFailure(error);
      throw unavailable(error);
    }
  }

  /** Resolves when nothing waits any more, or the last attempt has failed. Tries nothing again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#flushing;
  }

  #flush(): void {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
    });
  }

  async #flushAll(): Promise<void> {
    let failures = 0;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MOST_AT_ONCE);
      try {
        await this.#call(
          batch.map(({ entry }) => entry),
          false,
        );
        failures = 0;
        this.#waiting.splice(0, batch.length);
        for (const each of batch) each.confirmed();
      } catch (error) {
        this.#parts.onFailure(error);
        for (const each of this.#waiting) each.failed(error);
        this.#waiting.splice(0, this.#waiting.length - MOST_WAITING);
        if (this.#isStopped) return;
        await pause(Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** failures));
        failures += 1;
      }
    }
  }

  /** Calls the log, and measures that. */
  async #call(entries: readonly string[], isProof: boolean): Promise<Date> {
    const { meter } = this.#parts;
    const operation = isProof ? 'prove' : 'append';
    const sentAt = meter.start();
    try {
      const time = await this.#send(entries, isProof);
      meter.answered(operation, sentAt);
      return time;
    } catch (error) {
      const end = error instanceof SilentLogError ? 'timeout' : 'failed';
      meter.failed(operation, error, sentAt, end);
      throw error;
    }
  }

  /** A call that the log keeps forever counts as failed. */
  #send(entries: readonly string[], isProof: boolean): Promise<Date> {
    const { log, feed, timeoutSeconds, retentionSeconds } = this.#parts;
    const sentAt = feed.instant;
    return new Promise((resolve, reject) => {
      const deadline = new Deadline(timeoutSeconds * 1000, () =>
        reject(new SilentLogError(timeoutSeconds)),
      );
      const options = { retentionSeconds, isProof };
      answerOf((each) => each.append(entries, options), log)
        .then((answer) => {
          if (!(answer instanceof Date)) {
            throw new TypeError('the log returned something other than a time');
          }
          feed.learn(answer, sentAt);
          resolve(answer);
        })
        .catch((thrown: unknown) => reject(withoutDetails(thrown)))
        .finally(() => deadline.clear());
    });
  }
}

class SilentLogError extends Error {
  constructor(timeoutSeconds: number) {
    super(`the log took longer than ${timeoutSeconds} s`);
  }
}

function unavailable(cause: unknown): SessionError {
  return new SessionError(
    'STORE_UNAVAILABLE',
    'the revocation log could not answer',
    { cause, retryAfterSeconds: 1 },
  );
}
