import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  type CipherGCMTypes,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { CompactEncrypt, FlattenedEncrypt, GeneralEncrypt } from 'jose';
import { REFUSALS, type Refusal } from '../../lib/errors/refusal.js';
import { DailyKeys } from '../../lib/keys/daily-keys.js';
import type { TokenKey } from '../../lib/keys/token-key.js';
import { TokenCodec } from '../../lib/tokens/token-codec.js';
import { encryptedTokens } from '../../lib/tokens/token-format.js';
import { send, type TestResponse } from '../support/browser.js';
import { encodeSegment, forgeToken } from '../support/forged-token.js';
import { usedHeap } from '../support/heap.js';
import { costOver } from '../support/relative-cost.js';
import { OTHER_SECRET, SECRET, startTestApp } from '../support/test-app.js';
import type { TestApp } from '../support/test-app.js';
import { fixedKeys, signingKeyOf } from '../support/token-keys.js';
import { describeVectors, report } from '../support/vectors.js';
import { codecWith, contentOf, SESSIONS, tokenKey } from './one-key.js';

interface Vectors {
  testGroups: {
    private: JsonWebKey;
    tests: {
      tcId: number;
      comment: string;
      jwe: string | object;
      pt?: string;
      result: 'valid' | 'invalid';
    }[];
  }[];
}

interface Vector {
  readonly tcId: number;
  readonly token: string;
  readonly isValid: boolean;
  /** The content in hexadecimal. */
  readonly content: string | undefined;
  readonly key: JsonWebKey;
}

const CODES = (refusals: Iterable<unknown>) =>
  new Set([...refusals].map((each) => REFUSALS[each as Refusal]?.code));

/** What the decryption makes of a token, its header unseen. */
const decrypted = (token: string, key: KeyObject) =>
  contentOf(encryptedTokens, token, tokenKey('A256GCM', key));

/** A compact JWE with `dir`, made without the library. */
function directly(
  header: object | string,
  content: string | Uint8Array,
  key: KeyObject,
  { nonce = randomBytes(12), tagBytes = 16, bits = 256 } = {},
): string {
  const protectedHeader = encodeSegment(header);
  const cipher = createCipheriv(
    `aes-${bits}-gcm` as CipherGCMTypes,
    key,
    nonce,
    { authTagLength: tagBytes },
  );
  cipher.setAAD(Buffer.from(protectedHeader));
  const ciphertext = Buffer.concat([
    cipher.update(content as string, 'utf8'),
    cipher.final(),
  ]);
  return [protectedHeader, '', nonce, ciphertext, cipher.getAuthTag()]
    .map((part) => (typeof part === 'string' ? part : encodeSegment(part)))
    .join('.');
}

type Segments = [
  header: string,
  encryptedKey: string,
  nonce: string,
  ciphertext: string,
  tag: string,
];

function edited(
  token: string,
  edit: (segments: Segments) => readonly string[],
): string {
  const result = edit(token.split('.') as Segments).join('.');
  if (result === token) {
    throw new Error('the edit changed nothing');
  }
  return result;
}

function flipped(segment: string, byte = 0): string {
  const bytes = Buffer.from(segment, 'base64url');
  bytes[byte]! ^= 1;
  return bytes.toString('base64url');
}

const bytesOf = (segment: string) => Buffer.from(segment, 'base64url');
const cut = (segment: string, bytes: number) =>
  encodeSegment(bytesOf(segment).subarray(0, -bytes));

