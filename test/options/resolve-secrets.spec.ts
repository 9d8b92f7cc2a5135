import { createSecretKey, type KeyObject } from 'node:crypto';
import { Test } from '@nestjs/testing';
import { SessionConfigError, SessionJwtModule } from '../../lib/index.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { keyPairs } from '../support/key-pairs.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { faultsOf, piecesOf, THIRD_SECRET } from './faults.js';
import { jwkOf, pemOf } from './key-kinds.js';
import { outputsOfLineIn } from './printed-line.js';

const HOW_TO =
  /; make one with: node -e "console\.log\(require\('node:crypto'\)\.randomBytes\(32\)/;

/** Faults of options, those of what their functions give included. */
async function allFaultsOf(options: object): Promise<readonly string[]> {
  const faults = faultsOf(options);
  if (faults.length > 0) {
    return faults;
  }
  const { signal } = new AbortController();
  try {
    await resolveOptions(options).keys.provide?.(signal);
    return [];
  } catch (error) {
    if (error instanceof SessionConfigError) {
      return error.faults;
    }
    throw error;
  }
}

/** Every place where a secret is given: its option, and options that have the secret there. */
const PLACES: readonly (readonly [
  place: string,
  path: string,
  optionsWith: (secret: unknown) => object,
])[] = [
  ['secret', 'secret', (secret) => ({ secret })],
  ['a function at secret', 'secret', (secret) => ({ secret: () => secret })],
  [
    'a function at secret that gives a promise',
    'secret',
    (secret) => ({ secret: async () => secret }),
  ],
  [
    'derivedSecret',
    'derivedSecret',
    (derivedSecret) => ({ secret: SECRET, derivedSecret }),
  ],
  [
    'encrypt.key',
    'encrypt.key',
    (key) => ({ secret: SECRET, encrypt: { key } }),
  ],
  [
    'refreshToken.secret',
    'refreshToken.secret',
    (secret) => ({ secret: SECRET, refreshToken: { secret } }),
  ],
  [
    'secret, as the second one',
    'secret[1]',
    (secret) => ({ secret: [SECRET, secret] }),
  ],
  [
    'derivedSecret, as the second one',
    'derivedSecret[1]',
    (secret) => ({ secret: SECRET, derivedSecret: [OTHER_SECRET, secret] }),
  ],
  [
    'encrypt.key, as the second one',
    'encrypt.key[1]',
    (secret) => ({ secret: SECRET, encrypt: { key: [OTHER_SECRET, secret] } }),
  ],
  [
    'refreshToken.secret, as the second one',
    'refreshToken.secret[1]',
    (secret) => ({
      secret: SECRET,
      refreshToken: { secret: [OTHER_SECRET, secret] },
    }),
  ],
];

const { ES256, RS256, EdDSA } = keyPairs;
const der = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });

const PUBLIC_TEXT = /is the text of a PEM file or a public key/;
const PUBLIC_JSON = /is a JSON Web Key/;
const PUBLIC_BYTES = /is a public key; a public key must never/;
const REPETITION = /expected random bytes, got a repetition/;
const KNOWN = /is a published sample or a placeholder/;
const NOT_SET = /is not set/;

