/**
 * The tokens of a session that the client keeps itself: the answer of a sign-in with the header transport holds
 * them.
 */
export interface SessionTokens {
  /** Goes with every request to the origin of the routes, as `Authorization: Bearer`. */
  readonly token: string;
  /** Goes to the refresh and the sign-out only. Without it the session is over at the first 401. */
  readonly refreshToken?: string;
}

/** What `SessionClient.fetch` takes besides what the global `fetch` does. */
export interface SessionRequestInit extends RequestInit {
  /**
   * `true`: the page sends it by itself, as in polling, so it is no activity of the user and moves no idle end. It carries
   * the header `Session-Passive: ?1`, which an API on another origin has to allow (`Access-Control-Allow-Headers`).
   *
   * @default false
   */
  readonly passive?: boolean;
}

/** The `fetch` of a client. */
export type SessionFetch = (
  input: Parameters<typeof fetch>[0],
  init?: SessionRequestInit,
) => Promise<Response>;

/** How a client of the ready-made routes behaves. */
export interface SessionClientOptions {
  /**
   * The path of the ready-made routes (`routes` of the module), or their address on another origin; an address in
   * Node and React Native. Only requests to that origin carry anything of the session, and only their 401 is answered
   * by a refresh. Origins are compared as `fetch` reads them, whatever the spelling.
   *
   * @default '/session'
   */
  readonly url?: string;
  /**
   * `'cookies'`: the browser keeps the tokens, scripts never see them. `'memory'`: this object keeps them and shares
   * them with the other tabs; they are gone when the last tab is closed or reloaded, and no storage ever has them.
   *
   * @default 'cookies'
   */
  readonly tokens?: 'cookies' | 'memory';
  /**
   * The header that unsafe requests carry, and its value: a text, or the name of the cookie that brings it
   * (`csrf.token.cookie` of the module). A server that redirects such a request elsewhere makes `fetch` send the
   * header there too.
   *
   * @default none: no such header
   */
  readonly csrf?:
    | { readonly header: string; readonly value: string }
    | { readonly header: string; readonly cookie: string };
  /**
   * Called in every tab, once, when the session is over: signed out, ended on the server, or expired. Not for a
   * visitor of whom no session is known, so that a sign-in page may use the client: with cookies one is known after
   * `use()`, a refresh, a `GET` of the routes, or by the CSRF cookie. An outage is not the end: only the library's own
   * 401, with the `errorCode` `SESSION_REQUIRED`, is. What the listener throws goes to `console.error`.
   *
   * @default none: only the 401 says so
   */
  readonly onSessionEnded?: () => void;
  /**
   * How long a refresh or a sign-out may take, in seconds, until its whole answer is there; up to a day. Past it the
   * requests that wait reject with a `TimeoutError`, and the session goes on.
   *
   * @default 30
   */
  readonly timeoutSeconds?: number;
  /**
   * What sends the requests; it is given a `Request`, or what another origin is asked as it was.
   *
   * @default the global `fetch`
   */
  readonly fetch?: typeof fetch;
}
