import { createSecretKey } from 'node:crypto';
import { thumbprintOf } from '../../lib/keys/thumbprint.js';
import { KEY_ALGORITHMS } from '../../lib/options/read-key.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { rows } from '../support/titles.js';
import { faultsOf, piecesOf, resolve } from './faults.js';
import {
  formsOf,
  jwkOf,
  KINDS,
  MATRIX,
  pemOf,
  rsaModulus,
  shownPartsOf,
} from './key-kinds.js';
import { outputsOfLineIn } from './printed-line.js';

const { privateKey, publicKey } = keyPairs.ES256;
const other = otherKeyPairs.ES256;
const ACTIVE = { algorithm: 'ES256', privateKey };
const HOW_TO =
  /; make one with: node -e "console\.log\(require\('node:crypto'\)\.generateKeyPairSync\('(?:ec|ed25519|rsa)'/;

/** Faults of `keys`, in an application that signs. */
const faultsOfKeys = (...keys: unknown[]) => faultsOf({ secret: SECRET, keys });
/** Faults of `keys`, in a service that only checks. */
const faultsOfPublicKeys = (...keys: unknown[]) =>
  faultsOf({ verifyOnly: true, keys });
const resolveKeys = (...keys: unknown[]) => resolve({ keys }).keys.fixed.keys;
/** Faults without the advice on how to make a key. */
const shortly = (faults: readonly string[]) =>
  faults.map((fault) => fault.split(/; (?:make one|get it) with/)[0]);

describe('a key pair', () => {
  it.each(KEY_ALGORITHMS)('of every algorithm is taken: %s', (algorithm) => {
    const pair = keyPairs[algorithm];
    for (const [, input] of formsOf(pair.privateKey)) {
      const [key] = resolveKeys({ algorithm, privateKey: input });
      expect(key).toMatchObject({
        algorithm,
        state: 'active',
        endsAt: Infinity,
      });
      expect(key!.privateKey!.equals(pair.privateKey)).toBe(true);
      expect(key!.publicKey.equals(pair.publicKey)).toBe(true);
      expect(key!.publicKey.type).toBe('public');
    }
  });

  it.each(KEY_ALGORITHMS)(
    'may have its public half beside it: %s',
    (algorithm) => {
      const pair = keyPairs[algorithm];
      for (const [, input] of formsOf(pair.publicKey)) {
        const [key] = resolveKeys({
          algorithm,
          privateKey: pair.privateKey,
          publicKey: input,
        });
        expect(key!.publicKey.equals(pair.publicKey)).toBe(true);
      }
    },
  );

  it('must not have the public half of another pair beside it', () => {
    expect(faultsOfKeys({ ...ACTIVE, publicKey: other.publicKey })).toEqual([
      'keys[0].publicKey: does not match the private key',
    ]);
  });

  it.each<[given: object, state: string]>([
    [{ privateKey }, 'active'],
    [{ privateKey, publicKey }, 'active'],
    [{ privateKey, state: 'active' }, 'active'],
    [{ publicKey: other.publicKey }, 'retiring'],
    [{ privateKey: other.privateKey, state: 'retiring' }, 'retiring'],
    [{ privateKey: other.privateKey, state: 'next' }, 'next'],
    [{ publicKey: other.publicKey, state: 'next' }, 'next'],
  ])(
    'is what it says, or what its halves say (A-013), case %#',
    (given, state) => {
      const key = { algorithm: 'ES256', ...given };
      const keys = state === 'active' ? [key] : [ACTIVE, key];
      expect(resolveKeys(...keys).at(-1)?.state).toBe(state);
    },
  );
});

