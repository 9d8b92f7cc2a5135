import { createPublicKey, type JsonWebKey } from 'node:crypto';
import {
  KEY_ALGORITHMS,
  statedOtherwise,
  weaknessOfKey,
} from '../options/read-key.js';
import type { ResolvedKey } from '../options/resolved-options.js';
import type { SessionKeyAlgorithm } from '../options/key-options.js';
import { publicMembersOf, thumbprintOf } from './thumbprint.js';

/** A set of public keys (RFC 7517, section 5). */
export interface JwkSet {
  readonly keys: readonly PublicJwk[];
}

/** A public key that verifies session tokens, with its public members only. */
export interface PublicJwk {
  readonly kty: string;
  /** The SHA-256 thumbprint of the key (RFC 7638), by which tokens refer to it. */
  readonly kid: string;
  readonly alg: SessionKeyAlgorithm;
  readonly use: 'sig';
  readonly [member: string]: string;
}

/** A rotation needs three keys; a set of thousands would take seconds to read. */
const MAXIMUM_KEYS = 100;
/** Members that no public set may contain (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Returns the public halves of the key pairs that have not ended, the active one first. */
export function publishedKeys(
  pairs: readonly ResolvedKey[],
  now: number,
): JwkSet {
  return {
    keys: pairs
      .filter(({ endsAt }) => now < endsAt)
      .toSorted((a, b) => rankOf(a) - rankOf(b))
      .map(({ algorithm, publicKey }): PublicJwk => {
        const jwk = publicKey.export({ format: 'jwk' });
        return {
          kty: jwk.kty!,
          ...publicMembersOf(jwk),
          kid: thumbprintOf(jwk),
          alg: algorithm,
          use: 'sig',
        };
      }),
  };
}

/**
 * Reads the keys of a set that verify session tokens. Ignores keys for other uses and algorithms.
 *
 * @throws {TypeError} if the set has no such key, or if it cannot be trusted: it contains secret members, symmetric
 *   keys, a key that is listed twice, or two keys with the same `kid`
 */
export function readJwkSet(value: unknown): ResolvedKey[] {
  const { keys } = (value ?? {}) as Partial<Record<'keys', unknown>>;
  if (!Array.isArray(keys) || !keys.every(isObject)) {
    throw new TypeError('not a JSON Web Key set');
  }
  if (keys.length > MAXIMUM_KEYS) {
    throw new TypeError(`the key set has more than ${MAXIMUM_KEYS} keys`);
  }
  const jwks = keys as JsonWebKey[];
  if (
    jwks.some(
      (jwk) =>
        jwk.kty === 'oct' || SECRET_MEMBERS.some((member) => member in jwk),
    )
  ) {
    throw new TypeError('the key set contains a secret or private key');
  }
  const kids = jwks.map(({ kid }) => kid).filter((kid) => kid !== undefined);
  if (new Set(kids).size < kids.length) {
    throw new TypeError('two keys of the set have the same kid');
  }
  const usable = new Map<string, ResolvedKey>();
  for (const jwk of jwks) {
    const key = usableKey(jwk);
    if (!key) {
      continue;
    }
    const kid = thumbprintOf(key.publicKey.export({ format: 'jwk' }));
    if (usable.has(kid)) {
      throw new TypeError('a key of the set is listed twice');
    }
    usable.set(kid, key);
  }
  if (usable.size === 0) {
    throw new TypeError(
      `no key of the set can verify session tokens; publish one for ES256, EdDSA, RS256 or PS256, with its alg`,
    );
  }
  return [...usable.values()];
}

/**
 * Reads one key. Ignores a key without `alg`: guessing the algorithm from the header of a token has let attackers in.
 */
function usableKey(jwk: JsonWebKey): ResolvedKey | undefined {
  const algorithm = KEY_ALGORITHMS.find((each) => each === jwk['alg']);
  if (!algorithm || statedOtherwise(jwk, algorithm)) {
    return undefined;
  }
  try {
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    return weaknessOfKey(publicKey, algorithm)
      ? undefined
      : {
          algorithm,
          publicKey,
          privateKey: undefined,
          state: 'retiring',
          endsAt: Infinity,
        };
  } catch {
    return undefined;
  }
}

function rankOf({ state }: ResolvedKey): number {
  return ['active', 'next', 'retiring'].indexOf(state);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
