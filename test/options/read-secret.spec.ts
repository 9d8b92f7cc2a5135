import {
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { inspect } from 'node:util';
import { Test } from '@nestjs/testing';
import { SessionConfigError, SessionJwtModule } from '../../lib/index.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { faultsOf, piecesOf, resolve } from './faults.js';

const HOW_TO = 'randomBytes(32)';

/** Words that a message uses of itself, so that a bad secret that uses them too is not shown by it. */
const OWN_WORDS = `secret[0]: is a published sample or a placeholder, with which anyone can sign; is the text of a PEM file or a public key;
  make one with: node -e "console.log(require('node:crypto').randomBytes(32).toString('base64url'))"`;

/** Pieces of a secret that any form of the error shows, file names of the stack aside. */
function shownPiecesOf(secret: string, error: SessionConfigError): string[] {
  const shown = [
    error.message,
    error.stack,
    error.faults.join('\n'),
    inspect(error, { depth: 10 }),
    JSON.stringify(error),
  ]
    .join('\n')
    .replace(/^ +at .*$/gm, '');
  return piecesOf(secret).filter(
    (piece) =>
      /\w/.test(piece) && shown.includes(piece) && !OWN_WORDS.includes(piece),
  );
}

function errorOf(secret: unknown): SessionConfigError {
  try {
    resolveOptions({ secret });
  } catch (error) {
    if (error instanceof SessionConfigError) {
      return error;
    }
    throw error;
  }
  throw new Error('the secret was accepted');
}

/** One fault, at one path, that says how to mend it and nothing of the value. */
function expectRefused(secret: unknown, shownAs: string, path = 'secret') {
  const error = errorOf(secret);
  expect(error.faults).toHaveLength(1);
  expect(error.faults[0]?.startsWith(`${path}: `)).toBe(true);
  expect(error.faults[0]).toContain(HOW_TO);
  expect(shownPiecesOf(shownAs, error)).toEqual([]);
  return error.faults[0] ?? '';
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const spki = (key: KeyObject) =>
  key.export({ type: 'spki', format: 'pem' }).toString();
const pkcs8 = (key: KeyObject) =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString();
const jwk = (key: KeyObject) => key.export({ format: 'jwk' });
const base64 = (bytes: Buffer, columns: number) =>
  bytes
    .toString('base64')
    .replace(new RegExp(`.{${columns}}`, 'g'), (line) => `${line}\n`);
const certificate = `-----BEGIN CERTIFICATE-----\n${base64(randomBytes(600), 64)}\n-----END CERTIFICATE-----\n`;

describe('a secret that is not set', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ["''", ''],
  ])('stops the boot: %s (A-168, V-09)', (_title, secret) => {
    expect(expectRefused(secret, '')).toMatch(/^secret: is not set; /);
  });

  it('stops the boot: the option is absent (A-168)', () => {
    expect(faultsOf({})).toEqual([
      expect.stringMatching(/^secret: is not set; /),
    ]);
  });

  it('stops the boot when an environment variable is not set (A-168, V-09)', () => {
    const name = 'A_VARIABLE_THAT_NOBODY_SET';
    expect(process.env[name]).toBeUndefined();
    expect(expectRefused(process.env[name], '')).toContain('is not set');
  });

  it('stops the boot: an empty list (A-168)', () => {
    expect(expectRefused([], '')).toContain('is not set');
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ["''", ''],
    ['an empty Buffer', Buffer.alloc(0)],
    ['an empty list', []],
    ['a list with an empty element', [SECRET, '']],
    ['a list with a hole', [SECRET, undefined]],
    ['blanks', ' '.repeat(64)],
  ])(
    'stops the boot through forRoot, forRootAsync and every kind of factory: %s (V-09)',
    async (_title, value) => {
      const secret = value as string;
      class Factory {
        createSessionJwtOptions() {
          return { secret };
        }
      }
      for (const module of [
        () => SessionJwtModule.forRoot({ secret, dataLoader: false }),
        () =>
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            useFactory: () => ({ secret }),
          }),
        () =>
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            useFactory: async () => ({ secret }),
          }),
        () =>
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            useClass: Factory,
          }),
      ]) {
        await expect(
          Test.createTestingModule({ imports: [module()] }).compile(),
        ).rejects.toThrow(SessionConfigError);
      }
    },
  );

  it('starts through all of them with a good one, so that the refusals above are of the secret', async () => {
    for (const module of [
      SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      SessionJwtModule.forRootAsync({
        dataLoader: false,
        useFactory: async () => ({ secret: [SECRET, OTHER_SECRET] }),
      }),
    ]) {
      const moduleRef = await Test.createTestingModule({
        imports: [module],
      }).compile();
      await moduleRef.close();
    }
  });
});

