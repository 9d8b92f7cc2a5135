import { createHmac, KeyObject, verify as verifySignature } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import type { TokenKey } from '../../lib/keys/token-key.js';
import { JwtServiceSigner } from '../../lib/nest/jwt-service-signer.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import type { SignedHeader } from '../../lib/tokens/token-signer.js';
import {
  encodeSegment,
  forgeSigned,
  forgeToken,
} from '../support/forged-token.js';
import { keyPairs } from '../support/key-pairs.js';
import { NOW } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';
import { signingKeyOf } from '../support/token-keys.js';
import { pairModes, secretMode, type Mode } from './modes.js';

const SIGNER = new JwtServiceSigner();
const MODES: readonly Mode[] = [
  secretMode,
  ...pairModes.filter(({ name }) => name !== 'EdDSA'),
];
const CLAIMS = {
  z: 1,
  iat: NOW,
  sub: 'ada',
  exp: NOW + 60,
  data: { text: '\u00e9 \u{1f600} "quoted" \\ \u2028', list: [1, null, {}] },
  a: -0.5,
  aud: 'app',
  iss: 'app',
};

/** What the JwtService was called with, whichever instance it was. */
function watchJwtService<T>(work: () => T): { result: T; keys: unknown[] } {
  const prototype = JwtService.prototype;
  const { sign, verify } = prototype;
  const keys: unknown[] = [];
  prototype.sign = function (this: JwtService, payload: never, options: never) {
    keys.push((options as { secret?: unknown }).secret);
    return sign.call(this, payload, options);
  };
  prototype.verify = function (
    this: JwtService,
    token: string,
    options: never,
  ) {
    keys.push((options as { secret?: unknown }).secret);
    return verify.call(this, token, options);
  } as typeof verify;
  try {
    return { result: work(), keys };
  } finally {
    prototype.sign = sign;
    prototype.verify = verify;
  }
}

function isYes(token: string, key: TokenKey): boolean {
  try {
    return SIGNER.verify(token, key);
  } catch {
    return false;
  }
}

