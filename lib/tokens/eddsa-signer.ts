import { sign, verify } from 'node:crypto';
import type { TokenKey } from '../keys/token-key.js';
import type { SignedHeader, TokenSigner } from './token-signer.js';

/** Ed25519 signatures (RFC 8037, section 3.1), which `@nestjs/jwt` does not know; the others it passes on. */
export class EdDsaSigner implements TokenSigner {
  readonly #others: TokenSigner;

  constructor(others: TokenSigner) {
    this.#others = others;
  }

  sign(claims: object, header: SignedHeader, key: TokenKey): string {
    if (key.algorithm !== 'EdDSA') {
      return this.#others.sign(claims, header, key);
    }
    const content = `${encode(header)}.${encode(claims)}`;
    const signature = sign(null, Buffer.from(content), key.signingKey!);
    return `${content}.${signature.toString('base64url')}`;
  }

  verify(token: string, key: TokenKey): boolean {
    if (key.algorithm !== 'EdDSA') {
      return this.#others.verify(token, key);
    }
    const end = token.lastIndexOf('.');
    return verify(
      null,
      Buffer.from(token.slice(0, end)),
      key.key,
      Buffer.from(token.slice(end + 1), 'base64url'),
    );
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
