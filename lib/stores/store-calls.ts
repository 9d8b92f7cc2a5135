import { Deadline } from '../deadline.js';
import { SessionError } from '../errors/session-error.js';
import type { SessionStore, WriteDeadline } from '../options/session-store.js';
import { timeIn, timeOfLateCall, withoutDetails } from './store-answers.js';
import { StoreBreaker } from './store-breaker.js';
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
 * @param calledAt of a call that writes: what the clock of the store showed, at the latest, when it was made
 */
export type Ask<T> = (
  store: SessionStore,
  deadline?: WriteDeadline,
  calledAt?: Date,
) => Promise<T>;

/** Hears the answer to a call whose caller has given up; must not throw. */
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

/** Why a call was not sent. */
const REFUSALS = {
  silent:
    'the store left calls unanswered, and is tried with one call at a time until it answers',
  full: 'too many calls of the store are unsettled; give its client a timeout for commands',
} as const;

/** How long a caller may still wait after its time, where the event loop was blocked. Milliseconds. */
const SHORTEST_WAIT = 50;

/** A call that somebody waits for. */
interface Waiting<T> {
  resolve(answer: T): void;
  reject(error: SessionError): void;
  /** What is asked once more where the store says that the call came too late. */
  askAgain: Ask<T> | undefined;
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
   */
  write<T>(
    operation: StoreOperation,
    ask: Ask<T>,
    onLateAnswer?: OnLateAnswer<T>,
  ): Promise<T> {
    const clock = this.#clock;
    if (!clock) {
      return this.call(operation, ask, onLateAnswer);
    }
    const calledAt = clock.instant;
    const send: Ask<T> = (store) => {
      const wait = calledAt + this.#timeout - clock.instant;
      const deadline = clock.deadlineIn(
        Math.max(wait, SHORTEST_WAIT),
        this.#timeout,
      );
      return ask(store, deadline, clock.latestAt(calledAt));
    };
    const isKnown = operation === 'endAll' ? clock.isFresh : clock.isKnown;
    const sendFirst: Ask<T> = async (store) => {
      const sentAt = clock.instant;
      clock.note(await store.now!(), sentAt);
      return send(store);
    };
    return this.call(operation, isKnown ? send : sendFirst, onLateAnswer, send);
  }

  /** @param askAgain what is asked once more where the store says that the call came too late */
  call<T>(
    operation: StoreOperation,
    ask: Ask<T>,
    onLateAnswer?: OnLateAnswer<T>,
    askAgain?: Ask<T>,
  ): Promise<T> {
    const breaker = this.#breaker;
    const admission = breaker.admit(REVOCATIONS.has(operation));
    if (admission === 'silent' || admission === 'full') {
      const error = new Error(REFUSALS[admission]);
      return Promise.reject(this.#unavailable(operation, error));
    }
    return new Promise<T>((resolve, reject) => {
      // Dropped at the deadline: a client may keep a call forever, and with it everything that the call refers to.
      let waiting: Waiting<T> | undefined = { resolve, reject, askAgain };
      let sentAt = this.#clock?.instant ?? 0;
      const deadline = new Deadline(this.#timeout, () => {
        breaker.unanswered(admission);
        const error = new Error(
          `the store took longer than ${this.#timeout / 1000} s`,
        );
        waiting?.reject(this.#unavailable(operation, error));
        waiting = undefined;
      });
      const onAnswer = (answer: T): void => {
        this.#note(timeIn(answer), sentAt);
        if (waiting) {
          deadline.clear();
          breaker.answered(admission);
          this.#listeners.onAnswer();
          waiting.resolve(answer);
        } else {
          breaker.settledLate();
          onLateAnswer?.(answer);
        }
      };
      const onError = (thrown: unknown): void => {
        const time = timeOfLateCall(thrown);
        this.#note(time, sentAt);
        if (!waiting) {
          breaker.settledLate();
        } else if (time && waiting.askAgain) {
          const again = waiting.askAgain;
          waiting.askAgain = undefined;
          sentAt = this.#clock?.instant ?? 0;
          answerOf(again, this.#store).then(onAnswer, onError);
        } else {
          deadline.clear();
          breaker.answered(admission);
          const error = withoutDetails(thrown);
          waiting.reject(this.#unavailable(operation, error));
        }
      };
      answerOf(ask, this.#store).then(onAnswer, onError);
    });
  }

  #note(time: Date | undefined, sentAt: number): void {
    if (time) this.#clock?.note(time, sentAt);
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

/** A store may throw instead of rejecting, and may answer something that is no promise. */
function answerOf<T>(ask: Ask<T>, store: SessionStore): Promise<T> {
  try {
    return Promise.resolve(ask(store));
  } catch (thrown) {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors
    return Promise.reject(thrown);
  }
}