/** What Wycheproof does to its valid tokens, done to one with `dir`. */
const MODIFICATIONS: [
  what: string,
  edit: (segments: Segments) => readonly string[],
  refusal: Refusal,
][] = [
  ['another tag', ([h, k, n, c, t]) => [h, k, n, c, flipped(t)], 'signature'],
  [
    'a tag with another last byte',
    ([h, k, n, c, t]) => [h, k, n, c, flipped(t, 15)],
    'signature',
  ],
  [
    'a tag that is too long',
    ([h, k, n, c, t]) => [
      h,
      k,
      n,
      c,
      encodeSegment(Buffer.concat([bytesOf(t), Buffer.alloc(1)])),
    ],
    'malformed',
  ],
  ...[1, 3, 4, 8, 12, 15].map((bytes): (typeof MODIFICATIONS)[number] => [
    `a tag cut by ${bytes} bytes`,
    ([h, k, n, c, t]) => [h, k, n, c, cut(t, bytes)],
    'malformed',
  ]),
  ['no tag', ([h, k, n, c]) => [h, k, n, c, ''], 'malformed'],
  ['no tag and no separator', ([h, k, n, c]) => [h, k, n, c], 'malformed'],
  [
    'another ciphertext',
    ([h, k, n, c, t]) => [h, k, n, flipped(c), t],
    'signature',
  ],
  [
    'a ciphertext that is cut',
    ([h, k, n, c, t]) => [h, k, n, cut(c, 1), t],
    'signature',
  ],
  ['no ciphertext', ([h, k, n, , t]) => [h, k, n, '', t], 'malformed'],
  [
    'no ciphertext and no separator',
    ([h, k, n, , t]) => [h, k, n, t],
    'malformed',
  ],
  ['another nonce', ([h, k, n, c, t]) => [h, k, flipped(n), c, t], 'signature'],
  ['no nonce', ([h, k, , c, t]) => [h, k, '', c, t], 'malformed'],
  ['no nonce and no separator', ([h, k, , c, t]) => [h, k, c, t], 'malformed'],
  [
    'an encrypted key',
    ([h, , n, c, t]) => [h, encodeSegment(randomBytes(40)), n, c, t],
    'malformed',
  ],
  [
    'no separator for the encrypted key',
    ([h, , n, c, t]) => [h, n, c, t],
    'malformed',
  ],
  ['no header', ([, k, n, c, t]) => ['', k, n, c, t], 'malformed'],
  ['no header and no separator', ([, k, n, c, t]) => [k, n, c, t], 'malformed'],
  ['a sixth segment', (segments) => [...segments, 'AAAA'], 'malformed'],
  ['padding', ([h, k, n, c, t]) => [h, k, n, c, `${t}==`], 'malformed'],
  [
    'bits set that its tag has to spare',
    ([h, k, n, c, t]) => [
      h,
      k,
      n,
      c,
      t.slice(0, -1) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[t.at(-1)!],
    ],
    'malformed',
  ],
];

