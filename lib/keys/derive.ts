import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

const KEY_BYTES = 32;
const KID_BYTES = 12;

/** Bytes for another purpose than signing (HKDF, RFC 5869): nothing made for one is good for another. */
export function deriveBytes(
  key: KeyObject,
  purpose: string,
  length: number,
): Buffer {
  return Buffer.from(
    hkdfSync('sha256', key, '', `nestjs-session-jwt:${purpose}:v1`, length),
  );
}

/** A key of another purpose. */
export function deriveKey(key: KeyObject, purpose: string): KeyObject {
  return createSecretKey(deriveBytes(key, purpose, KEY_BYTES));
}

/** The name of a secret: derived one way, so that it reveals nothing. */
export function kidOfSecret(key: KeyObject): string {
  return deriveBytes(key, 'kid', KID_BYTES).toString('base64url');
}
