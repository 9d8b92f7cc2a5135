import { inspect } from 'node:util';
import type { ActiveSession } from './active-session.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
} from './session-types.js';

interface IssuedTokens {
  readonly token: string;
  readonly refreshToken: string | undefined;
}

/**
 * A session with a new token. Safe to return from a handler: its JSON contains the token only if the client must keep
 * it itself (header transport), never if it was set as a cookie.
 */
export class IssuedSession<
  TParams = SessionParams,
  TData = SessionData,
  TAttributes = SessionAttributes,
  TExpanded = ExpandedSessionData,
> {
  /** The loader's data. */
  readonly data: TData;
  /** When the session ends if it is not used before; with refresh tokens, when to refresh the session token. */
  readonly expiresAt: Date;
  // Private, so that neither spreading nor a serialiser that walks over properties prints them.
  readonly #session: ActiveSession<TParams, TExpanded, TAttributes>;
  readonly #tokens: IssuedTokens;
  readonly #delivered: boolean;
  readonly #clientKeepsToken: boolean;

  /** @internal */
  constructor(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    data: TData,
    tokens: IssuedTokens,
    delivered: boolean,
    clientKeepsToken: boolean,
  ) {
    this.data = data;
    this.expiresAt = session.expiresAt;
    this.#session = session;
    this.#tokens = tokens;
    this.#delivered = delivered;
    this.#clientKeepsToken = clientKeepsToken;
  }

  get session(): ActiveSession<TParams, TExpanded, TAttributes> {
    return this.#session;
  }

  /** The session token. */
  get token(): string {
    return this.#tokens.token;
  }

  /** The refresh token, if the module issues them and this step created a new one. */
  get refreshToken(): string | undefined {
    return this.#tokens.refreshToken;
  }

  /** Whether the response delivers the token; `false` if no response is known or its head was already sent. */
  get delivered(): boolean {
    return this.#delivered;
  }

  /** Returns `{ data, expiresAt }` and, for the header transport, `token` and `refreshToken`. */
  toJSON(): {
    data: TData;
    expiresAt: Date;
    token?: string;
    refreshToken?: string;
  } {
    const { data, expiresAt, refreshToken } = this;
    return this.#clientKeepsToken
      ? {
          token: this.token,
          ...(refreshToken !== undefined && { refreshToken }),
          expiresAt,
          data,
        }
      : { data, expiresAt };
  }

  /** @internal */
  [inspect.custom](): object {
    return { session: this.#session, delivered: this.#delivered };
  }
}
