import type { MonotonicTime } from '../../ports/clock.js';
import { isOutage, SessionError } from '../../errors/session-error.js';
import type { NamedSession } from '../../tokens/session-claims.js';
import { BoundedMap } from '../model/bounded-map.js';
import type { SessionEvents } from '../model/session-events.js';

interface Failure {
  readonly count: number;
  readonly retryAt: number;
  readonly error: Error;
}

const LONGEST_BACK_OFF_SECONDS = 30;
const LONGEST_RETRY_AFTER_SECONDS = 5;
const FAILING_SESSIONS = 10_000;

/** Remembers failed loads, so that requests do not keep calling a failing data source. */
export class LoadFailures {
  readonly #events: SessionEvents;
  readonly #time: MonotonicTime;
  readonly #failures = new BoundedMap<string, Failure>(FAILING_SESSIONS);

  /** @param time the clock of the back-off: setting the machine's clock neither lengthens nor ends a pause */
  constructor(events: SessionEvents, time: MonotonicTime) {
    this.#events = events;
    this.#time = time;
  }

  /** Returns why a session must not be loaded now, if its last load failed a moment ago. */
  recentOf(sid: string): Error | undefined {
    const failure = this.#failures.get(sid);
    return failure && this.#time() < failure.retryAt
      ? failure.error
      : undefined;
  }

  forget(sid: string): void {
    this.#failures.delete(sid);
  }

  /**
   * Notes a failed load. Returns its error: that of an outage with the time to wait before the next load, a defect as it
   * is.
   */
  add(claims: NamedSession, thrown: unknown): Error {
    const { sid } = claims;
    const outage = isOutage(thrown) ? thrown : undefined;
    const count = (this.#failures.get(sid)?.count ?? 0) + 1;
    const pause = Math.min(2 ** (count - 1), LONGEST_BACK_OFF_SECONDS);
    const error = outage
      ? new SessionError(outage.code, outage.message, {
          cause: outage.cause,
          retryAfterSeconds: Math.min(pause, LONGEST_RETRY_AFTER_SECONDS),
        })
      : asError(thrown);
    this.#failures.set(sid, { count, retryAt: this.#time() + pause, error });
    // The store's failure was already reported.
    if (outage?.code !== 'STORE_UNAVAILABLE') {
      this.#events.ofSession(claims, {
        type: 'loaderFailed',
        code: outage?.code,
        error: outage?.cause ?? thrown,
      });
    }
    return error;
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error('something other than an error was thrown', { cause: thrown });
}
