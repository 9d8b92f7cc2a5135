import type { SessionClaims } from '../tokens/session-claims.js';
import type { RequestedClaims } from './generate-options.js';
import { randomId } from './model/random-id.js';

/**
 * Returns the claims of a new session, before its data is loaded and its token signed. The client never sets its id.
 *
 * @param beganAt when it begins; with a revocation log, by the clock of the log
 */
export function newSession(
  requested: RequestedClaims,
  names: { readonly issuer: string; readonly audience: string },
  now: number,
  beganAt = now,
): SessionClaims {
  const issuedAt = Math.max(now, beganAt);
  return {
    v: 1,
    iss: names.issuer,
    aud: names.audience,
    sid: randomId(32),
    jti: '',
    iat: issuedAt,
    exp: 0,
    oiat: beganAt,
    lat: issuedAt,
    rev: 0,
    ...requested,
  };
}
