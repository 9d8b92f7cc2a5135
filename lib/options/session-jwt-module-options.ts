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
   * Shares the cookie with all subdomains, which may then also overwrite it.
   *
   * @default none: the cookie belongs to exactly this host
   */
  domain?: string;
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
}

/** Techniques against cross-site request forgery. All that are on must agree. */
export interface CsrfOptions {
  /**
   * Refuses unsafe requests of other origins by Fetch Metadata and `Origin`. A list of trusted origins
   * (`scheme://host[:port]`) may be given.
   *
   * @default true
   */
  origin?: boolean | { trustedOrigins: string[] };
  /**
   * Name of a custom header that unsafe requests must carry, with any value. Scripts of other origins
   * cannot add it without your CORS policy, forms never can.
   *
   * @default false
   */
  header?: string | false;
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
   * @default 16_777_216 (16 MiB)
   */
  maxBytes?: number;
}

/**
 * Options of `SessionJwtModule`. Every fault stops the boot with one `SessionConfigError` that names all
 * of them; so does an option name that is not listed here.
 */
export interface SessionJwtModuleOptions {
  /**
   * Signs session tokens with HS256. An array rotates: the first signs, all verify. Every secret needs at
   * least 32 random bytes.
   */
  secret: SecretInput | SecretInput[];
  /**
   * The `iss` claim. Two applications with one secret and one issuer accept each other's sessions.
   *
   * @default 'nestjs-session-jwt'
   */
  issuer?: string;
  /**
   * The `aud` claim.
   *
   * @default the issuer
   */
  audience?: string;
  /**
   * The oldest that the data of a session may get before it is loaded again. Each session's reload comes
   * up to 10 % earlier, so that a mass sign-in is no mass reload.
   *
   * @default '15m'
   */
  dataRefreshInterval?: Duration;
  /** When sessions end. */
  lifetime?: LifetimeOptions;
  /**
   * How far ahead of this machine's clock a token's times may be; at most 60 s. The end of a token is
   * exact.
   *
   * @default '5s'
   */
  clockTolerance?: Duration;
  /** How the data loader is called. */
  loader?: LoaderOptions;
  /**
   * `'keep'`: an error of the loader means that the data source is down, and logs nobody out. `'end'`:
   * every error that the loader throws ends the session.
   *
   * @default 'keep'
   */
  onLoaderError?: 'keep' | 'end';
  /**
   * How tokens travel. With several, each request may use any of them; two that carry different sessions
   * are refused.
   *
   * @default 'cookie'
   */
  transport?: TransportChoice | TransportChoice[];
  /**
   * Property of the request at which the session is also found; `false` for none. A convenience that the
   * library never reads back.
   *
   * @default 'session'
   */
  requestProperty?: string | false;
  /** The cookie transport. */
  cookie?: CookieOptions;
  /** The header transport. */
  header?: HeaderOptions;
  /** Protection of cookie-authenticated requests against other sites. Techniques combine. */
  csrf?: CsrfOptions;
  /**
   * Memory of verified tokens and of reloaded results; `false` verifies every token on every request, and
   * loads again for a client that does not take its new token.
   */
  cache?: CacheOptions | false;
}
