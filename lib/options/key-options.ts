import type { JsonWebKeyInput, KeyObject } from 'node:crypto';
import type { Duration } from './durations.js';
import type { SecretInput } from './option-groups.js';

/** The signature algorithms for key pairs. */
export type SessionKeyAlgorithm = 'ES256' | 'EdDSA' | 'RS256' | 'PS256';

/** A key as PEM text, as a JSON Web Key (RFC 7517) or as a `KeyObject`. */
export type KeyInput = string | JsonWebKeyInput['key'] | KeyObject;

/**
 * A key pair for session tokens. Its `kid` is its thumbprint (RFC 7638), so you never name keys yourself.
 *
 * A rotation takes three deploys, or three results of a key function. Add the new pair as `next`. Once every verifier
 * knows it, make it `active` and the old pair `retiring`. Once the last token signed by the old pair has expired,
 * remove that pair.
 */
export interface SessionKey {
  /** The only algorithm that this key may be used with. `ES256` requires a P-256 key, `EdDSA` an Ed25519 key. */
  algorithm: SessionKeyAlgorithm;
  /** Required for the active key. A process with `verifyOnly` must not have it. */
  privateKey?: KeyInput;
  /** @default derived from the private key */
  publicKey?: KeyInput;
  /**
   * `'active'` signs; exactly one key is active. `'next'` and `'retiring'` keys are published and verify, but do not
   * sign.
   *
   * @default 'active' with a private key, 'retiring' without
   */
  state?: 'next' | 'active' | 'retiring';
  /**
   * For retiring keys: from this time on, tokens signed by the key are refused.
   *
   * @default until it is removed
   */
  until?: Date;
}

/** Supplies the value of an option, for keys that change while the application runs. */
export type KeyProvider<Input> = (request: {
  /** Aborted at `keyCache.timeout`. */
  readonly signal: AbortSignal;
}) => Input | Promise<Input>;

/** How keys from a function or a `jwksUri` are cached. */
export interface KeyCacheOptions {
  /**
   * How old cached keys may get before they are reloaded. A removed key is refused after that, or immediately after
   * `SessionService.reloadKeys`. While their source is down, the cached keys stay in use.
   *
   * @default '5m'
   */
  maxAge?: Duration;
  /**
   * Cool-down between early reloads. A token with an unknown `kid` triggers one, at most once per cool-down, so that
   * forged tokens cannot flood the source with requests.
   *
   * @default '30s'
   */
  coolDown?: Duration;
  /**
   * How long one load may take, in real time. Fractions of a second are allowed.
   *
   * @default '2s'
   */
  timeout?: Duration;
}

/** Encryption with a separate key. */
export interface EncryptOptions {
  /** At least 32 random bytes. An array rotates keys: the first encrypts, all decrypt. */
  key: SecretInput | SecretInput[];
}

/** Where a service that issues no sessions finds the public keys. */
export interface VerifyOnlyOptions {
  /**
   * The JWKS of the application that issues the sessions (see its `jwks` option). Must be `https:`, or a loopback
   * address. At most 1 MB is read, and redirects are not followed.
   */
  jwksUri: string;
}

/** How the public keys are published. */
export interface JwksOptions {
  /**
   * Path of the key set, below the application's global prefix if there is one.
   *
   * @default '.well-known/jwks.json'
   */
  path?: string;
  /**
   * How long clients may cache the key set; at most a day. Publish a new key at least that long before it signs.
   *
   * @default '5m'
   */
  maxAge?: Duration;
}