describe('a secret that is too short', () => {
  const bytes = (length: number) => {
    // Random, and the same in every run.
    const source = Buffer.from(SECRET + OTHER_SECRET);
    return Buffer.from(
      Array.from({ length }, (_, i) => (source[i] ?? 0) ^ (i * 37)),
    );
  };

  it.each([
    ['hex', (length: number) => bytes(length).toString('hex')],
    [
      'upper-case hex',
      (length: number) => bytes(length).toString('hex').toUpperCase(),
    ],
    ['base64', (length: number) => bytes(length).toString('base64')],
    [
      'base64 without padding',
      (length: number) => bytes(length).toString('base64').replaceAll('=', ''),
    ],
    ['base64url', (length: number) => bytes(length).toString('base64url')],
    ['a Buffer', (length: number) => bytes(length)],
    ['a Uint8Array', (length: number) => new Uint8Array(bytes(length))],
    ['a KeyObject', (length: number) => createSecretKey(bytes(length))],
    [
      'a Buffer of hex',
      (length: number) => Buffer.from(bytes(length).toString('hex')),
    ],
    [
      'a KeyObject of base64',
      (length: number) =>
        createSecretKey(Buffer.from(bytes(length).toString('base64'))),
    ],
  ] as [string, (length: number) => string | Uint8Array | KeyObject][])(
    'is checked decoded: %s of 31 bytes is refused, of 32 bytes accepted (A-168, S-009)',
    (_form, make) => {
      const short = make(31);
      const shownAs =
        typeof short === 'string'
          ? short.trim()
          : bytes(31).toString('base64url');
      expect(expectRefused(short, shownAs)).toMatch(
        /^secret: expected at least 32 bytes, got 31( when decoded)?;/,
      );
      expect(resolve({ secret: make(32) }).keys.fixed.secrets).toHaveLength(1);
    },
  );

  it.each<[what: string, wrapped: (secret: string) => string | Buffer]>([
    ['a line end', (secret) => `${secret}\n`],
    ['a Windows line end', (secret) => `${secret}\r\n`],
    ['a blank before it', (secret) => ` ${secret}`],
    ['a tab behind it', (secret) => `${secret}\t`],
    ['double quotes', (secret) => `"${secret}"`],
    ['single quotes', (secret) => `'${secret}'`],
    ['a quote before it', (secret) => `"${secret}`],
    ['a quote behind it', (secret) => `${secret}'`],
    ['a line end, from a file', (secret) => Buffer.from(`${secret}\n`)],
  ])('is refused with %s, whatever its strength (A-168)', (_what, wrapped) => {
    for (const secret of [SECRET, bytes(32).toString('hex')]) {
      expect(expectRefused(wrapped(secret), secret)).toMatch(
        /^secret: begins or ends with a (space or a line break|quote), which some tools keep and others drop: remove /,
      );
    }
  });

  it('may hold blanks and quotes, and random bytes may end with them', () => {
    const inner = `${SECRET.slice(0, 20)} '"${SECRET.slice(20)}`;
    const random = Buffer.concat([bytes(32), Buffer.from([0xff, 0x0a])]);
    for (const secret of [inner, random]) {
      expect(resolve({ secret }).keys.fixed.secrets).toHaveLength(1);
    }
  });

  it('is counted in bytes of UTF-8 when it is plain text, not in characters (S-009)', () => {
    const text = 'r\u00f6d gr\u00f8d med fl\u00f8de!';
    expect(text).toHaveLength(19);
    expect(expectRefused(text, text)).toContain('got 22;');
    const long = `${text} \u2603 \u{1f44d}`;
    expect(long.length).toBeLessThan(32);
    expect(Buffer.byteLength(long)).toBe(31);
    expect(expectRefused(long, long)).toContain('got 31;');
    expect(resolve({ secret: `${long}!` }).keys.fixed.secrets).toHaveLength(1);
  });

  it.each([
    'secret',
    'ssssssh!',
    'shhhhh',
    'secretKeyThatIsNotOnGithub',
    'your-256-bit-secret',
    'keyboard cat',
  ])('is one of tutorials: %p (A-168)', (secret) => {
    expectRefused(secret, secret);
  });
});

