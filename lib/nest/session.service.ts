import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { JwkSet } from '../keys/jwk-set.js';
import type { SessionPage } from '../options/session-store.js';
import type { ActiveSession } from '../session/active-session.js';
import type { GenerateOptions } from '../session/generate-options.js';
import type { IssuedSession } from '../session/issued-session.js';
import type { SessionEvent } from '../session/session-events.js';
import type { SessionInfo } from '../session/session-info.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
} from '../session/session-types.js';
import type { SessionRequest } from './raw-exchange.js';
import { authenticateRequest } from './authenticate-request.js';
import { reloadSession, updateSession } from './change-session.js';
import { generateSession } from './generate-session.js';
import type {
  AttributeChanges,
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
 * Begins, changes, checks and ends sessions. Each method refuses the session of another session module
 * (`SESSION_FOREIGN`), and each that attaches a session a request whose `requestProperty` other code holds
 * (`REQUEST_PROPERTY_TAKEN`), before anything is issued.
 */
@Injectable()
export class SessionService<
  TParams = SessionParams,
  TData = SessionData,
  TAttributes = SessionAttributes,
  TExpanded = ExpandedSessionData,
> implements OnApplicationShutdown {
  /** @internal */
  constructor(
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {}

  /**
   * What happens to sessions, for audit logs and metrics. No event carries a token.
   *
   * A listener that throws or rejects stays subscribed, and is logged at most once a minute. An operator that throws
   * ends its own pipe, as everywhere in rxjs: logged too where the pipe has no `error` listener; `retry()` goes on.
   */
  get events$(): Observable<SessionEvent> {
    return this.runtime.events.stream;
  }

  /**
   * Begins a session: loads its data, signs its token, and with `response` delivers it. The session that
   * the request carried ends. Never adopts an id from the client.
   *
   * @param params stored in the token and given to the loader at every reload; plain JSON values
   * @throws {SessionError} `SESSION_ENDED` when the loader finds nobody (the old session is untouched),
   *   `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE`, `SESSION_LIMIT`, `CSRF_REFUSED` for a sign-in that another
   *   site posted, `SESSION_TOO_LARGE`, `NOT_SERIALIZABLE`, `SUBJECT_REQUIRED`
   * @throws {SessionConfigError} for an option that cannot be used
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
   * Exchanges a refresh token for new tokens, with newly loaded data. A token that was exchanged before gives the same
   * new refresh token again within `rotation.grace`, and with a `store` until somebody uses the new tokens: lost answers
   * and parallel requests harm nobody. With a `store`, one that comes later ends its session.
   *
   * @param from the refresh token, or a request that carries it: in its cookie, or in the field
   *   `refreshToken` of its body
   * @throws {SessionError} `TOKEN_MISSING`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_CONFLICT`, `KEY_UNKNOWN`,
   *   `SESSION_ENDED`, `SESSION_UNKNOWN`, `REFRESH_REUSED` (the client's tokens are cleared),
   *   `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE` (nothing was exchanged), `CSRF_REFUSED`, `SESSION_TOO_LARGE`,
   *   `NOT_SERIALIZABLE`
   */
  async refresh(
    from: string | SessionRequest,
    options: RefreshOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return refreshSession(this.runtime, from, options);
  }

  /**
   * Loads the data of a session now, whatever its age, and re-issues the token: after a change of role, say.
   * Older tokens show the new data too: in this process, and with a store on every node that queries it.
   *
   * @throws {SessionError} `SESSION_ENDED`, `SESSION_UNKNOWN` (the client's tokens are cleared),
   *   `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE`, `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`
   */
  async reload(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    options: DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return reloadSession(this.runtime, session, options);
  }

  /**
   * Merges attributes into a session and re-issues the token; the data stays as old as it is.
   *
   * With a store the merge happens there: updates at once all survive, and a session that was ended stays so.
   * Without one, another node may still accept an older token with older attributes, and a refresh token is
   * rewritten only if the request carried it: keep nothing here that grants a right.
   *
   * @throws {SessionError} `SESSION_ENDED`, `SESSION_UNKNOWN`, `TOKEN_EXPIRED`, `STORE_UNAVAILABLE`,
   *   `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`
   */
  async update(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    attributes: AttributeChanges<TAttributes>,
    options: DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return updateSession(this.runtime, session, attributes, options);
  }

  /**
   * Ends a session and makes the client forget it. A request may carry a session token that has expired, or
   * a refresh token (in its cookie or body field); a forged one ends nothing. Every authentic session of a request
   * ends, also where it carries two cookies of one name; at most 16 tokens of each kind are checked.
   *
   * Without a store the session ends in this process: a copied token is good on other nodes until the loader
   * says that the session is over, or its end. With one it is good until its next reload or refresh, or not
   * at all where `revocationCheck` is `'always'`.
   *
   * @returns whether a store ended a session: `false` without a store, and where the request carries something that
   *   may be a token of one more session
   * @throws {SessionError} `STORE_UNAVAILABLE` (the client's tokens are cleared all the same); `CSRF_REFUSED`
   *   for a request that another site posted; `STORE_REQUIRED` for a session named by id
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
   * Ends all sessions of a subject: after a change of password, say.
   *
   * @param options `except`: id of the session that stays. While it is alive the others end, in one step; once it has
   *   ended nothing does, so that an ended session cannot end those of its owner
   * @returns how many sessions it ended
   * @throws {SessionError} `STORE_REQUIRED`, `SUBJECT_REQUIRED`, `STORE_UNAVAILABLE`; `SESSION_UNKNOWN` (401) when the
   *   session in `except` has ended
   */
  async revokeAll(
    subject: string,
    options: { except?: string } = {},
  ): Promise<number> {
    return this.runtime.revocation.endAll(subject, options.except);
  }

  /**
   * The sessions of a subject, the one used last first, 1,000 at most; the next page is `list(subject, { after: lastId })`.
   * @throws {SessionError} `STORE_REQUIRED`, `SUBJECT_REQUIRED`, `STORE_UNAVAILABLE`
   */
  async list(subject: string, page?: SessionPage): Promise<SessionInfo[]> {
    return this.runtime.revocation.list(subject, page);
  }

  /**
   * Does what the guard does, for middleware, WebSocket handshakes and guards of your own: returns the session of a
   * request (`headers` may be a fetch `Headers`), or `null`. With a `response` that can still bring tokens, it shares one verdict with the guard. Without one each call checks
   * anew (clocks, revocation, the age of the data), for streams and sockets: it re-issues and exchanges nothing, an
   * expired session token gives `null`, and the loader's `expand` runs again only for newer data.
   *
   * @throws {SessionError} `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE`, `STORE_REQUIRED`
   */
  async authenticate(
    request: SessionRequest,
    options: AuthenticateOptions = {},
  ): Promise<ActiveSession<TParams, TExpanded, TAttributes> | null> {
    return authenticateRequest(this.runtime, request, options);
  }

  /**
   * Checks a session token, nothing else: no loader is called and nothing is re-issued.
   * @throws {SessionError} `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_NOT_YET_VALID`, `KEY_UNKNOWN`,
   *   `SESSION_ENDED` (in this process), `KEYS_UNAVAILABLE`, and where the store keeps the data
   *   `SESSION_UNKNOWN`, `STORE_UNAVAILABLE`
   */
  async verify(
    token: string,
  ): Promise<ActiveSession<TParams, TExpanded, TAttributes>> {
    return verifyToken(this.runtime, token);
  }

  /**
   * Returns the session token, for a request to another service: the newest of this request. Keep it out of logs.
   *
   * @throws {SessionError} `TOKEN_MISSING` where the request does not carry its token any more
   */
  tokenOf(session: ActiveSession<any, any, any>): string {
    return currentToken(this.runtime, session);
  }

  /**
   * Returns a CSRF token of a session, for a page that the server renders: another one each time, valid while the session is.
   * @throws {SessionConfigError} without the option `csrf.token`
   */
  csrfToken(session: ActiveSession<any, any, any>): string {
    return csrfTokenOf(this.runtime, session);
  }

  /** The public keys that verify session tokens (RFC 7517), for a route of your own; none without `keys`. */
  jwks(): JwkSet {
    return this.runtime.keys.published();
  }

  /**
   * Asks for the keys of a function or a `jwksUri` now: after the emergency removal of one, which is then refused.
   * @throws {SessionError} `KEYS_UNAVAILABLE`: the keys stay as they were
   */
  async reloadKeys(): Promise<void> {
    await this.runtime.keys.ring.reload();
  }

  /** Called by Nest when the server has closed: lets exchanges in flight finish, then completes {@link events$}. */
  async onApplicationShutdown(): Promise<void> {
    const { issuing, events, logger } = this.runtime;
    await issuing?.refresh.settled();
    events.complete();
    logger.close();
  }
}
