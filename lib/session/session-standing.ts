import type { Refusal } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import { assessFreshness } from './freshness.js';
import type { SessionMemory } from './session-memory.js';
import { unavailable, type SessionOutcome } from './session-outcome.js';
import type { VerifiedSession } from './verified-session.js';

/** Why a session is refused now, if it is: by its clocks, or because it ended in this process. */
export function refusalOf(
  session: VerifiedSession,
  memory: SessionMemory,
  now: number,
): Refusal | undefined {
  const freshness = assessFreshness(session, now);
  return freshness === 'expired' || freshness === 'not-yet-valid'
    ? freshness
    : memory.endOf(session.claims.sid);
}

/** Where nothing can be loaded, data reaches an age at which it must not be used any more. */
export function stalenessOf(
  session: VerifiedSession,
  now: number,
): Refusal | undefined {
  return now < session.staleUntil ? undefined : 'stale';
}

/** Old data while it may still be used; after that the session is unavailable, but not over. */
export function stale(
  session: VerifiedSession,
  reason: SessionError,
  now: number,
): SessionOutcome {
  if (now < session.staleUntil) {
    return session;
  }
  return unavailable(reason);
}
