import { getEventListeners } from 'node:events';

/** Where Node keeps what `AbortSignal.any` derived from a signal: weak references, in a set. */
const DEPENDENTS = 'kDependantSignals';

/**
 * Whether something waits for a signal: a listener, or a signal that `AbortSignal.any` derived from it. Node lets go of
 * a signal of which only derived ones are left, and those would never be aborted.
 */
export function isAwaited(signal: AbortSignal): boolean {
  return (
    getEventListeners(signal, 'abort').length > 0 ||
    dependentsOf(signal).some((reference) => reference.deref() !== undefined)
  );
}

function dependentsOf(signal: object): WeakRef<AbortSignal>[] {
  const symbol = Object.getOwnPropertySymbols(signal).find(
    ({ description }) => description === DEPENDENTS,
  );
  const found = symbol && (signal as Record<symbol, unknown>)[symbol];
  return isIterable(found)
    ? [...(found as Iterable<WeakRef<AbortSignal>>)]
    : [];
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === 'object' && value !== null && Symbol.iterator in value
  );
}

/** Calls a listener whenever a signal is used: everything that waits for it looks first, or adds a listener. */
export function whenUsed(signal: AbortSignal, listener: () => void): void {
  Object.defineProperties(signal, {
    aborted: {
      configurable: true,
      get(this: AbortSignal): boolean {
        listener();
        return Reflect.get(AbortSignal.prototype, 'aborted', this);
      },
    },
    addEventListener: {
      configurable: true,
      value(
        this: AbortSignal,
        ...args: Parameters<AbortSignal['addEventListener']>
      ): void {
        listener();
        AbortSignal.prototype.addEventListener.apply(this, args);
      },
    },
  });
}
