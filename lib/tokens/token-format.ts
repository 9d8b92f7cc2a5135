import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { TokenKey } from '../keys/token-key.js';
import { openEncrypted, openSigned } from './front-gate.js';
import {
  parseEncryptedHeader,
  parseSignedHeader,
  type TokenHeader,
  type TokenType,
} from './token-header.js';
import type { TokenSigner } from './token-signer.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** How compact tokens are protected: by a signature or by encryption. An application uses one of the two. */
export interface TokenFormat {
  /** Protects claims with a key that has a `signingKey`. */
  protect(claims: object, type: TokenType, key: TokenKey): string;
  /** Takes a well-formed token apart; `undefined` if it is malformed. */
  open(token: string): OpenToken | undefined;
}

/** A token taken apart, of which nothing is verified yet. */
export interface OpenToken {
  /** The header, still encoded. */
  readonly headerSegment: string;
  /** Returns the header if it is allowed. */
  header(type: TokenType): TokenHeader | undefined;
  /** Returns the claims as JSON text if they were protected with this key. May throw if not. */
  payload(key: TokenKey): Uint8Array | undefined;
}

/** JWS compact (RFC 7515, section 7.1). */
export function signedTokens(
  signer: TokenSigner,
  arePairs: boolean,
): TokenFormat {
  return {
    protect: (claims, typ, key) =>
      signer.sign(claims, { alg: key.algorithm, typ, kid: key.kid }, key),
    open(token) {
      const segments = openSigned(token);
      return (
        segments && {
          headerSegment: segments.header,
          header: (type) => parseSignedHeader(segments.header, type, arePairs),
          payload: (key) =>
            signer.verify(token, key)
              ? Buffer.from(segments.payload, 'base64url')
              : undefined,
        }
      );
    },
  };
}

/** JWE compact with `dir` and `A256GCM` (RFC 7516, section 5; RFC 7518, section 5.3). */
export const encryptedTokens: TokenFormat = {
  protect(claims, typ, { kid, signingKey }) {
    const header = Buffer.from(
      JSON.stringify({ alg: 'dir', enc: 'A256GCM', typ, kid }),
    ).toString('base64url');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', signingKey!, nonce);
    cipher.setAAD(Buffer.from(header));
    const ciphertext = Buffer.concat([
      cipher.update(JSON.stringify(claims), 'utf8'),
      cipher.final(),
    ]);
    const parts = [nonce, ciphertext, cipher.getAuthTag()];
    return [
      header,
      '',
      ...parts.map((part) => part.toString('base64url')),
    ].join('.');
  },
  open(token) {
    const segments = openEncrypted(token);
    return (
      segments && {
        headerSegment: segments.header,
        header: (type) => parseEncryptedHeader(segments.header, type),
        payload({ key }) {
          const decipher = createDecipheriv(
            'aes-256-gcm',
            key,
            Buffer.from(segments.nonce, 'base64url'),
            { authTagLength: TAG_BYTES },
          );
          decipher.setAAD(Buffer.from(segments.header));
          decipher.setAuthTag(Buffer.from(segments.tag, 'base64url'));
          const start = decipher.update(segments.ciphertext, 'base64url');
          return Buffer.concat([start, decipher.final()]);
        },
      }
    );
  },
};
