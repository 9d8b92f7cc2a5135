/** The breaker opens after this many calls in a row without an answer, within this many milliseconds. */
const SILENT_CALLS = 5;
const SILENCE_WINDOW = 10_000;
/** The pause before the second probe, in milliseconds. It doubles with each probe, up to the longest. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 1_000;
/** Calls with neither an answer nor an error, including those whose callers gave up. */
const UNSETTLED_CALLS = 5_000;

/** The reasons why a call was not sent. */
export const REFUSALS = {
  silent:
    'the store does not answer; calls are sent one at a time until it does',
  full: 'too many calls of the store are unsettled; set a command timeout in its client',
} as const;

/** Whether a call may be sent: as one of many, as the only one for now, or not at all. */
export type Admission = 'call' | 'probe' | 'silent' | 'full';

/**
 * Stops calls to a store that leaves them unanswered, so that requests neither wait for it nor pile up behind it. Only
 * silence counts: an error is an answer, costs no time and holds nothing.
 *
 * While the breaker is open, one call at a time is let through as a probe. The first probe starts immediately, the next
 * ones after pauses of 0.1 to 1 s, and an answer in time closes the breaker. A late answer does not: the store may be
 * slow. It ends the pause, though, when it was the last one outstanding. The same holds while too many calls are
 * unsettled, whether the breaker is open or not.
 */
export class StoreBreaker {
  readonly #now: () => number;
  #unsettled = 0;
  #silent = 0;
  #silentSince = 0;
  #isProbing = false;
  #pause = 0;
  #probeAt = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Decides whether a call may be sent. Every admitted call must be reported to {@link answered}, or to
   * {@link unanswered} and then {@link settledLate}.
   *
   * @param insists whether an open breaker lets the call through
   */
  admit(insists: boolean): Admission {
    const isFull = this.#unsettled >= UNSETTLED_CALLS;
    const isOpen = this.#silent >= SILENT_CALLS;
    if (!isFull && (!isOpen || insists)) {
      this.#unsettled += 1;
      return 'call';
    }
    if (this.#isProbing || this.#now() < this.#probeAt) {
      return isFull ? 'full' : 'silent';
    }
    this.#unsettled += 1;
    this.#isProbing = true;
    return 'probe';
  }

  /** Reports an answer or an error before the deadline. */
  answered(admission: Admission): void {
    this.#unsettled -= 1;
    this.#silent = 0;
    this.#endPause();
    if (admission === 'probe') {
      this.#isProbing = false;
    }
  }

  /** Reports that the deadline of a call has passed. */
  unanswered(admission: Admission): void {
    const now = this.#now();
    if (
      this.#silent < SILENT_CALLS &&
      now - this.#silentSince > SILENCE_WINDOW
    ) {
      this.#silent = 0;
    }
    if (this.#silent === 0) {
      this.#silentSince = now;
    }
    this.#silent += 1;
    if (admission === 'probe') {
      this.#isProbing = false;
      this.#pause = Math.min(this.#pause * 2 || FIRST_PAUSE, LONGEST_PAUSE);
      this.#probeAt = now + this.#pause;
    }
  }

  /** Reports the answer or the error of a call whose deadline had passed. */
  settledLate(): void {
    this.#unsettled -= 1;
    if (this.#unsettled === 0) {
      this.#endPause();
    }
  }

  #endPause(): void {
    this.#pause = 0;
    this.#probeAt = 0;
  }
}
