import { SessionConfigError } from '../errors/session-config-error.js';
import type { Refusal } from '../errors/refusal.js';
import type { Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type {
  RefreshClaims,
  StatelessRefreshClaims,
} from '../tokens/session-claims.js';
import type { CarriedSessions } from './carried-sessions.js';
import {
  isAmbient,
  refuseCrossSite,
  type CrossSiteParts,
} from './cross-site.js';
import { findRefreshToken } from './find-refresh-token.js';
import { linkOf } from './refresh-chain.js';
import type { Renewal, SessionRenewal } from './session-renewal.js';
import type { VerifiedSession } from './verified-session.js';

export interface SessionRefreshParts extends CrossSiteParts {
  /** `undefined` where there are no refresh tokens. */
  readonly renewal: SessionRenewal | undefined;
  readonly carried: CarriedSessions;
}

/** What the application hands over to be refreshed. */
export interface RefreshRequest {
  /** The refresh token, where the application found it itself; otherwise the request is searched. */
  readonly token: string | undefined;
  /** The one in the body of the request, for when no transport brings one. */
  readonly tokenInBody: string | undefined;
  /** The request whose response brings the new tokens. */
  readonly facts: RequestFacts | undefined;
  readonly crossSite: boolean | undefined;
  /** Whether it is no activity of the user. */
  readonly isPassive: boolean;
}

/** Refreshes that the application asks for; those of the guard are the authenticator's. */
export class SessionRefresh {
  readonly #parts: SessionRefreshParts;

  constructor(parts: SessionRefreshParts) {
    this.#parts = parts;
  }

  /**
   * @throws {SessionError} `CSRF_REFUSED`
   * @throws {SessionConfigError} without the option `refreshToken`
   */
  async refresh(
    request: RefreshRequest,
  ): Promise<{ renewal: Renewal; carriers: readonly Transport[] }> {
    const { renewal, carried, transports } = this.#parts;
    if (!renewal) {
      throw new SessionConfigError(['refresh: needs the option refreshToken']);
    }
    const { facts, token, tokenInBody, crossSite } = request;
    const searched = token === undefined ? facts : undefined;
    const bringing = searched
      ? transports.all.filter(
          (each) => each.readRefresh?.(searched) !== undefined,
        )
      : [];
    const carriers =
      bringing.length > 0 ? bringing : [this.#carrierOfGivenToken()];
    refuseCrossSite(this.#parts, facts, carriers, crossSite);
    await renewal.ready();
    const isConflict =
      searched && (await carried.of(searched, tokenInBody)).length > 1;
    const find = (): RefreshClaims | Refusal =>
      this.#find(renewal, token ?? tokenInBody, searched);
    let claims = isConflict ? 'conflict' : find();
    if (claims === 'unknown-key') {
      await renewal.learn();
      claims = find();
    }
    return {
      carriers,
      renewal:
        typeof claims === 'string'
          ? { kind: 'rejected', refusal: claims }
          : await renewal.renew(claims, carriers, request.isPassive),
    };
  }

  /**
   * The refresh token of a session, if that holds the attributes too, so that an update must rewrite it: the
   * one that was issued for this request, or the one that it carries.
   */
  statelessOf(
    { claims, refresh }: VerifiedSession,
    facts: RequestFacts | undefined,
  ): StatelessRefreshClaims | undefined {
    const { renewal, transports } = this.#parts;
    const found =
      renewal && facts && !refresh
        ? findRefreshToken(
            transports.all,
            facts,
            (token) => renewal.verify(token),
            claims.sid,
          )
        : undefined;
    const known = typeof found === 'object' ? found.claims : refresh;
    return known && !linkOf(known)
      ? (known as StatelessRefreshClaims)
      : undefined;
  }

  #find(
    renewal: SessionRenewal,
    token: string | undefined,
    facts: RequestFacts | undefined,
  ): RefreshClaims | Refusal {
    const found = facts
      ? findRefreshToken(this.#parts.transports.all, facts, (each) =>
          renewal.verify(each),
        )
      : undefined;
    if (found !== undefined) {
      return typeof found === 'string' ? found : found.claims;
    }
    return token === undefined ? 'missing' : renewal.verify(token);
  }

  /** A client that hands over its refresh token itself keeps the new one itself, where that is possible. */
  #carrierOfGivenToken(): Transport {
    const { all } = this.#parts.transports;
    return all.find((transport) => !isAmbient(transport)) ?? all[0]!;
  }
}
