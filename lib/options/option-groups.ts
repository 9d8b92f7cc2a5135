import type { KeyObject } from 'node:crypto';
import type { Duration } from './durations.js';
import type { Transport } from '../ports/transport.js';

/** A secret for HS256. A string is used as its UTF-8 bytes, as in other JWT libraries. */
export type SecretInput = string | Uint8Array | KeyObject;

/** A built-in transport, or a custom one. */
export type TransportChoice = 'cookie' | 'header' | Transport;

/** When sessions end. */
export interface LifetimeOptions {
  /**
   * Ends a session that is unused for this long. Each reload of its data extends it. Must be longer than
   * `dataRefreshInterval`.
   *
   * @default '7d'
   */
  idle?: Duration;
  /**
   * Ends every session this long after its sign-in. Nothing extends it, and a shorter value also shortens existing
   * sessions.
   *
   * @default '30d'
   */
  absolute?: Duration;
}

/** How the data loader is called. */
export interface LoaderOptions {
  /**
   * How long one call of the loader may take, including the wait for a free slot. After that, its `signal` is aborted
   * and the call counts as failed. Real time; fractions of a second are allowed.
   *
   * @default '2s'
   */
  timeout?: Duration;
  /**
   * How long one request waits for a load. After that, it is answered with the old data, and the load continues for
   * the next request. `0` never waits. Real time.
   *
   * @default the timeout
   */
  patience?: Duration;
  /**
   * How long stale data may be used after a due reload has failed. After that, requests get 503. `0` never uses stale
   * data.
   *
   * @default the `dataRefreshInterval`
   */
  maxStale?: Duration;
  /**
   * How many loads run in parallel in this process. Further loads wait.
   *
   * @default 64
   */
  concurrency?: number;
  /**
   * `'keep'` treats an error of the loader as an outage of the data source, which logs no one out. `'end'` ends the
   * session on every error that the loader throws.
   *
   * @default 'keep'
   */
  onError?: 'keep' | 'end';
}

/** The cookie that carries the token. Always `HttpOnly`. */
export interface CookieOptions {
  /**
   * @default '__Host-Http-session' ('__Secure-session' with a domain or a path, 'session' when not secure)
   */
  name?: string;
  /**
   * Shares the cookie with all subdomains, which can then also overwrite it. `false` restricts it to exactly this
   * host, such as a refresh cookie next to a session cookie with a domain.
   *
   * @default none: the cookie belongs to exactly this host
   */
  domain?: string | false;
  /** @default '/' */
  path?: string;
  /**
   * Browsers keep a `Secure` cookie only over HTTPS and on localhost.
   *
   * @default true
   */
  secure?: boolean;
  /**
   * `'none'` sends the cookie with every cross-site request. It requires `secure` and a CSRF technique.
   *
   * @default 'lax'
   */
  sameSite?: 'lax' | 'strict' | 'none';
  /**
   * Keeps the cookie in a separate jar for each embedding site (CHIPS), for applications in an iframe. Requires
   * `secure`.
   *
   * @default false
   */
  partitioned?: boolean;
  /**
   * Domains that the cookie was set for in the past. Their cookies are cleared together with the current one.
   *
   * @default none
   */
  formerDomains?: string[];
}

/** Refresh tokens: session tokens are short-lived, and a refresh token is exchanged for new ones. */
export interface RefreshTokenOptions {
  /**
   * Signs refresh tokens with HS256; at least 32 random bytes. An array rotates secrets: the first signs, all verify.
   *
   * @default derived from `derivedSecret` or `secret`
   */
  secret?: SecretInput | SecretInput[];
  /**
   * The cookie of the refresh token. With a separate `path`, only requests to that path can refresh; the guard
   * refreshes nothing elsewhere.
   *
   * @default the attributes of `cookie`, and its name with '-refresh' added
   */
  cookie?: CookieOptions;
  /**
   * Body field in which `SessionService.refresh(request)` looks for the token if no transport carries one.
   *
   * @default 'refreshToken'
   */
  field?: string;
  /**
   * How long a session token is valid, up to 10 % less for each session; refresh tokens carry the `lifetime`.
   *
   * @default the `dataRefreshInterval`
   */
  accessLifetime?: Duration;
  /**
   * Grace period in which an exchanged refresh token returns the same new tokens again, for lost responses and
   * concurrent tabs. Using it later ends the session, unless the new tokens were never used: a response lost for longer
   * is recovered once. Must be longer than your slowest handler takes; at most 5 minutes. Requires a `store`: without
   * one, an old token cannot be distinguished from the current one.
   *
   * @default '60s' with the cookie transport, '30s' otherwise
   */
  grace?: Duration;
}

/** How many sessions one subject may have at the same time. */
export interface MaxSessionsOptions {
  /**
   * The limit. Sessions whose tokens were never used, because the response to their sign-in was lost, make room
   * first.
   *
   * @default 1000, with a store
   */
  max: number;
  /**
   * At the limit, a sign-in fails with `SESSION_LIMIT` (`'refuse'`), or ends the oldest session (`'end-oldest'`).
   *
   * @default 'end-oldest', with a store
   */
  policy: 'refuse' | 'end-oldest';
}

/**
 * Techniques against cross-site request forgery. All enabled techniques must agree, also at sign-in, refresh and
 * sign-out.
 */
export interface CsrfOptions {
  /**
   * Refuses unsafe requests of other origins, based on Fetch Metadata and `Origin`. Pass a list of trusted origins
   * (`scheme://host[:port]`) to allow those. `false` requires `header`: neither a CSRF token nor `sameSite` can
   * protect a sign-in.
   *
   * @default true
   */
  origin?: boolean | { trustedOrigins: string[] };
  /**
   * Name of a custom header that unsafe requests must carry, with any value. Scripts of other origins can only add it
   * if your CORS policy allows it. HTML forms, including your sign-in form, can never send it.
   *
   * @default false
   */
  header?: string | false;
  /**
   * Unsafe requests must carry a token that `SessionService.csrfToken(session)` created for their session: in a
   * header or a body field, never in the URL or a cookie. A sign-in needs none, since its session does not exist yet.
   *
   * @default false
   */
  token?: boolean | CsrfTokenOptions;
}

/** Where requests carry CSRF tokens. */
export interface CsrfTokenOptions {
  /** @default 'X-CSRF-Token' */
  header?: string;
  /** @default '_csrf' */
  field?: string;
  /**
   * Name of a cookie that passes the token to scripts, which send it back in the header. It is written together with
   * the session cookie. Angular and axios expect `'XSRF-TOKEN'` with `header: 'X-XSRF-TOKEN'`.
   *
   * @default none: your pages carry the token
   */
  cookie?: string;
}

/** Limits of the caches in each process. */
export interface CacheOptions {
  /**
   * How many verified tokens, and how many reloaded results, this process caches.
   *
   * @default 10_000
   */
  maxTokens?: number;
  /**
   * The same limit in bytes, for each of the two caches.
   *
   * @default 33_554_432 (32 MiB)
   */
  maxBytes?: number;
}
