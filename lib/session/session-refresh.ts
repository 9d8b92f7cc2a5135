import { SessionConfigError } from '../errors/session-config-error.js';
import type { Refusal } from '../errors/refusal.js';
import type { SessionClock } from '../ports/clock.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import type { Transport } from '../ports/transport.js';
import type { RequestFacts } from '../ports/request-facts.js';
import type {
  RefreshClaims,
  StatelessRefreshClaims,
} from '../tokens/session-claims.js';
import type { CarriedSessions } from './request/carried-sessions.js';
import {
  isAmbient,
  refuseCrossSite,
  type CrossSiteParts,
} from './request/cross-site.js';
import { findRefreshToken } from './request/find-refresh-token.js';
import { handlingOf, mustAskStore } from './model/handling.js';
import { linkOf } from './model/refresh-chain.js';
import { isUnproven, type RefreshResult } from './model/refresh-result.js';
import type { SignedSession } from './model/signed-session.js';
import type { RefreshExchange } from './refresh-exchange.js';
import type { SessionAuthenticator } from './session-authenticator.js';
import type { SessionRefusals } from './session-refusals.js';
import type { TokenIssuer } from './tokens/token-issuer.js';
import type { VerifiedSession } from './model/verified-session.js';

export interface SessionRefreshParts extends CrossSiteParts {
  /** `undefined` without refresh tokens. */
  readonly refreshExchange: RefreshExchange | undefined;
  readonly carried: CarriedSessions;
  readonly refusals: SessionRefusals;
  readonly authenticator: SessionAuthenticator;
  readonly tokens: TokenIssuer;
  readonly clock: SessionClock;
  readonly options: Pick<ResolvedSessionJwtOptions, 'store'>;
}

/** What the application passes to be refreshed. */
export interface RefreshRequest {
  /** The refresh token, if the application found it itself; otherwise the request is searched. */
  readonly token: string | undefined;
  /** The token in the body of the request, used if no transport carries one. */
  readonly tokenInBody: string | undefined;
  /** The request whose response delivers the new tokens. */
  readonly facts: RequestFacts | undefined;
  readonly crossSite: boolean | undefined;
  /** Whether the request does not count as user activity. */
  readonly isPassive: boolean;
}

/** The result of a refresh. */
export interface Refreshed {
  readonly result: RefreshResult;
  /** The transports that deliver the new tokens. */
  readonly carriers: readonly Transport[];
  /** The transports that carried the refresh token, and lose theirs if it is refused. */
  readonly presentedBy: readonly Transport[];
}

interface PresentedToken {
  readonly claims: RefreshClaims | Refusal;
  readonly presentedBy: readonly Transport[];
}

/** Refreshes on behalf of the application. `GuardRefresh` serves the guard. */
export class SessionRefresh {
  readonly #parts: SessionRefreshParts;

  constructor(parts: SessionRefreshParts) {
    this.#parts = parts;
  }

  /**
   * Exchanges a refresh token.
   *
   * @throws {SessionError} `CSRF_REFUSED`
   * @throws {SessionConfigError} without the option `refreshToken`
   */
  async refresh(request: RefreshRequest): Promise<Refreshed> {
    const { refreshExchange, carried, transports } = this.#parts;
    if (!refreshExchange) {
      throw new SessionConfigError([
        'refresh: expected the option refreshToken, got none; set it',
      ]);
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
    const change = { facts, carriers, crossSite };
    await refuseCrossSite(this.#parts, change, carried);
    await refreshExchange.ready();
    const conflict =
      searched && (await carried.conflictOf(searched, tokenInBody));
    const find = (): PresentedToken =>
      this.#find(refreshExchange, token ?? tokenInBody, searched, facts);
    let found: PresentedToken = conflict
      ? { claims: 'conflict', presentedBy: conflict }
      : find();
    if (found.claims === 'unknown-key') {
      await refreshExchange.learn();
      found = find();
    }
    const { claims, presentedBy } = found;
    if (typeof claims === 'string') {
      const result = { kind: 'rejected', refusal: claims } as const;
      return { carriers, presentedBy, result };
    }
    const { isPassive } = request;
    const result = await refreshExchange.exchange(claims, carriers, isPassive);
    const signed =
      facts && isUnproven(result)
        ? await this.#current(claims, facts, isPassive)
        : undefined;
    return {
      carriers,
      presentedBy,
      result: signed
        ? { kind: 'signed', signed }
        : this.#parts.refusals.unproven(result, facts, claims),
    };
  }

  /**
   * Returns a bound session as it is, if the request carries its session token and that is still valid: the browser has
   * refreshed it before the request, and nothing else may.
   */
  async #current(
    { sid }: RefreshClaims,
    facts: RequestFacts,
    isPassive: boolean,
  ): Promise<SignedSession | undefined> {
    const { authenticator, transports, tokens, options, clock } = this.#parts;
    const token = transports.tokenIn(facts);
    if (token === undefined) {
      return undefined;
    }
    const asksStore = mustAskStore(options.store);
    const handling = handlingOf({ canDeliver: false, asksStore, isPassive });
    const session = await authenticator.authenticate(facts, handling);
    return session.kind === 'authenticated' && session.claims.sid === sid
      ? tokens.offer({ session, token }, [], clock.nowSeconds())
      : undefined;
  }

  /** Waits for the exchanges in flight, including those whose clients have gone. Never rejects. */
  async settled(): Promise<void> {
    const { refreshExchange } = this.#parts;
    // Their deadlines do not keep the process alive, so it would exit in the middle of them.
    const alive = setInterval(() => undefined, 60_000);
    for (
      let flights = refreshExchange?.inFlight() ?? [];
      flights.length > 0;
      flights = refreshExchange!.inFlight()
    ) {
      await Promise.all(flights);
    }
    clearInterval(alive);
  }

  /**
   * Returns the refresh token of a session, if it contains the attributes as well, so that an update must rewrite it:
   * the one issued for this request, or the one that the request carries.
   */
  statelessOf(
    { claims, refresh }: VerifiedSession,
    facts: RequestFacts | undefined,
  ): StatelessRefreshClaims | undefined {
    const { refreshExchange, transports } = this.#parts;
    const found =
      refreshExchange && facts && !refresh
        ? findRefreshToken(
            transports.all,
            facts,
            (token) => refreshExchange.verify(token),
            { sid: claims.sid, carriers: () => [] },
          )
        : undefined;
    const known = found && 'claims' in found ? found.claims : refresh;
    return known && !linkOf(known)
      ? (known as StatelessRefreshClaims)
      : undefined;
  }

  #find(
    refreshExchange: RefreshExchange,
    token: string | undefined,
    searched: RequestFacts | undefined,
    facts: RequestFacts | undefined,
  ): PresentedToken {
    const { all } = this.#parts.transports;
    const found = searched
      ? findRefreshToken(all, searched, (each) => refreshExchange.verify(each))
      : undefined;
    if (found) {
      return {
        claims: 'claims' in found ? found.claims : found.refusal,
        presentedBy: found.carriers,
      };
    }
    return {
      claims: token === undefined ? 'missing' : refreshExchange.verify(token),
      // The application may have read it from a cookie itself.
      presentedBy: facts
        ? all.filter(
            (each) =>
              token !== undefined && each.readRefresh?.(facts) === token,
          )
        : [],
    };
  }

  /**
   * Returns where new tokens go: a client that passes its refresh token itself keeps the new one itself, if possible.
   */
  #carrierOfGivenToken(): Transport {
    const { all } = this.#parts.transports;
    return all.find((transport) => !isAmbient(transport)) ?? all[0]!;
  }
}
