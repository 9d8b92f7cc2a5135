import type { KeyObject } from 'node:crypto';
import type { SessionKeyAlgorithm } from '../options/key-options.js';

/** The purpose of a key: a MAC, a signature, or encryption. */
export type TokenAlgorithm = 'HS256' | SessionKeyAlgorithm | 'A256GCM';

/** A key and the only algorithm that it may be used with (RFC 8725, section 3.1). */
export interface TokenKey {
  readonly kid: string;
  readonly algorithm: TokenAlgorithm;
  /** Verifies or decrypts. */
  readonly key: KeyObject;
  /** Signs or encrypts; `undefined` if this process only verifies with the key. */
  readonly signingKey: KeyObject | undefined;
}
