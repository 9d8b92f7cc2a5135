import type { DeviceKey } from '../binding/device-key.js';
import type { SessionClock } from '../ports/clock.js';
import type { Transport } from '../ports/transport.js';
import {
  tokenClaimsOf,
  type SessionContent,
  type TokenClaims,
} from '../tokens/session-claims.js';
import type { LoadFailures } from './loading/load-failures.js';
import type { SessionLoads } from './loading/session-loads.js';
import type { RefreshLink } from './model/refresh-chain.js';
import type { RefreshResult } from './model/refresh-result.js';
import type { SessionMemory } from './model/session-memory.js';
import type { TokenIssuer } from './tokens/token-issuer.js';

export interface ExchangedTokensParts {
  readonly loads: SessionLoads;
  readonly failures: LoadFailures;
  readonly tokens: TokenIssuer;
  readonly memory: SessionMemory;
  readonly clock: SessionClock;
}

/** How the new tokens are signed. */
interface Signing {
  readonly carriers: readonly Transport[];
  readonly boundTo: DeviceKey | undefined;
  /** The idle end, if it stays. */
  readonly idleEnd: number | undefined;
  /** The position of the new refresh token in the chain that a store keeps. */
  readonly link?: RefreshLink;
}

/** Signs the tokens that a refresh token is exchanged for, with freshly loaded data. */
export class ExchangedTokens {
  readonly #parts: ExchangedTokensParts;

  constructor(parts: ExchangedTokensParts) {
    this.#parts = parts;
  }

  async signed(
    claims: TokenClaims,
    content: Pick<SessionContent, 'params' | 'attrs' | 'rev'>,
    { link, carriers, boundTo, idleEnd }: Signing,
  ): Promise<RefreshResult> {
    const { loads, tokens, clock, memory, failures } = this.#parts;
    const outcome = await loads.answers.forExchange(claims, content);
    if (outcome.kind !== 'loaded') {
      return outcome;
    }
    const end = memory.endOf(claims);
    if (end) {
      return { kind: 'rejected', refusal: end };
    }
    const now = clock.nowSeconds();
    const { data } = outcome;
    const session = tokens.extended(
      {
        ...tokenClaimsOf(claims),
        ...content,
        ...(link && { gen: link.gen }),
        ...(boundTo && { cnf: { jkt: boundTo.thumbprint } }),
        // The sign-in may come from a node whose clock is ahead.
        lat: Math.max(now, claims.oiat),
        ...(data !== undefined && { data }),
      },
      now,
      // By the clock of the store, which decides, it may still lie ahead.
      idleEnd && Math.max(idleEnd, now + 1),
    );
    const refresh = tokens.refreshClaims(session, link, boundTo?.jwk);
    const signed = tokens.sign({ session, refresh }, carriers, now);
    failures.forget(claims.sid);
    return { kind: 'signed', signed };
  }
}
