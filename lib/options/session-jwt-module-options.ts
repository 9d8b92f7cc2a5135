import type { DeviceBindingOptions } from './device-binding-options.js';
import type { Duration } from './durations.js';
import type {
  CacheOptions,
  CookieOptions,
  CsrfOptions,
  LifetimeOptions,
  LoaderOptions,
  MaxSessionsOptions,
  RefreshTokenOptions,
  SecretInput,
  TransportChoice,
} from './option-groups.js';
import type { HeaderOptions } from './header-options.js';
import type {
  EncryptOptions,
  KeyCacheOptions,
  KeyProvider,
  SessionKey,
  VerifyOnlyOptions,
} from './key-options.js';
import type { RevocationOptions } from './revocation-options.js';
import type { RevocationLog } from '../ports/revocation-log.js';
import type { SessionStore } from '../ports/session-store.js';

/**
 * Options of `SessionJwtModule`. Invalid options and unknown option names stop the boot with one
 * `SessionConfigError`, which lists every fault.
 */
export interface SessionJwtModuleOptions {
  /**
   * Signs session tokens with HS256. Every secret needs at least 32 random bytes. An array rotates secrets: the first
   * signs, all verify. A function supplies secrets that change while the application runs. Required without `keys`,
   * `encrypt.key` or a `jwksUri`.
   */
  secret?:
    SecretInput | SecretInput[] | KeyProvider<SecretInput | SecretInput[]>;
  /**
   * Key pairs that sign session tokens instead of `secret`: other services can then check sessions, but cannot issue
   * any. A function supplies keys that change while the application runs.
   */
  keys?: SessionKey[] | KeyProvider<SessionKey[]>;
  /**
   * Secret from which the keys of refresh tokens are derived (HKDF, RFC 5869). For applications with `keys`, or whose
   * `secret` is shared with services that must not issue refresh tokens. An array rotates secrets.
   *
   * @default the `secret`
   */
  derivedSecret?: SecretInput | SecretInput[];
  /**
   * Encrypts tokens, so that clients cannot read them: JWE with `dir` and `A256GCM` (RFC 7516) instead of a
   * signature. Signed tokens are then refused, so turning it on signs everyone out. `true` derives the key from
   * `derivedSecret` or `secret`.
   *
   * @default false
   */
  encrypt?: boolean | EncryptOptions;
  /**
   * For a service that only checks sessions issued by another application: with public `keys`, with the keys of a
   * `jwksUri`, or with the shared `secret` (which can also sign: for trusted services only). The service loads no
   * data, and refuses tokens whose data is older than `dataRefreshInterval` plus `loader.maxStale`.
   *
   * @default false
   */
  verifyOnly?: boolean | VerifyOnlyOptions;
  /** How keys from a function or a `jwksUri` are cached. */
  keyCache?: KeyCacheOptions;
  /**
   * The `iss` claim. Two applications with the same secret and the same issuer accept each other's sessions.
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
   * Maximum age of a session's data before it is reloaded. Each session reloads up to 10 % earlier, so that a mass
   * sign-in does not lead to a mass reload.
   *
   * @default '15m'
   */
  dataRefreshInterval?: Duration;
  /** When sessions end. */
  lifetime?: LifetimeOptions;
  /**
   * How far a token's times may be ahead of this machine's clock; at most 60 s. The expiry of a token is exact.
   *
   * @default '5s'
   */
  clockTolerance?: Duration;
  /** How the data loader is called. */
  loader?: LoaderOptions;
  /**
   * How tokens travel. With several transports, each request may use any of them; a request with two different
   * sessions is refused.
   *
   * @default 'cookie'
   */
  transport?: TransportChoice | TransportChoice[];
  /**
   * Request property that also holds the session; `false` for none. A convenience that the library never reads back.
   *
   * If other code has already set the property (express-session, `@fastify/session`), requests and sign-ins are
   * answered with 500 before anything is issued or overwritten, and the log shows `REQUEST_PROPERTY_TAKEN`.
   *
   * @default 'session'
   */
  requestProperty?: string | false;
  /** The cookie transport. */
  cookie?: CookieOptions;
  /** The header transport. */
  header?: HeaderOptions;
  /** Protects cookie-authenticated requests against other sites. Techniques can be combined. */
  csrf?: CsrfOptions;
  /**
   * Turns refresh tokens on: `{}`. With the cookie transport, the guard refreshes sessions automatically. With the
   * header transport, clients call a route of yours, which calls `SessionService.refresh`. Without a `store`, a
   * copied refresh token is valid until it expires, and the theft goes unnoticed.
   */
  refreshToken?: RefreshTokenOptions;
  /**
   * Records sessions on the server, so that you can list, limit and revoke them from anywhere, and the theft of a
   * refresh token is detected.
   */
  store?: SessionStore;
  /**
   * How long one call of the store may take. After that, the request gets 503 and keeps its tokens. Real time.
   *
   * @default '250ms'
   */
  storeTimeout?: Duration;
  /**
   * `'store'` makes the token a mere reference: params, data and attributes are in the store, which is read on each
   * request.
   *
   * @default 'token'
   */
  keepDataIn?: 'token' | 'store';
  /**
   * When the store is queried for revoked sessions: at each reload and refresh of a session, or on each request.
   * `@CheckRevocation()` queries it on single routes.
   *
   * @default 'reload'
   */
  revocationCheck?: 'reload' | 'always';
  /** How many sessions one subject may have at the same time; `false` for any number. Requires a `store`. */
  maxSessions?: MaxSessionsOptions | false;
  /**
   * Carries revocations to every node within milliseconds: each keeps them in memory, and no request waits for I/O.
   * Without a `store`, `revoke({ id, subject })`, `revokeAll` and `revokeEverything` then work as well. Pass a
   * {@link RevocationLog}, or one with options.
   */
  revocations?: RevocationLog | RevocationOptions;
  /**
   * Binds sessions to a key in the user's device, if the browser supports that, so that a copied cookie is of no use
   * after `refreshToken.accessLifetime`. Requires `refreshToken`, the cookie transport and `routes: true`.
   *
   * @default false
   */
  deviceBinding?: boolean | DeviceBindingOptions;
  /**
   * Cache of verified tokens and of reloaded results. `false` verifies every token on every request, and reloads
   * again for a client that does not adopt its re-issued token.
   */
  cache?: CacheOptions | false;
}