describe('a secret that is a repetition', () => {
  it.each([
    ['one character', 'a'.repeat(64)],
    ['one character of 33, which is no base64 length', '*'.repeat(33)],
    ['two characters', 'ab'.repeat(32)],
    ['ten digits', '1234567890'.repeat(8)],
    ['a word', 'session!'.repeat(8)],
    ['sixteen characters', 'k7Qz!b2xW9#mP4sT'.repeat(3)],
    ['a pattern that is cut off', 'k7Qz!b2xW9#m'.repeat(3).slice(0, 34)],
    ['few different characters', '!!??..!!??..?!?!.?.!..?!!!????...!!.!?.!?.'],
    ['zero bytes as hex', '00'.repeat(32)],
    ['zero bytes as base64', Buffer.alloc(48).toString('base64')],
    ['blanks', ' '.repeat(64)],
  ])('stops the boot: %s (A-168)', (_case, secret) => {
    expect(expectRefused(secret, '')).toContain('got a repetition');
  });

  it.each([
    ['zero bytes', Buffer.alloc(64)],
    ['one byte', Buffer.alloc(64, 0xa5)],
    ['two bytes', Buffer.alloc(64, 'xy')],
    ['a KeyObject of zero bytes', createSecretKey(Buffer.alloc(32))],
  ])('stops the boot as binary: %s (A-168)', (_case, secret) => {
    expect(expectRefused(secret, '')).toContain('got a repetition');
  });
});