describeVectors('a JSON Web Encryption of Wycheproof', 'wycheproof', (read) => {
  const vectors = read<Vectors>(
    'json_web_encryption_test.json',
  ).testGroups.flatMap((group) =>
    group.tests.map(({ tcId, jwe, pt, result }): Vector => ({
      tcId,
      token: typeof jwe === 'string' ? jwe : JSON.stringify(jwe),
      isValid: result === 'valid',
      content: pt,
      key: group.private,
    })),
  );
  const invalid = vectors.filter(({ isValid }) => !isValid);
  const valid = vectors.filter(({ isValid }) => isValid);
  const vector = (tcId: number) => vectors.find((each) => each.tcId === tcId)!;

  /** The keys that could be taken for the one of a vector. */
  const keysFor = ({ key }: Vector): KeyObject[] => [
    ...(key.k ? [createSecretKey(bytesOf(key.k))] : []),
    createSecretKey(Buffer.alloc(32)),
  ];

  it('is refused by the codec, whatever its key is: 74 of 74 that are invalid (S-005, S-010, S-038)', () => {
    const verdicts = (each: Vector) =>
      keysFor(each).map((key) =>
        codecWith(tokenKey('A256GCM', key), encryptedTokens).verify(each.token),
      );
    const refused = invalid.filter((each) =>
      verdicts(each).every((verdict) => typeof verdict === 'string'),
    );
    report(
      `Wycheproof JSON Web Encryption: ${refused.length} of ${invalid.length} invalid tokens refused`,
    );
    expect(invalid).toHaveLength(74);
    expect(refused).toHaveLength(74);
    expect(CODES(invalid.flatMap(verdicts))).toEqual(
      new Set(['TOKEN_INVALID']),
    );
    // The valid ones are of other algorithms, or not of ours for their headers.
    expect(valid).toHaveLength(65);
    expect(CODES(valid.flatMap(verdicts))).toEqual(new Set(['TOKEN_INVALID']));
  });

  it('is refused by the decryption itself, were its header allowed: 74 of 74', () => {
    const opened = invalid.flatMap((each) =>
      keysFor(each).filter((key) => decrypted(each.token, key)),
    );
    expect(opened).toEqual([]);
    expect(
      vectors
        .filter(({ token }) => encryptedTokens.open(token))
        .map((v) => v.tcId),
    ).toEqual([76, 77, 78, 132]);
  });

  it('with dir and A128GCM is refused although it is valid: the key decides, and 128 bits are none of ours: 132', () => {
    const { token, key, content } = vector(132);
    const bytes = createSecretKey(bytesOf(key.k!));
    expect(decrypted(token, bytes)).toBeUndefined();
    // It is a good token: this is its content.
    const [header, , nonce, ciphertext, tag] = token.split('.') as Segments;
    const decipher = createDecipheriv('aes-128-gcm', bytes, bytesOf(nonce));
    decipher.setAAD(Buffer.from(header));
    decipher.setAuthTag(bytesOf(tag));
    const plaintext = Buffer.concat([
      decipher.update(bytesOf(ciphertext)),
      decipher.final(),
    ]);
    expect(plaintext.toString('hex')).toBe(content);
  });

  describe.each([29, 74, 84, 90])(
    'with A256GCM, once its content key is known: %i',
    (tcId) => {
      const { token, key, content } = vector(tcId);
      const contentKey = createSecretKey(contentKeyOf(token, key));
      // Its tag covers the header alone, so the encrypted key may be left out.
      const direct = edited(token, ([h, , n, c, t]) => [h, '', n, c, t]);

      it('is decrypted to its content', () => {
        expect(decrypted(direct, contentKey)?.toString('hex')).toBe(content);
        expect(decrypted(token, contentKey)).toBeUndefined();
        expect(
          decrypted(direct, createSecretKey(randomBytes(32))),
        ).toBeUndefined();
      });

      it('is not decrypted once anything about it is modified (S-038, V-56)', () => {
        const opened = MODIFICATIONS.filter(([, edit]) =>
          decrypted(edited(direct, edit), contentKey),
        );
        expect(opened.map(([what]) => what)).toEqual([]);
        expect(
          decrypted(
            edited(direct, ([h, ...rest]) => [flipped(h, 2), ...rest]),
            contentKey,
          ),
        ).toBeUndefined();
      });
    },
  );

  describe('over HTTP, where tokens are encrypted', () => {
    let app: TestApp;
    beforeAll(async () => {
      app = await startTestApp('fastify', {
        session: { encrypt: true, transport: ['cookie', 'header'] },
      });
    });
    afterAll(() => app.close());

    it('gets one and the same answer: 74 of 74 invalid ones, and those that are not ours (S-038, V-56)', async () => {
      const answers = await answersTo(
        app,
        vectors.map(({ token }) => token),
      );
      report(
        `Wycheproof JSON Web Encryption over HTTP: ${vectors.length} tokens, ${answers.size} answers: that of the cookie and that of the header`,
      );
      expect([...answers]).toEqual([
        [refusalIn('cookie'), vectors.length],
        [refusalIn('header'), vectors.length],
      ]);
    });
  });
});

