import { handlingOf, type Handling } from './model/handling.js';
import type {
  Doubt,
  DoubtedClaims,
} from './revocations/revocation-standing.js';
import type { SessionRevocations } from './revocations/session-revocations.js';

/**
 * Returns how a request is handled whose session may have been revoked unnoticed, or why it is not. A node that may miss
 * revocations moves no idle end.
 */
export function trustedHandling(
  handling: Handling,
  claims: DoubtedClaims,
  revocations: SessionRevocations | undefined,
): Handling | Extract<Doubt, 'refuse' | 'stale'> {
  const doubt = revocations?.doubtOf(claims);
  switch (doubt) {
    case undefined:
      return handling;
    case 'refuse':
    case 'stale':
      return doubt;
    case 'accept':
    case 'ask-store':
      return handlingOf({
        ...handling,
        asksStore: handling.asksStore || doubt === 'ask-store',
        isPassive: true,
      });
  }
}

/** Returns `undefined` when nothing is to be waited for, otherwise a promise that settles when both are ready. */
export function bothReady(
  keys: Promise<void> | undefined,
  revocations: Promise<void> | undefined,
): Promise<unknown> | undefined {
  return keys && revocations
    ? Promise.all([keys, revocations])
    : (keys ?? revocations);
}
