import {
  tokenClaimsOf,
  type RefreshClaims,
  type SessionClaims,
  type StatelessRefreshClaims,
  type TokenClaims,
} from '../../tokens/session-claims.js';
import { withAuthentication } from '../model/authentication.js';
import { randomId, TOKEN_ID_BYTES } from '../model/random-id.js';
import type { RefreshLink } from '../model/refresh-chain.js';

/**
 * Returns claims for the refresh token that accompanies a session token.
 *
 * @param end of the session, unless the session token knows it
 * @param link its position in the chain that a store keeps
 * @param jwk the key that the session is bound to
 */
export function refreshClaimsOf(
  session: SessionClaims,
  end: number,
  link: RefreshLink | undefined,
  jwk: Readonly<Record<string, string>> | undefined,
): RefreshClaims {
  const claims: TokenClaims = {
    ...tokenClaimsOf(session),
    exp: Math.max(session.rexp ?? end, session.exp),
  };
  const { params, attrs, rev, cnf } = session;
  if (link) {
    const { gen, jti } = link;
    return { ...claims, gen, jti, ...(cnf && { cnf }) };
  }
  const jti = randomId(TOKEN_ID_BYTES);
  const bound = jwk && { cnf: { jwk } };
  return { ...claims, jti, params, attrs, rev, ...bound };
}

/** Returns claims for a stateless refresh token that agrees with a session token. Its end stays where it is. */
export function rewritten(
  refresh: StatelessRefreshClaims,
  session: SessionClaims,
): StatelessRefreshClaims {
  const { attrs, rev, auth_time } = session;
  const claims = withAuthentication(refresh, session);
  const iat = Math.max(refresh.iat, auth_time);
  return { ...claims, attrs, rev, iat, jti: randomId(TOKEN_ID_BYTES) };
}
