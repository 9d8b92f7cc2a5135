import {
  SessionStore,
  type BindVerdict,
  type CreateOptions,
  type CreateVerdict,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionPage,
  type SessionRecord,
} from '../ports/session-store.js';
import type { CallListeners } from './call-listeners.js';
import { checkedRecord } from './store-answers.js';
import type { StoreBreaker } from './store-breaker.js';
import { StoreCalls } from './store-calls.js';
import type { StoreClock } from './store-clock.js';

/** A result that reports a change and arrived after its caller had given up. */
export type LateAnswer =
  | {
      readonly operation: 'create';
      readonly id: string;
      readonly subject: string;
      readonly verdict: CreateVerdict;
    }
  | {
      readonly operation: 'rotate';
      readonly id: string;
      readonly subject: string;
      readonly verdict: RotationVerdict;
    }
  | {
      readonly operation: 'bind';
      readonly id: string;
      readonly subject: string;
      readonly verdict: BindVerdict;
    }
  | {
      readonly operation: 'endAll';
      readonly subject: string;
      readonly count: number | undefined;
    };

/** Listeners for the calls of a store and for late answers. */
export interface StoreListeners extends CallListeners {
  readonly onLateAnswer: (answer: LateAnswer) => void;
}

/**
 * Answers within its time or throws `STORE_UNAVAILABLE`, whatever the store behind it does: database clients wait half
 * a minute or more on a hung connection. While the store is silent, calls are refused immediately, except revocations
 * and one call at a time.
 *
 * A store that reports its time receives a deadline with each call that writes, so that a call whose caller has given
 * up changes nothing. Late answers are passed to a listener.
 */
export class DeadlineSessionStore extends SessionStore {
  readonly #store: SessionStore;
  readonly #calls: StoreCalls;
  readonly #onLateAnswer: StoreListeners['onLateAnswer'];
  override readonly confirmUse?: NonNullable<SessionStore['confirmUse']>;
  override readonly bind?: NonNullable<SessionStore['bind']>;

  constructor(
    store: SessionStore,
    timeoutSeconds: number,
    listeners: StoreListeners,
    breaker?: StoreBreaker,
    clock?: StoreClock,
  ) {
    super();
    this.#store = store;
    this.#calls = new StoreCalls(
      store,
      timeoutSeconds,
      listeners,
      breaker,
      clock,
    );
    this.#onLateAnswer = listeners.onLateAnswer;
    if (store.confirmUse) {
      this.confirmUse = (id, subject, generation) =>
        this.#calls.call('confirmUse', (each) =>
          each.confirmUse!(id, subject, generation),
        );
    }
    if (store.bind) {
      this.bind = (id, subject, key, options) =>
        this.#calls.write(
          'bind',
          subject,
          (each, deadline) =>
            each.bind!(
              id,
              subject,
              key,
              deadline ? { ...options, ...deadline } : options,
            ),
          this.#whenBound(id, subject),
        );
    }
  }

  override create(
    record: NewSessionRecord,
    options?: CreateOptions,
  ): Promise<CreateVerdict> {
    return this.#calls.write(
      'create',
      record.subject,
      (store, deadline) =>
        store.create(record, deadline ? { ...options, ...deadline } : options),
      this.#whenCreated(record.id, record.subject),
    );
  }

  override read(
    id: string,
    subject: string,
    use?: 'seen',
    generation?: number,
  ): Promise<SessionRecord | undefined> {
    return this.#calls.call('read', async (store) =>
      checkedRecord(await store.read(id, subject, use, generation)),
    );
  }

  override confirm(
    id: string,
    subject: string,
    revision: number,
    generation?: number,
  ): Promise<Date | SessionRecord | undefined> {
    return this.#store.confirm
      ? this.#calls.call('read', async (store) => {
          const answer = await store.confirm!(
            id,
            subject,
            revision,
            generation,
          );
          return answer instanceof Date ? answer : checkedRecord(answer);
        })
      : this.read(id, subject, 'seen', generation);
  }

  override rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    return this.#calls.write(
      'rotate',
      subject,
      (store, deadline) =>
        store.rotate(
          id,
          subject,
          deadline ? { ...presented, ...deadline } : presented,
        ),
      this.#whenRotated(id, subject),
    );
  }

  override update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined> {
    return this.#calls.write('update', subject, async (store, deadline) =>
      checkedRecord(
        await store.update(
          id,
          subject,
          deadline ? { ...change, ...deadline } : change,
        ),
      ),
    );
  }

  override end(id: string, subject: string): Promise<boolean> {
    return this.#calls.call('end', (store) => store.end(id, subject));
  }

  override endAll(
    subject: string,
    except?: string,
  ): Promise<number | undefined> {
    return this.#calls.write(
      'endAll',
      subject,
      (store, deadline, begunUntil) =>
        deadline
          ? store.endAll(subject, except, {
              ...deadline,
              ...(begunUntil && { begunUntil }),
            })
          : store.endAll(subject, except),
      this.#whenAllEnded(subject),
      true,
    );
  }

  override list(subject: string, page?: SessionPage): Promise<SessionRecord[]> {
    return this.#calls.call('list', (store) => store.list(subject, page));
  }

  override async hasLostAll(): Promise<boolean> {
    return this.#store.hasLostAll
      ? this.#calls.call('read', (store) => store.hasLostAll!())
      : false;
  }

  // Created outside the calls, so that an abandoned call retains only these values.

  #whenCreated(id: string, subject: string) {
    return (verdict: CreateVerdict): void =>
      this.#onLateAnswer({ operation: 'create', id, subject, verdict });
  }

  #whenRotated(id: string, subject: string) {
    return (verdict: RotationVerdict): void =>
      this.#onLateAnswer({ operation: 'rotate', id, subject, verdict });
  }

  #whenBound(id: string, subject: string) {
    return (verdict: BindVerdict): void =>
      this.#onLateAnswer({ operation: 'bind', id, subject, verdict });
  }

  #whenAllEnded(subject: string) {
    return (count: number | undefined): void =>
      this.#onLateAnswer({ operation: 'endAll', subject, count });
  }
}
