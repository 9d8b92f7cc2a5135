import type { Refusal } from '../../errors/refusal.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../../ports/transport.js';
import type { RequestFacts } from '../../ports/request-facts.js';
import type { RefreshClaims } from '../../tokens/session-claims.js';
import { clearedByConflict } from './conflict-carriers.js';
import { isAmbient } from './cross-site.js';

export interface FoundRefreshToken {
  readonly claims: RefreshClaims;
  /** Whether a browser sends it on its own. */
  readonly isAmbient: boolean;
  readonly carriers: readonly Transport[];
}

/** Why there is no refresh token, and the transports whose tokens are refused with it. */
export interface RefusedRefreshToken {
  readonly refusal: Refusal;
  readonly carriers: readonly Transport[];
}

/**
 * Finds the refresh token of a request, if transports carry one.
 *
 * @param known the session that the request names otherwise, and what carries it: a refresh token of another session is
 *   refused
 */
export function findRefreshToken(
  transports: readonly Transport[],
  facts: RequestFacts,
  verify: (token: string) => RefreshClaims | Refusal,
  known?: { readonly sid: string; carriers(): readonly Transport[] },
): FoundRefreshToken | RefusedRefreshToken | undefined {
  let found: FoundRefreshToken | undefined;
  for (const transport of transports) {
    const token = transport.readRefresh?.(facts);
    if (token === undefined) {
      continue;
    }
    const claims =
      typeof token === 'string'
        ? verify(token)
        : token === AMBIGUOUS_TOKEN
          ? 'ambiguous'
          : 'malformed';
    if (typeof claims === 'string') {
      return { refusal: claims, carriers: [transport] };
    }
    if ((found?.claims.sid ?? known?.sid ?? claims.sid) !== claims.sid) {
      const others = found?.carriers ?? known?.carriers() ?? [];
      return {
        refusal: 'conflict',
        carriers: clearedByConflict(others, transport),
      };
    }
    found = {
      claims: found?.claims ?? claims,
      isAmbient: found?.isAmbient || isAmbient(transport),
      carriers: [...(found?.carriers ?? []), transport],
    };
  }
  return found;
}