describe('an algorithm with a kind of key (V-18)', () => {
  const halves = ['private', 'public'] as const;

  it.each(
    MATRIX.flatMap(([algorithm, kind, isTaken, pair]) =>
      halves.map((half) => [algorithm, half, kind, isTaken, pair] as const),
    ),
  )(
    '%s with a %s key %s: %p (S-003)',
    (algorithm, half, _kind, isTaken, pair) => {
      const isPrivate = half === 'private';
      const key = isPrivate ? pair.privateKey : pair.publicKey;
      for (const [, input] of formsOf(key)) {
        const faults = isPrivate
          ? faultsOfKeys({ algorithm, privateKey: input })
          : faultsOfPublicKeys({ algorithm, publicKey: input });
        expect(faults).toHaveLength(isTaken ? 0 : 1);
        if (!isTaken) {
          expect(faults[0]).toMatch(/^keys\[0\]: /);
          expect(faults[0]).toMatch(HOW_TO);
          expect(shownPartsOf(key, faults[0]!)).toEqual([]);
        }
      }
    },
  );

  it.each(KEY_ALGORITHMS)(
    '%s with a secret key, in every form of it (S-110, V-17)',
    (algorithm) => {
      const secret = createSecretKey(Buffer.from(SECRET));
      for (const input of [secret, jwkOf(secret), SECRET]) {
        for (const half of ['privateKey', 'publicKey']) {
          const faults = faultsOfKeys(ACTIVE, {
            algorithm,
            state: 'next',
            [half]: input,
          });
          expect(faults).toEqual([
            expect.stringMatching(
              new RegExp(
                `^keys\\[1\\]\\.${half}: (expected a (private|public) key, got a secret one|cannot be read)`,
              ),
            ),
          ]);
          expect(
            piecesOf(SECRET).filter((piece) => faults[0]!.includes(piece)),
          ).toEqual([]);
        }
      }
    },
  );

  it.each(
    rows([
      'HS256',
      'none',
      'ES384',
      'RS512',
      'es256',
      'dir',
      '',
      null,
      5,
      ['ES256'],
      {},
    ]),
  )('%s is no algorithm of key pairs (S-003)', (_title, algorithm) => {
    expect(faultsOfKeys({ algorithm, privateKey })).toEqual([
      expect.stringMatching(
        /^keys\[0\]\.algorithm: expected 'ES256' or 'EdDSA' or 'RS256' or 'PS256'$/,
      ),
    ]);
  });

  it('must be given: no algorithm follows from a key (S-003)', () => {
    for (const key of [{ privateKey }, { ...ACTIVE, algorithm: undefined }]) {
      expect(faultsOfKeys(key)).toEqual(['keys[0].algorithm: is not set']);
    }
  });

  it('must be what a JSON Web Key says of itself (S-003)', () => {
    for (const [half, key] of [
      ['privateKey', privateKey],
      ['publicKey', publicKey],
    ] as const) {
      for (const [said, words] of [
        [
          { alg: 'ES384' },
          'expected a JSON Web Key for ES256, got one for another algorithm',
        ],
        [
          { use: 'enc' },
          'expected a JSON Web Key for signatures, got one for another use',
        ],
        [
          { key_ops: ['deriveKey'] },
          'expected a JSON Web Key for signatures, got one for another use',
        ],
      ] as const) {
        const faults = faultsOfKeys({
          ...ACTIVE,
          [half]: { ...jwkOf(key), ...said },
        });
        expect(shortly(faults)).toEqual([`keys[0]: ${words}`]);
        expect(faults[0]).toMatch(HOW_TO);
      }
    }
  });
});

describe('one key', () => {
  it.each([
    ['the same pair', { privateKey, state: 'next' }],
    ['its public half', { publicKey }],
    [
      'another form of it',
      { privateKey: jwkOf(privateKey), state: 'retiring' },
    ],
  ])('is given once: not with %s again (S-003)', (_what, second) => {
    expect(faultsOfKeys(ACTIVE, { algorithm: 'ES256', ...second })).toEqual([
      'keys[1]: is given twice; use each key with one algorithm',
    ]);
  });

  it('serves one algorithm, not RS256 and PS256 (S-003)', () => {
    const rsa = keyPairs.RS256.privateKey;
    expect(
      faultsOfKeys(
        { algorithm: 'RS256', privateKey: rsa },
        { algorithm: 'PS256', privateKey: rsa, state: 'next' },
      ),
    ).toEqual(['keys[1]: is given twice; use each key with one algorithm']);
  });
});

