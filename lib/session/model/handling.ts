import type { ResolvedStoreOptions } from '../../options/resolved-options.js';

/** How a request is handled. */
export interface Handling {
  /** Whether a re-issued token would reach the client; otherwise nothing is re-issued. */
  readonly canDeliver: boolean;
  /** Whether the store must confirm that the session is alive. */
  readonly asksStore: boolean;
  /** Whether the request does not count as user activity, so that it moves no idle end. */
  readonly isPassive: boolean;
}

const BOTH = [false, true] as const;
/** Created once, so that requests create none. */
const ALL: readonly Handling[] = BOTH.flatMap((canDeliver) =>
  BOTH.flatMap((asksStore) =>
    BOTH.map((isPassive) =>
      Object.freeze({ canDeliver, asksStore, isPassive }),
    ),
  ),
);

export function handlingOf({
  canDeliver,
  asksStore,
  isPassive,
}: Handling): Handling {
  const index = (canDeliver ? 4 : 0) + (asksStore ? 2 : 0) + Number(isPassive);
  return ALL[index]!;
}

/** Whether the store is queried for a request; `in-store`: if there is one. */
export type RevocationCheck = boolean | 'in-store';

/** Whether a request must query the store: because every request does, or because this one must. */
export function mustAskStore(
  store: ResolvedStoreOptions | undefined,
  check: RevocationCheck = false,
): boolean {
  return (
    check === true ||
    (store !== undefined && (check === 'in-store' || store.isAlwaysAsked))
  );
}
