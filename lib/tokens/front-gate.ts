/** The largest token that is looked at or issued, in characters (all of them ASCII). */
export const MAXIMUM_TOKEN_LENGTH = 8192;

/** The segments of a compact JWS, still encoded. */
export interface CompactSegments {
  readonly header: string;
  readonly payload: string;
}

const COMPACT = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;

/**
 * What happens before any JSON or crypto: a string within the size, of exactly three non-empty segments in
 * the one canonical base64url spelling (RFC 7515, section 2; RFC 4648, section 3.5). So one token has one
 * spelling, and nothing else gets any further.
 */
export function openCompact(token: string): CompactSegments | undefined {
  if (token.length > MAXIMUM_TOKEN_LENGTH) {
    return undefined;
  }
  const match = COMPACT.exec(token);
  if (!match) {
    return undefined;
  }
  const [, header, payload, signature] = match as unknown as [
    string,
    string,
    string,
    string,
  ];
  return isCanonical(header) && isCanonical(payload) && isCanonical(signature)
    ? { header, payload }
    : undefined;
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
