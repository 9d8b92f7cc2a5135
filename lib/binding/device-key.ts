import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { publicMembersOf, thumbprintOf } from '../keys/thumbprint.js';
import { weaknessOfKey } from '../options/read-key.js';
import { parseStrictJson } from '../tokens/strict-json.js';

/** The algorithms that devices may sign with, as registrations offer them: the preferred one first. */
export const PROOF_ALGORITHMS = ['ES256', 'RS256'] as const;

type ProofAlgorithm = (typeof PROOF_ALGORITHMS)[number];

/** The public members of a device's key (RFC 7517). */
export type DeviceJwk = Readonly<Record<string, string>>;

/** The public key of a device. Its private half never leaves the device. */
export interface DeviceKey {
  readonly algorithm: ProofAlgorithm;
  readonly publicKey: KeyObject;
  readonly jwk: DeviceJwk;
  /** The only spelling of the key, as a store keeps it. */
  readonly text: string;
  /** SHA-256 thumbprint (RFC 7638), as tokens name the key: `cnf.jkt`. */
  readonly thumbprint: string;
}

const MEMBER = /^[\w-]{1,1024}$/;
const MAXIMUM_RSA_BITS = 4096;
/** Verifying with a public exponent as long as the modulus takes 30 times as long. Devices have 65537. */
const MAXIMUM_RSA_EXPONENT = 2n ** 32n;

/**
 * Reads the public key of a device; `undefined` for a key that no device may use: another type, a point off the curve,
 * a weak or an oversized RSA key.
 */
export function readDeviceKey(value: unknown): DeviceKey | undefined {
  const jwk = value as JsonWebKey | null | undefined;
  const algorithm =
    jwk?.kty === 'EC' ? 'ES256' : jwk?.kty === 'RSA' ? 'RS256' : undefined;
  if (!jwk || !algorithm || 'd' in jwk) {
    return undefined;
  }
  const members = publicMembersOf(jwk);
  if (!Object.values(members).every(isMember)) {
    return undefined;
  }
  const publicKey = importKey(members);
  const { modulusLength = 0, publicExponent = 0n } =
    publicKey?.asymmetricKeyDetails ?? {};
  if (
    !publicKey ||
    modulusLength > MAXIMUM_RSA_BITS ||
    publicExponent > MAXIMUM_RSA_EXPONENT ||
    weaknessOfKey(publicKey, algorithm) !== undefined
  ) {
    return undefined;
  }
  // Exported again: a leading zero byte, for example, would be a second spelling.
  const own = publicMembersOf(publicKey.export({ format: 'jwk' }));
  return {
    algorithm,
    publicKey,
    jwk: Object.freeze(own),
    text: JSON.stringify(own),
    thumbprint: thumbprintOf(own),
  };
}

/** Reads the key that a store has kept. */
export function readDeviceKeyText(text: string): DeviceKey | undefined {
  return readDeviceKey(parseStrictJson(Buffer.from(text)));
}

function isMember(value: unknown): boolean {
  return typeof value === 'string' && MEMBER.test(value);
}

function importKey(jwk: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}
