import type { SessionClock } from '../../ports/clock.js';
import type { Transport } from '../../ports/transport.js';
import { proofKeyOf } from '../model/authentication.js';
import type { ClockPolicy } from '../model/freshness.js';
import type { LoadedResult } from './loaded-result.js';
import type { SignedSession } from '../model/signed-session.js';
import type { TokenIssuer } from '../tokens/token-issuer.js';
import type { VerifiedSession } from '../model/verified-session.js';

export interface SharedTokensParts {
  readonly tokens: TokenIssuer;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
}

/** The newest tokens of sessions, each signed once for all requests that may share it. */
export class SharedTokens {
  readonly #parts: SharedTokensParts;

  constructor(parts: SharedTokensParts) {
    this.#parts = parts;
  }

  /** @throws {SessionError} `SESSION_TOO_LARGE` */
  sign(
    { claims }: VerifiedSession,
    result: LoadedResult | undefined,
    carriers: readonly Transport[],
    isPassive: boolean,
  ): SignedSession {
    const { tokens, policy, clock } = this.#parts;
    const now = clock.nowSeconds();
    if (result?.lat !== claims.lat) {
      // Only the attributes or the idle end are newer, or another client had the data loaded.
      const session = tokens.reissued(claims, now);
      return tokens.sign({ session }, carriers, now);
    }
    // With refresh tokens, a reload keeps the end: tokens from before and after a refresh are never shared.
    const end = policy.accessSeconds === undefined ? '' : claims.exp;
    const key = claims.cnf?.jkt;
    const kind = `${claims.rev} ${proofKeyOf(claims)} ${claims.per} ${isPassive} ${end} ${key} ${carriers.map(({ name }) => name).join()}`;
    const known = result.tokenOf(kind);
    if (known && tokens.isGood(known, now)) {
      return known.preparedAt === now
        ? known
        : tokens.offer(known, carriers, now);
    }
    const session = tokens.reissued(claims, now);
    const signed = tokens.sign({ session }, carriers, now);
    result.keep(kind, signed);
    return signed;
  }
}
