import { Deadline } from '../deadline.js';
import { SessionError } from '../errors/session-error.js';
import type { SessionStore, WriteDeadline } from '../options/session-store.js';
import {
  answerOf,
  timeIn,
  timeOfLateCall,
  withoutDetails,
} from './store-answers.js';
import { REFUSALS, StoreBreaker, type Admission } from './store-breaker.js';
import { StoreClock } from './store-clock.js';

/** What is asked of a store. */
export type StoreOperation =
  | 'create'
  | 'read'
  | 'rotate'
  | 'update'
  | 'confirmUse'
  | 'end'
  | 'endAll'
  | 'list';

/**
 * Asks a store.
 *
 * @param deadline of a call that writes: when the store may
 * @param cutOff where that was asked for: no earlier than when the call was made, by the clock of the store
 */
export type Ask<T> = (
  store: SessionStore,
  deadline?: WriteDeadline,
  cutOff?: Date,
) => Promise<T>;

/** Gets the answer to a call whose caller has given up. */
export type OnLateAnswer<T> = (answer: T) => void;

/** Who hears how calls go; none may throw. */
export interface CallListeners {
  /** Called for every call that fails, sent or not. */
  readonly onFailure: (operation: StoreOperation, error: unknown) => void;
  /** Called for every answer that comes in time. */
  readonly onAnswer: () => void;
}

/** Sent also while the breaker is open: whoever signs out has a second chance to be heard, and late is not too late. */
const REVOCATIONS: ReadonlySet<StoreOperation> = new Set(['end', 'endAll']);

/** How long a caller may still wait after its time, where the event loop was blocked. Milliseconds. */
const SHORTEST_WAIT = 50;

interface CallPlan<T> {
  readonly ask: Ask<T>;
  /** Asks the store for its time, before anything else. */
  readonly askTime?: Ask<Date>;
  readonly onTime?: (time: Date) => void;
  /** Whether it is made once more where the store says that it came too late. */
  isRepeatable?: boolean;
}

/** A call that somebody waits for. */
interface Waiting<T> extends CallPlan<T> {
  resolve(answer: T): void;
  reject(error: SessionError): void;
}

/** Calls of a store, each answered within its time or refused with `STORE_UNAVAILABLE`. */
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
   * A call that is carried out in time or not at all, by stores that tell their time; once more where it came too late and
   * somebody still waits.
   *
   * @param needsCutOff whether `ask` is to know when the call was made, by the clock of the store
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
            // The store gives whole milliseconds.
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
    let sentAt = 0;
    const deadline = new Deadline(this.#timeout, () => {
      breaker.unanswered(admission);
      const error = new Error(
        `the store took longer than ${this.#timeout / 1000} s`,
      );
      waiting?.reject(this.#unavailable(operation, error));
      // A client may keep a call forever, and with it everything that the call refers to.
      waiting = undefined;
    });
    const onAnswer = (answer: T): void => {
      const asOf = timeIn(answer);
      if (asOf) clock?.note(asOf, sentAt);
      if (waiting) {
        deadline.clear();
        breaker.answered(admission);
        this.#listeners.onAnswer();
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
        waiting.reject(this.#unavailable(operation, error));
      }
    };
    const ask = (): void => {
      if (waiting) {
        sentAt = clock?.instant ?? 0;
        answerOf(waiting.ask, this.#store).then(onAnswer, onError);
      } else {
        // The caller gave up while the store was asked for its time.
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
            new TypeError('the store answered something that is no time'),
          );
        }
      }, onError);
    } else {
      ask();
    }
  }

  /** A custom store may answer anything: nothing that follows from that may end the process. */
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

  #unavailable(operation: StoreOperation, cause: Error): SessionError {
    this.#listeners.onFailure(operation, cause);
    return new SessionError(
      'STORE_UNAVAILABLE',
      `the session store could not answer (${operation})`,
      { cause, retryAfterSeconds: 1 },
    );
  }
}
