import type { JsonWebKey, KeyObject } from 'node:crypto';
import type { Duration } from './durations.js';
import type { SecretInput } from './option-groups.js';

/** The signature algorithms of key pairs. */
export type SessionKeyAlgorithm = 'ES256' | 'EdDSA' | 'RS256' | 'PS256';

/** A key: PEM text, a JSON Web Key (RFC 7517), or a `KeyObject`. */
export type KeyInput = string | JsonWebKey | KeyObject;

/**
 * A key pair for session tokens. Its `kid` is its thumbprint (RFC 7638), so that nobody has to name it.
 *
 * A rotation takes three deploys, or three answers of a function: add the new pair as `next`; when every
 * verifier knows it, make it `active` and the old one `retiring`; when the last token of the old one has
 * expired, remove it.
 */
export interface SessionKey {
  /** The only algorithm that this key may be used with. `ES256` takes P-256 keys, `EdDSA` Ed25519. */
  algorithm: SessionKeyAlgorithm;
  /** Needed by the active key; a process with `verifyOnly` must not have it. */
  privateKey?: KeyInput;
  /** @default derived from the private key */
  publicKey?: KeyInput;
  /**
   * `active`: signs, exactly one does. `next` and `retiring`: verify and are published only.
   *
   * @default 'active' with a private key, 'retiring' without
   */
  state?: 'next' | 'active' | 'retiring';
  /**
   * From then on nothing that it signed is accepted; for retiring keys.
   *
   * @default until it is removed
   */
  until?: Date;
}

/** Gives what an option would hold, for keys that change while the application runs. */
export type KeyProvider<Input> = (request: {
  /** Aborted at `keyCache.timeout`. */
  readonly signal: AbortSignal;
}) => Input | Promise<Input>;

/** How long keys that come from elsewhere are used before they are asked for again. */
export interface KeyCacheOptions {
  /**
   * How old keys may get. A removed key is refused after that, or at once by `SessionService.reloadKeys`.
   * Keys stay in use while their source is down.
   *
   * @default '5m'
   */
  maxAge?: Duration;
  /**
   * A token that names an unknown key has the keys loaded before that, but no oftener than this: forged
   * tokens must not become a flood of requests.
   *
   * @default '30s'
   */
  coolDown?: Duration;
  /**
   * How long one load may take. Real time; fractions of a second are allowed.
   *
   * @default '2s'
   */
  timeout?: Duration;
}

/** Encryption with a key of its own. */
export interface EncryptOptions {
  /** At least 32 random bytes. An array rotates: the first encrypts, all decrypt. */
  key: SecretInput | SecretInput[];
}

/** Where a service that issues no sessions finds the public keys. */
export interface VerifyOnlyOptions {
  /**
   * The JWKS of the application that issues the sessions (`jwks` there). `https:`, or a loopback address. At most
   * 1 MB is read, and no redirect is followed.
   */
  jwksUri: string;
}

/** How the public keys are published. */
export interface JwksOptions {
  /**
   * Below the application's global prefix, if it has one.
   *
   * @default '.well-known/jwks.json'
   */
  path?: string;
  /**
   * How long clients may use an answer: publish a new key that long before it signs. At most a day.
   *
   * @default '5m'
   */
  maxAge?: Duration;
}
