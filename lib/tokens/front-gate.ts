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
  const segments = segmentsOf(token, SIGNED);
  return segments && { header: segments[1]!, payload: segments[2]! };
}

/** As {@link openSigned}, for the five segments of a compact JWE (RFC 7516, section 3.1). */
export function openEncrypted(token: string): EncryptedSegments | undefined {
  const segments = segmentsOf(token, ENCRYPTED);
  return (
    segments && {
      header: segments[1]!,
      nonce: segments[2]!,
      ciphertext: segments[3]!,
      tag: segments[4]!,
    }
  );
}

/** The match of a token and its segments. */
function segmentsOf(token: string, form: RegExp): RegExpExecArray | undefined {
  if (token.length > MAXIMUM_TOKEN_LENGTH) {
    return undefined;
  }
  const match = form.exec(token);
  return match?.slice(1).every(isCanonical) ? match : undefined;
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