describe('a list of keys', () => {
  const next = { algorithm: 'ES256', privateKey: other.privateKey };

  it.each<[active: number, keys: object[]]>([
    [0, [{ algorithm: 'ES256', publicKey }]],
    [
      0,
      [
        { ...ACTIVE, state: 'next' },
        { ...next, state: 'retiring' },
      ],
    ],
    [2, [ACTIVE, next]],
  ])('has exactly one that is active, not %i (A-013)', (active, keys) => {
    expect(faultsOfKeys(...keys)).toEqual([
      `keys: expected exactly one active key to sign with, got ${active}; set state of the others to 'next' or 'retiring'`,
    ]);
  });

  it('has exactly one that is active, wherever it stands, and keeps its order', () => {
    const others: object[] = [
      { ...next, state: 'next' },
      { algorithm: 'EdDSA', publicKey: keyPairs.EdDSA.publicKey },
    ];
    for (let place = 0; place <= others.length; place += 1) {
      const keys = resolveKeys(...others.toSpliced(place, 0, ACTIVE));
      expect(keys.findIndex(({ state }) => state === 'active')).toBe(place);
      expect(keys).toHaveLength(3);
    }
  });

  it('is told of single keys first, before it is told what is active', () => {
    expect(faultsOfKeys({ ...ACTIVE, algorithm: 'EdDSA' })).toEqual([
      expect.stringMatching(/^keys\[0\]: expected an Ed25519 key/),
    ]);
  });

  it('has every key judged, each named by its place', () => {
    const faults = faultsOfKeys(
      ACTIVE,
      { ...next, state: 'soon' },
      { algorithm: 'PS256', publicKey },
      { ...next, state: 'next', kid: 'mine' },
      null,
      'PEM',
    );
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual(
      expect.arrayContaining([
        'keys[1].state',
        'keys[2]',
        'keys[3].kid',
        'keys[4]',
        'keys[5]',
      ]),
    );
  });

  it('must not be empty', () => {
    const faults = faultsOf({ secret: SECRET, keys: [] });
    expect(shortly(faults)).toEqual(['keys: expected at least one key']);
    expect(faults[0]).toMatch(HOW_TO);
  });

  it.each(rows([null, 5, true, {}, { keys: [jwkOf(publicKey)] }, publicKey]))(
    'is a list: not %s',
    (_title, keys) => {
      expect(faultsOf({ secret: SECRET, keys })[0]).toMatch(
        /^keys: expected an array, got /,
      );
    },
  );

  it.each(rows([undefined, null, 'x', 5, [], publicKey.type]))(
    'is a list of groups: not of %s',
    (_title, key) => {
      expect(faultsOfKeys(key)[0]).toMatch(
        /^keys\[0\]: expected an object, got /,
      );
    },
  );

  it.each([
    'kid',
    'secret',
    'private_key',
    'alg',
    'use',
    'PrivateKey',
    '',
    'constructor',
  ])('has keys with known members only: not %p', (name) => {
    expect(faultsOfKeys({ ...ACTIVE, [name]: undefined })).toEqual([
      `keys[0].${name}: unknown option (known here: algorithm, privateKey, publicKey, state, until)`,
    ]);
  });

  it('is not what the library holds: later changes have no effect', () => {
    const keys = [{ ...ACTIVE }];
    const resolved = resolveKeys(...keys);
    keys.length = 0;
    expect(resolved).toHaveLength(1);
  });
});

describe('the state of a key', () => {
  it.each(rows(['Active', 'retired', '', null, 0, true, ['active']]))(
    'is next, active or retiring, not %s',
    (_title, state) => {
      expect(faultsOfKeys({ ...ACTIVE, state })).toEqual([
        expect.stringMatching(
          /^keys\[0\]\.state: expected 'next' or 'active' or 'retiring'$/,
        ),
      ]);
    },
  );

  it('active needs a private key', () => {
    const faults = faultsOfKeys({
      algorithm: 'ES256',
      publicKey,
      state: 'active',
    });
    expect(shortly(faults)).toEqual(['keys[0].privateKey: is not set']);
    expect(faults[0]).toMatch(HOW_TO);
  });
});

