import type {
  RefreshClaims,
  SessionClaims,
} from '../../tokens/session-claims.js';
import { timesOf, type ClockPolicy, type SessionTimes } from './freshness.js';
import type { Dispatch } from './dispatch.js';

/** A session with a valid token. Immutable, and shared by all requests that carry it. */
export interface VerifiedSession extends SessionTimes {
  readonly kind: 'authenticated';
  readonly claims: SessionClaims;
  /** What the response must deliver to the client, if anything. */
  readonly dispatch: Dispatch | undefined;
  /** The refresh token issued together with the session token, if that was now. */
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

/** Keeps the token signed for a session, for as long as the session is used. */
export function keepSignedToken(session: VerifiedSession, token: string): void {
  signedTokens.set(session, token);
}

/** Returns the token signed for a session; `undefined` if the session was read from a token. */
export function signedTokenOf(session: VerifiedSession): string | undefined {
  return signedTokens.get(session);
}

/** Returns the loader's data as the token contains it. */
export function dataOf(claims: SessionClaims): unknown {
  return 'data' in claims ? claims.data : claims.params;
}
