import { ROUNDING_SECONDS, TIMING } from './timing.js';

/**
 * `alive`: must be accepted. `threatened`: a revocation was sent and its success is not known, so both answers are
 * right. `ended`: a revocation succeeded, so it must be refused. `gone`: it was refused and counted.
 */
export type SessionState = 'alive' | 'threatened' | 'ended' | 'gone';

const HISTORY = 30;

/** What the clients of a session did and were answered. */
export class KnownSession {
  state: SessionState = 'alive';
  /** When its revocation was answered: in the order of all sendings and answers, and in seconds. */
  ended: { readonly tick: number; readonly at: number } | undefined;
  /** What events call it. */
  eventName: string | undefined;
  /** Whether its store says that it may have lost the sign-in. */
  isLossy = false;
  /** When the idle time of the latest refresh token ends. */
  idleEnd = Infinity;
  readonly history: string[] = [];
  /** When the first exchange of the present generation was sent whose answer did not arrive. */
  #lostSince: number | undefined;
  /** Whether the present generation was given long after that. */
  #wasRecovered = false;

  constructor(
    readonly label: string,
    readonly subject: string,
    readonly signInOperation: string,
    /** When its sign-in was answered. */
    readonly beganTick: number,
  ) {}

  note(line: string): void {
    this.history.push(line);
    if (this.history.length > HISTORY) this.history.shift();
  }

  /** The answer of what may have been an exchange was lost, or was a failure. */
  loseExchange(sentAt: number): void {
    this.#lostSince ??= sentAt;
  }

  /** New tokens arrived. */
  advance(now: number): void {
    this.#wasRecovered = this.#isLate(now);
    this.#lostSince = undefined;
  }

  /** Whether two successive answers were lost for longer than the grace time: then it may end. */
  isDoublyLost(now: number): boolean {
    return this.#wasRecovered && this.#isLate(now);
  }

  /** Whether an answer was lost for longer than the grace time. */
  isLost(now: number): boolean {
    return this.#isLate(now);
  }

  #isLate(now: number): boolean {
    return (
      this.#lostSince !== undefined &&
      now - this.#lostSince >= TIMING.graceSeconds - ROUNDING_SECONDS
    );
  }
}
