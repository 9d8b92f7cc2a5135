import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** A key and the one algorithm it may be used with. */
export interface SessionKey {
  readonly kid: string;
  readonly algorithm: 'HS256';
  readonly key: KeyObject;
}

const DERIVED_KEY_BYTES = 32;

/** Which key signs, and which keys verify. */
export class KeySet {
  readonly signing: SessionKey;
  /** A `Map`, because a `kid` comes from outside: `__proto__` is a name like any other. */
  readonly #byKid: ReadonlyMap<string, SessionKey>;

  /** @param keys the first signs, all verify */
  constructor(keys: readonly [SessionKey, ...SessionKey[]]) {
    this.signing = keys[0];
    this.#byKid = new Map(keys.map((key) => [key.kid, key]));
  }

  static fromSecrets(secrets: readonly KeyObject[]): KeySet {
    const [first, ...others] = secrets.map(keyOfSecret);
    if (!first) {
      throw new TypeError('a key set needs at least one secret');
    }
    return new KeySet([first, ...others]);
  }

  /** Keys of another purpose, one for each secret: a token signed for one is refused for the other. */
  static derivedFrom(secrets: readonly KeyObject[], purpose: string): KeySet {
    return KeySet.fromSecrets(
      secrets.map((secret) =>
        createSecretKey(deriveBytes(secret, purpose, DERIVED_KEY_BYTES)),
      ),
    );
  }

  find(kid: string): SessionKey | undefined {
    return this.#byKid.get(kid);
  }
}

/** The `kid` is derived one way (RFC 5869), so that it reveals nothing of the secret. */
function keyOfSecret(key: KeyObject): SessionKey {
  const kid = deriveBytes(key, 'kid', 12).toString('base64url');
  return { kid, algorithm: 'HS256', key };
}

/** Bytes for another purpose than signing: nothing made for one purpose is good for another. */
export function deriveBytes(
  key: KeyObject,
  purpose: string,
  length: number,
): Buffer {
  return Buffer.from(
    hkdfSync('sha256', key, '', `nestjs-session-jwt:${purpose}:v1`, length),
  );
}
