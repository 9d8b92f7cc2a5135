import {
  constants,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  sign,
  type JsonWebKey,
  type KeyPairKeyObjectResult,
} from 'node:crypto';
import { REFUSALS, type Refusal } from '../../lib/errors/refusal.js';
import { readJwkSet } from '../../lib/keys/jwk-set.js';
import type { TokenAlgorithm, TokenKey } from '../../lib/keys/token-key.js';
import {
  readKeyInput,
  statedOtherwise,
  weaknessOfKey,
} from '../../lib/options/read-key.js';
import { encryptedTokens } from '../../lib/tokens/token-format.js';
import { encodeSegment } from '../support/forged-token.js';
import { claimsOf } from '../support/session-claims.js';
import { describeVectors, report } from '../support/vectors.js';
import { isSignedWith } from '../support/signers.js';
import { codecWith, contentOf, FORMATS, tokenKey } from './one-key.js';

interface Vectors {
  testGroups: {
    private: JsonWebKey | { keys: JsonWebKey[] };
    public?: JsonWebKey;
    tests: {
      tcId: number;
      jws?: string | object;
      jwe?: string | object;
      result: 'valid' | 'invalid';
    }[];
  }[];
}

interface Vector {
  readonly tcId: number;
  readonly token: string;
  readonly isValid: boolean;
  readonly isEncrypted: boolean;
  /** Private where the token is encrypted. */
  readonly jwk: JsonWebKey;
  readonly isSet: boolean;
}

const bytesOf = (segment: string) => Buffer.from(segment, 'base64url');
const formats = Object.values(FORMATS);

const codesOf = (refusals: readonly unknown[]) =>
  new Set(refusals.map((each) => REFUSALS[each as Refusal]?.code));

/** The key of a vector, as a key of ours if its algorithm is one of ours. */
function keyOf({ jwk }: Vector): TokenKey | undefined {
  const algorithm = jwk['alg'] as TokenAlgorithm;
  switch (algorithm) {
    case 'HS256':
      return tokenKey(algorithm, createSecretKey(bytesOf(jwk.k!)));
    case 'ES256':
    case 'RS256':
      return tokenKey(algorithm, createPublicKey({ key: jwk, format: 'jwk' }));
    default:
      return undefined;
  }
}

