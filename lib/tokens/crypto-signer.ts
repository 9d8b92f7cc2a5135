import { createHmac, sign, timingSafeEqual, verify } from 'node:crypto';
import type { TokenAlgorithm, TokenKey } from '../keys/token-key.js';
import type { SignedHeader, TokenSigner } from './token-signer.js';

/** Signs bytes with a signature or MAC in base64url, and verifies it. */
interface Scheme {
  sign(content: string, key: TokenKey): string;
  verify(content: string, signature: Buffer, key: TokenKey): boolean;
}

const HS256: Scheme = {
  sign: (content, { signingKey }) =>
    createHmac('sha256', signingKey!).update(content).digest('base64url'),
  verify(content, signature, { key }) {
    const mac = createHmac('sha256', key).update(content).digest();
    return signature.length === mac.length && timingSafeEqual(signature, mac);
  },
};

/** ES256, whose signatures are R and S concatenated, 32 bytes each (RFC 7518, section 3.4). */
const ES256: Scheme = {
  sign: (content, { signingKey }) =>
    sign('sha256', Buffer.from(content), {
      key: signingKey!,
      dsaEncoding: 'ieee-p1363',
    }).toString('base64url'),
  verify: (content, signature, { key }) =>
    // Without this check, an RSA key declared for ES256 would verify RS256.
    signature.length === 64 &&
    verify(
      'sha256',
      Buffer.from(content),
      { key, dsaEncoding: 'ieee-p1363' },
      signature,
    ),
};

/** Ed25519 (RFC 8037, section 3.1). */
const EdDSA: Scheme = {
  sign: (content, { signingKey }) =>
    sign(null, Buffer.from(content), signingKey!).toString('base64url'),
  verify: (content, signature, { key }) =>
    verify(null, Buffer.from(content), key, signature),
};

const SCHEMES: Partial<Record<TokenAlgorithm, Scheme>> = {
  HS256,
  ES256,
  EdDSA,
};

/**
 * Signs and verifies HS256 and ES256 directly with `node:crypto`, which halves the cost of a request with a new
 * token, and EdDSA, which `@nestjs/jwt` does not support. Other algorithms are passed on.
 */
export class CryptoSigner implements TokenSigner {
  readonly #others: TokenSigner;
  /** The encoded header that each key signed last, which is the same each time. */
  readonly #headers = new WeakMap<
    TokenKey,
    SignedHeader & { readonly segment: string }
  >();

  constructor(others: TokenSigner) {
    this.#others = others;
  }

  sign(claims: object, header: SignedHeader, key: TokenKey): string {
    const scheme = SCHEMES[key.algorithm];
    if (!scheme) {
      return this.#others.sign(claims, header, key);
    }
    const content = `${this.#encoded(header, key)}.${encode(claims)}`;
    return `${content}.${scheme.sign(content, key)}`;
  }

  verify(token: string, key: TokenKey): boolean {
    const scheme = SCHEMES[key.algorithm];
    if (!scheme) {
      return this.#others.verify(token, key);
    }
    const end = token.lastIndexOf('.');
    return scheme.verify(
      token.slice(0, end),
      Buffer.from(token.slice(end + 1), 'base64url'),
      key,
    );
  }

  #encoded(header: SignedHeader, key: TokenKey): string {
    const { alg, typ, kid } = header;
    const known = this.#headers.get(key);
    if (known?.alg === alg && known.typ === typ && known.kid === kid) {
      return known.segment;
    }
    const segment = encode(header);
    this.#headers.set(key, { ...header, segment });
    return segment;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
