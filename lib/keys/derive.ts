import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

const KEY_BYTES = 32;
const KID_BYTES = 12;

/**
 * Derives bytes for a purpose other than signing (HKDF, RFC 5869): what is made for one purpose is not valid for
 * another.
 */
export function deriveBytes(
  key: KeyObject,
  purpose: string,
  length: number,
): Buffer {
  return Buffer.from(
    hkdfSync('sha256', key, '', `nestjs-session-jwt:${purpose}:v1`, length),
  );
}

/** Derives a key for another purpose. */
export function deriveKey(key: KeyObject, purpose: string): KeyObject {
  return createSecretKey(deriveBytes(key, purpose, KEY_BYTES));
}

/** Names a secret by a one-way derivation, which reveals nothing about it. */
export function kidOfSecret(key: KeyObject): string {
  return deriveBytes(key, 'kid', KID_BYTES).toString('base64url');
}
