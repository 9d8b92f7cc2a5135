import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { JwkSet } from '../keys/jwk-set.js';
import type { SessionPage } from '../ports/session-store.js';
import {
  verifiedOf,
  type ActiveSession,
} from '../session/model/active-session.js';
import type { GenerateOptions } from '../session/generate-options.js';
import type { IssuedSession } from '../session/model/issued-session.js';
import type { SessionEvent } from '../session/model/session-event.js';
import type { SessionInfo } from '../session/model/session-info.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
} from '../session/model/session-types.js';
import type { SessionRequest } from './exchange/raw-exchange.js';
import { authenticateRequest } from './authenticate-request.js';
import { SessionChanges } from './session-changes.js';
import { generateSession } from './generate-session.js';
import type {
  AuthenticateOptions,
  DeliverOptions,
  RefreshOptions,
  RevokeRequestOptions,
} from './session-service-options.js';
import { refreshSession } from './refresh-session.js';
import { revokeSession } from './revoke-session.js';
import { csrfTokenOf, currentToken } from './session-tokens.js';
import { verifyToken } from './verify-token.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';

/**
 * Creates, changes, checks and ends sessions. Every method refuses the session of another session module
 * (`SESSION_FOREIGN`). A method that attaches a session refuses a request whose `requestProperty` other code holds
 * (`REQUEST_PROPERTY_TAKEN`), before anything is issued.
 */
@Injectable()
export class SessionService<
  TParams = SessionParams,
  TData = SessionData,
  TAttributes = SessionAttributes,
  TExpanded = ExpandedSessionData,
