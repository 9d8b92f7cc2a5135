import {
  constants,
  createHmac,
  createPublicKey,
  privateEncrypt,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { createServer, type AddressInfo, type Server } from 'node:net';
import {
  SessionConfigError,
  SessionJwtModule,
  type SessionJwtModuleOptions,
  type SessionKey,
} from '../../lib/index.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import { send } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import {
  encodeSegment,
  forgeSigned,
  forgeToken,
  readToken,
  signatureOf,
} from '../support/forged-token.js';
import { keyOf } from '../support/key-kinds.js';
import {
  keyPairs,
  newKeyPair,
  otherKeyPairs,
  type KeyPair,
} from '../support/key-pairs.js';
import { bootError, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  adapters,
  SECRET,
  startTestApp,
  UserLoader,
  Users,
  type TestApp,
} from '../support/test-app.js';
import { titleOf } from '../support/titles.js';
import { UnhandledErrors } from '../support/unhandled.js';
import {
  CLAIM_ROWS,
  expectAccepted,
  expectRefused,
  FOREIGN_CHARACTERS,
  HEADER_ROWS,
  headersFor,
  OutgoingConnections,
  PAYLOAD_ROWS,
  present,
  protectingKeyOf,
  rawRequest,
  SCHEME_ROWS,
  sendRaw,
  slots,
  type Slot,
  spelled,
  withClaims,
  withHeader,
  withPayload,
  withRoom,
  withSpareBits,
  type Context,
  type Make,
  type Row,
} from './hostile-tokens.js';

const HOUR = 3_600;

/** In how many ways the content of one token is spelled. */
const SPELLINGS = rounds(100, 20);

const ALGORITHMS = ['ES256', 'EdDSA', 'RS256', 'PS256'] as const;

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
afterEach(async () => {
  await closeBooted();
  expect(await unhandled.settled()).toEqual([]);
});

/** An application that signs with pairs, and has a secret for other purposes. */
const withKeys = (
  keys: SessionJwtModuleOptions['keys'],
): Partial<SessionJwtModuleOptions> => ({
  keys: keys!,
  transport: ['cookie', 'header'],
});

async function contextOf(
  app: TestApp,
  algorithm: SessionKeyAlgorithm,
  trapUrl = '',
): Promise<Context> {
  const token = (await (await app.signIn()).cookie())!;
  const key = protectingKeyOf(app);
  return {
    token,
    ...readToken(token),
    now: app.clock.nowSeconds(),
    trapUrl,
    protect: (header, payload) => forgeSigned(header, payload, algorithm, key),
  };
}

/** The good header and claims with another signature. */
const signedWith =
  (
    make: (content: string, good: Buffer) => Buffer,
    changes: Record<string, unknown> = {},
  ): Make =>
  (c) => {
    const { header, claims } = c;
    const [start, payload, signature] = c
      .protect({ ...header, ...changes }, claims)
      .split('.') as [string, string, string];
    const content = `${start}.${payload}`;
    const good = Buffer.from(signature, 'base64url');
    return `${content}.${make(content, good).toString('base64url')}`;
  };

const macedWith = (key: Buffer, hash = 'sha256') =>
  signedWith((content) => createHmac(hash, key).update(content).digest(), {
    alg: hash.replace('sha', 'HS'),
  });

