import { createSecretKey } from 'node:crypto';
import type { CurrentKeys } from '../../lib/keys/key-ring.js';
import { keysDerivedFrom, keysOfSecrets } from '../../lib/keys/key-set.js';
import type { ClaimsExpectation } from '../../lib/tokens/claims-profile.js';
import type { RefreshLink } from '../../lib/session/model/refresh-chain.js';
import type {
  RefreshClaims,
  SessionClaims,
  TokenClaims,
} from '../../lib/tokens/session-claims.js';
import { TokenCodec } from '../../lib/tokens/token-codec.js';
import { signedTokens } from '../../lib/tokens/token-format.js';
import { refreshTokens, sessionTokens } from '../../lib/tokens/token-kind.js';
import { DAY, NOW } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';
import { SIGNER } from '../support/signers.js';
import { fixedKeys } from '../support/token-keys.js';

const SIGNED = signedTokens(SIGNER, false);

const EXPECTED: ClaimsExpectation = {
  issuer: 'nestjs-session-jwt',
  audience: 'nestjs-session-jwt',
  paramsAreData: false,
  isReference: false,
  isRecorded: true,
};

/** A codec of session tokens with keys that a test controls. */
export function sessionCodecWith(keys: CurrentKeys): TokenCodec {
  return new TokenCodec(keys, SIGNED, sessionTokens(EXPECTED));
}

/** The codecs of a module with refresh tokens, over the secret of tests. */
export function createCodecs(
  overrides: Partial<ClaimsExpectation> = {},
  secret = SECRET,
): {
  readonly codec: TokenCodec;
  readonly refreshCodec: TokenCodec<RefreshClaims>;
} {
  const expected = { ...EXPECTED, ...overrides };
  const secrets = [createSecretKey(Buffer.from(secret))];
  return {
    codec: new TokenCodec(
      fixedKeys(keysOfSecrets(secrets)),
      SIGNED,
      sessionTokens(expected),
    ),
    refreshCodec: new TokenCodec(
      fixedKeys(keysDerivedFrom(secrets, 'refresh')),
      SIGNED,
      refreshTokens(expected),
    ),
  };
}

const CONTENT = ['lat', 'params', 'data', 'attrs', 'rev'];

/** What all tokens of a session say, without what the session is about. */
export function sharedClaimsOf(session: SessionClaims): TokenClaims {
  return Object.fromEntries(
    Object.entries(session).filter(([name]) => !CONTENT.includes(name)),
  ) as unknown as TokenClaims;
}

/** A refresh token of a session, at the beginning of a chain that a store keeps. */
export function refreshClaimsOf(
  session: SessionClaims,
  overrides: Partial<TokenClaims & RefreshLink> = {},
): TokenClaims & RefreshLink {
  return {
    ...sharedClaimsOf(session),
    exp: NOW + 7 * DAY,
    jti: 'B'.repeat(42) + 'E',
    gen: 0,
    ...overrides,
  };
}