/** What nobody should sign with, and what is said of it. */
const WEAKNESSES: readonly (readonly [
  what: string,
  secret: unknown,
  words: RegExp,
])[] = [
  ['an empty text (V-09)', '', NOT_SET],
  ['null (V-09)', null, NOT_SET],
  [
    'an empty Buffer (V-09)',
    Buffer.alloc(0),
    /expected at least 32 bytes, got 0;/,
  ],
  [
    'an empty Uint8Array (V-09)',
    new Uint8Array(),
    /expected at least 32 bytes, got 0;/,
  ],
  [
    'an empty KeyObject (V-09)',
    createSecretKey(Buffer.alloc(0)),
    /expected at least 32 bytes, got 0;/,
  ],
  ['a word', 'hunter2!', /expected at least 32 bytes, got \d+( when decoded)?/],
  [
    '31 bytes in hex (S-009)',
    Buffer.from(THIRD_SECRET).subarray(0, 31).toString('hex'),
    /got 31 when decoded/,
  ],
  [
    '31 bytes in base64 (S-009)',
    Buffer.from(THIRD_SECRET).subarray(0, 31).toString('base64'),
    /got 31 when decoded/,
  ],
  [
    '31 bytes (S-009)',
    Buffer.from(THIRD_SECRET, 'base64').subarray(0, 31),
    /expected at least 32 bytes, got 31;/,
  ],
  ['one character', 'a'.repeat(64), REPETITION],
  ['a word over and over', 'hunter2!'.repeat(8), REPETITION],
  ['zero bytes', Buffer.alloc(32), REPETITION],
  [
    'the sample of auth-jwt-express',
    'fnh0X8EK8Qi+g8Rye6/AJ3B/GqODvihkrkHXpEl3eC+TD1yPT+EsJ6aMmzF8bFmSnhjQGjFMGAsTdHHnjDxH6Q==',
    KNOWN,
  ],
  [
    'the sample of auth-jwt-express, decoded',
    Buffer.from(
      'fnh0X8EK8Qi+g8Rye6/AJ3B/GqODvihkrkHXpEl3eC+TD1yPT+EsJ6aMmzF8bFmSnhjQGjFMGAsTdHHnjDxH6Q==',
      'base64',
    ),
    KNOWN,
  ],
  [
    'the sample of session-jwt',
    'secretKeyThatIsNotOnGithub',
    /got 19 when decoded/,
  ],
  [
    'the sample of its README',
    'ssssssh!',
    /expected at least 32 bytes, got 8;/,
  ],
  ['the sample of jwt.io', 'a-string-secret-at-least-256-bits-long', KNOWN],
  ['a placeholder', 'change-me-in-production-0123456789abcdef', KNOWN],
  ['public PEM of RSA (V-06)', pemOf(RS256.publicKey), PUBLIC_TEXT],
  ['private PEM', pemOf(ES256.privateKey), PUBLIC_TEXT],
  ['PEM after a BOM (V-06)', `\ufeff${pemOf(RS256.publicKey)}`, PUBLIC_TEXT],
  ['PEM after a NUL (V-06)', `\0${pemOf(ES256.publicKey)}`, PUBLIC_TEXT],
  [
    'PEM after a comment (V-06)',
    `# key\n${pemOf(EdDSA.publicKey)}`,
    PUBLIC_TEXT,
  ],
  [
    'PEM with CRLF (V-06)',
    pemOf(RS256.publicKey).replaceAll('\n', '\r\n'),
    PUBLIC_TEXT,
  ],
  ['PEM in a Buffer (V-06)', Buffer.from(pemOf(RS256.publicKey)), PUBLIC_TEXT],
  [
    'PEM in a KeyObject (V-06)',
    createSecretKey(Buffer.from(pemOf(RS256.publicKey))),
    PUBLIC_TEXT,
  ],
  [
    'a JSON Web Key (V-07)',
    JSON.stringify(jwkOf(ES256.publicKey)),
    PUBLIC_JSON,
  ],
  [
    'a JSON Web Key of RSA (V-07)',
    JSON.stringify(jwkOf(RS256.publicKey)),
    PUBLIC_JSON,
  ],
  [
    'a JSON Web Key set (V-07)',
    JSON.stringify({ keys: [jwkOf(EdDSA.publicKey)] }),
    PUBLIC_JSON,
  ],
  [
    'an indented JSON Web Key set (V-07)',
    JSON.stringify({ keys: [jwkOf(EdDSA.publicKey)] }, null, 2),
    PUBLIC_JSON,
  ],
  ['DER of RSA', der(RS256.publicKey), PUBLIC_BYTES],
  ['DER of P-256', der(ES256.publicKey), PUBLIC_BYTES],
  ['DER of Ed25519', der(EdDSA.publicKey), PUBLIC_BYTES],
  ['DER in base64', der(RS256.publicKey).toString('base64'), PUBLIC_BYTES],
  ['DER in hex', der(ES256.publicKey).toString('hex'), PUBLIC_BYTES],
  [
    'DER of PKCS#1',
    RS256.publicKey.export({ type: 'pkcs1', format: 'der' }),
    PUBLIC_BYTES,
  ],
  [
    'a public KeyObject',
    RS256.publicKey,
    /expected a secret key, got a public one/,
  ],
  [
    'a private KeyObject',
    ES256.privateKey,
    /expected a secret key, got a private one/,
  ],
  ['zero', 0, /expected a string, a Buffer or a KeyObject/],
  ['a number', 12_345_678, /expected a string, a Buffer or a KeyObject/],
  ['an object', {}, /expected a string, a Buffer or a KeyObject/],
  [
    'a JSON Web Key as an object',
    jwkOf(RS256.publicKey),
    /expected a string, a Buffer or a KeyObject/,
  ],
  [
    'a list in a list',
    [[THIRD_SECRET]],
    /expected a string, a Buffer or a KeyObject/,
  ],
];

