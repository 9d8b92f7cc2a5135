import type { SessionRecord } from '../../ports/session-store.js';
import type { TokenClaims } from '../../tokens/session-claims.js';
import { absoluteEndOf, type ClockPolicy } from '../model/freshness.js';

/** The idle end of a recorded session, which a passive exchange leaves where it is. */
export interface KeptIdleEnd {
  /** Seconds since the Unix epoch. */
  readonly end: number;
  /** How far ahead it lies by the clock of the store, in seconds. */
  readonly inSeconds: number;
}

/** Returns the idle end in the record or in the refresh token, whichever is later. */
export function keptIdleEnd(
  claims: TokenClaims,
  { expiresAt, asOf }: Pick<SessionRecord, 'expiresAt' | 'asOf'>,
  policy: ClockPolicy,
): KeptIdleEnd {
  const recorded = Math.floor(expiresAt.getTime() / 1000);
  const left = Math.ceil((expiresAt.getTime() - asOf.getTime()) / 1000);
  return {
    end: Math.min(
      Math.max(claims.exp, recorded),
      absoluteEndOf(claims, policy),
    ),
    inSeconds: Math.max(left, 1),
  };
}