describe('the end of a key', () => {
  const retiring = { algorithm: 'ES256', publicKey: other.publicKey };

  it.each<[until: Date | undefined, endsAt: number]>([
    [undefined, Infinity],
    [new Date(0), 0],
    [new Date('2030-01-01T00:00:00Z'), 1_893_456_000],
    [new Date('2030-01-01T00:00:00.001Z'), 1_893_456_000],
    [new Date('2030-01-01T00:00:00.999Z'), 1_893_456_000],
    [new Date(8.64e15), 8.64e12],
  ])('%p is the second %i, never a later one (A-012)', (until, endsAt) => {
    expect(resolveKeys(ACTIVE, { ...retiring, until })[1]?.endsAt).toBe(endsAt);
  });

  it.each(
    rows([
      new Date(NaN),
      '2030-01-01',
      1_893_456_000,
      0,
      '',
      null,
      '30d',
      true,
      {},
    ]),
  )('is a date, not %s', (_title, until) => {
    expect(faultsOfKeys(ACTIVE, { ...retiring, until })).toEqual([
      expect.stringMatching(/^keys\[1\]\.until: expected a valid Date, got /),
    ]);
  });

  it.each(['active', 'next'])(
    'is for keys that retire: one that is %s has none',
    (state) => {
      const until = new Date('2030-01-01');
      const keys =
        state === 'active'
          ? [{ ...ACTIVE, until }]
          : [ACTIVE, { ...retiring, state, until }];
      expect(faultsOfKeys(...keys)).toEqual([
        `keys[${keys.length - 1}].until: needs state: 'retiring'`,
      ]);
    },
  );
});

describe('a half of a key that is not set', () => {
  it.each(rows(['', null]))('stops the boot: %s', (_title, value) => {
    for (const half of ['privateKey', 'publicKey']) {
      const faults = faultsOfKeys(ACTIVE, {
        algorithm: 'ES256',
        state: 'next',
        [half]: value,
      });
      expect(shortly(faults)).toEqual([`keys[1].${half}: is not set`]);
      expect(faults[0]).toMatch(
        half === 'privateKey' ? HOW_TO : /; get it with: node -e "/,
      );
    }
  });

  it('stops the boot when it is neither, as with a variable of the environment that nobody set', () => {
    const key = {
      algorithm: 'ES256',
      publicKey: process.env['A_VARIABLE_THAT_NOBODY_SET'],
    };
    expect(shortly(faultsOfKeys(ACTIVE, key))).toEqual([
      'keys[1].privateKey: is not set',
    ]);
  });
});

describe('the keys of a service that only checks sessions', () => {
  it.each(KEY_ALGORITHMS)('are public keys in any form: %s', (algorithm) => {
    for (const [, input] of formsOf(keyPairs[algorithm].publicKey)) {
      expect(faultsOfPublicKeys({ algorithm, publicKey: input })).toEqual([]);
    }
  });

  it('may be any number of any state, none of which has to be active', () => {
    for (const state of [undefined, 'active', 'next', 'retiring']) {
      expect(
        faultsOfPublicKeys(
          { algorithm: 'ES256', publicKey, state },
          { algorithm: 'ES256', publicKey: other.publicKey, state },
        ),
      ).toEqual([]);
    }
  });

  it.each([
    ['alone', { privateKey }],
    ['beside its public key', { privateKey, publicKey }],
    ['that cannot be read', { privateKey: 'x', publicKey }],
    ['that is empty', { privateKey: '', publicKey }],
  ])('are never private: a private key %s stops the boot', (_what, given) => {
    const faults = faultsOfPublicKeys({ algorithm: 'ES256', ...given });
    expect(faults).toContain(
      'keys[0].privateKey: has no place in a service with verifyOnly, which checks with public keys; remove it',
    );
    expect(shownPartsOf(privateKey, faults.join('\n'))).toEqual([]);
  });

  it('are never private: a private key as publicKey stops the boot (A-167)', () => {
    for (const [, input] of formsOf(privateKey)) {
      const faults = faultsOfPublicKeys({
        algorithm: 'ES256',
        publicKey: input,
      });
      expect(shortly(faults)).toEqual([
        'keys[0].publicKey: expected a public key, got a private one',
      ]);
      expect(shownPartsOf(privateKey, faults[0]!)).toEqual([]);
    }
  });
});

