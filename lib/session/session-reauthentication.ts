import type { SessionClock } from '../ports/clock.js';
import type { Refusal } from '../errors/refusal.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import type { Transport } from '../ports/transport.js';
import type { RequestFacts } from '../ports/request-facts.js';
import type {
  AuthenticationClaims,
  RefreshClaims,
  StatelessRefreshClaims,
} from '../tokens/session-claims.js';
import {
  readNewProof,
  type AuthenticationOptions,
} from './authentication-options.js';
import type { SessionReload } from './loading/session-reload.js';
import { withAuthentication } from './model/authentication.js';
import type { ClockPolicy } from './model/freshness.js';
import { needsDevice } from './model/bound-key.js';
import { linkOf } from './model/refresh-chain.js';
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
import { rewritten } from './tokens/refresh-claims.js';
import type { TokenIssuer } from './tokens/token-issuer.js';

export interface SessionReauthenticationParts extends CrossSiteParts {
  readonly reload: SessionReload;
  readonly tokens: TokenIssuer;
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

/** A session with its new tokens, after its user has proved who they are. */
export interface ProvedSession extends SignedSession {
  /** Whether it is bound to a device, even if its session token does not say so yet. */
  readonly isBound: boolean;
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
  ): Promise<ProvedSession | RefusedProof> {
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
  ): Promise<ProvedSession | RefusedProof> {
    const { refreshExchange } = this.#parts;
    return refreshExchange
      ? this.#exchange(session, proof, request, refreshExchange)
      : this.#reloaded(session, proof, request);
  }

  async #reloaded(
    session: VerifiedSession,
    proof: AuthenticationClaims,
    { carriers, isPassive }: ProvingRequest,
  ): Promise<ProvedSession | RefusedProof> {
    const { reload, policy } = this.#parts;
    const proved = withAuthentication(session.claims, proof);
    const signed = await reload.reloadNow(
      verifiedSession(proved, policy),
      carriers,
      isPassive,
    );
    return 'refusal' in signed ? signed : { ...signed, isBound: false };
  }

  /** Exchanges the refresh token: without that, the next refresh would bring the former proof back. */
  async #exchange(
    session: VerifiedSession,
    proof: AuthenticationClaims,
    request: ProvingRequest,
    refreshExchange: RefreshExchange,
  ): Promise<ProvedSession | RefusedProof> {
    await refreshExchange.ready();
    let found = this.#find(session, request, refreshExchange);
    if ('refusal' in found && found.refusal === 'unknown-key') {
      await refreshExchange.learn();
      found = this.#find(session, request, refreshExchange);
    }
    if ('refusal' in found) {
      return found;
    }
    if (session.claims.cnf || found.claims.cnf) {
      return this.#reissue(session, proof, request, found.claims, true);
    }
    const result = await refreshExchange.exchange(
      withAuthentication(found.claims, proof),
      request.carriers,
      request.isPassive,
    );
    switch (result.kind) {
      case 'signed':
        return { ...result.signed, isBound: false };
      case 'rejected': {
        const { refusal } = result;
        // Bound without its cookies, or not bound yet although that is required.
        return needsDevice(refusal)
          ? this.#reissue(
              session,
              proof,
              request,
              found.claims,
              refusal !== 'unbound',
            )
          : { refusal };
      }
      case 'failed':
        throw result.error;
    }
  }

  /**
   * Issues the tokens of a session anew that only its device can refresh. Its refresh token is not exchanged, since only
   * the browser can prove that it comes from the device: the new one stands for the same exchange.
   */
  async #reissue(
    session: VerifiedSession,
    proof: AuthenticationClaims,
    request: ProvingRequest,
    refresh: RefreshClaims,
    isBound: boolean,
  ): Promise<ProvedSession | RefusedProof> {
    const { tokens, clock } = this.#parts;
    const { carriers } = request;
    const signed = await this.#reloaded(session, proof, request);
    if ('refusal' in signed) {
      return signed;
    }
    const { claims } = signed.session;
    const iat = Math.max(refresh.iat, proof.auth_time);
    const proved = linkOf(refresh)
      ? { ...withAuthentication(refresh, proof), iat }
      : rewritten(refresh as StatelessRefreshClaims, claims);
    const now = clock.nowSeconds();
    return {
      ...tokens.sign({ session: claims, refresh: proved }, carriers, now),
      isBound,
    };
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
