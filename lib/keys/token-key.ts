import type { KeyObject } from 'node:crypto';
import type { SessionKeyAlgorithm } from '../options/key-options.js';

/** What a key may be used with: a MAC, a signature, or encryption. */
export type TokenAlgorithm = 'HS256' | SessionKeyAlgorithm | 'A256GCM';

/** A key and the one algorithm it may be used with (RFC 8725, section 3.1). */
export interface TokenKey {
  readonly kid: string;
  readonly algorithm: TokenAlgorithm;
  /** Verifies, or decrypts. */
  readonly key: KeyObject;
  /** Signs or encrypts; `undefined` where this process only verifies with it. */
  readonly signingKey: KeyObject | undefined;
}