describe('an encrypted token of ours', () => {
  const OTHERS = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const CURVE = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  let app: TestApp;
  let codec: TokenCodec;
  let key: TokenKey;
  let good: string;
  let header: { alg: string; enc: string; typ: string; kid: string };
  let content: string;

  beforeAll(async () => {
    app = await startTestApp('express', {
      session: { encrypt: true, transport: ['cookie', 'header'] },
    });
    const keys = new DailyKeys(
      [createSecretKey(Buffer.from(SECRET))],
      'encrypt-session',
      () => app.clock.nowSeconds(),
    );
    codec = new TokenCodec(fixedKeys(keys), encryptedTokens, SESSIONS);
    key = signingKeyOf(keys);
    good = (await (await app.signIn()).cookie())!;
    header = { alg: 'dir', enc: 'A256GCM', typ: 'session+jwt', kid: key.kid };
    content = decrypted(good, key.key)!.toString();
  });
  afterAll(() => app.close());

  /** Made as ours are, apart from what is changed. */
  const withHeader = (changes: object) =>
    directly({ ...header, ...changes }, content, key.key);
  const withoutKeySegment = (token: string) =>
    edited(token, ([h, , ...rest]) => [h, '', ...rest]);
  const joined = (changes: object, secret: KeyObject | Uint8Array) =>
    new CompactEncrypt(Buffer.from(content))
      .setProtectedHeader({ ...header, ...changes })
      .encrypt(secret);
  const offCurve = () => ({
    ...CURVE.publicKey.export({ format: 'jwk' }),
    y: encodeSegment(Buffer.alloc(32, 1)),
  });
  const zipped = (bytes: number) =>
    directly(
      { ...header, zip: 'DEF' },
      deflateRawSync(Buffer.alloc(bytes)),
      key.key,
    );
  const withPassword = () =>
    edited(
      withHeader({
        alg: 'PBES2-HS512+A256KW',
        p2s: encodeSegment(randomBytes(16)),
        p2c: 2 ** 31,
      }),
      ([h, , ...rest]) => [h, encodeSegment(randomBytes(40)), ...rest],
    );

  it('is accepted when it is made without the library, as long as it is the same', async () => {
    const tokens = [
      good,
      withHeader({}),
      await joined({}, key.key),
      await joined({}, key.key.export()),
    ];
    const answers = await answersTo(app, tokens);
    expect([...answers.values()]).toEqual([2 * tokens.length]);
    expect(JSON.parse([...answers.keys()][0]!)[0]).toBe(200);
    for (const token of tokens) {
      expect(codec.verify(token)).toEqual(JSON.parse(content));
    }
  });

  const rsa = (padding: number) =>
    edited(
      withHeader({ alg: padding === 1 ? 'RSA1_5' : 'RSA-OAEP' }),
      ([h, , ...rest]) => [
        h,
        encodeSegment(
          publicEncrypt({ key: OTHERS.publicKey, padding }, key.key.export()),
        ),
        ...rest,
      ],
    );

  const FORGED: [
    what: string,
    make: () => string | Promise<string>,
    refusal: Refusal,
  ][] = [
    ...MODIFICATIONS.map(([what, edit, refusal]): (typeof FORGED)[number] => [
      what,
      () => edited(good, edit),
      refusal,
    ]),
    [
      'the key of another secret',
      () =>
        directly(
          header,
          content,
          createSecretKey(Buffer.from(OTHER_SECRET).subarray(0, 32)),
        ),
      'signature',
    ],
    [
      'the secret itself for a key',
      () =>
        directly(
          header,
          content,
          createSecretKey(Buffer.from(SECRET, 'base64url')),
        ),
      'signature',
    ],
    [
      'a header with blanks, its tag over another one',
      () =>
        edited(good, ([, ...rest]) => [
          encodeSegment(JSON.stringify(header, null, 1)),
          ...rest,
        ]),
      'signature',
    ],
    ...[1, 8, 11, 13, 16, 64].map((bytes): (typeof FORGED)[number] => [
      `a nonce of ${bytes} bytes`,
      () => directly(header, content, key.key, { nonce: randomBytes(bytes) }),
      'malformed',
    ]),
    ...[4, 8, 12, 13, 14, 15].map((tagBytes): (typeof FORGED)[number] => [
      `a tag that was made with ${tagBytes} bytes`,
      () => directly(header, content, key.key, { tagBytes }),
      'malformed',
    ]),
    ['nothing encrypted', () => directly(header, '', key.key), 'malformed'],
    ['no JSON encrypted', () => directly(header, 'foo', key.key), 'claims'],
    [
      'the type of a refresh token',
      () => withHeader({ typ: 'session-refresh+jwt' }),
      'header',
    ],
    ['the type JWT', () => withHeader({ typ: 'JWT' }), 'header'],
    ['no type', () => withHeader({ typ: undefined }), 'header'],
    ['no kid', () => withHeader({ kid: undefined }), 'header'],
    ['no enc', () => withHeader({ enc: undefined }), 'header'],
    ['alg none', () => withHeader({ alg: 'none' }), 'header'],
    ['alg HS256', () => withHeader({ alg: 'HS256' }), 'header'],
    ['a token in a token', () => withHeader({ cty: 'JWT' }), 'header'],
    ['crit', () => withHeader({ crit: ['exp'] }), 'header'],
    ['b64', () => withHeader({ b64: false, crit: ['b64'] }), 'header'],
    [
      'a key of its own',
      () => withHeader({ jwk: OTHERS.publicKey.export({ format: 'jwk' }) }),
      'header',
    ],
    ['zip (S-010)', () => joined({ zip: 'DEF' }, key.key), 'header'],
    [
      'zip of another kind (S-010)',
      () => withHeader({ zip: 'GZIP' }),
      'header',
    ],
    ['zip that is null (S-010)', () => withHeader({ zip: null }), 'header'],
    ['5 MB in zip (V-21)', () => zipped(5_000_000), 'header'],
    ['100 MB in zip (V-21)', () => zipped(100_000_000), 'malformed'],
    [
      'A128GCM',
      () => joined({ enc: 'A128GCM' }, key.key.export().subarray(0, 16)),
      'header',
    ],
    [
      'A192GCM',
      () => joined({ enc: 'A192GCM' }, key.key.export().subarray(0, 24)),
      'header',
    ],
    [
      'A128GCM under the name of A256GCM',
      () =>
        directly(
          header,
          content,
          createSecretKey(key.key.export().subarray(0, 16)),
          { bits: 128 },
        ),
      'signature',
    ],
    [
      'A128CBC-HS256',
      () => joined({ enc: 'A128CBC-HS256' }, key.key),
      'malformed',
    ],
    [
      'A256CBC-HS512',
      () => joined({ enc: 'A256CBC-HS512' }, randomBytes(64)),
      'malformed',
    ],
    ['A256KW', () => joined({ alg: 'A256KW' }, key.key), 'malformed'],
    [
      'A256KW without its key',
      async () => withoutKeySegment(await joined({ alg: 'A256KW' }, key.key)),
      'header',
    ],
    ['A256GCMKW', () => joined({ alg: 'A256GCMKW' }, key.key), 'malformed'],
    [
      'A256GCMKW without its key',
      async () =>
        withoutKeySegment(await joined({ alg: 'A256GCMKW' }, key.key)),
      'header',
    ],
    [
      'a password and few iterations (S-005)',
      () =>
        new CompactEncrypt(Buffer.from(content))
          .setProtectedHeader({ ...header, alg: 'PBES2-HS256+A128KW' })
          .setKeyManagementParameters({ p2c: 1_000 })
          .encrypt(key.key.export()),
      'malformed',
    ],
    [
      'a password and 2^31 iterations (S-005, V-22)',
      () => withPassword(),
      'malformed',
    ],
    [
      'a password, 2^31 iterations and no key (S-005, V-22)',
      () => withoutKeySegment(withPassword()),
      'header',
    ],
    ['RSA1_5 (S-005)', () => rsa(constants.RSA_PKCS1_PADDING), 'malformed'],
    [
      'RSA1_5 without its key (S-005)',
      () => withoutKeySegment(rsa(constants.RSA_PKCS1_PADDING)),
      'header',
    ],
    ['RSA-OAEP', () => rsa(constants.RSA_PKCS1_OAEP_PADDING), 'malformed'],
    [
      'RSA-OAEP-256',
      () => joined({ alg: 'RSA-OAEP-256' }, OTHERS.publicKey),
      'malformed',
    ],
    ['ECDH-ES', () => joined({ alg: 'ECDH-ES' }, CURVE.publicKey), 'header'],
    [
      'ECDH-ES+A256KW',
      () => joined({ alg: 'ECDH-ES+A256KW' }, CURVE.publicKey),
      'malformed',
    ],
    [
      'ECDH-ES with a point off the curve (S-008)',
      () => withHeader({ alg: 'ECDH-ES', epk: offCurve() }),
      'header',
    ],
    [
      'an unsolicited point off the curve (S-008)',
      () => withHeader({ epk: offCurve() }),
      'header',
    ],
    [
      'the flattened JSON serialisation',
      async () =>
        JSON.stringify(
          await new FlattenedEncrypt(Buffer.from(content))
            .setProtectedHeader(header)
            .encrypt(key.key),
        ),
      'malformed',
    ],
    [
      'the flattened JSON serialisation with an unprotected header',
      async () =>
        JSON.stringify(
          await new FlattenedEncrypt(Buffer.from(content))
            .setProtectedHeader({ enc: 'A256GCM' })
            .setUnprotectedHeader({
              alg: 'dir',
              typ: 'session+jwt',
              kid: key.kid,
            })
            .encrypt(key.key),
        ),
      'malformed',
    ],
    [
      'two recipients',
      async () =>
        JSON.stringify(
          await new GeneralEncrypt(Buffer.from(content))
            .setProtectedHeader({ enc: 'A256GCM' })
            .addRecipient(key.key)
            .setUnprotectedHeader({ alg: 'A256KW', kid: key.kid })
            .addRecipient(OTHERS.publicKey)
            .setUnprotectedHeader({ alg: 'RSA-OAEP-256' })
            .encrypt(),
        ),
      'malformed',
    ],
    [
      'a signature instead',
      () =>
        forgeToken({ alg: 'HS256', typ: 'session+jwt', kid: key.kid }, content),
      'malformed',
    ],
    [
      'a signature with its key instead',
      () =>
        forgeToken(
          { alg: 'HS256', typ: 'session+jwt', kid: key.kid },
          content,
          key.key,
        ),
      'malformed',
    ],
  ];

  it.each(FORGED)('is refused with %s', async (_what, make, refusal) => {
    const token = await make();
    expect(codec.verify(token)).toBe(refusal);
    expect(REFUSALS[refusal].code).toBe('TOKEN_INVALID');
  });

  it('gets one and the same answer over HTTP, whatever was wrong (S-038, V-56)', async () => {
    const tokens = await Promise.all(FORGED.map(async ([, make]) => make()));
    // Node itself refuses more than 16 KB of headers.
    const sendable = tokens.filter((token) => token.length < 12_000);
    expect(tokens.length - sendable.length).toBe(1);
    const answers = await answersTo(app, sendable);
    report(
      `encrypted tokens forged with the right key and header: ${sendable.length} over HTTP, ${answers.size} answers: that of the cookie and that of the header`,
    );
    expect([...answers]).toEqual([
      [refusalIn('cookie'), sendable.length],
      [refusalIn('header'), sendable.length],
    ]);
  });

  it('that names another key is refused before it is decrypted, and keeps its cookie', async () => {
    const kid = `${'A'.repeat(16)}.${key.kid.split('.')[1]}`;
    const token = withHeader({ kid });
    expect(codec.verify(token)).toBe('unknown-key');
    const answers = await answersTo(app, [token]);
    const [answer] = [...answers.keys()];
    expect(JSON.parse(answer!)).toEqual([
      401,
      (JSON.parse(refusalIn('header')) as unknown[])[1],
      [],
      'Bearer',
      'KEY_UNKNOWN',
    ]);
  });

  it.each<[what: string, make: () => string, refusal: Refusal]>([
    ['5 MB in zip (V-21)', () => zipped(5_000_000), 'header'],
    ['100 MB in zip (V-21)', () => zipped(100_000_000), 'malformed'],
    ['2^31 iterations (V-22)', () => withPassword(), 'malformed'],
    [
      '2^31 iterations and no key (V-22)',
      () => withoutKeySegment(withPassword()),
      'header',
    ],
  ])(
    'costs no more than opening a good one when it is refused: %s',
    async (_what, make, refusal) => {
      const token = make();
      const rounds = 51;
      await usedHeap();
      const memory = () => {
        const { heapUsed, external } = process.memoryUsage();
        return heapUsed + external;
      };
      let most = 0;
      for (let i = 0; i < rounds; i += 1) {
        const before = memory();
        const verdict = codec.verify(token);
        most = Math.max(most, memory() - before);
        expect(verdict).toBe(refusal);
      }
      expect(most).toBeLessThan(2 ** 20);
      expect(
        costOver(
          () => void codec.verify(token),
          () => void codec.verify(good),
        ),
      ).toBeLessThan(3);
    },
  );
});

