import { parseStrictJson } from './strict-json.js';

/** The kinds of tokens; each is refused in the place of another (RFC 8725, section 3.12). */
export type TokenType = 'session+jwt' | 'session-refresh+jwt';

/** The only members a token header may have; `crit`, `jku`, `jwk`, `zip` and all others are refused. */
export interface TokenHeader {
  readonly alg: 'HS256';
  readonly typ: TokenType;
  readonly kid: string;
}

const KID = /^[\w.-]{1,128}$/;

/** Reads a header by allowlist, before any key is looked up (RFC 8725, sections 3.1, 3.10 and 3.11). */
export function parseTokenHeader(
  segment: string,
  type: TokenType,
): TokenHeader | undefined {
  const value = parseStrictJson(segment);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return undefined;
  }
  const { alg, typ, kid } = value as Record<string, unknown>;
  return Object.keys(value).length === 3 &&
    alg === 'HS256' &&
    typ === type &&
    typeof kid === 'string' &&
    KID.test(kid)
    ? { alg, typ: type, kid }
    : undefined;
}
