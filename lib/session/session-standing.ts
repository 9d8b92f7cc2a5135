import type { Refusal } from '../errors/refusal.js';
import { assessFreshness } from './freshness.js';
import type { SessionMemory } from './session-memory.js';
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
