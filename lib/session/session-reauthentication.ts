import type { SessionClock } from '../ports/clock.js';
import type { Refusal } from '../errors/refusal.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import type { Transport } from '../ports/transport.js';
import type { RequestFacts } from '../ports/request-facts.js';
import type {
  AuthenticationClaims,
  RefreshClaims,
} from '../tokens/session-claims.js';
import {
  readNewProof,
  type AuthenticationOptions,
} from './authentication-options.js';
import type { SessionReload } from './loading/session-reload.js';
import { withAuthentication } from './model/authentication.js';
import type { ClockPolicy } from './model/freshness.js';
import type { SessionMemory } from './model/session-memory.js';
import { refusalOf } from './model/session-standing.js';
import type { SignedSession } from './model/signed-session.js';
import {
  verifiedSession,
  type VerifiedSession,
} from './model/verified-session.js';
import type { RefreshExchange } from './refresh-exchange.js';
import type { CarriedSessions } from './request/carried-sessions.js';
import { refuseCrossSite, type CrossSiteParts } from './request/cross-site.js';
import { findRefreshToken } from './request/find-refresh-token.js';
import type { SessionRefusals } from './session-refusals.js';

export interface SessionReauthenticationParts extends CrossSiteParts {
  readonly reload: SessionReload;
  /** `undefined` without refresh tokens. */
  readonly refreshExchange: RefreshExchange | undefined;
  readonly refusals: SessionRefusals;
  readonly carried: CarriedSessions;
  readonly memory: SessionMemory;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
}

/** The request in which the user has proved again who they are. */
export interface ProvingRequest {
  readonly facts: RequestFacts;
  /** The refresh token in its body, used if no transport carries one. */
  readonly tokenInBody: string | undefined;
  /** The transports that deliver the new tokens. */
  readonly carriers: readonly Transport[];
  readonly isPassive: boolean;
}

/** A refusal, and the transports that carried what is refused; `undefined` for those of the session. */
export interface RefusedProof {
  readonly refusal: Refusal;
  readonly carriers?: readonly Transport[];
}

/**
 * Gives the session of a request a new proof of who its user is. Its data is loaded and its tokens are issued anew, so
 * that the loader and the store have their say. Only tokens contain the proof: in the record, copied tokens would rise
 * with it.
 */
export class SessionReauthentication {
  readonly #parts: SessionReauthenticationParts;

  constructor(parts: SessionReauthenticationParts) {
    this.#parts = parts;
  }

  /**
   * @throws {SessionError} `CSRF_REFUSED`, `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE`, `NOT_SERIALIZABLE`,
   *   `SESSION_TOO_LARGE`
   * @throws {SessionConfigError} for an invalid option, or if the request carries no refresh token to exchange
   */
  async reauthenticate(
    session: VerifiedSession,
    given: AuthenticationOptions,
    request: ProvingRequest,
  ): Promise<SignedSession | RefusedProof> {
    const { policy, clock, memory, carried, events } = this.#parts;
    const { claims } = session;
    const { facts, carriers } = request;
    const change = { facts, carriers, crossSite: undefined };
    await refuseCrossSite(this.#parts, change, carried);
    const now = clock.nowSeconds();
    const proof = readNewProof(given, claims, policy, now);
    const refusal = refusalOf(session, memory, now);
    if (refusal) {
      return { refusal };
    }
    const signed = await this.#issue(session, proof, request);
    if ('refusal' in signed) {
      return signed;
    }
    memory.prove(claims.sid, proof, clock.nowSeconds());
    events.ofSession(claims, { type: 'reauthenticated' });
    return signed;
  }

  async #issue(
    session: VerifiedSession,
    proof: AuthenticationClaims,
    request: ProvingRequest,
  ): Promise<SignedSession | RefusedProof> {
    const { reload, policy, refreshExchange } = this.#parts;
    if (refreshExchange) {
      return this.#exchange(session, proof, request, refreshExchange);
    }
    const { carriers, isPassive } = request;
    const proved = withAuthentication(session.claims, proof);
    return reload.reloadNow(
      verifiedSession(proved, policy),
      carriers,
      isPassive,
    );
  }

  /** Exchanges the refresh token: without that, the next refresh would bring the former proof back. */
  async #exchange(
    session: VerifiedSession,
    proof: AuthenticationClaims,
    request: ProvingRequest,
    refreshExchange: RefreshExchange,
  ): Promise<SignedSession | RefusedProof> {
    await refreshExchange.ready();
    let found = this.#find(session, request, refreshExchange);
    if ('refusal' in found && found.refusal === 'unknown-key') {
      await refreshExchange.learn();
      found = this.#find(session, request, refreshExchange);
    }
    if ('refusal' in found) {
      return found;
    }
    const result = await refreshExchange.exchange(
      withAuthentication(found.claims, proof),
      request.carriers,
      request.isPassive,
    );
    switch (result.kind) {
      case 'signed':
        return result.signed;
      case 'rejected':
        return { refusal: result.refusal };
      case 'failed':
        throw result.error;
    }
  }

  #find(
    session: VerifiedSession,
    { facts, tokenInBody }: ProvingRequest,
    refreshExchange: RefreshExchange,
  ): { readonly claims: RefreshClaims } | RefusedProof {
    const { transports, refusals } = this.#parts;
    const { sid } = session.claims;
    const verify = (token: string): RefreshClaims | Refusal =>
      refreshExchange.verify(token);
    const found = findRefreshToken(transports.all, facts, verify, {
      sid,
      carriers: () => refusals.carriersOf(session, facts),
    });
    if (found) {
      return found;
    }
    if (tokenInBody === undefined) {
      throw new SessionConfigError([
        'reauthenticated: expected the refresh token in the request, got none; send it in the body field of refreshToken.field, or let refreshToken.cookie.path cover the route',
      ]);
    }
    const claims = verify(tokenInBody);
    if (typeof claims === 'string') {
      return { refusal: claims, carriers: [] };
    }
    // A body clears no tokens of the session.
    return claims.sid === sid
      ? { claims }
      : { refusal: 'conflict', carriers: [] };
  }
}
