import {
  MemorySessionStore,
  SessionStore,
  type BindOptions,
  type BindVerdict,
  type CreateOptions,
  type CreateVerdict,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionClock,
  type SessionRecord,
} from '../../lib/index.js';
import type { StoreOperation } from '../../lib/stores/call-listeners.js';

/** What an ill store does instead of answering; one that `loses` has carried the call out. */
export type Illness = (typeof ILLNESSES)[number] | 'loses';

export const ILLNESSES = ['rejects', 'throws', 'hangs'] as const;

/** What the store says of itself when it is ill. */
export const ILL = 'connection refused';

/** A store in front of another one: counts what is asked, and falls ill when a test wants it to. */
export class SickStore extends SessionStore {
  /** Everything that was asked since the last {@link takeCalls}, in order. */
  calls: StoreOperation[] = [];
  illness: Illness | undefined;
  /** The operations that are ill; all of them by default. */
  isIll: (operation: StoreOperation) => boolean = () => true;
  /** Awaited before each answer while it is set. */
  gate: Promise<unknown> | undefined;

  constructor(readonly healthy: SessionStore = new MemorySessionStore()) {
    super();
  }

  /** What was asked until now; counting begins anew. */
  takeCalls(): StoreOperation[] {
    const { calls } = this;
    this.calls = [];
    return calls;
  }

  fall(illness: Illness, ...operations: StoreOperation[]): void {
    this.illness = illness;
    this.isIll = (operation) =>
      operations.length === 0 || operations.includes(operation);
  }

  recover(): void {
    this.illness = undefined;
  }

  override useClock(clock: SessionClock): void {
    this.healthy.useClock?.(clock);
  }

  override create(
    record: NewSessionRecord,
    options?: CreateOptions,
  ): Promise<CreateVerdict> {
    return this.#answer('create', (store) => store.create(record, options));
  }

  override read(
    id: string,
    subject: string,
    use?: 'seen',
  ): Promise<SessionRecord | undefined> {
    return this.#answer('read', (store) => store.read(id, subject, use));
  }

  override rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    return this.#answer('rotate', (store) =>
      store.rotate(id, subject, presented),
    );
  }

  override update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined> {
    return this.#answer('update', (store) => store.update(id, subject, change));
  }

  override bind(
    id: string,
    subject: string,
    key: string,
    options?: BindOptions,
  ): Promise<BindVerdict> {
    return this.#answer('bind', (store) =>
      store.bind!(id, subject, key, options),
    );
  }

  override end(id: string, subject: string): Promise<boolean> {
    return this.#answer('end', (store) => store.end(id, subject));
  }

  override endAll(
    subject: string,
    except?: string,
  ): Promise<number | undefined> {
    return this.#answer('endAll', (store) => store.endAll(subject, except));
  }

  override list(subject: string): Promise<SessionRecord[]> {
    return this.#answer('list', (store) => store.list(subject));
  }

  #answer<T>(
    operation: StoreOperation,
    ask: (store: SessionStore) => Promise<T>,
  ): Promise<T> {
    this.calls.push(operation);
    switch (this.isIll(operation) ? this.illness : undefined) {
      case 'throws':
        throw new Error(ILL);
      case 'rejects':
        return Promise.reject(new Error(ILL));
      case 'loses':
        return ask(this.healthy).then(() => Promise.reject(new Error(ILL)));
      case 'hangs':
        return new Promise<never>(() => undefined);
      default:
        return this.gate
          ? this.gate.then(() => ask(this.healthy))
          : ask(this.healthy);
    }
  }
}