describeVectors('a token of Wycheproof', 'wycheproof', (read) => {
  const vectors = read<Vectors>('json_web_crypto_test.json').testGroups.flatMap(
    (group) =>
      group.tests.map(({ tcId, jws, jwe, result }): Vector => {
        const given = jws ?? jwe!;
        return {
          tcId,
          token: typeof given === 'string' ? given : JSON.stringify(given),
          isValid: result === 'valid',
          isEncrypted: jwe !== undefined,
          // The first key of a set is the one that its tokens name.
          jwk:
            'keys' in group.private
              ? (group.private.keys as JsonWebKey[])[0]!
              : (group.public ?? group.private),
          isSet: 'keys' in group.private,
        };
      }),
  );
  const invalid = vectors.filter(({ isValid }) => !isValid);
  const vector = (tcId: number) => vectors.find((each) => each.tcId === tcId)!;
  const tcIdsOf = (some: readonly Vector[]) => some.map(({ tcId }) => tcId);

  /** What each kind of application says to a token, if it had the key of the vector, or any other. */
  const verdicts = (each: Vector) =>
    formats.map((format) =>
      codecWith(
        keyOf(each) ??
          tokenKey('A256GCM', createSecretKey(bytesOf(vector(50).jwk.k!))),
        format,
      ).verify(each.token),
    );

  /** Whether its content can be had once its header is not looked at. */
  const isAuthentic = (each: Vector) => {
    const key = keyOf(each);
    return formats.some((format) =>
      key
        ? contentOf(format, each.token, key)?.toString() === 'foo'
        : contentOf(
            format,
            each.token,
            tokenKey('A256GCM', createSecretKey(bytesOf(each.jwk.k ?? 'AAAA'))),
          ),
    );
  };

  it('is refused by the codec of every kind of application: 77 of 77 that are invalid', () => {
    const refused = invalid.filter((each) =>
      verdicts(each).every((verdict) => typeof verdict === 'string'),
    );
    report(
      `Wycheproof JSON Web Crypto: ${refused.length} of ${invalid.length} invalid tokens refused`,
    );
    expect(vectors).toHaveLength(83);
    expect(invalid).toHaveLength(77);
    expect(refused).toHaveLength(77);
    // One code for all, the valid ones included, which lack our type and kid.
    expect(codesOf(vectors.flatMap(verdicts))).toEqual(
      new Set(['TOKEN_INVALID']),
    );
  });

  it('has a good signature exactly where it is valid, were its header allowed: 1, 18, 33, 48', () => {
    const authentic = vectors.filter(isAuthentic);
    // Of these two only the keys are bad; they are refused before any token is.
    const ofBadKeys = [46, 47];
    expect(tcIdsOf(authentic)).toEqual([1, 18, 33, ...ofBadKeys, 48]);
    const valid = vectors.filter((each) => each.isValid);
    expect(tcIdsOf(valid)).toEqual([1, 18, 33, 48, 50, 67]);
    report(
      `Wycheproof JSON Web Crypto: ${valid.filter(isAuthentic).length} valid signatures of our algorithms verified, ${invalid.length - ofBadKeys.length} invalid tokens refused whatever their header`,
    );
  });

  it('of a key that can be factored, or of a set with a secret in it, is of a key that is never loaded: 46, 47 (S-110)', () => {
    const { jwk } = vector(46);
    expect(statedOtherwise(jwk, 'RS256')).toBeUndefined();
    const read46 = readKeyInput(jwk, 'public');
    expect('key' in read46 && weaknessOfKey(read46.key, 'RS256')).toMatch(
      'ROCA',
    );
    expect(() => readJwkSet({ keys: [jwk] })).toThrow('no key of the set');
    expect(() =>
      readJwkSet({ keys: [vector(47).jwk, vector(18).jwk] }),
    ).toThrow('contains a secret or private key');
    expect(readJwkSet({ keys: [vector(18).jwk] })).toHaveLength(1);
  });

  it.each([
    [16, 'alg none'],
    [31, 'a MAC made with the bytes of the public key'],
    [32, 'a key that it brings itself'],
  ])('is refused: %i, %s (S-001)', (tcId) => {
    const each = vector(tcId);
    expect(new Set(verdicts(each))).not.toContain('unknown-key');
    expect(isAuthentic(each)).toBe(false);
    // The other algorithm is not tried with this key, either.
    for (const { tcId: other } of vectors.filter(
      ({ isEncrypted, isSet }) => !isEncrypted && !isSet,
    )) {
      expect(isAuthentic({ ...each, jwk: vector(other).jwk })).toBe(false);
    }
  });

  it('with an ephemeral key off the curve is refused before anything is computed: 83 (S-008)', () => {
    const { token } = vector(83);
    const { epk } = JSON.parse(
      bytesOf(token.split('.')[0]!).toString(),
    ) as Record<string, JsonWebKey>;
    expect(() => createPublicKey({ key: epk!, format: 'jwk' })).toThrow();
    expect(verdicts(vector(83))).toEqual(Array(3).fill('malformed'));
    // Without its encrypted key it comes to the header, and no further.
    const direct = token.split('.').with(1, '').with(2, 'A'.repeat(16));
    expect(encryptedTokens.open(direct.join('.'))).toBeDefined();
    expect(encryptedTokens.open(direct.join('.'))!.header('session+jwt')).toBe(
      undefined,
    );
  });

  describe.each([1, 18, 33])(
    'spelled in another way than base64url has it: %i (S-032)',
    (tcId) => {
      const key = keyOf(vector(tcId))!;
      const { token } = vector(tcId);
      const isVerified = (each: string) =>
        [FORMATS.secrets, FORMATS.pairs].some((format) =>
          contentOf(format, each, key),
        );

      it.each([0, 1, 2])('is refused: segment %i', (index) => {
        const segments = token.split('.');
        const segment = segments[index]!;
        const middle = segment.length >> 1;
        const spellings = [
          ' ',
          '\t',
          '\n',
          '\r\n',
          '?',
          '#',
          '=',
          '\0',
          '    ',
          '####',
        ]
          .flatMap((inserted) => [
            inserted + segment,
            segment + inserted,
            segment.slice(0, middle) + inserted + segment.slice(middle),
          ])
          .concat(
            `?${segment.slice(1)}`,
            `????${segment.slice(4)}`,
            `${segment}${'='.repeat((4 - (segment.length % 4)) % 4)}`,
            `${segment}A`,
            ...withSpareBits(segment),
          )
          .filter((spelling) => spelling !== segment);
        expect(spellings.length).toBeGreaterThanOrEqual(33);
        expect(isVerified(token)).toBe(true);
        expect(
          spellings.filter((spelling) =>
            isVerified(segments.with(index, spelling).join('.')),
          ),
        ).toEqual([]);
      });
    },
  );
});

