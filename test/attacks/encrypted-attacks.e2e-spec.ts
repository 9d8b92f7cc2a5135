import {
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import {
  SessionError,
  type Refusal,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { REFUSALS } from '../../lib/errors/refusal.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { createTestSession } from '../../lib/testing/index.js';
import { send, type TestResponse } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import {
  encodeSegment,
  forgeEncrypted,
  forgeSigned,
  forgeToken,
  readHeader,
  readToken,
  type SegmentContent,
} from '../support/forged-token.js';
import { usedHeap } from '../support/heap.js';
import { keyPairs } from '../support/key-pairs.js';
import { openTestApp } from '../support/opened-apps.js';
import { costOver } from '../support/relative-cost.js';
import {
  adapters,
  OTHER_SECRET,
  SECRET,
  startTestApp,
  UserLoader,
  Users,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { asCookies } from '../support/token-pair.js';
import { UnhandledErrors } from '../support/unhandled.js';
import {
  BODY,
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

/** How often the content of one token is encrypted. */
const ENCRYPTIONS = rounds(100, 20);

const HOUR = 3_600;
const DAY = 24 * HOUR;

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
afterEach(async () => {
  expect(await unhandled.settled()).toEqual([]);
});

const ENCRYPTED: Partial<SessionJwtModuleOptions> = {
  encrypt: true,
  transport: ['cookie', 'header'],
};

interface EncryptedContext extends Context {
  readonly key: KeyObject;
  /** A good token of an application with another secret. */
  readonly foreign: string;
  /** The key of refresh tokens, and its name. */
  readonly refresh: { readonly key: KeyObject; readonly kid: string };
}

/** What a token holds, as its key opens it. */
function decrypt(token: string, key: KeyObject): Record<string, unknown> {
  const [header = '', , ...rest] = token.split('.');
  const [nonce, ciphertext, tag] = rest.map((segment) =>
    Buffer.from(segment, 'base64url'),
  ) as [Buffer, Buffer, Buffer];
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAAD(Buffer.from(header));
  decipher.setAuthTag(tag);
  const text = Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  return JSON.parse(text.toString()) as Record<string, unknown>;
}

async function contextOf(
  app: TestApp,
  trapUrl = '',
): Promise<EncryptedContext> {
  const key = protectingKeyOf(app);
  const token = (await (await app.signIn()).cookie())!;
  const other = await startTestApp(app.adapter, {
    session: { ...ENCRYPTED, secret: OTHER_SECRET, refreshToken: {} },
  });
  const foreign = await other.sessions.generate('ada');
  await other.close();
  const pair = await startTestApp(app.adapter, {
    session: { ...ENCRYPTED, refreshToken: {} },
  });
  const { refreshCodec } = pair.app.get<SessionRuntime>(SESSION_RUNTIME).keys;
  const { kid, signingKey } = refreshCodec!.keys.signing!;
  await pair.close();
  return {
    token,
    key,
    header: readHeader(token),
    claims: decrypt(token, key),
    now: app.clock.nowSeconds(),
    trapUrl,
    protect: (header, payload) => forgeEncrypted(header, payload, key),
    foreign: foreign.token,
    refresh: { kid, key: signingKey! },
  };
}

type EncryptedMake = (c: EncryptedContext) => string;
type EncryptedRow = [title: string, make: EncryptedMake, reason: Refusal];

/** The good content under another key. */
const underKey =
  (
    keyOf: (c: EncryptedContext) => KeyObject | Uint8Array,
    changes: (c: EncryptedContext) => object = () => ({}),
  ): EncryptedMake =>
  (c) => {
    const key = keyOf(c);
    return forgeEncrypted(
      { ...c.header, ...changes(c) },
      c.claims,
      key instanceof Uint8Array ? createSecretKey(key) : key,
    );
  };

const derived = (secret: string, purpose: string) =>
  Buffer.from(
    hkdfSync('sha256', secret, '', `nestjs-session-jwt:${purpose}:v1`, 32),
  );

const kidOfDay = (c: EncryptedContext, day: unknown) =>
  `${String(c.header['kid']).split('.')[0]}.${String(day)}`;
const dayOf = (c: EncryptedContext) => Math.floor(c.now / DAY);

/** One segment with other bytes. */
const rewritten = (index: number, edit: (bytes: Buffer) => Uint8Array): Make =>
  spelled((segments) =>
    segments.with(
      index,
      encodeSegment(edit(Buffer.from(segments[index]!, 'base64url'))),
    ),
  );

/** One segment with one bit of one byte turned. */
const turned = (index: number, at: number): Make =>
  rewritten(index, (bytes) => bytes.with(at, bytes.at(at)! ^ 1));

/** Everything that fails only when the key is applied. */
const DECRYPTION_ROWS: EncryptedRow[] = [
  ['the first byte of the nonce turned', turned(2, 0), 'signature'],
  ['the first byte of the ciphertext turned', turned(3, 0), 'signature'],
  ['the last byte of the ciphertext turned', turned(3, -1), 'signature'],
  ['the first byte of the tag turned', turned(4, 0), 'signature'],
  ['the last byte of the tag turned', turned(4, -1), 'signature'],
  ['a tag of zero bytes', rewritten(4, () => Buffer.alloc(16)), 'signature'],
  [
    'a ciphertext of one byte',
    rewritten(3, (bytes) => bytes.subarray(0, 1)),
    'signature',
  ],
  [
    'a ciphertext without its last byte',
    rewritten(3, (bytes) => bytes.subarray(0, -1)),
    'signature',
  ],
  [
    'a ciphertext with bytes behind it',
    rewritten(3, (bytes) => Buffer.concat([bytes, Buffer.alloc(4)])),
    'signature',
  ],
  [
    'the header spelled in another way, which it authenticates',
    (c) =>
      c.token
        .split('.')
        .with(0, encodeSegment(` ${JSON.stringify(c.header)}`))
        .join('.'),
    'signature',
  ],
  [
    'the header with its members in another order',
    (c) =>
      c.token
        .split('.')
        .with(
          0,
          encodeSegment(
            Object.fromEntries(Object.entries(c.header).toReversed()),
          ),
        )
        .join('.'),
    'signature',
  ],
  [
    'the ciphertext of another token',
    (c) =>
      c.token
        .split('.')
        .with(3, withClaims({ jti: 'x'.repeat(22) })(c).split('.')[3]!)
        .join('.'),
    'signature',
  ],
  [
    'another key under our kid',
    underKey(() => Buffer.alloc(32, 7)),
    'signature',
  ],
];

const ALGORITHM_ROWS: EncryptedRow[] = [
  [
    'A-001 S-037 alg none with an empty signature',
    (c) =>
      `${encodeSegment({ ...c.header, alg: 'none' })}.${encodeSegment(c.claims)}.`,
    'malformed',
  ],
  [
    'A-001 an empty tag',
    spelled((segments) => segments.with(4, '')),
    'malformed',
  ],
  [
    'A-001 an empty ciphertext',
    spelled((segments) => segments.with(3, '')),
    'malformed',
  ],
  [
    'A-001 an empty nonce',
    spelled((segments) => segments.with(2, '')),
    'malformed',
  ],
  ...['none', 'None', 'NONE', 'nOnE', 'none '].flatMap(
    (name): EncryptedRow[] => [
      [
        `A-002 V-16 alg ${JSON.stringify(name)}, rightly encrypted`,
        withHeader({ alg: name }),
        'header',
      ],
      [
        `A-002 enc ${JSON.stringify(name)}, rightly encrypted`,
        withHeader({ enc: name }),
        'header',
      ],
    ],
  ),
  ...[undefined, null, 0, true, [], ['dir'], {}].flatMap(
    (value): EncryptedRow[] => {
      const shown = value === undefined ? 'absent' : JSON.stringify(value);
      return [
        [`A-003 V-54 alg ${shown}`, withHeader({ alg: value }), 'header'],
        [`A-003 V-54 enc ${shown}`, withHeader({ enc: value }), 'header'],
      ];
    },
  ),
  ...['DIR', 'Dir', 'dir\0', ' dir', 'dir ', ''].map((alg): EncryptedRow => [
    `A-004 alg ${JSON.stringify(alg)}`,
    withHeader({ alg }),
    'header',
  ]),
  ...['a256gcm', 'A256GCM\0', ' A256GCM', ''].map((enc): EncryptedRow => [
    `A-004 enc ${JSON.stringify(enc)}`,
    withHeader({ enc }),
    'header',
  ]),
  ...[
    'RSA1_5',
    'RSA-OAEP',
    'RSA-OAEP-256',
    'A128KW',
    'A256KW',
    'A256GCMKW',
    'ECDH-ES',
    'ECDH-ES+A256KW',
    'PBES2-HS256+A128KW',
    'HS256',
    'ES256',
    'A256GCM',
  ].map((alg): EncryptedRow => [
    `A-005 S-001 S-003 the good content under the alg ${alg}`,
    withHeader({ alg }),
    'header',
  ]),
  ...['A128GCM', 'A192GCM', 'A128CBC-HS256', 'A256CBC-HS512', 'dir'].map(
    (enc): EncryptedRow => [
      `A-005 S-001 S-003 the good content under the enc ${enc}`,
      withHeader({ enc }),
      'header',
    ],
  ),
  ...DECRYPTION_ROWS.map(([title, make, reason]): EncryptedRow => [
    `A-011 S-038 ${title}`,
    make,
    reason,
  ]),
  ...[1, 4, 8, 12, 13, 14, 15, 17].map((length): EncryptedRow => [
    `A-011 a tag of ${length} bytes`,
    rewritten(4, (bytes) =>
      Buffer.concat([bytes, Buffer.alloc(1)]).subarray(0, length),
    ),
    'malformed',
  ]),
  ...[1, 8, 11, 13, 16].map((length): EncryptedRow => [
    `A-011 a nonce of ${length} bytes`,
    rewritten(2, () => Buffer.alloc(length)),
    'malformed',
  ]),
  [
    'A-012 a good token of an application with another secret',
    ({ foreign }) => foreign,
    'unknown-key',
  ],
  ...(
    [
      ['of the day after tomorrow', (c) => dayOf(c) + 2],
      ['of a day longer ago than any token lives', (c) => dayOf(c) - 402],
      ['of day 0', () => 0],
      ['of a day with a leading zero', (c) => `0${dayOf(c)}`],
      ['of a negative day', (c) => -dayOf(c)],
      ['of a day with an exponent', () => '2e4'],
      ['of a day with a fraction', (c) => `${dayOf(c)}.0`],
      ['of a day of seven digits', () => '9999999'],
      ['of no day', () => ''],
    ] as [string, (c: EncryptedContext) => unknown][]
  ).map(([title, day]): EncryptedRow => [
    `A-012 A-020 a kid ${title}`,
    underKey(
      ({ key }) => key,
      (c) => ({ kid: kidOfDay(c, day(c)) }),
    ),
    'unknown-key',
  ]),
  ...([-1, 1, -30] as const).map((days): EncryptedRow => [
    `A-012 today's key under the kid of another day (${days})`,
    underKey(
      ({ key }) => key,
      (c) => ({ kid: kidOfDay(c, dayOf(c) + days) }),
    ),
    'signature',
  ]),
  [
    'A-014 V-08 a key of zero bytes',
    underKey(() => Buffer.alloc(32)),
    'signature',
  ],
  [
    'A-014 V-08 what is derived from an empty secret',
    underKey(() => derived('', 'encrypt-session')),
    'signature',
  ],
  [
    'A-014 V-08 a key of zero bytes under an unknown kid',
    underKey(
      () => Buffer.alloc(32),
      () => ({ kid: 'unknown' }),
    ),
    'unknown-key',
  ],
  [
    'S-020 V-23 the hash of the secret for a key',
    underKey(() => createHash('sha256').update(SECRET).digest()),
    'signature',
  ],
  [
    'S-020 V-23 the secret itself for a key, as its bytes',
    underKey(() => Buffer.from(SECRET, 'base64url')),
    'signature',
  ],
  ...['encrypt-session', 'encrypt-refresh', 'refresh', 'kid', 'day 1'].map(
    (purpose): EncryptedRow => [
      `S-020 V-23 what the secret gives for '${purpose}' alone`,
      underKey(() => derived(SECRET, purpose)),
      'signature',
    ],
  ),
  [
    'S-020 V-23 the key of refresh tokens under its own kid',
    underKey(
      ({ refresh }) => refresh.key,
      ({ refresh }) => ({ kid: refresh.kid }),
    ),
    'unknown-key',
  ],
  [
    'S-020 V-23 the key of refresh tokens under our kid',
    underKey(({ refresh }) => refresh.key),
    'signature',
  ],
  [
    'S-007 a good HS256 token with the secret of the application',
    (c) =>
      forgeToken(
        { alg: 'HS256', typ: 'session+jwt', kid: c.header['kid'] },
        c.claims,
      ),
    'malformed',
  ],
  [
    'S-007 a MAC with the encryption key',
    (c) =>
      forgeToken(
        { alg: 'HS256', typ: 'session+jwt', kid: c.header['kid'] },
        c.claims,
        c.key,
      ),
    'malformed',
  ],
  [
    'S-006 a good token within: a signed one, which the header says',
    (c) =>
      c.protect(
        { ...c.header, cty: 'JWT' },
        forgeToken({ alg: 'HS256', typ: 'session+jwt', kid: 'x' }, c.claims),
      ),
    'header',
  ],
  [
    'S-006 a good token within: a signed one, which the header does not say',
    (c) =>
      c.protect(
        c.header,
        forgeToken({ alg: 'HS256', typ: 'session+jwt', kid: 'x' }, c.claims),
      ),
    'claims',
  ],
  [
    'S-006 a good token within: an encrypted one',
    (c) => c.protect(c.header, c.token),
    'claims',
  ],
  [
    'S-006 a good token within, as JSON text',
    (c) => c.protect(c.header, JSON.stringify(c.token)),
    'claims',
  ],
  [
    'S-006 a good token within, the outer one broken',
    underKey(() => Buffer.alloc(32, 1)),
    'signature',
  ],
  [
    'A-021 the key itself as jwk',
    (c) =>
      withHeader({ jwk: { kty: 'oct', k: encodeSegment(c.key.export()) } })(c),
    'header',
  ],
  [
    'A-021 S-008 epk of ECDH-ES',
    withHeader({
      alg: 'ECDH-ES',
      epk: keyPairs.ES256.publicKey.export({ format: 'jwk' }),
    }),
    'header',
  ],
  ['A-024 V-21 zip', withHeader({ zip: 'DEF' }), 'header'],
  ['A-024 V-21 a deflated payload with zip', (c) => bomb(c, true), 'header'],
  [
    'A-024 V-21 a deflated payload without zip',
    (c) => bomb(c, false),
    'claims',
  ],
  [
    'V-22 PBES2 with p2c 2^31 and an encrypted key',
    (c) => pbes2(c, 'A'.repeat(54)),
    'malformed',
  ],
  [
    'V-22 PBES2 with p2c 2^31 and no encrypted key',
    (c) => pbes2(c, ''),
    'header',
  ],
];

/** As much as deflate packs into a token: nearly 6 MB. */
const INFLATED_BYTES = 5_800_000;
const deflated = deflateRawSync(`{"x":"${'0'.repeat(INFLATED_BYTES)}"}`, {
  level: 9,
});

const bomb = ({ key, header }: EncryptedContext, saysSo: boolean) =>
  forgeEncrypted({ ...header, ...(saysSo && { zip: 'DEF' }) }, deflated, key);

const pbes2 = (c: EncryptedContext, encryptedKey: string) =>
  withHeader({
    alg: 'PBES2-HS256+A128KW',
    p2s: 'AAAAAAAAAAAAAAAAAAAAAA',
    p2c: 2 ** 31,
  })(c)
    .split('.')
    .with(1, encryptedKey)
    .join('.');

/** Spellings that are no compact JWE, or not its only one. */
const ENCODING_ROWS: Row[] = [
  ...FOREIGN_CHARACTERS.flatMap(([what, character]) =>
    (
      [
        ['header', 0],
        ['nonce', 2],
        ['ciphertext', 3],
        ['tag', 4],
      ] as const
    ).map(([name, index]): Row => [
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
  ...(
    [
      ['tag', 4],
      ['ciphertext', 3],
      ['header', 0],
    ] as const
  ).map(([name, index]): Row => [
    `A-043 spare bits in the ${name}`,
    (c) => {
      const segments = c
        .protect(withRoom(c.header), withRoom(c.claims))
        .split('.');
      return segments.with(index, withSpareBits(segments[index]!)).join('.');
    },
    'malformed',
  ]),
  [
    'A-044 percent-encoded dots',
    ({ token }) => token.replaceAll('.', '%2E'),
    'malformed',
  ],
  ['A-045 one segment', ({ token }) => token.split('.')[3]!, 'malformed'],
  ...([1, 2, 3, 4] as const).map((count): Row => [
    `A-045 the first ${count} segments`,
    ({ token }) => token.split('.').slice(0, count).join('.'),
    'malformed',
  ]),
  ['A-045 six segments', ({ token }) => `${token}.AAAA`, 'malformed'],
  ['A-045 a trailing dot', ({ token }) => `${token}.`, 'malformed'],
  ['A-045 a leading dot', ({ token }) => `.${token}`, 'malformed'],
  ['A-045 only dots', () => '....', 'malformed'],
  [
    'A-045 an encrypted key, which dir has none of',
    spelled((segments) => segments.with(1, 'AAAA')),
    'malformed',
  ],
  [
    'A-045 three of the five segments: no JWS either',
    spelled(([header, , nonce, ciphertext]) => [header!, nonce!, ciphertext!]),
    'malformed',
  ],
  [
    'A-046 the flattened JSON serialisation',
    spelled(([header, , iv, ciphertext, tag]) => [
      JSON.stringify({ protected: header, iv, ciphertext, tag }),
    ]),
    'malformed',
  ],
  [
    'A-046 the general JSON serialisation',
    spelled(([header, , iv, ciphertext, tag]) => [
      JSON.stringify({
        protected: header,
        recipients: [{}],
        iv,
        ciphertext,
        tag,
      }),
    ]),
    'malformed',
  ],
  [
    'A-048 a rightly encrypted token of 12,000 bytes',
    withClaims({ data: 'x'.repeat(8_500) }),
    'malformed',
  ],
];

describe.each(adapters)('a hostile encrypted token on %s', (adapter) => {
  const connections = new OutgoingConnections();
  let trap: Server;
  let app: TestApp;
  let context: EncryptedContext;

  beforeAll(async () => {
    trap = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => {
      trap.listen(0, '127.0.0.1', resolve);
    });
    const { port } = trap.address() as AddressInfo;
    app = await startTestApp(adapter, { session: ENCRYPTED });
    context = await contextOf(app, `http://127.0.0.1:${port}/keys`);
    connections.start();
  });
  afterAll(async () => {
    connections.stop();
    await app.close();
    await new Promise((resolve) => {
      trap.close(resolve);
    });
  });

  describe.each(slots)('in the %s', (slot) => {
    it.each<[title: string, make: EncryptedMake]>([
      ['the token itself', ({ token }) => token],
      ['its content, encrypted without the library', withClaims({})],
      [
        'its header in another order, and encrypted with it',
        (c) =>
          c.protect(
            Object.fromEntries(Object.entries(c.header).toReversed()),
            c.claims,
          ),
      ],
      ['a second before its end', withClaims((c) => ({ exp: c.now + 1 }))],
    ])('is not refused when it is good: %s', async (_title, make) => {
      await expectAccepted(app, slot, make(context));
    });

    describe('with a form that no token may have (A-020, A-021, A-022, A-023, A-024, A-025, A-026, A-027, A-028, A-029, A-030)', () => {
      it.each([...ALGORITHM_ROWS, ...ENCODING_ROWS, ...HEADER_ROWS])(
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

    it('is refused in the same words whatever kept it from being opened (S-038, V-56)', async () => {
      const answers = new Map<string, object>();
      for (const [title, make] of DECRYPTION_ROWS) {
        app.events.length = 0;
        const response = await present(app, slot, make(context));
        const { date: _date, ...headers } = response.headers;
        answers.set(title, {
          status: response.status,
          text: response.text,
          headers,
          events: [...app.events],
        });
      }
      const [first] = answers.values();
      expect(first).toMatchObject({ status: 401 });
      for (const [title, answer] of answers) {
        expect({ title, answer }).toEqual({ title, answer: first });
      }
    });

    it('is refused with any other bytes in it, and nothing breaks: CR, LF, NUL, 64 KB and 200 KB (A-029, A-040, A-048)', async () => {
      const { handled } = app.account;
      const { token } = context;
      const at = token.indexOf('..') + 3;
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

  it(`ends however often its session was encrypted: ${ENCRYPTIONS} tokens, one sign-out (A-052)`, async () => {
    const tokens = Array.from({ length: ENCRYPTIONS }, () =>
      withClaims({})(context),
    );
    expect(new Set(tokens).size).toBe(ENCRYPTIONS);
    const own = await openTestApp(adapter, { session: ENCRYPTED });
    for (const token of tokens) {
      await expectAccepted(own, 'header', token);
    }
    await send(own.port, {
      method: 'POST',
      path: '/logout',
      headers: headersFor('cookie', tokens[0]!),
      body: {},
    });
    for (const token of tokens) {
      await expectRefused(own, () => present(own, 'header', token), 'ended');
    }
  });

  it('is not remembered: one that is not valid yet is let in when its time has come (A-185, V-13)', async () => {
    const clocked = await openTestApp(adapter, {
      session: { ...ENCRYPTED, dataRefreshInterval: '1d' },
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

  it('reveals nothing of its content, and is never the same twice (A-170, S-164)', async () => {
    const { token } = await app.sessions.generate('ada', {
      attributes: { theme: 'dark' },
    });
    const again = await app.sessions.generate('ada', {
      attributes: { theme: 'dark' },
    });
    const [, , nonce, ciphertext] = token.split('.');
    const readable = token
      .split('.')
      .map((segment) => Buffer.from(segment, 'base64url').toString('latin1'))
      .join();
    expect(readable).not.toMatch(/ada|admin|theme|"sub"|"data"/);
    expect(again.token.split('.')[2]).not.toBe(nonce);
    expect(again.token.split('.')[3]).not.toBe(ciphertext);
  });

  it.each<[title: string, make: EncryptedMake]>([
    ['a deflate bomb (V-21)', (c) => bomb(c, true)],
    ['a deflate bomb that does not say so (V-21)', (c) => bomb(c, false)],
    ['PBES2 with p2c 2^31 (V-22)', (c) => pbes2(c, '')],
    ['PBES2 with an encrypted key (V-22)', (c) => pbes2(c, 'A'.repeat(54))],
  ])('costs next to nothing: %s', async (_title, make) => {
    const { codec } = app.app.get<SessionRuntime>(SESSION_RUNTIME).keys;
    const token = make(context);
    expect(token.length).toBeLessThanOrEqual(8_192);
    expect(deflated.length * 900).toBeLessThan(INFLATED_BYTES);
    codec.verify(token);
    const before = await usedHeap();
    for (let i = 0; i < 200; i += 1) {
      expect(typeof codec.verify(token)).toBe('string');
    }
    expect((await usedHeap()) - before).toBeLessThan(1_000_000);
    const { token: good } = await createTestSession(app.app, 'ada');
    expect(
      costOver(
        () => void codec.verify(token),
        () => void codec.verify(good),
      ),
    ).toBeLessThan(3);
  });

  it.each(slots)(
    'in the %s is good as long as its secret is known: second in the list, then removed (A-012, A-013)',
    async (slot) => {
      const { foreign } = context;
      const both = await openTestApp(adapter, {
        session: { ...ENCRYPTED, secret: [SECRET, OTHER_SECRET] },
      });
      await expectAccepted(both, slot, foreign);
      await expectAccepted(both, slot, context.token);
      const one = await openTestApp(adapter, {
        session: { ...ENCRYPTED, secret: [SECRET] },
      });
      await expectRefused(
        one,
        () => present(one, slot, foreign),
        'unknown-key',
      );
    },
  );

  it.each(slots)(
    'in the %s is refused while its secret is unknown and accepted when it is known (A-185)',
    async (slot) => {
      let secret = [SECRET];
      const own = await openTestApp(adapter, {
        session: { ...ENCRYPTED, secret: () => secret },
      });
      const refused = () =>
        expectRefused(
          own,
          () => present(own, slot, context.foreign),
          'unknown-key',
        );
      await refused();
      secret = [SECRET, OTHER_SECRET];
      own.clock.advance(29);
      await refused();
      own.clock.advance(1);
      await expectAccepted(own, slot, context.foreign);
      secret = [SECRET];
      await own.sessions.reloadKeys();
      await refused();
    },
  );

  it.each(slots)(
    'in the %s opens on every later day of its life: the key of its day is still found, tomorrow another one encrypts',
    async (slot) => {
      const own = await openTestApp(adapter, {
        session: {
          ...ENCRYPTED,
          dataRefreshInterval: '100d',
          lifetime: { idle: '399d', absolute: '399d' },
        },
      });
      const { token } = await own.sessions.generate('ada');
      own.clock.advance('1d');
      const next = await own.sessions.generate('ada');
      expect(readHeader(next.token)['kid']).not.toBe(readHeader(token)['kid']);
      own.clock.advance('80d');
      await expectAccepted(own, slot, token);
      await expectAccepted(own, slot, next.token);
    },
  );

  it('with params that changed their type is refused before the loader sees them (A-074)', async () => {
    class TypedLoader extends UserLoader {
      override accepts(params: unknown): boolean {
        return typeof params === 'string';
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Users], TypedLoader);
    const own = await openTestApp(adapter, {
      extras: { dataLoader: TypedLoader },
      session: ENCRYPTED,
    });
    own.clock.advance('15m');
    for (const params of [{ id: 'ada' }, 5, null, ['ada']]) {
      const retyped = withClaims({ params })(context);
      for (const [slot] of slots) {
        await expectRefused(own, () => present(own, slot, retyped), 'params');
      }
    }
    expect((await present(own, 'cookie', context.token)).status).toBe(200);
    expect(own.users.loads).toHaveLength(1);
  });

  it('has its end inside, where it cannot be removed (V-32)', () => {
    expect(Object.keys(context.header).toSorted()).toEqual([
      'alg',
      'enc',
      'kid',
      'typ',
    ]);
    expect(context.claims['exp']).toBe(context.now + 7 * DAY);
  });

  it('with our own keys but claims of another form is refused, and the payload is never used (V-10)', async () => {
    for (const payload of ['[]', '{}', 'null', '[{"sub":"ada"}]']) {
      for (const [slot] of slots) {
        await expectRefused(
          app,
          () => present(app, slot, withPayload(payload)(context)),
          'claims',
        );
      }
    }
  });
});

const MODES = {
  HS256: {},
  ES256: {
    keys: [{ algorithm: 'ES256', privateKey: keyPairs.ES256.privateKey }],
  },
  EdDSA: {
    keys: [{ algorithm: 'EdDSA', privateKey: keyPairs.EdDSA.privateKey }],
  },
  encrypted: { encrypt: true },
} as const satisfies Record<string, Partial<SessionJwtModuleOptions>>;

type Mode = keyof typeof MODES;
const modes = Object.keys(MODES) as Mode[];

/** Refresh tokens are signed with what the one `derivedSecret` gives, whatever signs session tokens. */
const belonging = (mode: Mode, kind: 'session' | 'refresh') =>
  modes
    .filter(
      (each) =>
        each === mode ||
        (kind === 'refresh' && each !== 'encrypted' && mode !== 'encrypted'),
    )
    .map((each) => `${each} ${kind}`)
    .toSorted();

/** Where a token can be presented, and which kind of token belongs there. */
const PLACES: {
  name: string;
  kind: 'session' | 'refresh';
  present: (app: TestApp, token: string) => Promise<TestResponse>;
}[] = [
  {
    name: 'the session cookie',
    kind: 'session',
    present: (app, token) => present(app, 'cookie', token),
  },
  {
    name: 'the Authorization header',
    kind: 'session',
    present: (app, token) => present(app, 'header', token),
  },
  {
    name: 'the refresh cookie',
    kind: 'refresh',
    present: (app, token) =>
      send(app.port, { path: '/me', headers: asCookies({ refresh: token }) }),
  },
];

describe.each(adapters)(
  'tokens of every kind in every place on %s (A-073, S-007, S-018, S-020, V-23)',
  (adapter) => {
    const apps = new Map<Mode, TestApp>();
    const tokens = new Map<string, string>();

    beforeAll(async () => {
      for (const mode of modes) {
        const app = await openApp(adapter, mode);
        apps.set(mode, app);
        const { token, refreshToken } = await createTestSession(app.app, 'ada');
        tokens.set(`${mode} session`, token);
        tokens.set(`${mode} refresh`, refreshToken!);
        for (const [name, forged] of strangersOf(app, mode, token)) {
          tokens.set(`${mode} ${name}`, forged);
        }
      }
      const { token } = await createTestSession(
        apps.get('encrypted')!.app,
        'ada',
      );
      tokens.set(
        'an encrypted token within a signed one',
        within('ES256', token),
      );
    });
    afterAll(() => Promise.all([...apps.values()].map((app) => app.close())));

    /** A signed token whose payload is a token. */
    const within = (mode: Mode, token: string) => {
      const app = apps.get(mode)!;
      const header = readHeader(tokens.get(`${mode} session`)!);
      return forgeSigned(header, token, 'ES256', protectingKeyOf(app));
    };

    it.each(
      modes.flatMap((mode) => PLACES.map((place) => [mode, place] as const)),
    )(
      'are refused but for the one that belongs there: an application with %s',
      async (mode, place) => {
        const app = apps.get(mode)!;
        const accepted: string[] = [];
        expect(tokens.size).toBeGreaterThan(25);
        for (const [name, token] of tokens) {
          const { handled } = app.account;
          const loads = app.users.loads.length;
          app.events.length = 0;
          const response = await place.present(app, token);
          if (response.status === 200) {
            accepted.push(name);
            continue;
          }
          expect({ name, body: response.json }).toEqual({ name, body: BODY });
          expect(app.account.handled).toBe(handled);
          expect(app.users.loads).toHaveLength(loads);
          const [event, ...more] = app.eventsOf('rejected');
          expect(more).toEqual([]);
          const { code, clears } = REFUSALS[event!.reason];
          expect(event!.code).toBe(code);
          expect(['TOKEN_INVALID', 'KEY_UNKNOWN']).toContain(code);
          expect(response.setCookie).toHaveLength(
            clears && response.sentCookies ? 2 : 0,
          );
        }
        expect(accepted.toSorted()).toEqual(belonging(mode, place.kind));
      },
    );

    it.each(modes)(
      'are refused by SessionService but for those that belong there: an application with %s',
      async (mode) => {
        const { sessions } = apps.get(mode)!;
        const accepted: string[] = [];
        for (const [name, token] of tokens) {
          for (const [method, attempt] of [
            ['verify', () => sessions.verify(token)],
            ['refresh', () => sessions.refresh(token)],
          ] as const) {
            const failure: unknown = await attempt().then(
              () => undefined,
              (error: unknown) => error,
            );
            if (failure === undefined) {
              accepted.push(`${method} ${name}`);
            } else {
              expect(failure).toBeInstanceOf(SessionError);
              expect(['TOKEN_INVALID', 'KEY_UNKNOWN']).toContain(
                (failure as SessionError).code,
              );
            }
          }
        }
        expect(accepted.toSorted()).toEqual([
          ...belonging(mode, 'refresh').map((name) => `refresh ${name}`),
          ...belonging(mode, 'session').map((name) => `verify ${name}`),
        ]);
      },
    );
  },
);

const openApp = (adapter: AdapterName, mode: Mode) =>
  startTestApp(adapter, {
    session: {
      ...MODES[mode],
      derivedSecret: OTHER_SECRET,
      transport: ['cookie', 'header'],
      refreshToken: {},
    },
  });

/** Tokens for other purposes, made with the very key of session tokens. */
function strangersOf(
  app: TestApp,
  mode: Mode,
  token: string,
): [name: string, token: string][] {
  const key = protectingKeyOf(app);
  const header = readHeader(token);
  const protect = (changes: object, payload: SegmentContent): string => {
    const own = { ...header, ...changes };
    switch (mode) {
      case 'HS256':
        return forgeToken(own, payload);
      case 'encrypted':
        return forgeEncrypted(own, payload, key);
      default:
        return forgeSigned(own, payload, mode, key);
    }
  };
  const claims =
    mode === 'encrypted' ? decrypt(token, key) : readToken(token).claims;
  const now = app.clock.nowSeconds();
  const openId = {
    iss: claims['iss'],
    aud: claims['aud'],
    sub: 'ada',
    iat: now,
    exp: now + HOUR,
    auth_time: now,
    nonce: 'n',
  };
  return [
    ['id token', protect({ typ: 'JWT' }, openId)],
    ['id token without typ', protect({ typ: undefined }, openId)],
    ['claims of an id token', protect({}, openId)],
    ['logout token', protect({ typ: 'logout+jwt' }, { ...openId, events: {} })],
    [
      'access token',
      protect({ typ: 'at+jwt' }, { ...openId, client_id: 'c', scope: 's' }),
    ],
    ['session as access token', protect({ typ: 'at+jwt' }, claims)],
    ['session as id token', protect({ typ: 'JWT' }, claims)],
    ['session as csrf token', protect({ typ: 'session-csrf+jwt' }, claims)],
    ['session as refresh', protect({ typ: 'session-refresh+jwt' }, claims)],
    [
      'refresh claims as session',
      protect({}, { ...claims, lat: undefined, data: undefined }),
    ],
    ['token within', protect({ cty: 'JWT' }, token)],
    ['token within, unsaid', protect({}, token)],
  ];
}
