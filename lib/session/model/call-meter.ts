import type { MonotonicTime } from '../../ports/clock.js';
import type {
  CalledPart,
  CallEnd,
  SessionMeasures,
} from './session-measures.js';

export interface CallMeterParts {
  readonly part: CalledPart;
  /** After this time, a call has failed. */
  readonly timeoutSeconds: number;
  /** The part is down after so many failed calls in a row. */
  readonly failuresUntilDown: number;
  /** Measures calls. */
  readonly time: MonotonicTime;
  /** Seconds since the Unix epoch. */
  readonly now: () => number;
  readonly measures: SessionMeasures;
}

/** Whether a part answers, and in good time. */
export type CallState = 'up' | 'slow' | 'down';

/** A failed call. */
export interface CallFailure {
  readonly error: unknown;
  /** Seconds since the Unix epoch. */
  readonly at: number;
}

/** The weight of the last call in the moving average: that of round trips in TCP (RFC 6298, section 2.3). */
const WEIGHT = 1 / 8;
/** Parts of the timeout at which an average is slow, and below which it no longer is. */
const SLOW = 1 / 2;
const SWIFT = 1 / 4;

/**
 * What the calls of a part show of it: whether its last calls failed, and whether they take long. It is slow while the
 * moving average of about eight calls exceeds half of the timeout: before calls fail. It no longer is below a quarter.
 */
export class CallMeter {
  readonly #parts: CallMeterParts;
  #state: CallState = 'up';
  #since: number;
  #failures = 0;
  #isSlow = false;
  #averageSeconds = 0;
  #lastFailure: CallFailure | undefined;
  #answeredAt = -Infinity;

  constructor(parts: CallMeterParts) {
    this.#parts = parts;
    this.#since = parts.now();
  }

  get state(): CallState {
    return this.#state;
  }

  /** Since when it is in this state, in seconds since the Unix epoch. */
  get since(): number {
    return this.#since;
  }

  /** The moving average of what a call takes. Starts at 0. */
  get averageSeconds(): number {
    return this.#averageSeconds;
  }

  get lastFailure(): CallFailure | undefined {
    return this.#lastFailure;
  }

  /** Whether the last call failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Seconds since the last answer; `Infinity` before the first. */
  get silentSeconds(): number {
    return this.#parts.time() - this.#answeredAt;
  }

  /** Returns the instant of a call that is sent now, for {@link answered} and {@link failed}. */
  start(): number {
    return this.#parts.time();
  }

  answered(operation: string, sentAt: number): void {
    this.#failures = 0;
    this.#answeredAt = this.#parts.time();
    this.#measure(operation, 'answered', sentAt);
    this.#update();
  }

  /** @param sentAt `undefined` for a call that was not sent */
  failed(
    operation: string,
    error: unknown,
    sentAt?: number,
    end: CallEnd = 'failed',
  ): void {
    this.#failures += 1;
    this.#lastFailure = { error, at: this.#parts.now() };
    if (sentAt !== undefined) this.#measure(operation, end, sentAt);
    this.#update();
  }

  #measure(operation: string, end: CallEnd, sentAt: number): void {
    const { part, time, measures, timeoutSeconds } = this.#parts;
    const seconds = Math.max(0, time() - sentAt);
    this.#averageSeconds += (seconds - this.#averageSeconds) * WEIGHT;
    const limit = timeoutSeconds * (this.#isSlow ? SWIFT : SLOW);
    this.#isSlow = this.#averageSeconds > limit;
    measures.onCall?.(part, operation, end, seconds);
  }

  #update(): void {
    const { failuresUntilDown, now } = this.#parts;
    const state =
      this.#failures >= failuresUntilDown
        ? 'down'
        : this.#isSlow
          ? 'slow'
          : 'up';
    if (state !== this.#state) {
      this.#state = state;
      this.#since = now();
    }
  }
}
