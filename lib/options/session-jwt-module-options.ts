import type { Duration } from './durations.js';
import type {
  CacheOptions,
  CookieOptions,
  CsrfOptions,
  HeaderOptions,
  LifetimeOptions,
  LoaderOptions,
  MaxSessionsOptions,
  RefreshTokenOptions,
  RotationOptions,
  SecretInput,
  TransportChoice,
} from './option-groups.js';
import type {
  EncryptOptions,
  KeyCacheOptions,
  KeyProvider,
  SessionKey,
  VerifyOnlyOptions,
} from './key-options.js';
import type { SessionStore } from './session-store.js';

/**
 * Options of `SessionJwtModule`. Every fault stops the boot with one `SessionConfigError` that names all
 * of them; so does an option name that is not listed here.
 */
export interface SessionJwtModuleOptions {
  /**
   * Signs session tokens with HS256. An array rotates: the first signs, all verify; a function gives secrets
   * that change while the application runs. Every secret needs at least 32 random bytes. Required unless
   * there are `keys`, `encrypt.key` or a `jwksUri`.
   */
  secret?:
    SecretInput | SecretInput[] | KeyProvider<SecretInput | SecretInput[]>;
  /**
   * Key pairs that sign session tokens instead of `secret`, so that other services can check sessions and
   * cannot issue any. A function gives keys that change while the application runs.
   */
  keys?: SessionKey[] | KeyProvider<SessionKey[]>;
  /**
   * Secret that the keys of refresh tokens are derived from (HKDF, RFC 5869), where there are `keys` or where
   * `secret` is shared with services that must not issue them. An array rotates.
   *
   * @default the `secret`
   */
  derivedSecret?: SecretInput | SecretInput[];
  /**
   * Makes tokens unreadable for clients: JWE with `dir` and `A256GCM` (RFC 7516) instead of a signature. Signed
   * tokens are then refused, so that turning it on signs everybody out. `true` derives the key from
   * `derivedSecret` or `secret`.
   *
   * @default false
   */
  encrypt?: boolean | EncryptOptions;
  /**
   * For a service that checks sessions which another application issues: with public `keys`, the keys of a
   * `jwksUri`, or the shared `secret` (which could sign: trusted services only). It loads no data, and
   * refuses a token whose data is older than `dataRefreshInterval` and `loader.maxStale` together.
   *
   * @default false
   */
  verifyOnly?: boolean | VerifyOnlyOptions;
  /** Keys that come from a function or a `jwksUri`: how long they are used. */
  keyCache?: KeyCacheOptions;
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
   * How long a session token lives where there are refresh tokens, which then carry the lifetimes; each
   * session's is up to 10 % shorter. Only with `refreshToken`.
   *
   * @default the `dataRefreshInterval`
   */
  accessLifetime?: Duration;
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
   * Where other code has put something there (express-session, `@fastify/session`), requests and sign-ins are
   * answered with 500 and `REQUEST_PROPERTY_TAKEN` in the log, before anything is issued or overwritten.
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
   * Turns refresh tokens on: `{}`. With the cookie transport the guard renews sessions by itself, with the
   * header transport clients call a route of yours that calls `SessionService.refresh`. Without a `store` a
   * copied refresh token is good until its end, and nobody notices.
   */
  refreshToken?: RefreshTokenOptions;
  /**
   * Server-side record of sessions: they can be listed, limited, ended from anywhere, and the theft of a
   * refresh token is noticed.
   */
  store?: SessionStore;
  /**
   * How long one call of the store may take; then the request gets 503 and keeps its tokens. Real time.
   *
   * @default '250ms'
   */
  storeTimeout?: Duration;
  /**
   * `'store'`: the token is only a reference; params, data and attributes are in the store, which is read
   * on each request.
   *
   * @default 'token'
   */
  keepDataIn?: 'token' | 'store';
  /**
   * When the store is asked whether a session was ended: at each reload and refresh of it, or on each
   * request. `@CheckRevocation()` asks on single routes.
   *
   * @default 'reload'
   */
  revocationCheck?: 'reload' | 'always';
  /** How refresh tokens follow each other. */
  rotation?: RotationOptions;
  /** How many sessions one subject may have at once; `false`: any number. Needs a `store`. */
  maxSessions?: MaxSessionsOptions | false;
  /**
   * Memory of verified tokens and of reloaded results; `false` verifies every token on every request, and
   * loads again for a client that does not take its new token.
   */
  cache?: CacheOptions | false;
}
