import type { SessionClaims } from '../tokens/session-claims.js';
import { timesOf, type ClockPolicy, type SessionTimes } from './freshness.js';
import type { Dispatch } from './dispatch.js';

/** A session of which the token was found to be good. Immutable, and shared by all requests that carry it. */
export interface VerifiedSession extends SessionTimes {
  readonly kind: 'authenticated';
  readonly claims: SessionClaims;
  /** What the request's response must bring to the client, if anything. */
  readonly dispatch: Dispatch | undefined;
}

export function verifiedSession(
  claims: SessionClaims,
  policy: ClockPolicy,
  dispatch?: Dispatch,
): VerifiedSession {
  return Object.freeze({
    kind: 'authenticated',
    claims,
    dispatch,
    ...timesOf(claims, policy),
  });
}

/** The loader's data as the token holds it. */
export function dataOf(claims: SessionClaims): unknown {
  return 'data' in claims ? claims.data : claims.params;
}
