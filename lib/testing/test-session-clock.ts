import { SessionClock } from '../ports/clock.js';
import { readDurationSeconds, type Duration } from '../options/durations.js';

/**
 * Stands still until a test moves it:
 * `overrideProvider(SessionClock).useValue(clock)`.
 */
export class TestSessionClock extends SessionClock {
  #nowSeconds: number;
  #elapsedSeconds = 0;
  readonly #tasks = new Set<() => void>();

  /** @param start a Date, or seconds since the Unix epoch. Default: 2030-01-01T00:00:00Z */
  constructor(start: Date | number = 1_893_456_000) {
    super();
    this.#nowSeconds = secondsOf(start);
  }

  override nowSeconds(): number {
    return this.#nowSeconds;
  }

  /** The sum of all moves forward. Moves back do not reduce it, as on a machine whose clock is corrected. */
  override monotonicSeconds(): number {
    return this.#elapsedSeconds;
  }

  /** Calls a task after each move of the clock. */
  override everySecond(task: () => void): () => void {
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  /**
   * Moves the clock by a duration.
   *
   * @param duration seconds, or a string with a unit (`'15m'`); a negative number moves the clock back
   */
  advance(duration: Duration): void {
    const seconds =
      typeof duration === 'number' ? duration : readDurationSeconds(duration);
    if (seconds === undefined || !Number.isFinite(seconds)) {
      throw new TypeError(
        `advance: expected seconds or a string like '15m', got ${duration}`,
      );
    }
    this.#moveTo(Math.floor(this.#nowSeconds + seconds));
  }

  /**
   * Sets the clock.
   *
   * @param instant a Date, or seconds since the Unix epoch
   */
  set(instant: Date | number): void {
    this.#moveTo(secondsOf(instant));
  }

  #moveTo(nowSeconds: number): void {
    this.#elapsedSeconds += Math.max(0, nowSeconds - this.#nowSeconds);
    this.#nowSeconds = nowSeconds;
    for (const task of this.#tasks) task();
  }
}

function secondsOf(instant: Date | number): number {
  const seconds =
    typeof instant === 'number' ? instant : instant.getTime() / 1000;
  if (!Number.isFinite(seconds)) {
    throw new TypeError(
      `TestSessionClock: expected a Date or seconds since the Unix epoch, got ${String(instant)}`,
    );
  }
  return Math.floor(seconds);
}