const ALPHABET =
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The same bytes with bits set that the last character has to spare. */
function withSpareBits(segment: string): string[] {
  const spare = [1, 0, 16, 4][segment.length % 4]!;
  const last = ALPHABET.indexOf(segment.at(-1)!);
  return Array.from(
    { length: spare - 1 },
    (_, i) => segment.slice(0, -1) + ALPHABET[last + i + 1],
  );
}

const CLAIMS = claimsOf();

/** A token of ours with a good header, signed without the library over exactly these segments. */
function signedBy(
  key: TokenKey,
  segments: { header?: string; payload?: string } = {},
  options: object = {},
): string {
  const {
    header = encodeSegment({
      alg: key.algorithm,
      typ: 'session+jwt',
      kid: key.kid,
    }),
    payload = encodeSegment(CLAIMS),
  } = segments;
  const content = `${header}.${payload}`;
  const signature = sign(
    key.algorithm === 'EdDSA' ? null : 'sha256',
    Buffer.from(content),
    {
      key: key.signingKey!,
      dsaEncoding: 'ieee-p1363',
      ...(key.algorithm === 'PS256' && {
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      }),
      ...options,
    },
  );
  return `${content}.${encodeSegment(signature)}`;
}

function pairFor(algorithm: TokenAlgorithm, pair: KeyPairKeyObjectResult) {
  return tokenKey(algorithm, pair.publicKey, pair.privateKey);
}

const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ED = generateKeyPairSync('ed25519');
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PAIRS = {
  ES256: pairFor('ES256', EC),
  EdDSA: pairFor('EdDSA', ED),
  RS256: pairFor('RS256', RSA),
  PS256: pairFor('PS256', RSA),
};
const verdictOn = (token: string, key: TokenKey) =>
  codecWith(key, FORMATS.pairs).verify(token);

describe('a token of ours with a good signature over another spelling', () => {
  it.each(Object.values(PAIRS).map((key) => [key.algorithm, key] as const))(
    'is refused before its key is looked up: %s (S-032)',
    (_algorithm, key) => {
      expect(verdictOn(signedBy(key), key)).toEqual(CLAIMS);
      expect(isSignedWith(signedBy(key), key)).toBe(true);
      // Blanks at the end, until the last character has bits to spare.
      const padded = (value: object) =>
        [0, 1, 2]
          .map((blanks) =>
            encodeSegment(JSON.stringify(value) + ' '.repeat(blanks)),
          )
          .filter((segment) => segment.length % 4 !== 0);
      const header = { alg: key.algorithm, typ: 'session+jwt', kid: key.kid };
      let refused = 0;
      for (const [name, value] of Object.entries({ header, payload: CLAIMS })) {
        for (const segment of padded(value)) {
          const good = signedBy(key, { [name]: segment });
          expect(verdictOn(good, key)).toEqual(CLAIMS);
          for (const spelling of [
            ...withSpareBits(segment),
            `${segment}=`,
            `${segment} `,
            ` ${segment}`,
            `${segment}?`,
            `####${segment}`,
          ]) {
            expect(verdictOn(signedBy(key, { [name]: spelling }), key)).toBe(
              'malformed',
            );
            refused += 1;
          }
        }
      }
      expect(refused).toBe(2 * (15 + 3 + 2 * 5));
    },
  );
});

