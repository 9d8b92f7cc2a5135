/** The largest token that is read or issued, in characters (all ASCII). */
export const MAXIMUM_TOKEN_LENGTH = 8192;

/** The segments of a compact JWS that are read, still encoded. */
export interface SignedSegments {
  readonly header: string;
  readonly payload: string;
}

/** The segments of a compact JWE whose key is agreed upon (`dir`), still encoded. */
export interface EncryptedSegments {
  readonly header: string;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
}

const NOT_BASE64URL = /[^\w-]/;
/** A nonce of 96 bits and a tag of 128 (RFC 7518, section 5.3). */
const NONCE_LENGTH = 16;
const TAG_LENGTH = 22;

/**
 * Splits a token before any JSON or crypto runs. Accepts only a string within the size limit that has exactly three
 * non-empty segments in canonical base64url (RFC 7515, section 2; RFC 4648, section 3.5), so each segment has only
 * one spelling.
 */
export function openSigned(token: string): SignedSegments | undefined {
  const [header, payload, signature] = segmentsOf(token, 3);
  return isBase64Url(signature) && isBase64Url(header) && isBase64Url(payload)
    ? { header, payload }
    : undefined;
}

/** Splits a compact JWE like {@link openSigned}: five segments (RFC 7516, section 3.1), without an encrypted key. */
export function openEncrypted(token: string): EncryptedSegments | undefined {
  const [header, encryptedKey, nonce, ciphertext, tag] = segmentsOf(token, 5);
  return encryptedKey === '' &&
    nonce?.length === NONCE_LENGTH &&
    tag?.length === TAG_LENGTH &&
    isBase64Url(nonce) &&
    isBase64Url(tag) &&
    isBase64Url(header) &&
    isBase64Url(ciphertext)
    ? { header, nonce, ciphertext, tag }
    : undefined;
}

/** Returns exactly this many segments, or none. */
function segmentsOf(token: string, count: number): readonly string[] {
  if (token.length > MAXIMUM_TOKEN_LENGTH) {
    return [];
  }
  const segments = token.split('.', count + 1);
  return segments.length === count ? segments : [];
}

/** Returns whether a text is non-empty base64url, and the unused bits of its last character are all zero. */
function isBase64Url(segment: string | undefined): segment is string {
  if (!segment || NOT_BASE64URL.test(segment)) {
    return false;
  }
  const last = segment.charAt(segment.length - 1);
  switch (segment.length % 4) {
    case 0:
      return true;
    case 2:
      return 'AQgw'.includes(last);
    case 3:
      return 'AEIMQUYcgkosw048'.includes(last);
    default:
      return false;
  }
}
