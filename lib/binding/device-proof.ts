import { verify } from 'node:crypto';
import { headerOf, type RequestFacts } from '../ports/request-facts.js';
import { openSigned } from '../tokens/front-gate.js';
import { parseStrictJson } from '../tokens/strict-json.js';
import { PROOF_HEADER, readTextHeader } from './binding-headers.js';
import {
  PROOF_ALGORITHMS,
  readDeviceKey,
  type DeviceKey,
} from './device-key.js';

/** A proof that a request comes from a device. Whether it does is known only once it is verified with the right key. */
export interface DeviceProof {
  /** The challenge that was signed. */
  readonly challenge: string;
  /** The key that a registration presents. */
  readonly presentedKey: DeviceKey | undefined;
  /** The proof itself, which no other request shares. */
  readonly text: string;
  isSignedBy(key: DeviceKey): boolean;
}

/** The media type of proofs: Device Bound Session Credentials, section 9.8. */
const TYPE = 'dbsc+jwt';
const MAXIMUM_LENGTH = 4096;
const MAXIMUM_CHALLENGE_LENGTH = 2048;
/** RFC 7518, section 3.4: two numbers of 32 bytes. */
const ES256_SIGNATURE_BYTES = 64;

/** Returns the proof in a request: `undefined` without one, `null` for anything that is none. */
export function proofIn(facts: RequestFacts): DeviceProof | null | undefined {
  const value = headerOf(facts, PROOF_HEADER);
  if (value === undefined) {
    return undefined;
  }
  const text = readTextHeader(value);
  return (text === undefined ? undefined : readProof(text)) ?? null;
}

/**
 * Reads a proof: a compact JWS (RFC 7515) whose payload names the challenge. A registration presents the key in the
 * header. Returns `undefined` for anything else.
 */
export function readProof(text: string): DeviceProof | undefined {
  const segments = text.length <= MAXIMUM_LENGTH ? openSigned(text) : undefined;
  const header = segments && read(segments.header);
  const payload = segments && read(segments.payload);
  const challenge = payload?.['jti'];
  if (
    !segments ||
    !header ||
    header['typ'] !== TYPE ||
    !PROOF_ALGORITHMS.some((algorithm) => algorithm === header['alg']) ||
    // RFC 7515, section 4.1.11: an extension that must be understood.
    'crit' in header ||
    typeof challenge !== 'string' ||
    challenge.length > MAXIMUM_CHALLENGE_LENGTH
  ) {
    return undefined;
  }
  const presentedKey =
    'jwk' in header ? readDeviceKey(header['jwk']) : undefined;
  if ('jwk' in header && !presentedKey) {
    return undefined;
  }
  const signed = `${segments.header}.${segments.payload}`;
  const signature = Buffer.from(text.slice(signed.length + 1), 'base64url');
  return {
    challenge,
    presentedKey,
    text,
    isSignedBy: (key) =>
      key.algorithm === header['alg'] && isSignature(signature, signed, key),
  };
}

function isSignature(
  signature: Buffer,
  signed: string,
  { algorithm, publicKey }: DeviceKey,
): boolean {
  const isEs256 = algorithm === 'ES256';
  return (
    (!isEs256 || signature.length === ES256_SIGNATURE_BYTES) &&
    verify(
      'sha256',
      Buffer.from(signed),
      isEs256 ? { key: publicKey, dsaEncoding: 'ieee-p1363' } : publicKey,
      signature,
    )
  );
}

function read(segment: string): Record<string, unknown> | undefined {
  const value = parseStrictJson(Buffer.from(segment, 'base64url'));
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
