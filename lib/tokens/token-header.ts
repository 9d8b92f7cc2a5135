import type { TokenAlgorithm } from '../keys/token-key.js';
import { parseStrictJson } from './strict-json.js';

/** The kinds of tokens. Each is refused in the place of another (RFC 8725, section 3.12). */
export type TokenType = 'session+jwt' | 'session-refresh+jwt';

/** The content of an allowed header. */
export interface TokenHeader {
  readonly algorithm: TokenAlgorithm;
  readonly kid: string;
}

const KID = /^[\w.-]{1,128}$/;

/** Every algorithm that key pairs may sign tokens with. The key decides which one applies (RFC 8725, section 3.1). */
const SIGNED_BY_PAIRS: ReadonlySet<unknown> = new Set<TokenAlgorithm>([
  'ES256',
  'EdDSA',
  'RS256',
  'PS256',
]);

/**
 * Reads the header of a signed token by allowlist, before any key is looked up (RFC 8725, sections 3.1, 3.10 and
 * 3.11). Allows `alg`, `typ` and `kid`; refuses `crit`, `jku`, `jwk`, `zip` and all other members.
 *
 * @param arePairs whether key pairs sign tokens; a shared secret is then never used
 */
export function parseSignedHeader(
  segment: string,
  type: TokenType,
  arePairs: boolean,
): TokenHeader | undefined {
  const header = readHeader(segment, type, 3);
  const alg = header?.['alg'];
  return header && (arePairs ? SIGNED_BY_PAIRS.has(alg) : alg === 'HS256')
    ? { algorithm: alg as TokenAlgorithm, kid: header.kid }
    : undefined;
}

/**
 * Reads the header of an encrypted token by allowlist: `dir` and `A256GCM` (RFC 7518, sections 4.5 and 5.3), `typ`
 * and `kid`. Nothing can be inflated (`zip`), derived from a password (`p2c`) or unwrapped.
 */
export function parseEncryptedHeader(
  segment: string,
  type: TokenType,
): TokenHeader | undefined {
  const header = readHeader(segment, type, 4);
  return header?.['alg'] === 'dir' && header['enc'] === 'A256GCM'
    ? { algorithm: 'A256GCM', kid: header.kid }
    : undefined;
}

function readHeader(
  segment: string,
  type: TokenType,
  members: number,
): (Record<string, unknown> & { readonly kid: string }) | undefined {
  const value = parseStrictJson(Buffer.from(segment, 'base64url'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return undefined;
  }
  const header = value as Record<string, unknown>;
  const { typ, kid } = header;
  return Object.keys(header).length === members &&
    typ === type &&
    typeof kid === 'string' &&
    KID.test(kid)
    ? { ...header, kid }
    : undefined;
}