/** What every refusal of a token looks like from outside: status, body, cookie, challenge; and its code in the event. */
function refusalIn(slot: 'cookie' | 'header'): string {
  return JSON.stringify([
    401,
    { statusCode: 401, message: 'Unauthorized', errorCode: 'SESSION_REQUIRED' },
    slot === 'cookie'
      ? [
          '__Host-Http-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
        ]
      : [],
    'Bearer',
    'TOKEN_INVALID',
  ]);
}

/** How often each answer was given to these tokens in the cookie and in the header. */
async function answersTo(
  app: TestApp,
  tokens: readonly string[],
): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  for (const token of tokens) {
    for (const headers of [
      { Cookie: `__Host-Http-session=${token}` },
      { Authorization: `Bearer ${token}` },
    ]) {
      app.events.length = 0;
      const response = await send(app.port, { path: '/me', headers });
      const answer = answerOf(app, response);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  }
  return answers;
}

function answerOf(app: TestApp, response: TestResponse): string {
  const [event] = app.eventsOf('rejected');
  return JSON.stringify([
    response.status,
    response.json,
    response.setCookie,
    response.headers['www-authenticate'],
    event?.code,
  ]);
}

/** Unwraps the key that encrypts the content (RFC 7518, sections 4.3, 4.4 and 4.7). */
function contentKeyOf(token: string, jwk: JsonWebKey): Buffer {
  const [header, encryptedKey] = token.split('.') as Segments;
  const { alg, iv, tag } = JSON.parse(bytesOf(header).toString()) as Record<
    string,
    string
  >;
  const wrapped = bytesOf(encryptedKey);
  if (alg === 'A256KW') {
    const decipher = createDecipheriv(
      'id-aes256-wrap',
      bytesOf(jwk.k!),
      Buffer.alloc(8, 0xa6),
    );
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  }
  if (alg === 'A256GCMKW') {
    const decipher = createDecipheriv(
      'aes-256-gcm',
      bytesOf(jwk.k!),
      bytesOf(iv!),
    );
    decipher.setAuthTag(bytesOf(tag!));
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  }
  return privateDecrypt(
    {
      key: createPrivateKey({ key: jwk, format: 'jwk' }),
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: alg === 'RSA-OAEP-256' ? 'sha256' : 'sha1',
    },
    wrapped,
  );
}
