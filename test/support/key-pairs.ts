import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import { rsaPair } from './rsa-pairs.mjs';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A key pair of every algorithm, each made when it is first asked for. */
export const keyPairs = newKeyPairs(0);

/** Others, for what must not be accepted. */
export const otherKeyPairs = newKeyPairs(2);

/** @param firstRsa the number of the first of two RSA pairs, which all specs share */
function newKeyPairs(
  firstRsa: number,
): Readonly<Record<SessionKeyAlgorithm, KeyPair>> {
  const made = new Map<SessionKeyAlgorithm, KeyPair>();
  const pairOf = (algorithm: SessionKeyAlgorithm): KeyPair => {
    const pair = made.get(algorithm) ?? newKeyPair(algorithm);
    made.set(algorithm, pair);
    return pair;
  };
  return {
    get ES256() {
      return pairOf('ES256');
    },
    get EdDSA() {
      return pairOf('EdDSA');
    },
    get RS256() {
      return rsaPair(firstRsa);
    },
    get PS256() {
      return rsaPair(firstRsa + 1);
    },
  };
}

/** A fresh pair. */
export function newKeyPair(algorithm: SessionKeyAlgorithm): KeyPair {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
    case 'RS256':
    case 'PS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
}
