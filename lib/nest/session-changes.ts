import type { ActiveSession } from '../session/model/active-session.js';
import type { IssuedSession } from '../session/model/issued-session.js';
import {
  reauthenticateSession,
  reloadSession,
  updateSession,
} from './change-session.js';
import type {
  AttributeChanges,
  DeliverOptions,
  ReauthenticationOptions,
} from './session-service-options.js';
import type { SessionRuntime } from './session-runtime.js';

/** The part of `SessionService` that changes sessions. */
export abstract class SessionChanges<TParams, TData, TAttributes, TExpanded> {
  readonly #runtime: SessionRuntime;

  /** @internal */
  constructor(runtime: SessionRuntime) {
    this.#runtime = runtime;
  }

  /**
   * Reloads the data of a session now, whatever its age, and re-issues the token: after a role change, for example.
   * Older tokens show the new data as well: in this process and, with a store, on every node that queries it.
   * @throws {SessionError} `SESSION_ENDED`, `SESSION_UNKNOWN` (the client's tokens are cleared), `LOADER_UNAVAILABLE`,
   *   `STORE_UNAVAILABLE`, `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`
   */
  async reload(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    options: DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return reloadSession(this.#runtime, session, options);
  }

  /**
   * Merges attributes into a session and re-issues the token. Does not reload the data. With a store, concurrent updates
   * all survive, and an ended session stays ended. Without one, another node may still accept an older token with older
   * attributes, and a refresh token is rewritten only if the request carried it: keep nothing here that grants a right.
   * @throws {SessionError} `SESSION_ENDED`, `SESSION_UNKNOWN`, `TOKEN_EXPIRED`, `STORE_UNAVAILABLE`,
   *   `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`
   */
  async update(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    attributes: AttributeChanges<TAttributes>,
    options: DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return updateSession(this.#runtime, session, attributes, options);
  }

  /**
   * Gives the session of the current request a new time, class and methods of authentication, after your code has
   * verified again who the user is: `@RequireAuthentication()` then admits it. Loads the data, and issues both tokens
   * anew; a refresh token of the request is exchanged. The values replace the former `acr` and `amr`, also with none.
   * Only the new tokens have them: copies of former ones, and the record in a store, do not. Open connections keep what
   * they had; the client reconnects.
   *
   * With refresh tokens, the request must carry its one, in its cookie or body field: the next refresh would otherwise
   * bring the former values back.
   * @param session the session that this request came with, as `@Session()` injects it
   * @throws {SessionError} `SESSION_FOREIGN` for the session of another request or of a connection, or from `verify`;
   *   `SESSION_ENDED`, `SESSION_UNKNOWN`, `TOKEN_EXPIRED`, `REFRESH_REUSED` (the client's tokens are cleared);
   *   `CSRF_REFUSED`, `TOKEN_INVALID`, `TOKEN_CONFLICT`; `LOADER_UNAVAILABLE`, `STORE_UNAVAILABLE` (nothing has changed)
   * @throws {SessionConfigError} for an invalid option, for a `time` in the future or before the present
   *   `authenticatedAt`, and if the request carries no refresh token
   */
  async reauthenticated(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    options: ReauthenticationOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    return reauthenticateSession(this.#runtime, session, options);
  }
}