describe.each(MODES)('the signer with $name', (mode) => {
  const key = signingKeyOf(mode.keys);
  const header = mode.header as unknown as SignedHeader;

  it('writes a header of exactly alg, typ and kid', () => {
    const [segment = ''] = SIGNER.sign(CLAIMS, header, key).split('.');
    const text = Buffer.from(segment, 'base64url').toString();
    expect(JSON.parse(text)).toEqual({
      alg: mode.name,
      typ: 'session+jwt',
      kid: key.kid,
    });
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('writes the claims byte for byte, in their order, and adds none', () => {
    const [, payload] = SIGNER.sign(CLAIMS, header, key).split('.');
    expect(payload).toBe(encodeSegment(CLAIMS));
  });

  it('leaves the claims alone, frozen ones too', () => {
    const frozen = Object.freeze(structuredClone(CLAIMS));
    const [, payload] = SIGNER.sign(frozen, header, key).split('.');
    expect(payload).toBe(encodeSegment(CLAIMS));
    expect(frozen).toEqual(CLAIMS);
  });

  it('hands KeyObjects over, to sign and to verify, and never a string', () => {
    const { result, keys } = watchJwtService(() => {
      const token = SIGNER.sign(CLAIMS, header, key);
      return SIGNER.verify(token, key);
    });
    expect(result).toBe(true);
    expect(keys.every((each) => each instanceof KeyObject)).toBe(true);
    expect(keys).toEqual([key.signingKey, key.key]);
  });

  it('says yes to a token of the key, whoever made it', () => {
    expect(isYes(mode.forge(header, CLAIMS), key)).toBe(true);
    expect(isYes(SIGNER.sign(CLAIMS, header, key), key)).toBe(true);
  });

  it('says nothing about clocks: the expired and the not yet valid are well signed', () => {
    for (const times of [
      { exp: 1 },
      { nbf: NOW * 2 },
      { iat: NOW * 2 },
      { exp: 1, iat: 0, nbf: 5 },
    ]) {
      expect(isYes(mode.forge(header, { ...CLAIMS, ...times }), key)).toBe(
        true,
      );
    }
  });

  it('says no to a token of another key (S-001)', () => {
    expect(isYes(mode.forge(header, CLAIMS, mode.strangersKey()), key)).toBe(
      false,
    );
  });

  it.each(MODES)(
    'says yes to a token of $name only if that is the algorithm of the key, whichever of the two the token names (A-010, S-003)',
    (other) => {
      const isOwn = other.name === mode.name;
      for (const alg of [mode.name, other.name]) {
        const token = other.forge({ ...header, alg }, CLAIMS);
        expect(isYes(token, key)).toBe(isOwn);
      }
    },
  );

  it.each(['none', 'None', 'HS512', 'RS512', 'ES384', '', undefined])(
    'says no to a good signature under the algorithm %p (A-001, A-002, A-005, S-004)',
    (alg) => {
      expect(isYes(mode.forge({ ...header, alg }, CLAIMS), key)).toBe(false);
    },
  );

  it('says no to a token without a signature (A-001, A-011, S-037)', () => {
    for (const alg of ['none', mode.name]) {
      const token = `${encodeSegment({ ...header, alg })}.${encodeSegment(CLAIMS)}.`;
      expect(isYes(token, key)).toBe(false);
    }
  });
});

describe('what the signer makes', () => {
  const partsOf = (token: string) => {
    const end = token.lastIndexOf('.');
    return {
      content: Buffer.from(token.slice(0, end)),
      signature: Buffer.from(token.slice(end + 1), 'base64url'),
    };
  };
  const signedIn = (name: string) => {
    const mode = MODES.find((each) => each.name === name)!;
    const header = mode.header as unknown as SignedHeader;
    return SIGNER.sign(CLAIMS, header, signingKeyOf(mode.keys));
  };

  it('is plain HMAC-SHA256 over the bytes of the secret, the same each time', () => {
    const { content, signature } = partsOf(signedIn('HS256'));
    expect(signature).toEqual(
      createHmac('sha256', SECRET).update(content).digest(),
    );
    expect(signedIn('HS256') === signedIn('HS256')).toBe(true);
  });

  it('is an ECDSA signature of 64 bytes, never DER (S-033)', () => {
    for (let i = 0; i < 100; i += 1) {
      expect(partsOf(signedIn('ES256')).signature).toHaveLength(64);
    }
    const { content, signature } = partsOf(signedIn('ES256'));
    const { publicKey } = keyPairs.ES256;
    expect(
      verifySignature(
        'sha256',
        content,
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        signature,
      ),
    ).toBe(true);
  });

  it('is as long as the modulus with RS256 and PS256, and salted with PS256 only', () => {
    for (const name of ['RS256', 'PS256']) {
      expect(partsOf(signedIn(name)).signature).toHaveLength(256);
    }
    expect(signedIn('RS256') === signedIn('RS256')).toBe(true);
    expect(signedIn('PS256') === signedIn('PS256')).toBe(false);
  });
});

it.each([
  ['RS256', 'PS256'],
  ['PS256', 'RS256'],
] as const)(
  'an RSA key of %s says no to what it signed with %s itself (A-010, S-003)',
  (own, other) => {
    const mode = MODES.find(({ name }) => name === own)!;
    const key = signingKeyOf(mode.keys);
    const signedWith = (alg: SessionKeyAlgorithm) =>
      forgeSigned({ ...mode.header, alg }, CLAIMS, alg, key.signingKey!);
    expect(isYes(signedWith(own), key)).toBe(true);
    expect(isYes(signedWith(other), key)).toBe(false);
  },
);

describe('the verdict of the signer about an HMAC', () => {
  const key = signingKeyOf(secretMode.keys);
  const { header } = secretMode;

  it.each([
    ['of the empty key (A-014)', forgeToken(header, CLAIMS, '')],
    [
      'with SHA-512 under the name HS256 (A-005)',
      forgeToken(header, CLAIMS, SECRET, 'sha512'),
    ],
    [
      'with HS512 (A-005)',
      forgeToken({ ...header, alg: 'HS512' }, CLAIMS, SECRET, 'sha512'),
    ],
    [
      'with HS384 (A-005)',
      forgeToken({ ...header, alg: 'HS384' }, CLAIMS, SECRET, 'sha384'),
    ],
    [
      'with RS256 under a key pair of its maker (S-001)',
      forgeSigned(
        { ...header, alg: 'RS256' },
        CLAIMS,
        'RS256',
        keyPairs.RS256.privateKey,
      ),
    ],
  ])('is no for one %s', (_case, token) => {
    expect(isYes(token, key)).toBe(false);
    expect(isYes(forgeToken(header, CLAIMS), key)).toBe(true);
  });
});
