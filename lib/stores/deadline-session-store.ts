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

/** What is asked of a store. */
export type StoreOperation =
  'create' | 'read' | 'rotate' | 'update' | 'end' | 'endAll' | 'list';

/**
 * A store that answers within its time or throws `STORE_UNAVAILABLE`, whatever the store behind it does:
 * clients of databases wait for half a minute and more when a connection hangs.
 */
export class DeadlineSessionStore extends SessionStore {
  readonly #store: SessionStore;
  readonly #timeoutSeconds: number;
  readonly #onFailure: (operation: StoreOperation, error: unknown) => void;

  constructor(
    store: SessionStore,
    timeoutSeconds: number,
    onFailure: (operation: StoreOperation, error: unknown) => void,
  ) {
    super();
    this.#store = store;
    this.#timeoutSeconds = timeoutSeconds;
    this.#onFailure = onFailure;
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

  async #call<T>(
    operation: StoreOperation,
    ask: (store: SessionStore) => Promise<T>,
  ): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        timer = setTimeout(() => {
          reject(
            new Error(`the store took longer than ${this.#timeoutSeconds} s`),
          );
        }, this.#timeoutSeconds * 1000);
        timer.unref?.();
        Promise.resolve(ask(this.#store)).then(resolve, reject);
      });
    } catch (thrown) {
      const error = withoutDetails(thrown);
      this.#onFailure(operation, error);
      throw new SessionError(
        'STORE_UNAVAILABLE',
        `the session store could not answer (${operation})`,
        { cause: error, retryAfterSeconds: 1 },
      );
    } finally {
      clearTimeout(timer);
    }
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