describe('an RSA key', () => {
  const keyOf = (bits: number) => ({
    algorithm: 'PS256',
    publicKey: rsaModulus(bits),
  });

  it.each<[bits: number, warnings: number, faults: number]>([
    [1_024, 0, 1],
    [2_047, 0, 1],
    [2_048, 1, 0],
    [3_071, 1, 0],
    [3_072, 0, 0],
  ])(
    'of %i bits has %i warnings and %i faults (S-126)',
    (bits, warnings, faults) => {
      expect(faultsOfKeys(ACTIVE, keyOf(bits))).toHaveLength(faults);
      if (faults === 0) {
        expect(resolve({ keys: [ACTIVE, keyOf(bits)] }).warnings).toEqual(
          Array(warnings).fill(
            `keys[1]: is an RSA key of ${bits} bits; use 3072 bits, or ES256 or EdDSA, which are shorter and faster`,
          ),
        );
      }
    },
  );

  it('is told of by its place alone, when several are weak', () => {
    const { warnings } = resolve({
      keys: [ACTIVE, keyOf(2_048), keyOf(3_072), keyOf(2_056)],
    });
    expect(warnings.map((warning) => warning.split(':')[0])).toEqual([
      'keys[1]',
      'keys[3]',
    ]);
  });
});

describe('a private key that is weak or wrong', () => {
  it.each<[what: string, privateKey: unknown, words: RegExp]>([
    ['a word', 'secret', /cannot be read as a private key/],
    ['a good secret', OTHER_SECRET, /cannot be read as a private key/],
    ['a public key', publicKey, /expected a private key, got a public one/],
    ['public PEM', pemOf(publicKey), /cannot be read as a private key/],
    ['a number', 5, /expected PEM text, a JSON Web Key or a KeyObject/],
    [
      '1024 bits of RSA',
      KINDS['rsa 1024']!.privateKey,
      /expected a P-256 key for ES256/,
    ],
  ])(
    'stops the boot with the option, the fault and the way to a good one, without the value: %s (A-168)',
    (_what, given, words) => {
      const [fault = ''] = faultsOfKeys({
        algorithm: 'ES256',
        privateKey: given,
      });
      expect(fault).toMatch(/^keys\[0\](\.privateKey)?: /);
      expect(fault).toMatch(words);
      expect(fault).toMatch(HOW_TO);
      const shown = typeof given === 'string' ? piecesOf(given) : [];
      expect(
        shown.filter((piece) => piece !== 'secret' && fault.includes(piece)),
      ).toEqual([]);
    },
  );

  it.each(KEY_ALGORITHMS)(
    'is replaced by what the printed line makes: %s',
    async (algorithm) => {
      const [fault = ''] = faultsOfKeys({ algorithm, privateKey: 'short' });
      const [made = '', again = ''] = await outputsOfLineIn(fault);
      const [key] = resolveKeys({ algorithm, privateKey: made });
      const [second] = resolveKeys({ algorithm, privateKey: again });
      expect(thumbprintOf(jwkOf(key!.publicKey))).not.toBe(
        thumbprintOf(jwkOf(second!.publicKey)),
      );
      expect(
        resolve({ keys: [{ algorithm, privateKey: made }] }).warnings,
      ).toEqual([]);
    },
  );
});

it.each(['until', 'state', 'publicKey'])(
  'a key with %s explicitly undefined is one without it',
  (name) => {
    expect(resolveKeys({ ...ACTIVE, [name]: undefined })).toEqual(
      resolveKeys(ACTIVE),
    );
  },
);
