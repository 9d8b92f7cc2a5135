import {
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { KEY_ALGORITHMS } from '../../lib/options/read-key.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import { keyPairs, type KeyPair } from '../support/key-pairs.js';
import { piecesOf } from './faults.js';

/** Key pairs of every kind that Node can make, whatever they are good for. */
export const KINDS: Readonly<Record<string, KeyPair>> = {
  'P-256': keyPairs.ES256,
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  secp256k1: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  brainpoolP256r1: generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }),
  ed25519: keyPairs.EdDSA,
  ed448: generateKeyPairSync('ed448'),
  x25519: generateKeyPairSync('x25519'),
  x448: generateKeyPairSync('x448'),
  dsa: generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }),
  // The types of Node 20 do not know it.
  dh: (generateKeyPairSync as (type: string, options: object) => KeyPair)(
    'dh',
    {
      group: 'modp14',
    },
  ),
  'rsa-pss': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  'rsa 1024': generateKeyPairSync('rsa', { modulusLength: 1024 }),
  'rsa 2048': keyPairs.RS256,
};

/** The only kinds that an algorithm takes. */
export const TAKEN: Readonly<Record<SessionKeyAlgorithm, readonly string[]>> = {
  ES256: ['P-256'],
  EdDSA: ['ed25519'],
  RS256: ['rsa 2048'],
  PS256: ['rsa 2048'],
};

/** Every algorithm with every kind: whether it takes that. */
export const MATRIX = KEY_ALGORITHMS.flatMap((algorithm) =>
  Object.entries(KINDS).map(
    ([kind, pair]) =>
      [algorithm, kind, TAKEN[algorithm].includes(kind), pair] as const,
  ),
);

export function pemOf(key: KeyObject): string {
  return key
    .export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' })
    .toString();
}

export function jwkOf(key: KeyObject): JsonWebKey {
  return key.export({ format: 'jwk' });
}

/** A key in all forms that it has: some kinds are no JSON Web Keys. */
export function formsOf(
  key: KeyObject,
): [form: string, input: string | JsonWebKey | KeyObject][] {
  const forms: ReturnType<typeof formsOf> = [
    ['a KeyObject', key],
    ['PEM', pemOf(key)],
  ];
  try {
    forms.push(['a JSON Web Key', jwkOf(key)]);
  } catch {
    // Not of this kind.
  }
  return forms;
}

/** What a message shows of a key: parts of the lines of its PEM or of the values of its JSON Web Key. */
export function shownPartsOf(key: KeyObject, message: string): string[] {
  const texts = pemOf(key)
    .split('\n')
    .filter((line) => !line.includes('-'));
  try {
    const { kty: _kty, crv: _crv, ...values } = jwkOf(key);
    texts.push(...(Object.values(values) as string[]));
  } catch {
    // Not of this kind.
  }
  return texts
    .flatMap((text) => piecesOf(text))
    .filter((piece) => message.includes(piece));
}

/** A public RSA key with a modulus of this many bits, which nobody has a private key to. */
export function rsaModulus(bits: number, e = 'AQAB'): JsonWebKey {
  const modulus = (1n << BigInt(bits - 1)) + 0x1d_3b_0f_2bn;
  const hex = modulus.toString(16);
  const n = Buffer.from(
    hex.padStart(hex.length + (hex.length % 2), '0'),
    'hex',
  );
  return { kty: 'RSA', n: n.toString('base64url'), e };
}
