import { Observable, Subscriber, type Operator, type Subscription } from 'rxjs';

/** What threw: a listener, which stays subscribed, or an operator before it, which ends its pipe. */
export type ListenerFault = 'listener' | 'operator';

/** Reports an error of a listener or an operator. Must not throw. */
export type ReportFault = (fault: ListenerFault, error: unknown) => void;

/**
 * An observable that shields everyone from failing listeners, the listeners included. If a listener throws, or its
 * promise rejects, the error is reported and the listener stays subscribed. Plain rxjs would end its subscription and
 * throw the error again from a timer, which ends the process.
 *
 * An operator that throws ends its own pipe, as always in rxjs. Without an `error` listener, that is reported.
 */
export class GuardedObservable<T> extends Observable<T> {
  readonly #report: ReportFault;

  constructor(
    report: ReportFault,
    subscribe?: (subscriber: Subscriber<T>) => () => void,
  ) {
    super(subscribe);
    this.#report = report;
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new GuardedObservable<R>(this.#report);
    lifted.source = this as unknown as Observable<R>;
    lifted.operator = operator as Operator<any, R> | undefined;
    return lifted;
  }

  override subscribe(...args: unknown[]): Subscription {
    const [first] = args;
    if (first instanceof Subscriber) {
      return super.subscribe(first as Subscriber<T>);
    }
    const observer =
      typeof first === 'object' && first !== null
        ? (first as Record<'next' | 'error' | 'complete', unknown>)
        : { next: first, error: args[1], complete: args[2] };
    return super.subscribe({
      next: (value) => this.#call(observer, 'next', [value]),
      error: (error) => {
        if (typeof observer.error === 'function') {
          this.#call(observer, 'error', [error]);
        } else {
          this.#report('operator', error);
        }
      },
      complete: () => this.#call(observer, 'complete', []),
    });
  }

  #call(
    observer: Partial<Record<string, unknown>>,
    name: string,
    args: unknown[],
  ): void {
    try {
      const listener = observer[name];
      if (typeof listener !== 'function') {
        return;
      }
      const result: unknown = Reflect.apply(listener, observer, args);
      if (typeof result === 'object' && result !== null) {
        Promise.resolve(result).then(
          () => undefined,
          (error: unknown) => this.#report('listener', error),
        );
      }
    } catch (error) {
      this.#report('listener', error);
    }
  }
}