describe('an ES256 signature', () => {
  const key = PAIRS.ES256;
  const good = signedBy(key);
  const [, , signature] = good.split('.');
  const numberOf = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
  const [r, s] = [
    numberOf(bytesOf(signature!).subarray(0, 32)),
    numberOf(bytesOf(signature!).subarray(32)),
  ];
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
  const bytes = (value: bigint, length = 32) =>
    Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
  const withSignature = (replaced: Uint8Array) =>
    good.split('.').with(2, encodeSegment(replaced)).join('.');

  /** What the codec says, and the signer alone. */
  function verdictsOn(replaced: Uint8Array): [unknown, boolean] {
    const token = withSignature(replaced);
    const verdict = verdictOn(token, key);
    return [
      typeof verdict === 'string' ? verdict : 'accepted',
      contentOf(FORMATS.pairs, token, key) !== undefined,
    ];
  }

  it('is refused with r or s of 0, 1, n - 1, n, n + 1, p or 2^256 - 1 (S-033)', () => {
    const edges = [0n, 1n, n - 1n, n, n + 1n, p, p + 1n, 2n ** 256n - 1n];
    const pairs = [...edges, r].flatMap((a) =>
      [...edges, s].map((b) => [a, b] as const),
    );
    const refused = pairs.filter(([a, b]) => {
      const [verdict, isVerified] = verdictsOn(
        Buffer.concat([bytes(a), bytes(b)]),
      );
      return verdict === 'signature' && !isVerified;
    });
    report(
      `ES256 with r or s at an edge: ${refused.length} of ${pairs.length - 1} refused`,
    );
    expect(pairs).toHaveLength(81);
    expect(refused).toEqual(
      pairs.filter((pair) => pair[0] !== r || pair[1] !== s),
    );
    expect(verdictsOn(Buffer.concat([bytes(r), bytes(s)]))).toEqual([
      'accepted',
      true,
    ]);
  });

  it.each<[what: string, replaced: Buffer]>([
    [
      'a zero in front of both halves',
      Buffer.concat([bytes(r, 33), bytes(s, 33)]),
    ],
    ['a zero in front', Buffer.concat([bytes(r, 33), bytes(s)])],
    ['a zero behind', Buffer.concat([bytes(r), bytes(s), Buffer.alloc(1)])],
    ['a zero between', Buffer.concat([bytes(r), bytes(s, 33)])],
    ['r + n', Buffer.concat([bytes(r + n, 33), bytes(s, 33)])],
    ['s + n', Buffer.concat([bytes(r, 33), bytes(s + n, 33)])],
    ['r + 2^256', Buffer.concat([bytes(r + 2n ** 256n, 33), bytes(s, 33)])],
    ['s + 2^256', Buffer.concat([bytes(r, 33), bytes(s + 2n ** 256n, 33)])],
    [
      '256 zeros in front of each half',
      Buffer.concat([bytes(r, 288), bytes(s, 288)]),
    ],
    ['its last byte missing', bytesOf(signature!).subarray(0, 63)],
    ['its first byte missing', bytesOf(signature!).subarray(1)],
    ['r alone', bytes(r)],
    ['one byte', Buffer.from([1])],
    ['itself twice', Buffer.concat([bytesOf(signature!), bytesOf(signature!)])],
    ['the length of ES384', Buffer.concat([bytes(r, 48), bytes(s, 48)])],
    ['the length of ES512', Buffer.concat([bytes(r, 66), bytes(s, 66)])],
    ['its halves exchanged', Buffer.concat([bytes(s), bytes(r)])],
    [
      'its halves backwards',
      Buffer.concat([bytes(r).toReversed(), bytes(s).toReversed()]),
    ],
    [
      'the form of ASN.1',
      bytesOf(signedBy(key, {}, { dsaEncoding: 'der' }).split('.')[2]!),
    ],
    [
      'a hash of 384 bits',
      sign('sha384', Buffer.from(good.slice(0, good.lastIndexOf('.'))), {
        key: key.signingKey!,
        dsaEncoding: 'ieee-p1363',
      }),
    ],
  ])('is refused with %s (S-033)', (_what, replaced) => {
    expect(verdictsOn(replaced)).toEqual(['signature', false]);
  });

  it('is good with n - s instead of s, too, as ECDSA has it: nothing may rest on a token having one spelling', () => {
    expect(verdictsOn(Buffer.concat([bytes(r), bytes(n - s)]))).toEqual([
      'accepted',
      true,
    ]);
  });
});