>
  extends SessionChanges<TParams, TData, TAttributes, TExpanded>
  implements OnApplicationShutdown
{
  /** @internal */
  constructor(
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {
    super(runtime);
  }

  /**
   * What happens to sessions, for audit logs and metrics. No event carries a token. A listener that throws stays
   * subscribed; its error is logged at most once a minute. An operator that throws ends its pipe, as always in rxjs.
   */
  get events$(): Observable<SessionEvent> {
    return this.runtime.events.stream;
  }

  /**
   * Creates a session: loads its data, signs its token and, with `response`, delivers it. The session that the request
   * carried ends. Never adopts an id from the client.
   * @param params stored in the token and passed to the loader at every reload; plain JSON values
   * @throws {SessionError} `SESSION_ENDED` if the loader finds no user (the old session is untouched),
   *   `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE`, `SESSION_LIMIT`, `CSRF_REFUSED` for a sign-in posted by another site,
   *   `SESSION_TOO_LARGE`, `NOT_SERIALIZABLE`, `SUBJECT_REQUIRED`
   * @throws {SessionConfigError} for an invalid option
   */
  async generate(
    params: TParams,
    options: GenerateOptions<TAttributes> & DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return generateSession(
      this.runtime,
      params,
      options as GenerateOptions & DeliverOptions,
    );
  }

  /**
   * Exchanges a refresh token for new tokens, with freshly loaded data. Within `refreshToken.grace`, an exchanged token
   * returns the same replacement again; with a `store`, also later, until a client uses the new tokens: lost responses
   * and parallel requests are safe. With a `store`, reuse after that ends the session. Of a bound session, whose browser
   * alone can refresh it, a request with a valid session token returns the session as it is.
   * @param from the refresh token, or a request that carries it: in its cookie, or in the body field `refreshToken`
   * @throws {SessionError} `TOKEN_MISSING`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_CONFLICT`, `KEY_UNKNOWN`,
   *   `SESSION_ENDED`, `SESSION_UNKNOWN`, `REFRESH_REUSED` (the client's tokens are cleared), `PROOF_REQUIRED`,
   *   `PROOF_UNAVAILABLE`, `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE` (nothing was exchanged), `CSRF_REFUSED`,
   *   `SESSION_TOO_LARGE`, `NOT_SERIALIZABLE`
   */
  async refresh(
    from: string | SessionRequest,
    options: RefreshOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return refreshSession(this.runtime, from, options);
  }

  /**
   * Ends a session and clears the client's tokens. A request may carry an expired session token, or a refresh token in
   * its cookie or body field; a forged token ends nothing. Every authentic session of a request ends, up to 16 tokens
   * of each kind. With `revocations`, that holds on every node. With a store alone, a copied token stays valid on other
   * nodes until its next reload or refresh, unless `revocationCheck` is `'always'`; with neither, until the loader ends
   * the session or it expires.
   * @returns whether a store or the revocation log ended a session: `false` without either, or if the request carries
   *   what may be a token of another session
   * @throws {SessionError} `STORE_UNAVAILABLE` (the client's tokens are cleared nonetheless); `CSRF_REFUSED` for a
   *   request posted by another site; for a session named by id, `STORE_REQUIRED` or `SUBJECT_REQUIRED`
   */
  revoke(
    session: ActiveSession<any, any, any>,
    options?: DeliverOptions,
  ): Promise<boolean>;
  revoke(
    request: SessionRequest,
    options: RevokeRequestOptions,
  ): Promise<boolean>;
  revoke(named: { id: string; subject: string }): Promise<boolean>;
  async revoke(
    target: Parameters<typeof revokeSession>[1],
    options: DeliverOptions & { crossSite?: boolean } = {},
  ): Promise<boolean> {
    return revokeSession(this.runtime, target, options);
  }

  /**
   * Ends all sessions of a subject: after a password change, for example. Requires a store or `revocations`.
   * @param options `except`: the id of a session to keep. While it is alive, the others end in one step. Once it has
   *   ended, none does, so that an ended session cannot end those of its owner
   * @returns the number of sessions that the store ended; `0` without one
   * @throws {SessionError} `STORE_REQUIRED`, `SUBJECT_REQUIRED`, `STORE_UNAVAILABLE`; `SESSION_UNKNOWN` (401) if the
   *   session in `except` has ended
   */
  async revokeAll(
    subject: string,
    options: { except?: string } = {},
  ): Promise<number> {
    return this.runtime.revocation.endAll(subject, options.except);
  }

  /**
   * Ends every session of every subject that began before: after a leak. Requires the option `revocations`.
   * @throws {SessionError} `STORE_REQUIRED` without a log, `STORE_UNAVAILABLE`, `SIGNING_KEY_REQUIRED`
   */
  async revokeEverything(): Promise<void> {
    await this.runtime.revocation.endEverything();
  }

  /**
   * Lists the sessions of a subject, most recently used first, at most 1,000. For the next page, call
   * `list(subject, { after: lastId })`.
   * @throws {SessionError} `STORE_REQUIRED`, `SUBJECT_REQUIRED`, `STORE_UNAVAILABLE`
   */
  async list(subject: string, page?: SessionPage): Promise<SessionInfo[]> {
    return this.runtime.revocation.list(subject, page);
  }

  /**
   * Does what the guard does, for middleware and custom guards: returns the session of a request (`headers` may be a
   * fetch `Headers`), or `null`. With a `response` that can still deliver tokens, it shares the guard's outcome. Without
   * one, each call checks anew, re-issues and exchanges nothing, and returns `null` for an expired session token.
   * @throws {SessionError} `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE`, `STORE_REQUIRED`
   */
  async authenticate(
    request: SessionRequest,
    options: AuthenticateOptions = {},
  ): Promise<ActiveSession<TParams, TExpanded, TAttributes> | null> {
    return authenticateRequest(this.runtime, request, options);
  }

  /**
   * Verifies a session token and does nothing else: calls no loader, re-issues nothing.
   * @throws {SessionError} `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_NOT_YET_VALID`, `KEY_UNKNOWN`, `SESSION_ENDED` (in
   *   this process, or by `revocations`), `KEYS_UNAVAILABLE`, `STORE_UNAVAILABLE`, `SESSION_UNKNOWN`
   */
  async verify(
    token: string,
  ): Promise<ActiveSession<TParams, TExpanded, TAttributes>> {
    return verifyToken(this.runtime, token);
  }

  /**
   * Returns a signal that aborts when the session ends, for long responses and jobs: server-sent events (`takeUntil`),
   * streams (`pipeline(…, { signal })`). The session is checked once per reload interval meanwhile.
   */
  endSignal(session: ActiveSession<any, any, any>): AbortSignal {
    return this.runtime.endSignals.of(verifiedOf(session, this.runtime));
  }

  /**
   * Returns the newest session token of this request, for a request to another service. Keep it out of logs.
   * @throws {SessionError} `TOKEN_MISSING` if the request no longer carries its token
   */
  tokenOf(session: ActiveSession<any, any, any>): string {
    return currentToken(this.runtime, session);
  }

  /**
   * Returns a new CSRF token of a session, for a server-rendered page. It is valid as long as the session.
   * @throws {SessionConfigError} without the option `csrf.token`
   */
  csrfToken(session: ActiveSession<any, any, any>): string {
    return csrfTokenOf(this.runtime, session);
  }

  /** Returns the public keys that verify session tokens (RFC 7517), for a custom route; none without `keys`. */
  jwks(): JwkSet {
    return this.runtime.keys.published();
  }

  /**
   * Reloads the keys of a function or a `jwksUri` now: after the emergency removal of one, which is then refused.
   * @throws {SessionError} `KEYS_UNAVAILABLE`: the keys stay unchanged
   */
  async reloadKeys(): Promise<void> {
    await this.runtime.keys.ring.reload();
  }

  /** Called by Nest when the server has closed. Waits for what is in flight, then completes {@link events$}. */
  async onApplicationShutdown(): Promise<void> {
    await this.runtime.shutDown();
  }
}
