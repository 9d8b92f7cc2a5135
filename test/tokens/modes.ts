import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { DailyKeys } from '../../lib/keys/daily-keys.js';
import { keysOfPairs, type KeySet } from '../../lib/keys/key-set.js';
import type { TokenAlgorithm } from '../../lib/keys/token-key.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import type { ResolvedKey } from '../../lib/options/resolved-options.js';
import type { ClaimsExpectation } from '../../lib/tokens/claims-profile.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { TokenCodec } from '../../lib/tokens/token-codec.js';
import {
  encryptedTokens,
  signedTokens,
  type TokenFormat,
} from '../../lib/tokens/token-format.js';
import { sessionTokens } from '../../lib/tokens/token-kind.js';
import {
  forgeEncrypted,
  forgeSigned,
  forgeToken,
  type SegmentContent,
} from '../support/forged-token.js';
import {
  keyPairs,
  newKeyPair,
  otherKeyPairs,
  type KeyPair,
} from '../support/key-pairs.js';
import { NOW } from '../support/session-claims.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { SIGNER } from '../support/signers.js';
import { fixedKeys, secretKeys, signingKeyOf } from '../support/token-keys.js';

export const EXPECTED: ClaimsExpectation = {
  issuer: 'app',
  audience: 'app',
  paramsAreData: false,
  isReference: false,
  isRecorded: false,
};

export const CLAIMS: SessionClaims = {
  v: 1,
  iss: 'app',
  aud: 'app',
  sub: 'ada',
  sid: 'A'.repeat(43),
  jti: 'abcdefghijklmnopqrstuv',
  iat: NOW,
  exp: NOW + 3_600,
  oiat: NOW,
  auth_time: NOW,
  lat: NOW,
  params: 'ada',
  data: { name: 'Ad\u00e9', roles: ['admin'] },
  attrs: {},
  rev: 0,
};

/** One way of protecting tokens, as one application is configured. */
export interface Mode {
  readonly name: TokenAlgorithm;
  readonly format: TokenFormat;
  /** One key that signs, or encrypts, and one that only verifies, or decrypts. */
  readonly keys: KeySet;
  /** The second key alone. */
  readonly otherKeys: KeySet;
  /** The header of a good session token. */
  readonly header: Readonly<Record<string, string>>;
  /** Protects anything in the way of this mode, by default with its own key, whatever the header says. */
  forge(
    header: SegmentContent,
    payload: SegmentContent,
    key?: KeyObject,
  ): string;
  /** A fresh key that fits the algorithm and is not configured. */
  strangersKey(): KeyObject;
}

/** Tokens under a shared secret. */
export const secretMode: Mode = {
  ...modeOf(
    'HS256',
    signedTokens(SIGNER, false),
    secretKeys(SECRET, OTHER_SECRET),
    secretKeys(OTHER_SECRET),
    (header, payload, key) => forgeToken(header, payload, key),
  ),
  strangersKey: randomKey,
};

/** Tokens under key pairs, one mode for each algorithm. */
export const pairModes: readonly Mode[] = (
  ['ES256', 'EdDSA', 'RS256', 'PS256'] as const
).map((algorithm) => ({
  ...modeOf(
    algorithm,
    signedTokens(SIGNER, true),
    pairKeys(
      pairOf(algorithm, keyPairs[algorithm]),
      pairOf(algorithm, otherKeyPairs[algorithm], 'next'),
    ),
    pairKeys(pairOf(algorithm, otherKeyPairs[algorithm])),
    (header, payload, key) => forgeSigned(header, payload, algorithm, key),
  ),
  strangersKey: () => newKeyPair(algorithm).privateKey,
}));

/** Encrypted tokens. */
export const encryptedMode: Mode = {
  ...modeOf(
    'A256GCM',
    encryptedTokens,
    dailyKeys(SECRET, OTHER_SECRET),
    dailyKeys(OTHER_SECRET),
    forgeEncrypted,
  ),
  strangersKey: randomKey,
};

export const signedModes: readonly Mode[] = [secretMode, ...pairModes];
export const modes: readonly Mode[] = [...signedModes, encryptedMode];

/** The codec of session tokens of a mode. */
export function codecOf(mode: Mode, keys: KeySet = mode.keys): TokenCodec {
  return new TokenCodec(fixedKeys(keys), mode.format, sessionTokens(EXPECTED));
}

/** A key pair as the options resolve it. */
export function pairOf(
  algorithm: SessionKeyAlgorithm,
  pair: KeyPair,
  state: ResolvedKey['state'] = 'active',
  endsAt = Infinity,
): ResolvedKey {
  return { algorithm, ...pair, state, endsAt };
}

export function pairKeys(...pairs: ResolvedKey[]): KeySet {
  return keysOfPairs(pairs, NOW);
}

export function dailyKeys(...secrets: string[]): KeySet {
  return new DailyKeys(
    secrets.map((secret) => createSecretKey(Buffer.from(secret))),
    'encrypt-session',
    () => NOW,
  );
}

function modeOf(
  name: TokenAlgorithm,
  format: TokenFormat,
  keys: KeySet,
  otherKeys: KeySet,
  forge: (
    header: SegmentContent,
    payload: SegmentContent,
    key: KeyObject,
  ) => string,
): Omit<Mode, 'strangersKey'> {
  const { kid, signingKey } = signingKeyOf(keys);
  return {
    name,
    format,
    keys,
    otherKeys,
    header: {
      ...(name === 'A256GCM' ? { alg: 'dir', enc: name } : { alg: name }),
      typ: 'session+jwt',
      kid,
    },
    forge: (header, payload, key = signingKey!) => forge(header, payload, key),
  };
}

function randomKey(): KeyObject {
  return createSecretKey(randomBytes(32));
}
