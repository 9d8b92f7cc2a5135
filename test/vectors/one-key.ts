import type { KeyObject } from 'node:crypto';
import { ListedKeys } from '../../lib/keys/key-set.js';
import type { TokenAlgorithm, TokenKey } from '../../lib/keys/token-key.js';
import { TokenCodec } from '../../lib/tokens/token-codec.js';
import {
  encryptedTokens,
  signedTokens,
  type TokenFormat,
} from '../../lib/tokens/token-format.js';
import { sessionTokens } from '../../lib/tokens/token-kind.js';
import { SIGNER } from '../support/signers.js';
import { fixedKeys } from '../support/token-keys.js';

/** Every way in which an application can have its session tokens protected. */
export const FORMATS: Record<'secrets' | 'pairs' | 'encryption', TokenFormat> =
  {
    secrets: signedTokens(SIGNER, false),
    pairs: signedTokens(SIGNER, true),
    encryption: encryptedTokens,
  };

export const SESSIONS = sessionTokens({
  issuer: 'nestjs-session-jwt',
  audience: 'nestjs-session-jwt',
  paramsAreData: false,
  isReference: false,
  isRecorded: false,
});

export function tokenKey(
  algorithm: TokenAlgorithm,
  key: KeyObject,
  signingKey?: KeyObject,
): TokenKey {
  return { kid: 'the-key', algorithm, key, signingKey };
}

/** A codec with one key, which is found whatever a token calls it. */
export function codecWith(key: TokenKey, format: TokenFormat): TokenCodec {
  const keys = new ListedKeys([key], key);
  keys.find = () => key;
  return new TokenCodec(fixedKeys(keys), format, SESSIONS);
}

/** The content of a token if it was protected with this key, whatever its header says. */
export function contentOf(
  format: TokenFormat,
  token: string,
  key: TokenKey,
): Buffer | undefined {
  try {
    const content = format.open(token)?.payload(key);
    return content && Buffer.from(content);
  } catch {
    return undefined;
  }
}
