import { Observable, Subscriber, type Operator, type Subscription } from 'rxjs';

/**
 * An observable whose subscribers cannot harm anybody. rxjs throws what a listener throws again from a
 * timer, which ends the process: here it ends that listener's subscription only.
 */
export class GuardedObservable<T> extends Observable<T> {
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new GuardedObservable<R>();
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
    const subscription: Subscription = super.subscribe({
      next: (value) => call(observer, 'next', [value], subscription),
      error: (error) => call(observer, 'error', [error], subscription),
      complete: () => call(observer, 'complete', [], subscription),
    });
    return subscription;
  }
}

function call(
  observer: Partial<Record<string, unknown>>,
  name: string,
  args: unknown[],
  subscription: Subscription | undefined,
): void {
  const listener = observer[name];
  if (typeof listener !== 'function') {
    return;
  }
  const unsubscribe = (): void => {
    try {
      subscription?.unsubscribe();
    } catch {
      // Its own clean-up failed too; there is nobody left to tell.
    }
  };
  try {
    const result: unknown = Reflect.apply(listener, observer, args);
    Promise.resolve(result).catch(unsubscribe);
  } catch {
    unsubscribe();
  }
}