/** A secret in the spellings in which a message might show it. */
function spellingsOf(secret: unknown): string[] {
  const bytes =
    typeof secret === 'string'
      ? Buffer.from(secret)
      : secret instanceof Uint8Array
        ? Buffer.from(secret)
        : Buffer.alloc(0);
  return [
    bytes.toString('utf8'),
    bytes.toString('hex'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    JSON.stringify(secret),
  ];
}

describe.each(PLACES)('a secret at %s', (_place, path, optionsWith) => {
  it.each(WEAKNESSES)(
    'stops the boot with the option, the fault and the way to a good one, without the value: %s (A-168)',
    async (_what, secret, words) => {
      const faults = await allFaultsOf(optionsWith(secret));
      expect(faults).toHaveLength(1);
      const [fault = ''] = faults;
      const place =
        Array.isArray(secret) && !path.endsWith(']') ? `${path}[0]` : path;
      expect(fault.slice(0, place.length + 2)).toBe(`${place}: `);
      expect(fault).toMatch(words);
      expect(fault).toMatch(HOW_TO);
      const own = `${_what} ${words.source}`;
      expect(
        spellingsOf(secret)
          .flatMap((spelling) => piecesOf(spelling, 8))
          .filter((piece) => fault.includes(piece) && !own.includes(piece)),
      ).toEqual([]);
    },
  );

  it('is what the line makes that the message prints', async () => {
    const [fault = ''] = await allFaultsOf(optionsWith('short'));
    const [made = '', again = ''] = await outputsOfLineIn(fault);
    expect(Buffer.from(made, 'base64url')).toHaveLength(32);
    expect(await allFaultsOf(optionsWith(made))).toEqual([]);
    expect(await allFaultsOf(optionsWith(again))).toEqual([]);
    expect(again).not.toBe(made);
  });

  it.each([
    ['text', THIRD_SECRET],
    ['bytes', Buffer.from(THIRD_SECRET)],
    ['a KeyObject', createSecretKey(Buffer.from(THIRD_SECRET))],
  ])('is taken as %s, when it is good', async (_form, secret) => {
    expect(await allFaultsOf(optionsWith(secret))).toEqual([]);
  });
});

describe('a variable of the environment that nobody set', () => {
  const unset = process.env['A_VARIABLE_THAT_NOBODY_SET'];

  it.each([
    ['secret', { secret: unset }],
    ['secret', { secret: () => unset }],
    ['secret', { secret: async () => unset }],
    ['encrypt.key', { secret: SECRET, encrypt: { key: unset } }],
    ['secret[1]', { secret: [SECRET, unset] }],
    ['secret[0]', { secret: [unset] }],
    ['derivedSecret[0]', { secret: SECRET, derivedSecret: [unset] }],
    [
      'refreshToken.secret[0]',
      { secret: SECRET, refreshToken: { secret: [unset] } },
    ],
    ['secret', { secret: unset ?? '' }],
    ['secret', { secret: [] }],
  ])('stops the boot at %s, case %# (A-168, V-09)', async (path, options) => {
    const faults = await allFaultsOf(options);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(
      new RegExp(
        `^${path.replaceAll(/[[\].]/g, String.raw`\$&`)}: is not set; `,
      ),
    );
    expect(faults[0]).toMatch(HOW_TO);
  });
});

describe('one secret for two purposes', () => {
  const forms: [form: string, secret: unknown][] = [
    ['the same text', SECRET],
    ['its bytes', Buffer.from(SECRET)],
    ['its KeyObject', createSecretKey(Buffer.from(SECRET))],
    ['one of several', [OTHER_SECRET, SECRET]],
  ];

  it.each(
    ['derivedSecret', 'encrypt.key', 'refreshToken.secret'].flatMap((path) =>
      forms.map(([form, secret]) => [path, form, secret] as const),
    ),
  )(
    'stops the boot: %s is the secret, as %s (A-168)',
    (path, _form, secret) => {
      const [group = '', name] = path.split('.');
      const options = {
        secret: [THIRD_SECRET, SECRET],
        [group]: name ? { [name]: secret } : secret,
      };
      expect(faultsOf(options)).toEqual([
        `${path}: is the secret of the session tokens; leave it out to derive a separate one`,
      ]);
    },
  );

  it.each([
    [
      'encrypt.key: is the same as derivedSecret',
      { derivedSecret: SECRET, encrypt: { key: SECRET } },
    ],
    [
      'refreshToken.secret: is the same as derivedSecret',
      { derivedSecret: SECRET, refreshToken: { secret: SECRET } },
    ],
    [
      'refreshToken.secret: is the same as encrypt.key',
      { encrypt: { key: SECRET }, refreshToken: { secret: SECRET } },
    ],
  ])('stops the boot: %s (A-168)', (fault, options) => {
    expect(faultsOf({ secret: THIRD_SECRET, ...options })).toEqual([
      `${fault}; use a separate secret for each purpose`,
    ]);
  });

  it.each([
    ['secret', { secret: [SECRET, SECRET] }],
    [
      'derivedSecret',
      { secret: THIRD_SECRET, derivedSecret: [SECRET, SECRET] },
    ],
    [
      'encrypt.key',
      { secret: THIRD_SECRET, encrypt: { key: [SECRET, SECRET] } },
    ],
  ])('is no rotation either: %s has it twice (A-168)', (path, options) => {
    expect(faultsOf(options)).toEqual([`${path}[1]: is given twice`]);
  });

  it('is not what several good ones are', () => {
    const options = {
      secret: SECRET,
      derivedSecret: OTHER_SECRET,
      encrypt: { key: THIRD_SECRET },
      refreshToken: {},
    };
    expect(faultsOf(options)).toEqual([]);
  });
});

describe('an empty key, through the module', () => {
  const { privateKey } = ES256;
  const rows: [where: string, options: object][] = [
    ['secret', { secret: '' }],
    ['secret, a function', { secret: () => '' }],
    ['secret, a function of a promise', { secret: async () => undefined }],
    ['secret, a function of bytes', { secret: () => Buffer.alloc(0) }],
    ['derivedSecret', { secret: SECRET, derivedSecret: '' }],
    ['encrypt.key', { encrypt: { key: '' } }],
    ['refreshToken.secret', { secret: SECRET, refreshToken: { secret: '' } }],
    ['keys', { keys: [] }],
    ['keys, a function', { keys: () => [] }],
    ['keys, a function of nothing', { keys: () => undefined }],
    ['privateKey', { keys: [{ algorithm: 'ES256', privateKey: '' }] }],
    [
      'privateKey, an object',
      { keys: [{ algorithm: 'ES256', privateKey: {} }] },
    ],
    [
      'publicKey',
      { keys: [{ algorithm: 'ES256', privateKey, publicKey: '' }] },
    ],
    ['no key at all', {}],
  ];

  it.each(rows)(
    'stops the boot through forRoot and forRootAsync: %s (V-09)',
    async (_where, options) => {
      for (const module of [
        () => SessionJwtModule.forRoot({ ...options, dataLoader: false }),
        () =>
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            useFactory: async () => options,
          }),
      ]) {
        await expect(
          Test.createTestingModule({ imports: [module()] }).compile(),
        ).rejects.toThrow(SessionConfigError);
      }
    },
  );

  it('is what stopped it: good ones start', async () => {
    for (const options of [
      { secret: () => SECRET },
      { encrypt: { key: SECRET } },
      { keys: async () => [{ algorithm: 'ES256' as const, privateKey }] },
    ]) {
      const moduleRef = await Test.createTestingModule({
        imports: [SessionJwtModule.forRoot({ ...options, dataLoader: false })],
      }).compile();
      await moduleRef.close();
    }
  });
});
