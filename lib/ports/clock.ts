/**
 * The only source of time, and its injection token: a test moves time with
 * `overrideProvider(SessionClock).useValue(new TestSessionClock())` from `nestjs-session-jwt/testing`.
 */
export abstract class SessionClock {
  /** Whole seconds since the Unix epoch, the unit of JWT's NumericDate (RFC 7519, section 2). */
  abstract nowSeconds(): number;

  /**
   * Seconds since any fixed instant, on a clock that never goes back. Back-off and the rate limits of logs use it.
   * Without this method, the seconds by which {@link nowSeconds} moves forward are counted.
   */
  monotonicSeconds?(): number;

  /**
   * Calls a task once per second of this clock, until the returned function is called: connections are checked then.
   * Without this method, a timer of the process does.
   */
  everySecond?(task: () => void): () => void;
}

/** The clock of the machine. */
export class SystemSessionClock extends SessionClock {
  override nowSeconds(): number {
    return Math.floor(Date.now() / 1000);
  }

  override monotonicSeconds(): number {
    return performance.now() / 1000;
  }
}

/** Reads the monotonic time of a clock, in seconds since any fixed instant. */
export type MonotonicTime = () => number;

/**
 * Returns the monotonic time of any clock. A clock that has none is followed while it moves forward; when it is set
 * back, time stands still.
 */
export function monotonicTimeOf(clock: SessionClock): MonotonicTime {
  if (clock.monotonicSeconds) {
    return () => clock.monotonicSeconds!();
  }
  let last = clock.nowSeconds();
  let elapsed = 0;
  return () => {
    const now = clock.nowSeconds();
    elapsed += Math.max(0, now - last);
    last = now;
    return elapsed;
  };
}

/**
 * Returns the time by which short durations are measured: the monotonic time of a clock that has one, otherwise that of
 * the process, since a clock of whole seconds measures none.
 */
export function stopwatchOf(clock: SessionClock): MonotonicTime {
  return clock.monotonicSeconds
    ? () => clock.monotonicSeconds!()
    : () => performance.now() / 1000;
}

/** Calls a task once per second of a clock. Returns what ends that. Keeps no process alive. */
export function everySecond(clock: SessionClock, task: () => void): () => void {
  if (clock.everySecond) {
    return clock.everySecond(task);
  }
  const timer = setInterval(task, 1000);
  timer.unref();
  return () => clearInterval(timer);
}
