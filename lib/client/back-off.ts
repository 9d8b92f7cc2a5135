/** Keeps futile refreshes from being repeated for every request. */
export interface BackOff<T> {
  /**
   * Returns the outcome of the last failure while it is too early for another attempt.
   *
   * @param isSure whether the request was refused for want of a session; it then does not wait for an unclear failure
   */
  tooEarly(epoch: number, isSure: boolean): Promise<T> | undefined;
  /** Counts a failure, once for each epoch and outcome. */
  failed(epoch: number, isSure: boolean, outcome: Promise<T>): void;
  reset(): void;
}

/** Failures that may be retried immediately: a single lost response causes no delay. */
const FREE_FAILURES = 2;
const LONGEST_SECONDS = 30;

/** Uses the monotonic clock: the clock of a client may be wrong, and may be set. */
export function createBackOff<T>(): BackOff<T> {
  let failures = 0;
  let last:
    | { epoch: number; isSure: boolean; outcome: Promise<T>; until: number }
    | undefined;
  return {
    tooEarly: (epoch, isSure) =>
      last?.epoch === epoch &&
      (last.isSure || !isSure) &&
      performance.now() < last.until
        ? last.outcome
        : undefined,
    failed(epoch, isSure, outcome) {
      // Requests that waited for the same refresh count as one failure.
      if (last?.epoch === epoch && last.outcome === outcome) return;
      failures += 1;
      const seconds =
        failures > FREE_FAILURES
          ? Math.min(2 ** (failures - FREE_FAILURES - 1), LONGEST_SECONDS)
          : 0;
      const until = performance.now() + seconds * 1000;
      last = { epoch, isSure, outcome, until };
    },
    reset() {
      failures = 0;
      last = undefined;
    },
  };
}
