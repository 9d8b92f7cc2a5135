import { inspect } from 'node:util';
import type { ActiveSession } from './active-session.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
} from './session-types.js';

/**
 * A session with a new token. Safe to return from a handler: its JSON holds the token only where the client
 * must keep it itself (header transport), never where it went into a cookie.
 */
export class IssuedSession<
  TParams = SessionParams,
  TData = SessionData,
  TAttributes = SessionAttributes,
  TExpanded = ExpandedSessionData,
> {
  /** The loader's data. */
  readonly data: TData;
  /** When the session ends unless it is used before. */
  readonly expiresAt: Date;
  // Private, so that neither spreading nor a serialiser that walks over properties prints them.
  readonly #session: ActiveSession<TParams, TExpanded, TAttributes>;
  readonly #token: string;
  readonly #delivered: boolean;
  readonly #clientKeepsToken: boolean;

  /** @internal */
  constructor(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    data: TData,
    token: string,
    delivered: boolean,
    clientKeepsToken: boolean,
  ) {
    this.data = data;
    this.expiresAt = session.expiresAt;
    this.#session = session;
    this.#token = token;
    this.#delivered = delivered;
    this.#clientKeepsToken = clientKeepsToken;
  }

  get session(): ActiveSession<TParams, TExpanded, TAttributes> {
    return this.#session;
  }

  /** The session token. */
  get token(): string {
    return this.#token;
  }

  /** Whether the response of the request brings the token; `false` where no response is known or its head was sent. */
  get delivered(): boolean {
    return this.#delivered;
  }

  /** `{ data, expiresAt }`, and `token` for the header transport. */
  toJSON(): { data: TData; expiresAt: Date; token?: string } {
    const { data, expiresAt } = this;
    return this.#clientKeepsToken
      ? { token: this.#token, expiresAt, data }
      : { data, expiresAt };
  }

  /** @internal */
  [inspect.custom](): object {
    return { session: this.#session, delivered: this.#delivered };
  }
}
