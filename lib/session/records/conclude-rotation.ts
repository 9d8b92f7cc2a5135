import type { Refusal } from '../../errors/refusal.js';
import type { RotationVerdict } from '../../ports/session-store.js';
import type { TokenClaims } from '../../tokens/session-claims.js';
import type { RefreshLink } from '../model/refresh-chain.js';
import type { SessionEnds } from './session-ends.js';
import type { SessionEvents } from '../model/session-events.js';
import type { SessionMemory } from '../model/session-memory.js';

interface Parts {
  readonly memory: SessionMemory;
  readonly ends: SessionEnds;
  readonly events: SessionEvents;
}

/**
 * Applies the store's verdict to the session. Returns why the session is refused, if it is.
 *
 * @param isProven whether the device that the session is bound to has presented the token
 */
export function concludeRotation(
  { memory, ends, events }: Parts,
  claims: TokenClaims & RefreshLink,
  verdict: RotationVerdict,
  isProven: boolean,
): Refusal | undefined {
  switch (verdict) {
    case 'rotated':
    case 'repeated':
    case 'recovered':
    case 'rolled-forward':
      if (verdict === 'rolled-forward') {
        events.ofSession(claims, { type: 'storeRolledBack', lost: 'rotation' });
      }
      if (verdict === 'recovered') {
        events.ofSession(claims, { type: 'recovered' });
      }
      memory.refresh(claims.sid, claims.gen + 1, isProven);
      events.ofSession(claims, {
        type: 'refreshed',
        repeated: verdict === 'repeated' || verdict === 'recovered',
      });
      return memory.endOf(claims);
    case 'reused':
      events.ofSession(claims, { type: 'refreshReused' });
      ends.noteEndInStore(claims, 'reused');
      return 'reused';
    case 'unproven':
      return 'unproven';
    case 'expired':
      return 'expired';
    case 'lost':
      events.ofSession(claims, { type: 'storeRolledBack', lost: 'everything' });
      return 'unknown';
    case 'unknown':
      return 'unknown';
  }
}
