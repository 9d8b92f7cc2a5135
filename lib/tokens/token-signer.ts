import type { TokenKey } from '../keys/token-key.js';

/** The protected header of a signed token. */
export interface SignedHeader {
  readonly alg: string;
  readonly typ: string;
  readonly kid: string;
}

/** The cryptography of signed tokens. It decides nothing: key, algorithm and header are given. */
export interface TokenSigner {
  /** Returns the compact token with exactly this header and these claims. */
  sign(claims: object, header: SignedHeader, key: TokenKey): string;
  /** Returns whether the signature of a well-formed compact token was made with this key. May throw if not. */
  verify(token: string, key: TokenKey): boolean;
}
