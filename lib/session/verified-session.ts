import type { RefreshClaims, SessionClaims } from '../tokens/session-claims.js';
import { timesOf, type ClockPolicy, type SessionTimes } from './freshness.js';
import type { Dispatch } from './dispatch.js';

/** A session of which the token was found to be good. Immutable, and shared by all requests that carry it. */
export interface VerifiedSession extends SessionTimes {
  readonly kind: 'authenticated';
  readonly claims: SessionClaims;
  /** What the request's response must bring to the client, if anything. */
  readonly dispatch: Dispatch | undefined;
  /** The refresh token that was issued together with the session token, if that was now. */
  readonly refresh: RefreshClaims | undefined;
}

export function verifiedSession(
  claims: SessionClaims,
  policy: ClockPolicy,
  dispatch?: Dispatch,
  refresh?: RefreshClaims,
): VerifiedSession {
  return Object.freeze({
    kind: 'authenticated',
    claims,
    dispatch,
    refresh,
    ...timesOf(claims, policy),
  });
}

/** Kept outside the sessions, so that printing a session never prints its token. */
const signedTokens = new WeakMap<VerifiedSession, string>();

/** Keeps the token that was signed for a session, for as long as the session is used. */
export function keepSignedToken(session: VerifiedSession, token: string): void {
  signedTokens.set(session, token);
}

/** The token that was signed for a session; `undefined` for one that was read from a token. */
export function signedTokenOf(session: VerifiedSession): string | undefined {
  return signedTokens.get(session);
}

/** The loader's data as the token holds it. */
export function dataOf(claims: SessionClaims): unknown {
  return 'data' in claims ? claims.data : claims.params;
}
