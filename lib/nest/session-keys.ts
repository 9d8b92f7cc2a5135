import type { KeyObject } from 'node:crypto';
import type { SessionClock } from '../ports/clock.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import type { SessionError } from '../errors/session-error.js';
import { DailyKeys } from '../keys/daily-keys.js';
import { deriveKey } from '../keys/derive.js';
import { publishedKeys, type JwkSet } from '../keys/jwk-set.js';
import { KeyRing, type KeySource } from '../keys/key-ring.js';
import {
  keysDerivedFrom,
  keysOfPairs,
  keysOfSecrets,
  type KeySet,
} from '../keys/key-set.js';
import { remoteKeys } from '../keys/remote-keys.js';
import type {
  KeyMaterial,
  ResolvedKeysOptions,
  ResolvedSessionJwtOptions,
} from '../options/resolved-options.js';
import type { SessionEvents } from '../session/model/session-events.js';
import type { ClaimsExpectation } from '../tokens/claims-profile.js';
import { CryptoSigner } from '../tokens/crypto-signer.js';
import type { RefreshClaims } from '../tokens/session-claims.js';
import { TokenCodec } from '../tokens/token-codec.js';
import { encryptedTokens, signedTokens } from '../tokens/token-format.js';
import { refreshTokens, sessionTokens } from '../tokens/token-kind.js';
import { JwtServiceSigner } from './jwt-service-signer.js';

/** The keys of a module, and the codecs that use them. */
export interface SessionKeys {
  readonly ring: KeyRing;
  readonly codec: TokenCodec;
  /** `undefined` without refresh tokens. */
  readonly refreshCodec: TokenCodec<RefreshClaims> | undefined;
  /** The keys of CSRF tokens: the first one signs, all of them verify. */
  readonly csrfKeys: () => readonly KeyObject[];
  /** The keys of the challenges that devices sign: the first one signs, all of them verify. */
  readonly challengeKeys: () => readonly KeyObject[];
  /** The public halves of the key pairs. */
  readonly published: () => JwkSet;
}

/**
 * Loads the keys for the first time, and builds the codecs that sign and verify with them.
 *
 * @throws {SessionConfigError} if a function of the application fails or returns unusable keys; a JWKS that cannot be
 *   fetched yet is requested again later
 */
export async function openSessionKeys(
  options: ResolvedSessionJwtOptions,
  expected: ClaimsExpectation,
  clock: SessionClock,
  events: SessionEvents,
): Promise<SessionKeys> {
  const { keys, refresh, isVerifyOnly } = options;
  const ring = new KeyRing({
    fixed: keys.fixed,
    source: sourceOf(keys),
    clock,
    cache: keys.cache,
    onFailure: (error) => events.keysFailed(error),
  });
  if (keys.provide) {
    await ring.reload().catch(refuseBoot);
  } else {
    await ring.ready();
  }
  const now = (): number => clock.nowSeconds();
  const signer = new CryptoSigner(new JwtServiceSigner());
  const format = keys.encryption
    ? encryptedTokens
    : signedTokens(signer, keys.arePairs);
  const derivedFrom = ({ secrets }: KeyMaterial) =>
    [keys.derivedSecrets, secrets].find((each) => each.length > 0) ?? [];
  const encryptedFrom = (material: KeyMaterial) =>
    keys.encryption?.length ? keys.encryption : derivedFrom(material);

  const ownRefresh = refresh?.secrets.length ? refresh.secrets : undefined;

  const sessionKeys = (material: KeyMaterial): KeySet => {
    if (keys.encryption) {
      const secrets = encryptedFrom(material);
      return new DailyKeys(secrets, 'encrypt-session', now, isVerifyOnly);
    }
    return keys.arePairs
      ? keysOfPairs(material.keys, now())
      : keysOfSecrets(material.secrets, isVerifyOnly);
  };
  const refreshKeys = (material: KeyMaterial): KeySet => {
    if (keys.encryption) {
      const secrets = ownRefresh ?? encryptedFrom(material);
      return new DailyKeys(secrets, 'encrypt-refresh', now);
    }
    return ownRefresh
      ? keysOfSecrets(ownRefresh)
      : keysDerivedFrom(derivedFrom(material), 'refresh');
  };
  return {
    ring,
    codec: new TokenCodec(
      ring.slot(sessionKeys),
      format,
      sessionTokens(expected),
    ),
    refreshCodec:
      refresh &&
      new TokenCodec(
        ring.slot(refreshKeys),
        keys.encryption ? format : signedTokens(signer, false),
        refreshTokens(expected),
      ),
    csrfKeys: ofMaterial(ring, (material) =>
      encryptedFrom(material).map((each) => deriveKey(each, 'csrf')),
    ),
    challengeKeys: ofMaterial(ring, (material) =>
      (ownRefresh ?? encryptedFrom(material)).map((each) =>
        deriveKey(each, 'device-challenge'),
      ),
    ),
    published: () => publishedKeys(ring.material.keys, now()),
  };
}

/** Caches a value made from the keys, until the keys change. */
function ofMaterial<T>(
  ring: KeyRing,
  make: (material: KeyMaterial) => T,
): () => T {
  let made = { of: ring.material, value: make(ring.material) };
  return () => {
    if (made.of !== ring.material) {
      made = { of: ring.material, value: make(ring.material) };
    }
    return made.value;
  };
}

/** Stops the boot: without keys nothing can be issued. Faults of the keys are reported like all others. */
function refuseBoot({ cause }: SessionError): never {
  throw cause instanceof SessionConfigError
    ? cause
    : new SessionConfigError(
        ['the function that provides the secret or the keys failed; see cause'],
        { cause },
      );
}

function sourceOf({
  provide,
  jwksUri,
}: ResolvedKeysOptions): KeySource | undefined {
  return jwksUri ? remoteKeys(jwksUri) : provide;
}