describe('an EdDSA signature', () => {
  const key = PAIRS.EdDSA;
  const good = signedBy(key);
  const signature = bytesOf(good.split('.')[2]!);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const isGood = (replaced: Uint8Array) =>
    typeof verdictOn(
      good.split('.').with(2, encodeSegment(replaced)).join('.'),
      key,
    ) !== 'string';

  it('is refused with s + the order of the group, at another length, and with one bit changed (S-033)', () => {
    expect(isGood(signature)).toBe(true);
    const s = BigInt(
      `0x${Buffer.from(signature.subarray(32).toReversed()).toString('hex')}`,
    );
    const moved = Buffer.from(
      (s + order).toString(16).padStart(64, '0'),
      'hex',
    ).toReversed();
    const others = [
      Buffer.concat([signature.subarray(0, 32), moved]),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), signature]),
      Buffer.concat([signature, signature]),
      signature.subarray(0, 63),
      signature.subarray(0, 32),
      Buffer.alloc(64),
      ...Array.from({ length: 512 }, (_, bit) => {
        const changed = Buffer.from(signature);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        return changed;
      }),
    ];
    expect(others.filter(isGood)).toEqual([]);
  });
});

describe('an RSA signature', () => {
  const salt = (saltLength: number) => ({ saltLength });

  it.each<[what: string, algorithm: 'RS256' | 'PS256', make: () => string]>([
    [
      'PS256 padding under RS256',
      'RS256',
      () =>
        signedBy(PAIRS.RS256, {}, { padding: constants.RSA_PKCS1_PSS_PADDING }),
    ],
    [
      'RS256 padding under PS256',
      'PS256',
      () => signedBy(PAIRS.PS256, {}, { padding: constants.RSA_PKCS1_PADDING }),
    ],
    ['no salt', 'PS256', () => signedBy(PAIRS.PS256, {}, salt(0))],
    ['a salt of 20 bytes', 'PS256', () => signedBy(PAIRS.PS256, {}, salt(20))],
    [
      'the longest salt',
      'PS256',
      () => signedBy(PAIRS.PS256, {}, salt(constants.RSA_PSS_SALTLEN_MAX_SIGN)),
    ],
    [
      'a zero in front',
      'RS256',
      () => withEdge((bytes) => Buffer.concat([Buffer.alloc(1), bytes])),
    ],
    [
      'a zero behind',
      'RS256',
      () => withEdge((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
    ],
    [
      'its last byte missing',
      'RS256',
      () => withEdge((bytes) => bytes.subarray(0, -1)),
    ],
    [
      'zeros only',
      'RS256',
      () => withEdge((bytes) => Buffer.alloc(bytes.length)),
    ],
    [
      'the number 1',
      'RS256',
      () =>
        withEdge((bytes) =>
          Buffer.concat([Buffer.alloc(bytes.length - 1), Buffer.from([1])]),
        ),
    ],
    [
      'the algorithm of another key of the same numbers',
      'RS256',
      () => signedBy(PAIRS.PS256),
    ],
    [
      'the other algorithm of the same numbers',
      'PS256',
      () => signedBy(PAIRS.RS256),
    ],
  ])('is refused with %s', (_what, algorithm, make) => {
    const key = PAIRS[algorithm];
    expect(verdictOn(signedBy(key), key)).toEqual(CLAIMS);
    const token = make();
    expect(['signature', 'header']).toContain(verdictOn(token, key));
    expect(contentOf(FORMATS.pairs, token, key)).toBeUndefined();
  });

  function withEdge(edit: (signature: Buffer) => Buffer): string {
    const segments = signedBy(PAIRS.RS256).split('.');
    return segments
      .with(2, encodeSegment(edit(bytesOf(segments[2]!))))
      .join('.');
  }
});