/** A certificate of a key, so far as it can be parsed: whoever presents it has not had it signed. */
function certificateOf(publicKey: KeyObject): X509Certificate {
  const node = (tag: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const length =
      body.length < 0x80
        ? [body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const ed25519 = Buffer.from('300506032b6570', 'hex');
  const name = node(0x30);
  const time = (text: string) => node(0x17, Buffer.from(text));
  return new X509Certificate(
    node(
      0x30,
      node(
        0x30,
        Buffer.from('a003020102020101', 'hex'),
        ed25519,
        name,
        node(0x30, time('260101000000Z'), time('360101000000Z')),
        name,
        publicKey.export({ type: 'spki', format: 'der' }),
      ),
      ed25519,
      node(0x03, Buffer.alloc(65)),
    ),
  );
}

/** Every form in which an attacker may have our public key. */
function publicForms(publicKey: KeyObject): [title: string, bytes: Buffer][] {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const jwk = publicKey.export({ format: 'jwk' });
  const coordinates = [jwk.n ?? jwk.x!, ...(jwk.y ? [jwk.y] : [])].map((each) =>
    Buffer.from(each, 'base64url'),
  );
  const certificate = certificateOf(publicKey);
  const texts: [string, string][] = [
    ['PEM', pem],
    ['PEM without the last newline', pem.trimEnd()],
    ['PEM with CRLF', pem.replaceAll('\n', '\r\n')],
    ['the base64 of the PEM', pem.replace(/-----[^-]+-----|\n/g, '')],
    ['a JSON Web Key', JSON.stringify(jwk)],
    ['a certificate in PEM', certificate.toString()],
    ...(jwk.n
      ? ([
          ['PEM of PKCS#1', publicKey.export({ type: 'pkcs1', format: 'pem' })],
          ['the modulus as text', jwk.n],
        ] as [string, string][])
      : []),
  ];
  return [
    ...texts.map(([title, text]): [string, Buffer] => [
      title,
      Buffer.from(text),
    ]),
    ['DER', der],
    ['a certificate in DER', certificate.raw],
    ['the bytes of its numbers', Buffer.concat(coordinates)],
    [
      'the bytes of its point',
      Buffer.concat([Buffer.from([4]), ...coordinates]),
    ],
  ];
}

const OTHER_NAMES = [
  'HS256',
  'HS384',
  'HS512',
  'RS384',
  'RS512',
  'PS384',
  'PS512',
  'ES384',
  'ES512',
  'ES256K',
  'Ed25519',
  'Ed448',
  'dir',
  'A256GCM',
];

/** What is refused whatever the algorithm of the key is. */
function algorithmRows(algorithm: SessionKeyAlgorithm): Row[] {
  const { publicKey } = keyPairs[algorithm];
  const other = otherKeyPairs[algorithm].privateKey;
  const confusion = algorithm === 'ES256' ? 'A-007' : 'A-006';
  return [
    [
      'A-001 S-037 alg none with an empty signature',
      (c) =>
        `${encodeSegment({ ...c.header, alg: 'none' })}.${encodeSegment(c.claims)}.`,
      'malformed',
    ],
    [
      'A-001 S-037 a good header with an empty signature',
      ({ token }) => token.slice(0, token.lastIndexOf('.') + 1),
      'malformed',
    ],
    ...['none', 'None', 'NONE', 'nOnE', 'none '].map((alg): Row => [
      `A-002 V-16 alg ${JSON.stringify(alg)} with a good signature`,
      withHeader({ alg }),
      'header',
    ]),
    ...[undefined, null, 0, true, [], [algorithm], {}].map((alg): Row => [
      `A-003 V-54 alg ${alg === undefined ? 'absent' : JSON.stringify(alg)}`,
      withHeader({ alg }),
      'header',
    ]),
    ...[
      algorithm.toLowerCase(),
      `${algorithm}\0`,
      ` ${algorithm}`,
      `${algorithm} `,
      '',
    ].map((alg): Row => [
      `A-004 alg ${JSON.stringify(alg)}`,
      withHeader({ alg }),
      'header',
    ]),
    ...[...OTHER_NAMES, ...ALGORITHMS.filter((name) => name !== algorithm)].map(
      (alg): Row => [
        `A-005 S-001 S-003 the good signature under the name ${alg}`,
        withHeader({ alg }),
        'header',
      ],
    ),
    ...ALGORITHMS.filter((name) => name !== algorithm).map((name): Row => [
      `A-010 S-003 a good ${name} signature of another key under our kid`,
      (c) =>
        forgeSigned(
          { ...c.header, alg: name },
          c.claims,
          name,
          keyPairs[name].privateKey,
        ),
      'header',
    ]),
    ...publicForms(publicKey).flatMap(([form, bytes]): Row[] => [
      [
        `${confusion} V-17 V-20 an HS256 MAC with our public key as ${form}`,
        macedWith(bytes),
        'header',
      ],
      [
        `${confusion} V-17 V-20 that MAC under the name ${algorithm}, key as ${form}`,
        signedWith((content) =>
          createHmac('sha256', bytes).update(content).digest(),
        ),
        'signature',
      ],
    ]),
    [
      `${confusion} V-17 an HS512 MAC with our public key`,
      macedWith(publicKey.export({ type: 'spki', format: 'der' }), 'sha512'),
      'header',
    ],
    [
      'S-110 an HS256 MAC with the secret of the same application',
      macedWith(Buffer.from(SECRET)),
      'header',
    ],
    ...(
      [
        ['cut to 16 bytes', (good) => good.subarray(0, 16)],
        ['cut to one byte', (good) => good.subarray(0, 1)],
        ['without its last byte', (good) => good.subarray(0, -1)],
        [
          'with a byte behind it',
          (good) => Buffer.concat([good, Buffer.from([0])]),
        ],
        [
          'with a byte in front of it',
          (good) => Buffer.concat([Buffer.from([0]), good]),
        ],
        ['twice the same', (good) => Buffer.concat([good, good])],
        ['of nothing but zero bytes', (good) => Buffer.alloc(good.length)],
        ['of nothing but one bits', (good) => Buffer.alloc(good.length, 0xff)],
        [
          'with one bit flipped',
          (good) => Buffer.concat([good.subarray(0, -1), flipped(good)]),
        ],
      ] as [string, (good: Buffer) => Buffer][]
    ).map(([title, edit]): Row => [
      `A-011 a signature ${title}`,
      signedWith((_, good) => edit(good)),
      'signature',
    ]),
    [
      'A-011 a signature of another payload',
      signedWith((content) =>
        signatureOf(`${content}A`, algorithm, keyPairs[algorithm].privateKey),
      ),
      'signature',
    ],
    [
      'A-012 a signature of another key under our kid',
      signedWith((content) => signatureOf(content, algorithm, other)),
      'signature',
    ],
    [
      'A-012 a signature of another key under its own kid',
      (c) =>
        forgeSigned(
          { ...c.header, kid: 'A'.repeat(43) },
          c.claims,
          algorithm,
          other,
        ),
      'unknown-key',
    ],
    [
      'A-014 V-08 a MAC with the empty key and an unknown kid',
      (c) =>
        forgeToken({ ...c.header, alg: 'HS256', kid: 'unknown' }, c.claims, ''),
      'header',
    ],
    [
      'A-014 V-08 a MAC with the empty key under our kid',
      macedWith(Buffer.alloc(0)),
      'header',
    ],
    [
      `A-014 V-08 a MAC with the empty key under the name ${algorithm}`,
      signedWith((content) =>
        createHmac('sha256', '').update(content).digest(),
      ),
      'signature',
    ],
    [
      'A-020 V-17 the kid of the secret, and a MAC with it',
      (c) =>
        forgeToken(
          { alg: 'HS256', typ: 'session+jwt', kid: c.header['kid'] },
          c.claims,
        ),
      'header',
    ],
    [
      'A-021 our own public key as jwk',
      withHeader({ jwk: publicKey.export({ format: 'jwk' }) }),
      'header',
    ],
    [
      'A-021 a key of the attacker as jwk, and its signature',
      (c) =>
        forgeSigned(
          {
            ...c.header,
            jwk: createPublicKey(other).export({ format: 'jwk' }),
          },
          c.claims,
          algorithm,
          other,
        ),
      'header',
    ],
    [
      'A-021 a certificate of the attacker as x5c, and its signature',
      (c) =>
        forgeSigned(
          {
            ...c.header,
            x5c: [certificateOf(createPublicKey(other)).raw.toString('base64')],
          },
          c.claims,
          algorithm,
          other,
        ),
      'header',
    ],
    [
      'A-043 spare bits in the signature',
      spelled((segments) => segments.with(2, withSpareBits(segments[2]!))),
      'malformed',
    ],
    ...SIGNATURE_ROWS[algorithm](keyPairs[algorithm]).map(
      ([title, make]): Row => [title, signedWith(make), 'signature'],
    ),
  ];
}

const flipped = (bytes: Buffer) => Buffer.from([bytes.at(-1)! ^ 1]);

type SignatureRow = [
  title: string,
  make: (content: string, good: Buffer) => Buffer,
];

const P256_ORDER =
  0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** Points of order 1, 2, 4 and 8, in good and in non-canonical encodings. */
const SMALL_ORDER_POINTS = [
  '01'.padEnd(64, '0'),
  `01${'80'.padStart(62, '0')}`,
  ''.padEnd(64, '0'),
  '80'.padStart(64, '0'),
  `ec${'7f'.padStart(62, 'f')}`,
  `ee${'7f'.padStart(62, 'f')}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
];

const bigEndian = (value: bigint, length: number) =>
  Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
const littleEndian = (value: bigint, length: number) =>
  bigEndian(value, length).toReversed();
const numberOf = (bytes: Uint8Array) =>
  BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** Signatures that only a verifier of one algorithm can be wrong about. */
const SIGNATURE_ROWS: Record<
  SessionKeyAlgorithm,
  (pair: KeyPair) => SignatureRow[]
> = {
  ES256: ({ privateKey }) => [
    ...(
      [
        ['0', 0n],
        ['1', 1n],
        ['n - 1', P256_ORDER - 1n],
        ['n', P256_ORDER],
        ['n + 1', P256_ORDER + 1n],
        ['the greatest number', 2n ** 256n - 1n],
      ] as const
    ).flatMap(([name, value]): SignatureRow[] => {
      const bytes = bigEndian(value, 32);
      return [
        [
          `A-008 r = ${name}`,
          (_, good) => Buffer.concat([bytes, good.subarray(32)]),
        ],
        [
          `A-008 s = ${name}`,
          (_, good) => Buffer.concat([good.subarray(0, 32), bytes]),
        ],
        [`A-008 r = s = ${name}`, () => Buffer.concat([bytes, bytes])],
      ];
    }),
    [
      'A-008 r and s exchanged',
      (_, good) => Buffer.concat([good.subarray(32), good.subarray(0, 32)]),
    ],
    [
      'A-008 a good signature in DER',
      (content) =>
        sign('sha256', Buffer.from(content), {
          key: privateKey,
          dsaEncoding: 'der',
        }),
    ],
    [
      'A-008 r and s of 33 bytes each',
      (_, good) =>
        Buffer.concat([
          Buffer.alloc(1),
          good.subarray(0, 32),
          Buffer.alloc(1),
          good.subarray(32),
        ]),
    ],
    [
      'A-008 a good signature over another hash',
      (content) =>
        sign('sha384', Buffer.from(content), {
          key: privateKey,
          dsaEncoding: 'ieee-p1363',
        }),
    ],
  ],
  EdDSA: () => [
    ...SMALL_ORDER_POINTS.map((point): SignatureRow => [
      `A-009 R of small order (${point.slice(0, 4)}), S = 0`,
      () => Buffer.concat([Buffer.from(point, 'hex'), Buffer.alloc(32)]),
    ]),
    ...SMALL_ORDER_POINTS.map((point): SignatureRow => [
      `A-009 R of small order (${point.slice(0, 4)}), S kept`,
      (_, good) =>
        Buffer.concat([Buffer.from(point, 'hex'), good.subarray(32)]),
    ]),
    ...([1n, 2n, 7n] as const).map((times): SignatureRow => [
      `A-009 S not reduced: S + ${times} L`,
      (_, good) => {
        const s = numberOf(good.subarray(32).toReversed());
        return Buffer.concat([
          good.subarray(0, 32),
          littleEndian(s + times * ED25519_ORDER, 32),
        ]);
      },
    ]),
    [
      'A-009 S = L',
      (_, good) =>
        Buffer.concat([good.subarray(0, 32), littleEndian(ED25519_ORDER, 32)]),
    ],
    [
      'A-009 R with its sign turned',
      (_, good) => {
        const edit = Buffer.from(good);
        edit[31]! ^= 0x80;
        return edit;
      },
    ],
  ],
  RS256: ({ privateKey, publicKey }) => [
    ...rsaNumberRows(publicKey),
    [
      'A-010 a good PS256 signature of the same key under the name RS256',
      (content) => signatureOf(content, 'PS256', privateKey),
    ],
    ...['sha1', 'sha384', 'sha512'].map((hash): SignatureRow => [
      `A-010 a good signature over ${hash}`,
      (content) => sign(hash, Buffer.from(content), privateKey),
    ]),
    [
      'A-010 a block with a short padding and garbage behind the hash',
      (_, good) => {
        const block = rsaBlock(publicKey, good);
        const hash = block.subarray(block.indexOf(0, 2));
        return rawRsa(
          privateKey,
          Buffer.concat([
            Buffer.from('0001ffffffffffffffff', 'hex'),
            hash,
            Buffer.alloc(block.length - 10 - hash.length, 1),
          ]),
        );
      },
    ],
    [
      'A-010 a block with the hash alone, without its name',
      (_, good) => {
        const block = rsaBlock(publicKey, good);
        const padding = Buffer.alloc(block.length - 32 - 3, 0xff);
        return rawRsa(
          privateKey,
          Buffer.concat([
            Buffer.from('0001', 'hex'),
            padding,
            Buffer.from([0]),
            block.subarray(-32),
          ]),
        );
      },
    ],
    [
      'A-010 a block of type 2',
      (_, good) => {
        const block = rsaBlock(publicKey, good);
        block[1] = 2;
        return rawRsa(privateKey, block);
      },
    ],
  ],
  PS256: ({ privateKey, publicKey }) => [
    ...rsaNumberRows(publicKey),
    [
      'A-010 a good RS256 signature of the same key under the name PS256',
      (content) => signatureOf(content, 'RS256', privateKey),
    ],
    ...([0, 20, 64] as const).map((saltLength): SignatureRow => [
      `A-010 a salt of ${saltLength} bytes`,
      (content) =>
        sign('sha256', Buffer.from(content), {
          key: privateKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength,
        }),
    ]),
    [
      'A-010 a good signature over another hash',
      (content) =>
        sign('sha512', Buffer.from(content), {
          key: privateKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: 32,
        }),
    ],
  ],
};

function rsaNumberRows(publicKey: KeyObject): SignatureRow[] {
  const { n } = publicKey.export({ format: 'jwk' });
  const modulus = numberOf(Buffer.from(n!, 'base64url'));
  const length = Buffer.from(n!, 'base64url').length;
  return (
    [
      ['1', () => 1n],
      ['n - 1', () => modulus - 1n],
      ['n', () => modulus],
      ['n - s', (s) => modulus - s],
    ] as [string, (s: bigint) => bigint][]
  ).map(([name, value]): SignatureRow => [
    `A-010 the number ${name} for a signature`,
    (_, good) => bigEndian(value(numberOf(good)), length),
  ]);
}

/** What a good PKCS#1 signature signs. */
function rsaBlock(publicKey: KeyObject, signature: Buffer): Buffer {
  const { n, e } = publicKey.export({ format: 'jwk' });
  const [modulus, exponent] = [n!, e!].map((each) =>
    numberOf(Buffer.from(each, 'base64url')),
  ) as [bigint, bigint];
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result =
      (result * result * (bit === '1' ? numberOf(signature) : 1n)) % modulus;
  }
  return bigEndian(result, signature.length);
}

const rawRsa = (key: KeyObject, block: Buffer) =>
  privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, block);

/** Spellings that are no compact JWS, or not its only one. */
const ENCODING_ROWS: Row[] = [
  ...FOREIGN_CHARACTERS.flatMap(([what, character]) =>
    (['header', 'payload', 'signature'] as const).map((name, index): Row => [
      `A-040 A-041 A-042 A-044 ${what} in the ${name}`,
      spelled((segments) =>
        segments.with(
          index,
          segments[index]!.slice(0, 10) +
            character +
            segments[index]!.slice(10),
        ),
      ),
      'malformed',
    ]),
  ),
  [
    'A-023 b64 false with crit and a raw payload',
    (c) => {
      const header = encodeSegment({ ...c.header, b64: false, crit: ['b64'] });
      const { privateKey } = keyPairs.ES256;
      const content = `${header}.payload`;
      return `${content}.${encodeSegment(signatureOf(content, 'ES256', privateKey))}`;
    },
    'malformed',
  ],
  [
    'A-041 the padding that belongs there, signed with it',
    (c) => {
      const padded = [c.header, c.claims].map((part) => {
        const encoded = encodeSegment(withRoom(part));
        return encoded + '='.repeat(4 - (encoded.length % 4));
      });
      return resigned(padded.join('.'));
    },
    'malformed',
  ],
  [
    'A-043 spare bits in the payload, signed with them',
    (c) =>
      resigned(
        `${encodeSegment(c.header)}.${withSpareBits(encodeSegment(withRoom(c.claims)))}`,
      ),
    'malformed',
  ],
  [
    'A-043 spare bits in the header, signed with them',
    (c) =>
      resigned(
        `${withSpareBits(encodeSegment(withRoom(c.header)))}.${encodeSegment(c.claims)}`,
      ),
    'malformed',
  ],
  [
    'A-044 percent-encoded dots',
    ({ token }) => token.replaceAll('.', '%2E'),
    'malformed',
  ],
  ['A-045 one segment', ({ token }) => token.split('.')[1]!, 'malformed'],
  [
    'A-045 two segments',
    ({ token }) => token.slice(0, token.lastIndexOf('.')),
    'malformed',
  ],
  ['A-045 four segments', ({ token }) => `${token}.AAAA`, 'malformed'],
  ['A-045 five segments', ({ token }) => `${token}.AAAA.AAAA`, 'malformed'],
  ['A-045 a trailing dot', ({ token }) => `${token}.`, 'malformed'],
  ['A-045 a leading dot', ({ token }) => `.${token}`, 'malformed'],
  ['A-045 only dots', () => '..', 'malformed'],
  [
    'A-046 the flattened JSON serialisation',
    spelled(([header, payload, signature]) => [
      JSON.stringify({ protected: header, payload, signature }),
    ]),
    'malformed',
  ],
  [
    'A-046 the general JSON serialisation',
    spelled(([header, payload, signature]) => [
      JSON.stringify({
        payload,
        signatures: [{ protected: header, signature }],
      }),
    ]),
    'malformed',
  ],
  [
    'A-048 a rightly signed token of 12,000 bytes',
    withClaims({ data: 'x'.repeat(8_500) }),
    'malformed',
  ],
];

const resigned = (content: string) =>
  `${content}.${encodeSegment(signatureOf(content, 'ES256', keyPairs.ES256.privateKey))}`;

describe.each(adapters)('on %s', (adapter) => {
  const connections = new OutgoingConnections();
  let trap: Server;
  let trapUrl: string;

  beforeAll(async () => {
    trap = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => {
      trap.listen(0, '127.0.0.1', resolve);
    });
    trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/keys`;
    connections.start();
  });
  afterAll(async () => {
    connections.stop();
    await new Promise((resolve) => {
      trap.close(resolve);
    });
  });

  describe.each(ALGORITHMS)('a hostile token for an %s key', (algorithm) => {
    let app: TestApp;
    let context: Context;

    beforeAll(async () => {
      app = await startTestApp(adapter, {
        session: withKeys([keyOf(algorithm)]),
      });
      context = await contextOf(app, algorithm, trapUrl);
    });
    afterAll(() => app.close());

    const ownSlots: [Slot][] =
      algorithm === 'ES256'
        ? slots
        : [[adapter === 'express' ? 'cookie' : 'header']];

    describe.each(ownSlots)('in the %s', (slot) => {
      it.each<[title: string, make: Make]>([
        ['the token itself', ({ token }) => token],
        ['its content, signed without the library', withClaims({})],
        ['a second before its end', withClaims((c) => ({ exp: c.now + 1 }))],
      ])('is not refused when it is good: %s', async (_title, make) => {
        await expectAccepted(app, slot, make(context));
      });

      it.each(algorithmRows(algorithm))(
        'is refused: %s',
        async (_title, make, reason) => {
          await expectRefused(
            app,
            () => present(app, slot, make(context)),
            reason,
          );
        },
      );

      if (algorithm === 'ES256') {
        describe('with a form that no token may have (A-020, A-021, A-022, A-023, A-024, A-025, A-026, A-027, A-028, A-029, A-030)', () => {
          it.each([...HEADER_ROWS, ...ENCODING_ROWS])(
            'is refused: %s',
            async (_title, make, reason) => {
              const token = make(context);
              connections.ports.length = 0;
              await expectRefused(app, () => present(app, slot, token), reason);
              expect(connections.ports).toEqual([app.port]);
            },
          );
        });

        describe('with claims that no token may have (A-049, A-050, A-051, A-060, A-061, A-062, A-063, A-064, A-065, A-066, A-067, A-068, A-069, A-070, A-071, A-072, A-073)', () => {
          it.each([...PAYLOAD_ROWS, ...CLAIM_ROWS])(
            'is refused: %s',
            async (_title, make, reason) => {
              const token = make(context);
              await expectRefused(app, () => present(app, slot, token), reason);
              expect(({} as { admin?: unknown }).admin).toBeUndefined();
            },
          );
        });

        it('keeps subjects apart that differ in their Unicode normalisation only (A-070)', async () => {
          for (const sub of ['\u00e9', 'e\u0301']) {
            const token = withClaims({ sub })(context);
            await expectAccepted(app, slot, token, sub);
          }
        });

        it('is refused with any other bytes in it, and nothing breaks: CR, LF, NUL, 64 KB and 200 KB (A-029, A-040, A-048)', async () => {
          const { handled } = app.account;
          const { token } = context;
          const at = token.indexOf('.') + 1;
          for (const text of [
            ...['\r', '\n', '\r\n', '\0'].map(
              (each) => token.slice(0, at) + each + token.slice(at),
            ),
            token + 'A'.repeat(64_000),
            token + 'A'.repeat(200_000),
          ]) {
            expect([400, 401, 431]).toContain(
              await sendRaw(app.port, rawRequest(slot, Buffer.from(text))),
            );
          }
          expect(app.account.handled).toBe(handled);
          await expectAccepted(app, slot, token);
        });
      }
    });

    it.each(SCHEME_ROWS)(
      'is refused in a header that is not quite right: A-047 %s',
      async (_title, make, reason) => {
        const headers = { Authorization: make(context.token) };
        await expectRefused(
          app,
          () => send(app.port, { path: '/me', headers }),
          reason,
        );
      },
    );

    it('is accepted whatever the case of the scheme (A-047)', async () => {
      for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
        const response = await send(app.port, {
          path: '/me',
          headers: { Authorization: `${scheme} ${context.token}` },
        });
        expect(response.status).toBe(200);
      }
    });

    it(`ends in all its spellings together: ${SPELLINGS} tokens of one session, one sign-out (A-052)`, async () => {
      const spellings = Array.from({ length: SPELLINGS }, (_, i) =>
        withPayload((text) => `${' '.repeat(i)}${text}\n`)(context),
      );
      if (algorithm === 'ES256') {
        // With (r, s) the signature (r, n - s) is good too: anybody can write it.
        const twin = signedWith((_, good) =>
          Buffer.concat([
            good.subarray(0, 32),
            bigEndian(P256_ORDER - numberOf(good.subarray(32)), 32),
          ]),
        );
        spellings.push(twin(context));
      }
      const own = await startTestApp(adapter, {
        session: withKeys([keyOf(algorithm)]),
      });
      try {
        expect(new Set(spellings).size).toBe(spellings.length);
        for (const token of spellings) {
          await expectAccepted(own, 'header', token);
        }
        const { status } = await send(own.port, {
          method: 'POST',
          path: '/logout',
          headers: headersFor('cookie', context.token),
          body: {},
        });
        expect(status).toBe(204);
        for (const token of spellings) {
          await expectRefused(
            own,
            () => present(own, 'header', token),
            'ended',
          );
        }
      } finally {
        await own.close();
      }
    });

    it('is not remembered: one that is not valid yet is let in when its time has come (A-185, V-13)', async () => {
      const clocked = await openTestApp(adapter, {
        session: {
          ...withKeys([keyOf(algorithm)]),
          dataRefreshInterval: '1d',
        },
      });
      const token = withClaims((c) => ({ nbf: c.now + HOUR }))(context);
      for (const advance of [0, 0, HOUR - 6]) {
        clocked.clock.advance(advance);
        await expectRefused(
          clocked,
          () => present(clocked, 'cookie', token),
          'not-yet-valid',
        );
      }
      clocked.clock.advance(1);
      await expectAccepted(clocked, 'cookie', token);
    });

    it('is none that the application issued: what it issues says its algorithm, its type, its kid and nothing else (S-001, S-003)', () => {
      expect(context.header).toEqual({
        alg: algorithm,
        typ: 'session+jwt',
        kid: expect.stringMatching(/^[\w-]{43}$/),
      });
    });
  });

  it('a connection that a token caused would have been seen (S-016)', async () => {
    connections.ports.length = 0;
    await fetch(trapUrl).catch(() => undefined);
    expect(connections.ports).toEqual([Number(new URL(trapUrl).port)]);
  });

  describe.each(ALGORITHMS)('an %s key', (algorithm) => {
    const pair = keyPairs[algorithm];
    const other = otherKeyPairs[algorithm];
    const retiring = (until?: Date): SessionKey => ({
      algorithm,
      publicKey: other.publicKey,
      state: 'retiring',
      ...(until && { until }),
    });

    /** A token that the other key signed. */
    const tokenOfOther = async (): Promise<string> => {
      const app = await startTestApp(adapter, {
        session: withKeys([keyOf(algorithm, { privateKey: other.privateKey })]),
      });
      const { token } = await app.sessions.generate('ada');
      await app.close();
      return token;
    };

    it.each(slots)(
      'verifies nothing from its end on, in the %s, though its token was good a second before (A-012)',
      async (slot) => {
        const token = await tokenOfOther();
        const { claims } = readToken(token);
        const until = new Date((Number(claims['iat']) + 600) * 1000);
        const app = await openTestApp(adapter, {
          session: withKeys([keyOf(algorithm), retiring(until)]),
        });
        app.clock.advance(599);
        await expectAccepted(app, slot, token);
        app.clock.advance(1);
        await expectRefused(
          app,
          () => present(app, slot, token),
          'unknown-key',
        );
      },
    );

    it.each(slots)(
      'verifies nothing once it was removed, in the %s: after keyCache.maxAge, or immediately (A-012)',
      async (slot) => {
        const token = await tokenOfOther();
        let keys = [keyOf(algorithm), retiring()];
        const app = await openTestApp(adapter, {
          session: { ...withKeys(() => keys), keyCache: { maxAge: '5m' } },
        });
        await expectAccepted(app, slot, token);
        keys = [keyOf(algorithm)];
        app.clock.advance(299);
        await expectAccepted(app, slot, token);
        app.clock.advance(1);
        await expectRefused(
          app,
          () => present(app, slot, token),
          'unknown-key',
        );

        keys = [keyOf(algorithm), retiring()];
        await app.sessions.reloadKeys();
        await expectAccepted(app, slot, token);
        keys = [keyOf(algorithm)];
        await app.sessions.reloadKeys();
        await expectRefused(
          app,
          () => present(app, slot, token),
          'unknown-key',
        );
      },
    );

    it.each(slots)(
      'is refused while it is unknown and accepted as soon as it is known, in the %s (A-185)',
      async (slot) => {
        const token = await tokenOfOther();
        let keys = [keyOf(algorithm)];
        const app = await openTestApp(adapter, {
          session: { ...withKeys(() => keys), keyCache: { coolDown: '30s' } },
        });
        const refused = () =>
          expectRefused(app, () => present(app, slot, token), 'unknown-key');
        await refused();
        keys = [keyOf(algorithm), retiring()];
        // Within the cool-down nobody is asked again.
        app.clock.advance(29);
        await refused();
        app.clock.advance(1);
        await expectAccepted(app, slot, token);
      },
    );

    it('that is to sign next verifies before it signs: every verifier must know it by then (A-013)', async () => {
      const token = await tokenOfOther();
      const app = await openTestApp(adapter, {
        session: withKeys([
          keyOf(algorithm),
          { algorithm, privateKey: other.privateKey, state: 'next' },
        ]),
      });
      await expectAccepted(app, 'cookie', token);
      const issued = await app.sessions.generate('ada');
      const [kid] = app.sessions.jwks().keys.map((key) => key.kid);
      expect(readToken(issued.token).header['kid']).toBe(kid);
      expect(readToken(token).header['kid']).not.toBe(kid);
    });

    it.each(slots)(
      'is no key for a wrong use of its kid, in the %s: a token of the one that names the other (A-012, S-003)',
      async (slot) => {
        const app = await openTestApp(adapter, {
          session: withKeys([keyOf(algorithm), retiring()]),
        });
        const { claims } = readToken(
          (await app.sessions.generate('ada')).token,
        );
        const [own, others] = app.sessions.jwks().keys.map(({ kid }) => kid);
        const token = (kid: string | undefined, key: KeyObject) =>
          forgeSigned(
            { alg: algorithm, typ: 'session+jwt', kid },
            claims,
            algorithm,
            key,
          );
        await expectAccepted(app, slot, token(own, pair.privateKey));
        await expectAccepted(app, slot, token(others, other.privateKey));
        for (const crossed of [
          token(others, pair.privateKey),
          token(own, other.privateKey),
        ]) {
          await expectRefused(
            app,
            () => present(app, slot, crossed),
            'signature',
          );
        }
      },
    );
  });

  it('one RSA key is for one algorithm only: given for two it stops the boot, and its other signatures are refused (A-010, S-003)', async () => {
    const { privateKey } = newKeyPair('RS256');
    await expect(
      startTestApp(adapter, {
        session: withKeys([
          { algorithm: 'RS256', privateKey },
          { algorithm: 'PS256', privateKey, state: 'next' },
        ]),
      }),
    ).rejects.toBeInstanceOf(SessionConfigError);
    const app = await openTestApp(adapter, {
      session: withKeys([
        { algorithm: 'RS256', privateKey },
        {
          algorithm: 'PS256',
          publicKey: keyPairs.PS256.publicKey,
          state: 'retiring',
        },
      ]),
    });
    const { header, claims } = await contextOf(app, 'RS256');
    const token = forgeSigned(
      { ...header, alg: 'PS256' },
      claims,
      'PS256',
      privateKey,
    );
    for (const [slot] of slots) {
      await expectRefused(app, () => present(app, slot, token), 'header');
    }
  });

  describe('a function that gives the keys', () => {
    const key = keyOf('ES256');
    const provider = (answer: () => unknown) =>
      answer as unknown as () => SessionKey[];
    const hanging = () => new Promise<never>(() => {});
    const QUICK = { keyCache: { timeout: 0.05 } };

    /** Starts an application whose option is a function, which answers badly from the second time on. */
    const openFailing = async (
      option: 'keys' | 'secret',
      fail: () => unknown,
      good: unknown = option === 'keys' ? [key] : SECRET,
    ) => {
      let calls = 0;
      const app = await openTestApp(adapter, {
        session: {
          transport: ['cookie', 'header'],
          [option]: () => {
            calls += 1;
            return calls === 1 ? good : fail();
          },
          ...QUICK,
        },
      });
      return { app, calls: () => calls };
    };

    const BAD_ANSWERS: [title: string, fail: () => unknown][] = [
      ...[
        undefined,
        null,
        '',
        Buffer.alloc(0),
        0,
        {},
        [],
        [undefined],
        [{}],
        [''],
        true,
      ].map((value): [string, () => unknown] => [
        `V-08 gives ${titleOf(value)}`,
        () => value,
      ]),
      ['A-015 gives a promise of undefined', () => Promise.resolve(undefined)],
      [
        'A-015 throws',
        () => {
          throw new Error('vault sealed');
        },
      ],
      ['A-015 throws nothing', () => Promise.reject(undefined)],
      ['A-015 rejects', () => Promise.reject(new Error('vault sealed'))],
      ['A-015 hangs', hanging],
    ];

    describe.each(['keys', 'secret'] as const)('as %s', (option) => {
      it.each(BAD_ANSWERS)(
        'stops the boot when it %s (A-015)',
        async (_title, fail) => {
          const failure = await bootError(
            {
              imports: [
                SessionJwtModule.forRoot({
                  dataLoader: false,
                  [option]: fail,
                  ...QUICK,
                }),
              ],
            },
            { adapter },
          );
          expect(failure).toBeInstanceOf(SessionConfigError);
        },
      );

      it.each(BAD_ANSWERS)(
        'leaves the keys as they were when it %s later, and lets no token of the empty key in (A-014, S-037)',
        async (_title, fail) => {
          const { app, calls } = await openFailing(option, fail);
          const { token } = await app.sessions.generate('ada');
          const { header, claims } = readToken(token);
          const forged = [
            forgeToken({ ...header, alg: 'HS256' }, claims, ''),
            forgeToken({ ...header, alg: 'HS256', kid: 'x' }, claims, ''),
            forgeToken({ ...header, alg: 'HS256', kid: '' }, claims, ''),
            forgeToken({ alg: 'HS256', typ: 'session+jwt' }, claims, ''),
            forgeToken(header, claims, ''),
            forgeToken({ ...header, alg: 'none' }, claims, ''),
            forgeToken({ ...header, kid: 'undefined' }, claims, 'undefined'),
          ];
          app.clock.advance('5m');
          app.events.length = 0;
          const response = await present(app, 'cookie', token);
          expect(response.status).toBe(200);
          expect(calls()).toBe(2);
          expect(app.eventsOf('keysFailed')).toHaveLength(1);
          for (const each of forged) {
            app.events.length = 0;
            const { handled } = app.account;
            const { status, json } = await present(app, 'header', each);
            expect({ status, json }).toMatchObject({
              status: 401,
              json: { errorCode: 'SESSION_REQUIRED' },
            });
            expect(app.account.handled).toBe(handled);
            expect(app.eventsOf('rejected')).toHaveLength(1);
          }
          expect((await present(app, 'header', token)).status).toBe(200);
        },
      );
    });

    it('is checked as strictly as the option itself: a private key of another algorithm, one without an active key (A-015)', async () => {
      for (const bad of [
        [{ algorithm: 'EdDSA', privateKey: keyPairs.ES256.privateKey }],
        [{ algorithm: 'ES256', publicKey: keyPairs.ES256.publicKey }],
        [{ ...key, algorithm: 'none' }],
        [{ ...key, algorithm: 'HS256' }],
        [{ privateKey: keyPairs.ES256.privateKey }],
      ]) {
        const { app } = await openFailing('keys', () => bad);
        await expect(app.sessions.reloadKeys()).rejects.toMatchObject({
          code: 'KEYS_UNAVAILABLE',
        });
        const { token } = await app.sessions.generate('ada');
        await expectAccepted(app, 'cookie', token);
      }
    });

    it('that hangs is aborted by its signal, and its later result is ignored (A-015)', async () => {
      let answer: (keys: SessionKey[]) => void = () => {};
      let signal: AbortSignal | undefined;
      let calls = 0;
      const app = await openTestApp(adapter, {
        session: {
          ...withKeys((request) => {
            calls += 1;
            signal = request.signal;
            return calls === 1
              ? [key]
              : new Promise<SessionKey[]>((resolve) => {
                  answer = resolve;
                });
          }),
          ...QUICK,
        },
      });
      const { token } = await app.sessions.generate('ada');
      await expect(app.sessions.reloadKeys()).rejects.toMatchObject({
        code: 'KEYS_UNAVAILABLE',
      });
      expect(signal?.aborted).toBe(true);
      answer([keyOf('ES256', otherKeyPairs.ES256)]);
      await new Promise((resolve) => setImmediate(resolve));
      await expectAccepted(app, 'cookie', token);
    });

    it('is not waited for by tokens of known keys while it is known to be down (A-015)', async () => {
      let waiting = 0;
      const { app } = await openFailing('keys', () => {
        waiting += 1;
        return hanging();
      });
      const { token } = await app.sessions.generate('ada');
      app.clock.advance('5m');
      await present(app, 'cookie', token);
      expect(app.eventsOf('keysFailed')).toHaveLength(1);
      app.clock.advance('30s');
      // The next attempt is under way, and requests do not wait for it.
      await expectAccepted(app, 'cookie', token);
      expect(waiting).toBe(2);
      expect(app.eventsOf('keysFailed')).toHaveLength(0);
      await app.sessions.reloadKeys().catch(() => undefined);
    });

    it('is asked once however many requests wait for it', async () => {
      let calls = 0;
      const app = await openTestApp(adapter, {
        session: withKeys(
          provider(async () => {
            calls += 1;
            await new Promise((resolve) => setImmediate(resolve));
            return [key];
          }),
        ),
      });
      const { token } = await app.sessions.generate('ada');
      app.clock.advance('5m');
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => present(app, 'cookie', token)),
      );
      expect(answers.map(({ status }) => status)).toEqual(
        Array.from({ length: 20 }, () => 200),
      );
      expect(calls).toBe(2);
    });
  });

  it('params that changed their type are refused before the loader sees them, whatever signed them (A-074)', async () => {
    class TypedLoader extends UserLoader {
      override accepts(params: unknown): boolean {
        return typeof params === 'string';
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Users], TypedLoader);
    for (const algorithm of ALGORITHMS) {
      const app = await openTestApp(adapter, {
        extras: { dataLoader: TypedLoader },
        session: withKeys([keyOf(algorithm)]),
      });
      const context = await contextOf(app, algorithm);
      app.clock.advance('15m');
      for (const params of [{ id: 'ada' }, 5, null, ['ada']]) {
        const retyped = withClaims({ params })(context);
        for (const [slot] of slots) {
          await expectRefused(app, () => present(app, slot, retyped), 'params');
        }
      }
      const loads = app.users.loads.length;
      expect((await present(app, 'cookie', context.token)).status).toBe(200);
      expect(app.users.loads).toHaveLength(loads + 1);
    }
  });
});

