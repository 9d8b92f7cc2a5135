/** The largest token that is looked at or issued, in characters (all of them ASCII). */
export const MAXIMUM_TOKEN_LENGTH = 8192;

/** The segments of a compact JWS that are read, still encoded. */
export interface SignedSegments {
  readonly header: string;
  readonly payload: string;
}

/** The segments of a compact JWE of which the key is agreed on (`dir`), still encoded. */
export interface EncryptedSegments {
  readonly header: string;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
}

const SIGNED = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** No encrypted key, a nonce of 96 bits, a tag of 128 bits (RFC 7518, sections 4.5 and 5.3). */
const ENCRYPTED = /^([\w-]+)\.\.([\w-]{16})\.([\w-]+)\.([\w-]{22})$/;

/**
 * What happens before any JSON or crypto: a string within the size, of exactly three non-empty segments in
 * the one canonical base64url spelling (RFC 7515, section 2; RFC 4648, section 3.5). So each segment has
 * one spelling, and nothing else gets any further.
 */
export function openSigned(token: string): SignedSegments | undefined {
  const [header, payload] = segmentsOf(token, SIGNED);
  return header !== undefined && payload !== undefined
    ? { header, payload }
    : undefined;
}

/** As {@link openSigned}, for the five segments of a compact JWE (RFC 7516, section 3.1). */
export function openEncrypted(token: string): EncryptedSegments | undefined {
  const [header, nonce, ciphertext, tag] = segmentsOf(token, ENCRYPTED);
  return header !== undefined &&
    nonce !== undefined &&
    ciphertext !== undefined &&
    tag !== undefined
    ? { header, nonce, ciphertext, tag }
    : undefined;
}

function segmentsOf(token: string, form: RegExp): readonly string[] {
  if (token.length > MAXIMUM_TOKEN_LENGTH) {
    return [];
  }
  const [, ...segments] = form.exec(token) ?? [];
  return segments.every(isCanonical) ? segments : [];
}

/** Whether the bits that the last character has to spare are zero. */
function isCanonical(segment: string): boolean {
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