describe('a secret that everybody knows', () => {
  /** Kept apart from the list of the library on purpose. */
  const published: [where: string, secret: string][] = [
    [
      'README of auth-jwt-express',
      'fnh0X8EK8Qi+g8Rye6/AJ3B/GqODvihkrkHXpEl3eC+TD1yPT+EsJ6aMmzF8bFmSnhjQGjFMGAsTdHHnjDxH6Q==',
    ],
    ['jwt.io', 'a-string-secret-at-least-256-bits-long'],
    [
      'jwt.io for HS512',
      'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
    ],
    [
      'the documentation of Nest',
      'DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET AND KEEP IT SAFE OUTSIDE OF THE SOURCE CODE.',
    ],
    [
      'RFC 7515, appendix A.1',
      'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    ],
    ['RFC 7520, section 3.5', 'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg'],
    ['README of iron-session', 'complex_password_at_least_32_characters_long'],
    ['the default of better-auth', 'better-auth-secret-12345678901234567890'],
    [
      'the default of Supabase',
      'super-secret-jwt-token-with-at-least-32-characters-long',
    ],
    [
      'the documentation of Hasura',
      '3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R',
    ],
    [
      'a Spring tutorial',
      '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970',
    ],
    [
      'a second Spring tutorial',
      '413F4428472B4B6250645367566B5970337336763979244226452948404D6351',
    ],
    [
      'a third Spring tutorial',
      '9a4f2c8d3b7a1e6f45c8a0b3f267d8b1d4e6f3c8a9d2b5f8e3a9c8b5f6v8a3d9',
    ],
    [
      'many an Express tutorial',
      'my-32-character-ultra-secure-and-ultra-long-secret',
    ],
  ];

  it.each(published)('stops the boot: %s (A-168)', (_where, secret) => {
    expect(expectRefused(secret, secret)).toContain('published sample');
  });

  it.each(published)(
    'stops the boot in every other form of it: %s (A-168)',
    (_where, secret) => {
      for (const form of [
        `${secret}\n`,
        ` ${secret} `,
        Buffer.from(secret),
        createSecretKey(Buffer.from(secret)),
      ]) {
        expectRefused(form, secret);
      }
    },
  );

  it.each([
    ['RFC 7515, appendix A.1', published[4]![1]],
    ['RFC 7520, section 3.5', published[5]![1]],
    ['README of auth-jwt-express', published[0]![1]],
  ])('stops the boot as the bytes behind it: %s (A-168)', (_where, secret) => {
    expectRefused(Buffer.from(secret, 'base64'), secret);
  });

  it.each([
    'changeme-changeme-changeme-changeme-1',
    'please-change-me-in-production-0123456789',
    'CHANGE_THIS_TO_A_LONG_RANDOM_STRING_PLEASE',
    'replace-me-with-a-real-one-0123456789-abcdef',
    'your-super-secret-jwt-key-min-32-characters!!',
    'your_jwt_secret_key_here_make_it_long_enough_x',
    'MySuperSecretThatIsLongEnoughForHs256AndMore!',
    'this is an insecure default, do not deploy it',
    'keyboard cat keyboard dog keyboard bird mouse',
  ])('stops the boot when it is a placeholder: %p (A-168)', (secret) => {
    expectRefused(secret, '');
  });
});

describe('a public key or a key file as a shared secret', () => {
  const texts: [what: string, text: string][] = [
    ['an RSA public key', spki(rsa.publicKey)],
    ['an EC public key', spki(ec.publicKey)],
    ['an Ed25519 public key', spki(ed.publicKey)],
    [
      'a PKCS#1 public key',
      rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    ],
    ['an RSA private key', pkcs8(rsa.privateKey)],
    ['an EC private key', pkcs8(ec.privateKey)],
    ['a certificate', certificate],
    [
      'an SSH key',
      `ssh-ed25519 ${base64(randomBytes(51), 200).trim()} me@example`,
    ],
  ];
  const disguises: [how: string, disguise: (text: string) => string][] = [
    ['as it is', (text) => text],
    ['without its last line end', (text) => text.trimEnd()],
    ['after a blank', (text) => ` ${text}`],
    ['after line ends', (text) => `\r\n\n${text}`],
    ['after a BOM', (text) => `\ufeff${text}`],
    ['after a NUL', (text) => `\0${text}`],
    ['after a comment', (text) => `# the key of production\n${text}`],
    ['after other bytes', (text) => `\u00ff\u0001x${text}`],
    ['with CRLF', (text) => text.replaceAll('\n', '\r\n')],
    ['with escaped line ends', (text) => text.replaceAll('\n', String.raw`\n`)],
    ['in one line', (text) => text.replaceAll('\n', ' ')],
    ['in quotes', (text) => JSON.stringify(text)],
  ];

  it.each(
    texts.flatMap(([what, text]) =>
      disguises.map(([how, disguise]) => [what, how, disguise(text)] as const),
    ),
  )('stops the boot: %s %s (A-168, V-06)', (_what, _how, secret) => {
    for (const form of [
      secret,
      Buffer.from(secret),
      createSecretKey(Buffer.from(secret)),
    ]) {
      expect(expectRefused(form, secret)).toContain(
        'the text of a PEM file or a public key',
      );
    }
  });

  const sets: [what: string, text: string][] = [
    ['an RSA JWK', JSON.stringify(jwk(rsa.publicKey))],
    ['an EC JWK', JSON.stringify(jwk(ec.publicKey))],
    ['an OKP JWK', JSON.stringify(jwk(ed.publicKey))],
    ['a private JWK', JSON.stringify(jwk(ec.privateKey))],
    [
      'a symmetric JWK',
      JSON.stringify(
        createSecretKey(Buffer.from(SECRET)).export({ format: 'jwk' }),
      ),
    ],
    [
      'a JWKS',
      JSON.stringify({ keys: [jwk(rsa.publicKey), jwk(ec.publicKey)] }),
    ],
    [
      'a JWKS with further members',
      JSON.stringify({ a: 1, keys: [jwk(ed.publicKey)] }),
    ],
    ['a list of one JWK', JSON.stringify([jwk(ec.publicKey)])],
    ['a list of JWKs', JSON.stringify([jwk(ec.publicKey), jwk(ed.publicKey)])],
  ];
  const jsonDisguises: [how: string, disguise: (text: string) => string][] = [
    ['as it is', (text) => text],
    ['after a BOM', (text) => `\ufeff${text}`],
    ['after a NUL', (text) => `\0${text}`],
    ['after a comment', (text) => `// the key of production\n${text}`],
    ['with blanks around', (text) => `\r\n ${text} \r\n`],
    ['indented', (text) => JSON.stringify(JSON.parse(text), null, 2)],
    [
      'indented with CRLF',
      (text) =>
        JSON.stringify(JSON.parse(text), null, 2).replaceAll('\n', '\r\n'),
    ],
  ];

  it.each(
    sets.flatMap(([what, text]) =>
      jsonDisguises.map(
        ([how, disguise]) => [what, how, disguise(text)] as const,
      ),
    ),
  )('stops the boot: %s %s (A-168, V-07)', (_what, _how, secret) => {
    for (const form of [secret, Buffer.from(secret)]) {
      expect(expectRefused(form, secret)).toContain('JSON Web Key');
    }
  });

  it.each([
    ['a public RSA KeyObject', rsa.publicKey, 'public'],
    ['a public EC KeyObject', ec.publicKey, 'public'],
    ['a private KeyObject', ed.privateKey, 'private'],
    [
      'a KeyObject read from PEM',
      createPublicKey(spki(rsa.publicKey)),
      'public',
    ],
  ])('stops the boot: %s (A-168, V-17)', (_what, key, type) => {
    expect(
      expectRefused(key, spki(createPublicKey(spki(rsa.publicKey)))),
    ).toContain(`expected a secret key, got a ${type} one`);
  });
});

describe('a secret of no usable type', () => {
  it.each([
    ['a number', 12_345],
    ['a boolean', true],
    ['an object', { key: SECRET }],
    ['a String object', Object(SECRET)],
    ['an ArrayBuffer', new ArrayBuffer(32)],
    ['a promise', Promise.resolve(SECRET)],
    ['a symbol', Symbol(SECRET)],
    ['a bigint', 2n ** 256n],
    ['a DataView', new DataView(new ArrayBuffer(64))],
    ['a Uint16Array', new Uint16Array(64)],
  ])('stops the boot: %s (A-168)', (_title, secret) => {
    expect(expectRefused(secret, SECRET)).toContain(
      'expected a string, a Buffer or a KeyObject',
    );
  });

  it('stops the boot: a list within a list (A-168)', () => {
    expectRefused([[SECRET]], SECRET, 'secret[0]');
  });
});

describe('a list of secrets', () => {
  it('has every element checked, each named by its place (A-168)', () => {
    const error = errorOf([
      SECRET,
      'short',
      '',
      undefined,
      OTHER_SECRET,
      'a'.repeat(64),
      spki(rsa.publicKey),
      rsa.publicKey,
      5,
    ]);
    expect(error.faults.map((fault) => fault.split(';')[0])).toEqual([
      expect.stringMatching(
        /^secret\[1\]: expected at least 32 bytes, got \d+/,
      ),
      expect.stringMatching(/^secret\[2\]: is not set/),
      expect.stringMatching(/^secret\[3\]: is not set/),
      expect.stringMatching(
        /^secret\[5\]: expected random bytes, got a repetition/,
      ),
      expect.stringMatching(/^secret\[6\]: is the text of a PEM/),
      expect.stringMatching(
        /^secret\[7\]: expected a secret key, got a public one/,
      ),
      expect.stringMatching(/^secret\[8\]: expected a string/),
    ]);
    expect(shownPiecesOf(SECRET, error)).toEqual([]);
    expect(shownPiecesOf(OTHER_SECRET, error)).toEqual([]);
    expect(shownPiecesOf(spki(rsa.publicKey), error)).toEqual([]);
  });

  it.each([
    ['the same text', [SECRET, OTHER_SECRET, SECRET]],
    ['a text and its bytes', [SECRET, OTHER_SECRET, Buffer.from(SECRET)]],
    [
      'a text and its KeyObject',
      [SECRET, OTHER_SECRET, createSecretKey(Buffer.from(SECRET))],
    ],
  ])('stops the boot when one is given twice: %s (A-168)', (_case, secret) => {
    const error = errorOf(secret);
    expect(error.faults).toEqual([
      expect.stringMatching(/^secret\[2\]: is given twice/),
    ]);
    expect(shownPiecesOf(SECRET, error)).toEqual([]);
  });

  it('names the place of a known secret too', () => {
    const known = 'complex_password_at_least_32_characters_long';
    expectRefused([SECRET, known], known, 'secret[1]');
  });
});

describe('a good secret', () => {
  it.each([
    ['32 random bytes in base64url', SECRET],
    ['a sentence', 'Nine grey geese, 7 in a row, went east & 2 came home.'],
    [
      'text with braces that is no JSON',
      '{not json} 8fKq2!xZ#v9 & more {of} it',
    ],
    [
      'a JSON object that is no key',
      '{"pepper":"8fKq2!xZ#v9LmN4pR6tYw1","salt":"Qe3"}',
    ],
    ['64 random bytes', Buffer.from(SECRET + OTHER_SECRET)],
  ])('is taken: %s', (_case, secret) => {
    expect(resolve({ secret }).keys.fixed.secrets).toHaveLength(1);
  });

  it('is taken as long as it is random, 1,000 times over', () => {
    for (let i = 0; i < 1_000; i += 1) {
      const bytes = randomBytes(32);
      const encoding = (['hex', 'base64', 'base64url'] as const)[i % 3]!;
      expect(faultsOf({ secret: bytes.toString(encoding) })).toEqual([]);
      expect(faultsOf({ secret: bytes })).toEqual([]);
    }
  });
});

it.each([
  ['hunter2', 8],
  ['password1', 8],
  ['a-long-word-of-23-chars', 8],
  // Four times 13 characters are no repetition once decoded as base64.
  ['password12345', 4],
])('is not "%s" %i times over (A-168)', (word, times) => {
  expect(faultsOf({ secret: word.repeat(times) })).toEqual([
    expect.stringMatching(/^secret: expected random bytes, got a repetition; /),
  ]);
});
