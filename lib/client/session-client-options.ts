import type { GraphqlDocument } from './graphql.js';

/** Tokens that the client keeps itself, as contained in the response to a sign-in with the header transport. */
export interface SessionTokens {
  /** Sent with every request to the origin of the routes, as `Authorization: Bearer`. */
  readonly token: string;
  /** Sent only to refresh and to sign out. Without it, the session ends at the first 401. */
  readonly refreshToken?: string;
}

/** What `SessionClient.fetch` takes in addition to the options of the global `fetch`. */
export interface SessionRequestInit extends RequestInit {
  /**
   * `true` marks a request that the page sends by itself, as in polling: it is no activity of the user and does not
   * move the idle end. It carries the header `Session-Passive: ?1`, which an API on another origin must allow
   * (`Access-Control-Allow-Headers`).
   *
   * @default false
   */
  readonly passive?: boolean;
  /**
   * The GraphQL operation that the request carries, as parsed by the package `graphql`. GraphQL servers answer a
   * refused operation with 200 and `errors`; with the operation, the client treats those like a 401. It sends a query
   * again, and a mutation only if our guard refused each of its fields: no field of a mutation runs twice.
   *
   * @default none: only the status counts
   */
  readonly graphql?: GraphqlDocument;
}

/** What a new proof of who the user is must satisfy (RFC 9470, section 3). */
export interface SessionChallenge {
  /** Its maximum age, in seconds. */
  readonly maxAge?: number;
  /** The classes of authentication (`acr`) of which it must have one, in order of preference. */
  readonly acrValues?: readonly string[];
}

/** A storage of the application for tokens, such as Expo SecureStore, a keychain or `localStorage`. */
export interface SessionTokenStorage {
  /** Returns what was last written under a name; `null` or `undefined` for nothing. */
  get(
    name: string,
  ): Promise<string | null | undefined> | string | null | undefined;
  /**
   * Writes a value, `null` deletes it. Must settle when it is written. Names consist of letters, digits and `.-_`; values
   * have up to 2,048 bytes of ASCII.
   */
  set(name: string, value: string | null): unknown;
}

/** The `fetch` of a client. */
export type SessionFetch = (
  input: Parameters<typeof fetch>[0],
  init?: SessionRequestInit,
) => Promise<Response>;

/** Options of a client for the ready-made routes. */
export interface SessionClientOptions {
  /**
   * The path of the ready-made routes (`routes` of the module), or their address on another origin. Node and React
   * Native need an address. Only requests to that origin carry credentials of the session, and only their 401
   * triggers a refresh. Origins are compared as `fetch` reads them, whatever the spelling.
   *
   * @default '/session'
   */
  readonly url?: string;
  /**
   * `'cookies'`: the browser keeps the tokens, and scripts never see them. `'memory'`: this object keeps them and
   * shares them with the other tabs. They are gone when the last tab is closed or reloaded, and are never put into
   * any storage. A storage, for apps: as `'memory'`, and the client reads them from it at its first request and
   * writes new ones before the request that brought them resolves. Longer tokens are split. An interrupted write
   * leaves the previous or the new tokens, never a mixture. If the storage fails or takes longer than
   * `timeoutSeconds`, the session continues in memory, the error goes to `console.error`, and the next request tries
   * again. Only tabs that share a `BroadcastChannel` may have clients with the same storage.
   *
   * @default 'cookies'
   */
  readonly tokens?: 'cookies' | 'memory' | SessionTokenStorage;
  /**
   * The header that unsafe requests carry, and its value: a text, or the name of the cookie that holds it
   * (`csrf.token.cookie` of the module). If a server redirects such a request elsewhere, `fetch` sends the header
   * there, too.
   *
   * @default none: no such header
   */
  readonly csrf?:
    | { readonly header: string; readonly value: string }
    | { readonly header: string; readonly cookie: string };
  /**
   * Called once in every tab when the session has ended: by a sign-out, on the server, or because it expired. Not
   * called for a visitor without a known session, so that a sign-in page may use the client. With cookies, a session
   * is known after `use()`, a refresh, a `GET` of the routes, or by the CSRF cookie. An outage ends no session: only
   * the library's own 401 does, with the `errorCode` `SESSION_REQUIRED`. Errors of the listener go to
   * `console.error`.
   *
   * @default none: only the 401 says so
   */
  readonly onSessionEnded?: () => void;
  /**
   * Called when a request is refused with `REAUTHENTICATION_REQUIRED`: ask for the password, and send it to the route
   * that calls `reauthenticated`. `true` sends the request again, once. Any other result, or an error, which goes to
   * `console.error`, leaves the 401 to the caller; so does a body that is a stream. Called once for all requests with the
   * same challenge that wait or were sent before, in this tab, and for one challenge at a time. Not called for passive
   * requests. What it requests must not be refused this way itself: that request would wait for its own outcome.
   *
   * @default none: the 401 is the response
   */
  readonly onReauthenticate?: (challenge: SessionChallenge) => Promise<boolean>;
  /**
   * How long a refresh or a sign-out may take until its whole response has arrived, in seconds; at most a day. After
   * that, waiting requests reject with a `TimeoutError`, and the session goes on.
   *
   * @default 30
   */
  readonly timeoutSeconds?: number;
  /**
   * Sends the requests. Receives a `Request`, or the unchanged arguments of a request to another origin.
   *
   * @default the global `fetch`
   */
  readonly fetch?: typeof fetch;
}
