import type { KeyObject } from 'node:crypto';
import type { Duration } from './durations.js';
import type { Transport } from './transport.js';

/** A secret for HS256: a string is used as its UTF-8 bytes, as other JWT libraries do. */
export type SecretInput = string | Uint8Array | KeyObject;

/** A transport: one of the two built in, or the application's own. */
export type TransportChoice = 'cookie' | 'header' | Transport;

/** When sessions end. */
export interface LifetimeOptions {
  /**
   * End of a session that nobody uses: each reload of its data moves it. Must be longer than
   * `dataRefreshInterval`.
   *
   * @default '7d'
   */
  idle?: Duration;
  /**
   * End of every session, counted from its sign-in. Nothing moves it, and a shorter value also shortens
   * the sessions that are already out.
   *
   * @default '30d'
   */
  absolute?: Duration;
}

/** How the data loader is called. */
export interface LoaderOptions {
  /**
   * How long one call of the loader may take, waiting for a free place included. Then its `signal` is
   * aborted and the call counts as failed. Real time; fractions of a second are allowed.
   *
   * @default '2s'
   */
  timeout?: Duration;
  /**
   * How long one request waits for a load. After that it is answered with the old data, and the load goes
   * on for the next request. `0` never waits. Real time.
   *
   * @default the timeout
   */
  patience?: Duration;
  /**
   * How long old data may still be used after a reload was due and failed. After that: 503. `0` never uses
   * old data.
   *
   * @default the `dataRefreshInterval`
   */
  maxStale?: Duration;
  /**
   * How many loads run at once in this process; the others wait.
   *
   * @default 64
   */
  concurrency?: number;
}

/** The cookie that carries the token. It is always `HttpOnly`. */
export interface CookieOptions {
  /**
   * @default '__Host-session' ('__Secure-session' with a domain or a path, 'session' when not secure)
   */
  name?: string;
  /**
   * Shares the cookie with all subdomains, which may then also overwrite it. `false` keeps it on exactly this host:
   * for a refresh cookie next to a session cookie with a domain.
   *
   * @default none: the cookie belongs to exactly this host
   */
  domain?: string | false;
  /** @default '/' */
  path?: string;
  /**
   * Browsers keep a Secure cookie only over HTTPS and on localhost.
   *
   * @default true
   */
  secure?: boolean;
  /**
   * `'none'` sends the cookie with every cross-site request; it needs `secure` and a CSRF technique.
   *
   * @default 'lax'
   */
  sameSite?: 'lax' | 'strict' | 'none';
  /**
   * One cookie jar for each embedding site (CHIPS), for applications in an iframe. Needs `secure`.
   *
   * @default false
   */
  partitioned?: boolean;
  /**
   * Domains that the cookie was once set for: their cookies are cleared together with the present one.
   *
   * @default none
   */
  formerDomains?: string[];
}

/** The headers that carry the token. */
export interface HeaderOptions {
  /**
   * Request header that carries the token.
   *
   * @default 'Authorization'
   */
  name?: string;
  /**
   * Word before the token, compared without regard to case; `''` for a header that holds nothing else.
   *
   * @default 'Bearer'
   */
  scheme?: string;
  /**
   * Response header in which a re-issued token comes back. It is exposed for CORS.
   *
   * @default 'Session-Token'
   */
  renewedName?: string;
  /**
   * Response header in which a new refresh token comes back. It is exposed for CORS.
   *
   * @default 'Session-Refresh-Token'
   */
  renewedRefreshName?: string;
}

/** Refresh tokens: the session token lives shortly, and the refresh token is exchanged for new ones. */
export interface RefreshTokenOptions {
  /**
   * Signs refresh tokens with HS256, at least 32 random bytes. An array rotates: the first signs, all
   * verify.
   *
   * @default derived from `derivedSecret` or `secret`
   */
  secret?: SecretInput | SecretInput[];
  /**
   * The cookie of the refresh token. With a `path` of its own only requests to that path can refresh, and
   * the guard renews nothing elsewhere.
   *
   * @default the attributes of `cookie`, and its name with '-refresh' added
   */
  cookie?: CookieOptions;
  /**
   * Field of a request's body in which `SessionService.refresh(request)` looks for the token when no
   * transport brings one.
   *
   * @default 'refreshToken'
   */
  field?: string;
}

/** How refresh tokens follow each other. Needs a store: without one nobody can tell an old token from the current one. */
export interface RotationOptions {
  /**
   * How long a refresh token that was just exchanged is still answered, with the same new tokens again: for
   * answers that were lost and for tabs that refresh together. After that its use ends the session. Must be
   * longer than your slowest handler takes; at most 5 minutes.
   *
   * @default '60s' with the cookie transport, '30s' otherwise
   */
  grace?: Duration;
}

/** How many sessions one subject may have at once. */
export interface MaxSessionsOptions {
  /**
   * Sessions whose tokens nobody has used, because the answer of their sign-in was lost, make room first.
   *
   * @default 1000, with a store
   */
  max: number;
  /**
   * At the limit a sign-in fails with `SESSION_LIMIT` (`'refuse'`), or ends the session that was begun
   * first (`'end-oldest'`).
   *
   * @default 'end-oldest', with a store
   */
  policy: 'refuse' | 'end-oldest';
}

/**
 * Techniques against cross-site request forgery. All that are on must agree, at sign-in, refresh and sign-out too.
 */
export interface CsrfOptions {
  /**
   * Refuses unsafe requests of other origins by Fetch Metadata and `Origin`. A list of trusted origins
   * (`scheme://host[:port]`) may be given. `false` needs `header`: a CSRF token cannot protect a sign-in, and
   * `sameSite` neither.
   *
   * @default true
   */
  origin?: boolean | { trustedOrigins: string[] };
  /**
   * Name of a custom header that unsafe requests must carry, with any value. Scripts of other origins
   * cannot add it without your CORS policy, forms never can, those for signing in included.
   *
   * @default false
   */
  header?: string | false;
  /**
   * Unsafe requests must carry a token that `SessionService.csrfToken(session)` made for their session, in a
   * header or in a field of the body: never in the URL or a cookie. A sign-in needs none, since its session is yet
   * to begin.
   *
   * @default false
   */
  token?: boolean | CsrfTokenOptions;
}

/** Where CSRF tokens travel. */
export interface CsrfTokenOptions {
  /** @default 'X-CSRF-Token' */
  header?: string;
  /** @default '_csrf' */
  field?: string;
  /**
   * Name of a cookie that brings the token to scripts, which send it back in the header; it is written together
   * with the session cookie. `'XSRF-TOKEN'` with `header: 'X-XSRF-TOKEN'` is what Angular and axios look for.
   *
   * @default none: your pages carry the token
   */
  cookie?: string;
}

/** Bounds of what a process remembers. */
export interface CacheOptions {
  /**
   * How many verified tokens, and how many reloaded results, this process remembers.
   *
   * @default 10_000
   */
  maxTokens?: number;
  /**
   * The same bound in bytes, for each of the two.
   *
   * @default 33_554_432 (32 MiB)
   */
  maxBytes?: number;
}
