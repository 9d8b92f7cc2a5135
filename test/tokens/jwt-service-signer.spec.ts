import {
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  KeyObject,
} from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { KeySet } from '../../lib/keys/key-set.js';
import { JwtServiceSigner } from '../../lib/nest/jwt-service-signer.js';
import type { TokenHeader } from '../../lib/tokens/token-header.js';
import { encodeSegment, forgeToken } from '../support/forged-token.js';
import { OTHER_SECRET, SECRET } from '../support/test-app.js';

const KEYS = KeySet.fromSecrets([createSecretKey(Buffer.from(SECRET))]);
const KEY = KEYS.signing;
const HEADER: TokenHeader = { alg: 'HS256', typ: 'session+jwt', kid: KEY.kid };
const SIGNER = new JwtServiceSigner();
const NOW = 1_893_456_000;
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

describe('the signer', () => {
  it('writes a header of exactly alg, typ and kid', () => {
    const [header = ''] = SIGNER.sign(CLAIMS, HEADER, KEY).split('.');
    const text = Buffer.from(header, 'base64url').toString();
    expect(JSON.parse(text)).toEqual({
      alg: 'HS256',
      typ: 'session+jwt',
      kid: KEY.kid,
    });
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('writes the claims byte for byte, in their order, and adds none', () => {
    const [, payload] = SIGNER.sign(CLAIMS, HEADER, KEY).split('.');
    expect(payload).toBe(encodeSegment(CLAIMS));
  });

  it('leaves the claims alone, frozen ones too', () => {
    const frozen = Object.freeze(structuredClone(CLAIMS));
    const [, payload] = SIGNER.sign(frozen, HEADER, KEY).split('.');
    expect(payload).toBe(encodeSegment(CLAIMS));
    expect(frozen).toEqual(CLAIMS);
  });

  it('signs with plain HMAC-SHA256 over the bytes of the secret', () => {
    const token = SIGNER.sign(CLAIMS, HEADER, KEY);
    const [header, payload, signature] = token.split('.');
    expect(signature).toBe(
      createHmac('sha256', SECRET)
        .update(`${header}.${payload}`)
        .digest('base64url'),
    );
  });

  it('gives the same token for the same claims: nothing of it is of its own time', () => {
    expect(SIGNER.sign(CLAIMS, HEADER, KEY)).toBe(
      SIGNER.sign(CLAIMS, HEADER, KEY),
    );
  });

  it('hands a KeyObject over, to sign and to verify, and never a string', () => {
    const { result, keys } = watchJwtService(() => {
      const token = SIGNER.sign(CLAIMS, HEADER, KEY);
      return SIGNER.verify(token, KEY);
    });
    expect(result).toBe(true);
    expect(keys).toHaveLength(2);
    for (const key of keys) {
      expect(key).toBeInstanceOf(KeyObject);
      expect(key).toBe(KEY.key);
    }
  });
});

describe('the verdict of the signer', () => {
  it('is yes for a token of the key, whoever made it', () => {
    expect(SIGNER.verify(forgeToken(HEADER, CLAIMS), KEY)).toBe(true);
  });

  it('says nothing about clocks: the expired and the not yet valid are well signed', () => {
    for (const times of [
      { exp: 1 },
      { nbf: NOW * 2 },
      { iat: NOW * 2 },
      { exp: 1, iat: 0, nbf: 5 },
    ]) {
      expect(
        SIGNER.verify(forgeToken(HEADER, { ...CLAIMS, ...times }), KEY),
      ).toBe(true);
    }
  });

  const isYes = (token: string) => {
    try {
      return SIGNER.verify(token, KEY);
    } catch {
      return false;
    }
  };

  it.each([
    ['of another secret', forgeToken(HEADER, CLAIMS, OTHER_SECRET)],
    ['of the empty key', forgeToken(HEADER, CLAIMS, '')],
    [
      'with SHA-512 under the name HS256',
      forgeToken(HEADER, CLAIMS, SECRET, 'sha512'),
    ],
    [
      'with HS512',
      forgeToken({ ...HEADER, alg: 'HS512' }, CLAIMS, SECRET, 'sha512'),
    ],
    [
      'with HS384',
      forgeToken({ ...HEADER, alg: 'HS384' }, CLAIMS, SECRET, 'sha384'),
    ],
    ['with alg none', forgeToken({ ...HEADER, alg: 'none' }, CLAIMS)],
    [
      'with alg none and no signature',
      `${encodeSegment({ ...HEADER, alg: 'none' })}.${encodeSegment(CLAIMS)}.`,
    ],
    [
      'without a signature',
      `${encodeSegment(HEADER)}.${encodeSegment(CLAIMS)}.`,
    ],
  ])(
    'is no for a token %s (A-001, A-002, A-005, A-014, S-004)',
    (_case, token) => {
      expect(isYes(token)).toBe(false);
      expect(isYes(forgeToken(HEADER, CLAIMS))).toBe(true);
    },
  );

  it('is no for RS256 with a key pair of the attacker (S-001)', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const token = new JwtService({}).sign(CLAIMS, {
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      algorithm: 'RS256',
    });
    expect(isYes(token)).toBe(false);
  });
});
