import type { KeyObject } from 'node:crypto';
import type { ResolvedKey } from '../options/resolved-options.js';
import { deriveKey, kidOfSecret } from './derive.js';
import { thumbprintOf } from './thumbprint.js';
import type { TokenKey } from './token-key.js';

/** Which key signs, and which keys verify, at one moment. Immutable: a rotation creates another set. */
export interface KeySet {
  /** `undefined` if nothing is signed. */
  readonly signing: TokenKey | undefined;
  readonly isEmpty: boolean;
  /** Seconds since the Unix epoch, from which one of the keys is no longer accepted. */
  readonly validUntil: number;
  /** Identifies the set: equal for the same keys in the same places. */
  readonly fingerprint: string;
  /** Returns the key that verifies or decrypts tokens with this `kid`. */
  find(kid: string): TokenKey | undefined;
}

/** A list of known keys: secrets or key pairs. */
export class ListedKeys implements KeySet {
  readonly signing: TokenKey | undefined;
  readonly validUntil: number;
  /** A `Map`, because a `kid` is untrusted input: `__proto__` is a name like any other. */
  readonly #byKid: ReadonlyMap<string, TokenKey>;

  constructor(
    keys: readonly TokenKey[],
    signing: TokenKey | undefined,
    validUntil = Infinity,
  ) {
    this.signing = signing;
    this.validUntil = validUntil;
    this.#byKid = new Map(keys.map((key) => [key.kid, key]));
  }

  get isEmpty(): boolean {
    return this.#byKid.size === 0;
  }

  get fingerprint(): string {
    const names = [...this.#byKid.values()].map(
      ({ kid, algorithm }) => `${kid} ${algorithm}`,
    );
    return [this.signing?.kid, this.validUntil, ...names].join();
  }

  find(kid: string): TokenKey | undefined {
    return this.#byKid.get(kid);
  }
}

/** Creates HS256 keys: the first secret signs, all verify. */
export function keysOfSecrets(
  secrets: readonly KeyObject[],
  isVerifyOnly = false,
): KeySet {
  const keys = secrets.map((key): TokenKey => ({
    kid: kidOfSecret(key),
    algorithm: 'HS256',
    key,
    signingKey: isVerifyOnly ? undefined : key,
  }));
  return new ListedKeys(keys, isVerifyOnly ? undefined : keys[0]);
}

/**
 * Derives HS256 keys for another purpose, one from each secret. A token signed for one purpose is refused for
 * another.
 */
export function keysDerivedFrom(
  secrets: readonly KeyObject[],
  purpose: string,
): KeySet {
  return keysOfSecrets(secrets.map((secret) => deriveKey(secret, purpose)));
}

/** Creates keys from key pairs: the active one signs, all verify until they end. */
export function keysOfPairs(
  pairs: readonly ResolvedKey[],
  now: number,
): KeySet {
  const living = pairs.filter(({ endsAt }) => now < endsAt);
  const keys = living.map(keyOfPair);
  const active = living.findIndex(
    ({ state, privateKey }) => state === 'active' && privateKey,
  );
  return new ListedKeys(
    keys,
    keys[active],
    Math.min(...living.map(({ endsAt }) => endsAt)),
  );
}

function keyOfPair({
  algorithm,
  publicKey,
  privateKey,
}: ResolvedKey): TokenKey {
  return {
    kid: thumbprintOf(publicKey.export({ format: 'jwk' })),
    algorithm,
    key: publicKey,
    signingKey: privateKey,
  };
}
