import { createSecretKey } from 'node:crypto';
import type { CurrentKeys } from '../../lib/keys/key-ring.js';
import { keysOfSecrets, type KeySet } from '../../lib/keys/key-set.js';
import type { TokenKey } from '../../lib/keys/token-key.js';

/** Keys that never change. */
export function fixedKeys(keys: KeySet): CurrentKeys {
  return { current: keys, ready: () => undefined, learn: () => undefined };
}

/** The keys of secrets given as text. */
export function secretKeys(...secrets: string[]): KeySet {
  return keysOfSecrets(
    secrets.map((secret) => createSecretKey(Buffer.from(secret))),
  );
}

/** The key that a set signs with. */
export function signingKeyOf(keys: KeySet): TokenKey {
  if (!keys.signing) {
    throw new Error('this set signs nothing');
  }
  return keys.signing;
}
