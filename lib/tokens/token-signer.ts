import type { SessionKey } from '../keys/key-set.js';
import type { TokenHeader } from './token-header.js';

/** The cryptography behind the codec. It decides nothing: key, algorithm and header are given. */
export interface TokenSigner {
  /** The compact token with exactly this header and these claims. */
  sign(claims: object, header: TokenHeader, key: SessionKey): string;
  /** Whether the signature of a well-formed compact token was made with this key. May throw if not. */
  verify(token: string, key: SessionKey): boolean;
}
