import {
  createPrivateKey,
  createPublicKey,
  KeyObject,
  type JsonWebKey,
} from 'node:crypto';
import { isRocaModulus } from './roca.js';
import { isOfSmallOrder } from './small-order.js';
import type { SessionKeyAlgorithm } from './key-options.js';

/** The algorithms that key pairs may be used with. */
export const KEY_ALGORITHMS = [
  'ES256',
  'EdDSA',
  'RS256',
  'PS256',
] as const satisfies readonly SessionKeyAlgorithm[];

const MINIMUM_RSA_BITS = 2048;
const RECOMMENDED_RSA_BITS = 3072;
/** Verifying with a larger key takes milliseconds. */
const MAXIMUM_RSA_BITS = 8192;

const HOW_TO_GENERATE: Readonly<Record<SessionKeyAlgorithm, string>> = {
  ES256: "'ec', { namedCurve: 'P-256' }",
  EdDSA: "'ed25519'",
  RS256: "'rsa', { modulusLength: 3072 }",
  PS256: "'rsa', { modulusLength: 3072 }",
};

/** Returns a command that prints a suitable private key. */
export function howToMakeAKey(algorithm: SessionKeyAlgorithm): string {
  return `make one with: node -e "console.log(require('node:crypto').generateKeyPairSync(${HOW_TO_GENERATE[algorithm]}).privateKey.export({ type: 'pkcs8', format: 'pem' }))"`;
}

/** A command that prints the public half of a private key. */
export const HOW_TO_GET_A_PUBLIC_KEY = `get it with: node -e "console.log(require('node:crypto').createPublicKey(require('node:fs').readFileSync('private.pem')).export({ type: 'spki', format: 'pem' }))"`;

type ReadKey = { readonly key: KeyObject } | { readonly fault: string };

/** Reads the key of an option, or says what is wrong with its form. The result never quotes the key. */
export function readKeyInput(
  input: unknown,
  kind: 'private' | 'public',
): ReadKey {
  try {
    const key = input instanceof KeyObject ? input : parsed(input, kind);
    if (!key) {
      return { fault: 'expected PEM text, a JSON Web Key or a KeyObject' };
    }
    return key.type === kind
      ? { key }
      : { fault: `expected a ${kind} key, got a ${key.type} one` };
  } catch {
    return { fault: `cannot be read as a ${kind} key` };
  }
}

/** Returns why a key must not be used with an algorithm, if so (RFC 8725, section 3.5; RFC 7518, section 3). */
export function weaknessOfKey(
  key: KeyObject,
  algorithm: SessionKeyAlgorithm,
): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  switch (algorithm) {
    case 'ES256':
      return type === 'ec' && details?.namedCurve === 'prime256v1'
        ? undefined
        : `expected a P-256 key for ES256, got ${describe(key)}`;
    case 'EdDSA':
      if (type !== 'ed25519') {
        return `expected an Ed25519 key for EdDSA, got ${describe(key)}`;
      }
      return isOfSmallOrder(bytesOf(key, 'x'))
        ? 'is an Ed25519 key of small order, for which anyone can sign'
        : undefined;
    case 'RS256':
    case 'PS256':
      return type === 'rsa'
        ? weaknessOfRsa(key)
        : `expected an RSA key for ${algorithm}, got ${describe(key)}`;
  }
}

/** Returns what a JSON Web Key declares that forbids this use (RFC 7517, sections 4.2 to 4.4). */
export function statedOtherwise(
  input: unknown,
  algorithm: SessionKeyAlgorithm,
): string | undefined {
  if (
    typeof input !== 'object' ||
    input === null ||
    input instanceof KeyObject
  ) {
    return undefined;
  }
  const { alg, use, key_ops: operations } = input as JsonWebKey;
  if (alg !== undefined && alg !== algorithm) {
    return `expected a JSON Web Key for ${algorithm}, got one for another algorithm`;
  }
  const isForSignatures =
    (use === undefined || use === 'sig') &&
    (operations === undefined ||
      (Array.isArray(operations) &&
        (operations.includes('verify') || operations.includes('sign'))));
  return isForSignatures
    ? undefined
    : 'expected a JSON Web Key for signatures, got one for another use';
}

/** Returns advice on a key that works but should no longer be chosen. */
export function adviceOnKey(key: KeyObject): string | undefined {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits < RECOMMENDED_RSA_BITS
    ? `is an RSA key of ${bits} bits; use ${RECOMMENDED_RSA_BITS} bits, or ES256 or EdDSA, which are shorter and faster`
    : undefined;
}

function parsed(
  input: unknown,
  kind: 'private' | 'public',
): KeyObject | undefined {
  if (typeof input === 'string') {
    return parsedPem(pemIn(input), kind);
  }
  if (
    typeof input !== 'object' ||
    input === null ||
    Array.isArray(input) ||
    ArrayBuffer.isView(input)
  ) {
    return undefined;
  }
  const jwk = { key: input as JsonWebKey, format: 'jwk' } as const;
  return kind === 'private' || 'd' in input
    ? createPrivateKey(jwk)
    : createPublicKey(jwk);
}

function parsedPem(pem: string, kind: 'private' | 'public'): KeyObject {
  // A private key would silently be turned into its public half.
  if (kind === 'public' && pem.includes('PRIVATE KEY')) {
    return createPrivateKey(pem);
  }
  return kind === 'private' ? createPrivateKey(pem) : createPublicKey(pem);
}

/**
 * Reads PEM text as environment variables may hold it: unchanged, with `\n` for line breaks, in quotes, or in base64
 * as a whole. PEM itself contains none of these (RFC 7468, section 2), so nothing is guessed.
 */
function pemIn(text: string): string {
  const unquoted = unquote(text.trim());
  const isEncoded =
    !unquoted.includes('-----') && /^[\w+/=\s-]+$/.test(unquoted);
  const pem = isEncoded
    ? Buffer.from(unquoted, 'base64').toString('latin1')
    : unquoted;
  return unquote(pem.trim())
    .replace(/\\r|\r/g, '')
    .replaceAll('\\n', '\n');
}

function unquote(text: string): string {
  return /^(["'`])([^]*)\1$/.exec(text)?.[2] ?? text;
}

function weaknessOfRsa(key: KeyObject): string | undefined {
  const details = key.asymmetricKeyDetails!;
  const modulusLength = details.modulusLength!;
  const publicExponent = details.publicExponent!;
  if (modulusLength < MINIMUM_RSA_BITS || modulusLength > MAXIMUM_RSA_BITS) {
    return `expected an RSA key of ${MINIMUM_RSA_BITS} to ${MAXIMUM_RSA_BITS} bits, got ${modulusLength}`;
  }
  if (publicExponent < 3n || publicExponent % 2n === 0n) {
    return `expected an RSA key with the public exponent 65537, got ${publicExponent}`;
  }
  return isRocaModulus(modulusOf(key))
    ? 'is an RSA key that can be factored (ROCA, CVE-2017-15361)'
    : undefined;
}

function modulusOf(key: KeyObject): bigint {
  return BigInt(`0x${bytesOf(key, 'n').toString('hex')}`);
}

function bytesOf(key: KeyObject, member: 'n' | 'x'): Buffer {
  return Buffer.from(key.export({ format: 'jwk' })[member]!, 'base64url');
}

function describe({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  return asymmetricKeyDetails?.namedCurve
    ? `${asymmetricKeyType} on ${asymmetricKeyDetails.namedCurve}`
    : asymmetricKeyType;
}
