import { createHash, type JsonWebKey } from 'node:crypto';

/** The required members of a key, in lexicographic order (RFC 7638, section 3.2; RFC 8037, section 2). */
const REQUIRED_MEMBERS = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
} as const;

/** Returns only the public members of a key. */
export function publicMembersOf(jwk: JsonWebKey): Record<string, string> {
  const names = REQUIRED_MEMBERS[jwk.kty as keyof typeof REQUIRED_MEMBERS];
  return Object.fromEntries(names.map((name) => [name, jwk[name] as string]));
}

/** Returns the SHA-256 thumbprint of a public key (RFC 7638). */
export function thumbprintOf(jwk: JsonWebKey): string {
  return createHash('sha256')
    .update(JSON.stringify(publicMembersOf(jwk)))
    .digest('base64url');
}