describe('a key out of the environment that is not set (V-09, A-168)', () => {
  const UNSET = undefined as unknown as string;
  const good = { algorithm: 'ES256', privateKey: keyPairs.ES256.privateKey };

  it.each<[title: string, option: string, options: () => object]>([
    ['the secret', 'secret', () => ({ secret: UNSET })],
    ['the secret as empty text', 'secret', () => ({ secret: '' })],
    ['the secret as null', 'secret', () => ({ secret: null })],
    ['a list of no secret', 'secret', () => ({ secret: [UNSET] })],
    ['the second secret', 'secret', () => ({ secret: [SECRET, UNSET] })],
    ['the keys, without a secret', 'secret', () => ({ keys: UNSET })],
    ['the keys as null', 'keys', () => ({ keys: null, secret: SECRET })],
    ['the keys as empty text', 'keys', () => ({ keys: '', secret: SECRET })],
    ['no key at all', 'keys', () => ({ keys: [], secret: SECRET })],
    [
      'the private key',
      'keys[0]',
      () => ({ keys: [{ ...good, privateKey: UNSET }] }),
    ],
    [
      'the private key as empty text',
      'keys[0]',
      () => ({ keys: [{ ...good, privateKey: '' }] }),
    ],
    [
      'the private key as null',
      'keys[0]',
      () => ({ keys: [{ ...good, privateKey: null }] }),
    ],
    [
      'the public key of a verifier',
      'keys[0]',
      () => ({
        verifyOnly: true,
        keys: [{ algorithm: 'ES256', publicKey: UNSET }],
      }),
    ],
    [
      'the algorithm',
      'keys[0].algorithm',
      () => ({ keys: [{ ...good, algorithm: UNSET }] }),
    ],
    [
      'the key of encryption',
      'encrypt',
      () => ({ secret: SECRET, encrypt: { key: UNSET } }),
    ],
    [
      'the key of encryption as empty text',
      'encrypt',
      () => ({ secret: SECRET, encrypt: { key: '' } }),
    ],
    [
      'the derived secret as empty text',
      'derivedSecret',
      () => ({ keys: [good], derivedSecret: '' }),
    ],
    [
      'the JWKS of a verifier',
      'verifyOnly',
      () => ({ verifyOnly: { jwksUri: UNSET } }),
    ],
    [
      'everything that refresh tokens could be signed with',
      'derivedSecret',
      () => ({ keys: [good], refreshToken: {} }),
    ],
  ])(
    'stops the boot by forRootAsync, and is named: %s',
    async (_title, option, options) => {
      const error = await bootError({
        imports: [
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            useFactory: async () => options(),
          }),
        ],
      });
      expect(error).toBeInstanceOf(SessionConfigError);
      expect((error as Error).message).toContain(option);
    },
  );

  it.each([
    undefined,
    null,
    '',
    0,
    {},
    [],
    () => undefined,
    () => '',
    () => [],
  ])('stops the boot as the only key there is: %p', async (nothing) => {
    for (const options of [
      { secret: nothing },
      { keys: nothing },
      { secret: nothing, encrypt: true },
      { verifyOnly: true, secret: nothing },
      { verifyOnly: true, keys: nothing },
    ]) {
      const error = await bootError({
        imports: [
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            useFactory: () => options as unknown as SessionJwtModuleOptions,
          }),
        ],
      });
      expect(error).toBeInstanceOf(Error);
    }
  });
});

