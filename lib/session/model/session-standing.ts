import type { Refusal } from '../../errors/refusal.js';
import { isOutage } from '../../errors/session-error.js';
import type { TokenClaims } from '../../tokens/session-claims.js';
import {
  assessFreshness,
  endOfToken,
  validFrom,
  type ClockPolicy,
} from './freshness.js';
import type { SessionMemory } from './session-memory.js';
import { unavailable, type SessionOutcome } from './session-outcome.js';
import type { VerifiedSession } from './verified-session.js';

/** Returns why a session is refused now, if it is: by its clocks, or because it has ended. */
export function refusalOf(
  session: VerifiedSession,
  memory: SessionMemory,
  now: number,
): Refusal | undefined {
  const freshness = assessFreshness(session, now);
  return freshness === 'expired' || freshness === 'not-yet-valid'
    ? freshness
    : memory.endOf(session.claims);
}

/** Returns why a refresh token is refused now by its clocks, if it is. */
export function clockRefusalOf(
  claims: TokenClaims,
  policy: ClockPolicy,
  now: number,
): Refusal | undefined {
  if (now >= endOfToken(claims, policy)) {
    return 'expired';
  }
  return now < validFrom(claims, policy) ? 'not-yet-valid' : undefined;
}

/** Refuses data that is too old to use, if nothing can be loaded. */
export function stalenessOf(
  session: VerifiedSession,
  now: number,
): Refusal | undefined {
  return now < session.staleUntil ? undefined : 'stale';
}

/**
 * Uses old data while it may still be used. After that, the session is unavailable, but has not ended.
 *
 * @throws what is not an outage, however old the data is
 */
export function stale(
  session: VerifiedSession,
  reason: Error,
  now: number,
): SessionOutcome {
  return isOutage(reason) && now < session.staleUntil
    ? session
    : unavailable(reason);
}
