import { Deadline } from '../deadline.js';
import { SessionError } from '../errors/session-error.js';
import type { SessionStore, WriteDeadline } from '../ports/session-store.js';
import type { CallListeners, StoreOperation } from './call-listeners.js';
import {
  answerOf,
  timeIn,
  timeOfLateCall,
  withoutDetails,
} from './store-answers.js';
import { REFUSALS, StoreBreaker, type Admission } from './store-breaker.js';
import { StoreClock } from './store-clock.js';

/**
 * Calls a store.
 *
 * @param deadline of a call that writes: when the store may carry it out
 * @param cutOff if requested, an instant no earlier than the call, by the clock of the store
 */
export type Ask<T> = (
  store: SessionStore,
  deadline?: WriteDeadline,
  cutOff?: Date,
) => Promise<T>;

/** Receives the answer to a call whose caller has given up. */
export type OnLateAnswer<T> = (answer: T) => void;

/** Sent even while the breaker is open: a sign-out gets another chance to arrive, and still counts if it is late. */
const REVOCATIONS: ReadonlySet<StoreOperation> = new Set(['end', 'endAll']);

/** Milliseconds that a caller may wait beyond its time after the event loop was blocked. */
const SHORTEST_WAIT = 50;

interface CallPlan<T> {
  readonly ask: Ask<T>;
  /** Queries the time of the store first. */
  readonly askTime?: Ask<Date>;
  readonly onTime?: (time: Date) => void;
  /** Whether the call is repeated once if the store reports that it came too late. */
  isRepeatable?: boolean;
}

/** A call with a caller that waits for it. */
interface Waiting<T> extends CallPlan<T> {
  resolve(answer: T): void;
  reject(error: SessionError): void;
}

/** Calls a store. Each call is answered within its time or refused with `STORE_UNAVAILABLE`. */
export class StoreCalls {
  readonly #store: SessionStore;
  readonly #timeout: number;
  readonly #listeners: CallListeners;
  readonly #breaker: StoreBreaker;
  readonly #clock: StoreClock | undefined;

  constructor(
    store: SessionStore,
    timeoutSeconds: number,
    listeners: CallListeners,
    breaker = new StoreBreaker(),
    clock = new StoreClock(),
  ) {
    this.#store = store;
    this.#timeout = timeoutSeconds * 1000;
    this.#listeners = listeners;
    this.#breaker = breaker;
    this.#clock = store.now ? clock : undefined;
  }

  /**
   * Sends a call that a store with a clock carries out in time or not at all. Repeats the call once if it came too late
   * and its caller still waits.
   *
   * @param needsCutOff whether `ask` needs to know when the call was made, by the clock of the store
   */
  write<T>(
    operation: StoreOperation,
    subject: string,
    ask: Ask<T>,
    onLateAnswer?: OnLateAnswer<T>,
    needsCutOff = false,
  ): Promise<T> {
    const clock = this.#clock;
    const timeout = this.#timeout;
    if (!clock) {
      return this.#call(operation, { ask }, onLateAnswer);
    }
    const calledAt = clock.instant;
    let cutOff: Date | undefined;
    return this.#call<T>(
      operation,
      {
        ask(store) {
          const wait = calledAt + timeout - clock.instant;
          const longest = Math.max(wait, SHORTEST_WAIT);
          return ask(store, clock.deadlineIn(longest, timeout), cutOff);
        },
        ...((needsCutOff || !clock.isKnown) && {
          askTime: (store) => store.now!(subject),
          onTime(time) {
            // The store reports whole milliseconds.
            if (needsCutOff) cutOff = new Date(time.getTime() + 1);
          },
        }),
        isRepeatable: true,
      },
      onLateAnswer,
    );
  }

  call<T>(operation: StoreOperation, ask: Ask<T>): Promise<T> {
    return this.#call(operation, { ask });
  }

  #call<T>(
    operation: StoreOperation,
    plan: CallPlan<T>,
    onLateAnswer?: OnLateAnswer<T>,
  ): Promise<T> {
    const admission = this.#breaker.admit(REVOCATIONS.has(operation));
    if (admission === 'silent' || admission === 'full') {
      const error = new Error(REFUSALS[admission]);
      return Promise.reject(this.#unavailable(operation, error));
    }
    return new Promise<T>((resolve, reject) =>
      this.#send(
        operation,
        admission,
        { ...plan, resolve, reject },
        onLateAnswer,
      ),
    );
  }

  #send<T>(
    operation: StoreOperation,
    admission: Admission,
    waiting: Waiting<T> | undefined,
    onLateAnswer: OnLateAnswer<T> | undefined,
  ): void {
    const breaker = this.#breaker;
    const clock = this.#clock;
    const startedAt = this.#listeners.onSend?.() ?? 0;
    let sentAt = 0;
    const deadline = new Deadline(this.#timeout, () => {
      breaker.unanswered(admission);
      const error = new Error(
        `the store took longer than ${this.#timeout / 1000} s`,
      );
      waiting?.reject(
        this.#unavailable(operation, error, startedAt, 'timeout'),
      );
      // A client may keep a call forever, and with it everything that the call references.
      waiting = undefined;
    });
    const onAnswer = (answer: T): void => {
      const asOf = timeIn(answer);
      if (asOf) clock?.note(asOf, sentAt);
      if (waiting) {
        deadline.clear();
        breaker.answered(admission);
        this.#listeners.onAnswer(operation, startedAt);
        waiting.resolve(answer);
      } else {
        breaker.settledLate();
        this.#conclude(operation, answer, onLateAnswer);
      }
    };
    const onError = (thrown: unknown): void => {
      const time = timeOfLateCall(thrown);
      if (time) clock?.note(time, sentAt);
      if (!waiting) {
        breaker.settledLate();
      } else if (time && waiting.isRepeatable) {
        waiting.isRepeatable = false;
        ask();
      } else {
        deadline.clear();
        breaker.answered(admission);
        const error = withoutDetails(thrown);
        waiting.reject(this.#unavailable(operation, error, startedAt));
      }
    };
    const ask = (): void => {
      if (waiting) {
        sentAt = clock?.instant ?? 0;
        answerOf(waiting.ask, this.#store).then(onAnswer, onError);
      } else {
        // The caller gave up while the time of the store was queried.
        breaker.settledLate();
      }
    };
    if (waiting?.askTime) {
      sentAt = clock?.instant ?? 0;
      answerOf(waiting.askTime, this.#store).then((answer) => {
        const time = timeIn(answer);
        if (time) {
          clock?.note(time, sentAt);
          waiting?.onTime?.(time);
          ask();
        } else {
          onError(
            new TypeError('the store returned something other than a time'),
          );
        }
      }, onError);
    } else {
      ask();
    }
  }

  /** Passes on a late answer. A custom store may return anything, and no answer may end the process. */
  #conclude<T>(
    operation: StoreOperation,
    answer: T,
    onLateAnswer: OnLateAnswer<T> | undefined,
  ): void {
    try {
      onLateAnswer?.(answer);
    } catch (error) {
      this.#listeners.onFailure(operation, withoutDetails(error));
    }
  }

  #unavailable(
    operation: StoreOperation,
    cause: Error,
    ...sent: [sentAt?: number, end?: 'timeout']
  ): SessionError {
    this.#listeners.onFailure(operation, cause, ...sent);
    return new SessionError(
      'STORE_UNAVAILABLE',
      `the session store could not answer (${operation})`,
      { cause, retryAfterSeconds: 1 },
    );
  }
}
