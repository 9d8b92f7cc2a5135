import { Deadline } from '../deadline.js';
import { SessionError } from '../errors/session-error.js';
import {
  SessionStore,
  type CreateOptions,
  type CreateVerdict,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionRecord,
} from '../options/session-store.js';
import { StoreBreaker } from './store-breaker.js';

/** What is asked of a store. */
export type StoreOperation =
  'create' | 'read' | 'rotate' | 'update' | 'end' | 'endAll' | 'list';

/** Sent while the breaker is open too: a session that ends late still ends. */
const REVOCATIONS: ReadonlySet<StoreOperation> = new Set(['end', 'endAll']);

/** Why a call was not sent. */
const REFUSALS = {
  silent:
    'the store left calls unanswered, and is tried with one call at a time until it answers',
  full: 'too many calls of the store are unsettled; give its client a timeout for commands',
} as const;

/**
 * A store that answers within its time or throws `STORE_UNAVAILABLE`, whatever the store behind it does:
 * clients of databases wait for half a minute and more when a connection hangs. While the store is silent, calls are
 * refused immediately, except one at a time and revocations.
 */
export class DeadlineSessionStore extends SessionStore {
  readonly #store: SessionStore;
  readonly #timeoutSeconds: number;
  readonly #onFailure: (operation: StoreOperation, error: unknown) => void;
  readonly #breaker: StoreBreaker;
  readonly #onAnswer: () => void;

  /**
   * @param onFailure called for every call that fails, sent or not
   * @param onAnswer called for every answer that comes in time; must not throw
   */
  constructor(
    store: SessionStore,
    timeoutSeconds: number,
    onFailure: (operation: StoreOperation, error: unknown) => void,
    breaker = new StoreBreaker(),
    onAnswer: () => void = () => undefined,
  ) {
    super();
    this.#store = store;
    this.#timeoutSeconds = timeoutSeconds;
    this.#onFailure = onFailure;
    this.#breaker = breaker;
    this.#onAnswer = onAnswer;
  }

  override create(
    record: NewSessionRecord,
    options?: CreateOptions,
  ): Promise<CreateVerdict> {
    return this.#call('create', (store) => store.create(record, options));
  }

  override read(
    id: string,
    subject: string,
    use?: 'seen',
  ): Promise<SessionRecord | undefined> {
    return this.#call('read', async (store) =>
      checkedRecord(await store.read(id, subject, use)),
    );
  }

  override confirm(
    id: string,
    subject: string,
    revision: number,
  ): Promise<Date | SessionRecord | undefined> {
    return this.#store.confirm
      ? this.#call('read', async (store) => {
          const answer = await store.confirm!(id, subject, revision);
          return answer instanceof Date ? answer : checkedRecord(answer);
        })
      : this.read(id, subject, 'seen');
  }

  override rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    return this.#call('rotate', (store) =>
      store.rotate(id, subject, presented),
    );
  }

  override update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined> {
    return this.#call('update', async (store) =>
      checkedRecord(await store.update(id, subject, change)),
    );
  }

  override end(id: string, subject: string): Promise<boolean> {
    return this.#call('end', (store) => store.end(id, subject));
  }

  override endAll(
    subject: string,
    except?: string,
  ): Promise<number | undefined> {
    return this.#call('endAll', (store) => store.endAll(subject, except));
  }

  override list(subject: string): Promise<SessionRecord[]> {
    return this.#call('list', (store) => store.list(subject));
  }

  override async hasLostAll(): Promise<boolean> {
    return this.#store.hasLostAll
      ? this.#call('read', (store) => store.hasLostAll!())
      : false;
  }

  /** @param onLateAnswer gets an answer whose caller was refused at the deadline; must not throw */
  #call<T>(
    operation: StoreOperation,
    ask: (store: SessionStore) => Promise<T>,
    onLateAnswer?: (answer: T) => void,
  ): Promise<T> {
    const breaker = this.#breaker;
    const admission = breaker.admit(REVOCATIONS.has(operation));
    if (admission === 'silent' || admission === 'full') {
      const error = new Error(REFUSALS[admission]);
      return Promise.reject(this.#unavailable(operation, error));
    }
    return new Promise<T>((resolve, reject) => {
      // Dropped at the deadline: a client may keep a call forever, and with it everything that the call refers to.
      let caller: Caller<T> | undefined = { resolve, reject };
      const deadline = new Deadline(this.#timeoutSeconds * 1000, () => {
        breaker.unanswered(admission);
        const error = new Error(
          `the store took longer than ${this.#timeoutSeconds} s`,
        );
        caller?.reject(this.#unavailable(operation, error));
        caller = undefined;
      });
      answerOf(ask, this.#store).then(
        (answer) => {
          if (caller) {
            deadline.clear();
            breaker.answered(admission);
            this.#onAnswer();
            caller.resolve(answer);
          } else {
            breaker.settledLate();
            onLateAnswer?.(answer);
          }
        },
        (thrown: unknown) => {
          if (caller) {
            deadline.clear();
            breaker.answered(admission);
            caller.reject(this.#unavailable(operation, withoutDetails(thrown)));
          } else {
            breaker.settledLate();
          }
        },
      );
    });
  }

  #unavailable(operation: StoreOperation, cause: Error): SessionError {
    this.#onFailure(operation, cause);
    return new SessionError(
      'STORE_UNAVAILABLE',
      `the session store could not answer (${operation})`,
      { cause, retryAfterSeconds: 1 },
    );
  }
}

interface Caller<T> {
  resolve(answer: T): void;
  reject(error: SessionError): void;
}

/** A store may throw instead of rejecting, and may answer something that is no promise. */
function answerOf<T>(
  ask: (store: SessionStore) => Promise<T>,
  store: SessionStore,
): Promise<T> {
  try {
    return Promise.resolve(ask(store));
  } catch (thrown) {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors
    return Promise.reject(thrown);
  }
}

/**
 * What clients of databases throw may carry the command with its arguments, or the values of a row: session
 * ids and hashes, which belong into no log.
 */
function withoutDetails(thrown: unknown): Error {
  if (!(thrown instanceof Error)) {
    return new Error(`the store threw ${typeof thrown}`);
  }
  try {
    const { name, message, stack, code } = thrown as Error & {
      code?: unknown;
    };
    return Object.assign(new Error(message), {
      name,
      stack,
      ...(typeof code === 'string' && { code }),
    });
  } catch {
    return new Error('the store threw what cannot be read');
  }
}

/** What a store answers is not trusted to be a record: its authors may be those of the application. */
function checkedRecord(
  record: SessionRecord | null | undefined,
): SessionRecord | undefined {
  if (record === null || record === undefined) {
    return undefined;
  }
  const isRecord =
    typeof record.attributes === 'object' &&
    record.attributes !== null &&
    Number.isSafeInteger(record.revision) &&
    record.asOf instanceof Date;
  if (!isRecord) {
    throw new TypeError('the store answered something that is no record');
  }
  return record;
}
