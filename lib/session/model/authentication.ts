import type { AuthenticationClaims } from '../../tokens/session-claims.js';

/** Returns the claims that say how the user proved who they are; absent ones stay absent. */
export function authenticationOf({
  auth_time,
  acr,
  amr,
}: AuthenticationClaims): AuthenticationClaims {
  return {
    auth_time,
    ...(acr !== undefined && { acr }),
    ...(amr !== undefined && { amr }),
  };
}

/** Replaces the proof in claims by another one, fully. */
export function withAuthentication<Claims extends AuthenticationClaims>(
  claims: Claims,
  proof: AuthenticationClaims,
): Claims {
  const { acr: _acr, amr: _amr, ...others } = claims;
  return { ...others, ...authenticationOf(proof) } as Claims;
}

/**
 * Returns a text that is equal only for equal proofs. What is shared by requests of one session must distinguish them:
 * a copied token with an older proof must never get a token with a newer one.
 */
export function proofKeyOf({
  auth_time,
  acr,
  amr,
}: AuthenticationClaims): string {
  return acr === undefined && amr === undefined
    ? String(auth_time)
    : JSON.stringify([auth_time, acr ?? null, amr ?? null]);
}