describe('symmetric and asymmetric keys (S-110)', () => {
  it.each<[title: string, options: () => object]>([
    [
      'an algorithm of secrets for a key pair',
      () => ({
        keys: [{ algorithm: 'HS256', privateKey: keyPairs.ES256.privateKey }],
      }),
    ],
    [
      'a secret for a private key',
      () => ({ keys: [{ algorithm: 'ES256', privateKey: SECRET }] }),
    ],
    [
      'a symmetric JSON Web Key for a private key',
      () => ({
        keys: [
          {
            algorithm: 'ES256',
            privateKey: {
              kty: 'oct',
              k: Buffer.from(SECRET).toString('base64url'),
            },
          },
        ],
      }),
    ],
    [
      'a public key for a secret',
      () => ({
        secret: keyPairs.ES256.publicKey.export({
          type: 'spki',
          format: 'pem',
        }),
      }),
    ],
    [
      'a secret and public keys in a verifier',
      () => ({
        verifyOnly: true,
        secret: SECRET,
        keys: [{ algorithm: 'ES256', publicKey: keyPairs.ES256.publicKey }],
      }),
    ],
    [
      'encryption and key pairs',
      () => ({
        secret: SECRET,
        encrypt: true,
        keys: [{ algorithm: 'ES256', privateKey: keyPairs.ES256.privateKey }],
      }),
    ],
    [
      'one secret for two purposes',
      () => ({ secret: SECRET, derivedSecret: SECRET }),
    ],
    [
      'one secret for signatures and encryption',
      () => ({ secret: SECRET, encrypt: { key: SECRET } }),
    ],
  ])('stop the boot where one stands for the other: %s', async (_, options) => {
    const error = await bootError({
      imports: [
        SessionJwtModule.forRoot({
          dataLoader: false,
          ...(options() as SessionJwtModuleOptions),
        }),
      ],
    });
    expect(error).toBeInstanceOf(SessionConfigError);
    expect((error as Error).message).not.toContain(SECRET);
  });
});
