import type { Refusal } from '../errors/refusal.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { RefreshClaims } from '../tokens/session-claims.js';
import { isAmbient } from './cross-site.js';

export interface FoundRefreshToken {
  readonly claims: RefreshClaims;
  /** Whether a browser sends it on its own. */
  readonly isAmbient: boolean;
}

/**
 * The refresh token of a request, if transports bring one.
 *
 * @param sid the session that the request names otherwise: a refresh token of another one is refused
 */
export function findRefreshToken(
  transports: readonly Transport[],
  facts: RequestFacts,
  verify: (token: string) => RefreshClaims | Refusal,
  sid?: string,
): FoundRefreshToken | Refusal | undefined {
  let found: FoundRefreshToken | undefined;
  for (const transport of transports) {
    const token = transport.readRefresh?.(facts);
    if (token === undefined) {
      continue;
    }
    if (typeof token !== 'string') {
      return token === AMBIGUOUS_TOKEN ? 'ambiguous' : 'malformed';
    }
    const claims = verify(token);
    if (typeof claims === 'string') {
      return claims;
    }
    if ((found?.claims.sid ?? sid ?? claims.sid) !== claims.sid) {
      return 'conflict';
    }
    found = {
      claims: found?.claims ?? claims,
      isAmbient: found?.isAmbient || isAmbient(transport),
    };
  }
  return found;
}
