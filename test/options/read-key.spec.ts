import {
  createSecretKey,
  generateKeyPairSync,
  type JsonWebKey,
} from 'node:crypto';
import {
  adviceOnKey,
  KEY_ALGORITHMS,
  readKeyInput,
  statedOtherwise,
  weaknessOfKey,
} from '../../lib/options/read-key.js';
import { keyPairs } from '../support/key-pairs.js';
import { rows } from '../support/titles.js';
import {
  formsOf,
  jwkOf,
  KINDS,
  MATRIX,
  pemOf,
  rsaModulus,
  shownPartsOf,
} from './key-kinds.js';

const { privateKey, publicKey } = keyPairs.ES256;
const secretKey = createSecretKey(Buffer.alloc(32, 'abcdefgh'));
const NO_FORM = 'expected PEM text, a JSON Web Key or a KeyObject';

const encrypted = privateKey
  .export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'passphrase',
  })
  .toString();

/** What is wrong with a key, if so. */
function faultOf(input: unknown, kind: 'private' | 'public') {
  const read = readKeyInput(input, kind);
  return 'fault' in read ? read.fault : undefined;
}

const encoded = (text: string) => Buffer.from(text).toString('base64');

describe('reading a key', () => {
  it.each(
    Object.entries(KINDS).flatMap(([name, pair]) =>
      (['privateKey', 'publicKey'] as const).flatMap((half) =>
        formsOf(pair[half]).map(
          ([form, input]) => [name, half, form, input, pair[half]] as const,
        ),
      ),
    ),
  )(
    'gives the key that was written: %s, %s as %s',
    (_name, half, _form, input, key) => {
      const read = readKeyInput(
        input,
        half === 'privateKey' ? 'private' : 'public',
      );
      expect('key' in read && read.key.equals(key)).toBe(true);
    },
  );

  it.each<[form: string, pem: string]>([
    ['with CRLF', pemOf(privateKey).replaceAll('\n', '\r\n')],
    ['without its last line end', pemOf(privateKey).trimEnd()],
    ['after a comment', `# key of production\n${pemOf(privateKey)}`],
    ['as SEC1', privateKey.export({ type: 'sec1', format: 'pem' }).toString()],
    [
      'as PKCS#1',
      keyPairs.RS256.privateKey
        .export({ type: 'pkcs1', format: 'pem' })
        .toString(),
    ],
  ])('takes PEM %s', (_form, pem) => {
    expect(faultOf(pem, 'private')).toBeUndefined();
  });

  /** What tools make of PEM on its way through an environment variable. */
  const WRAPPINGS: Readonly<Record<string, (pem: string) => string>> = {
    'with \\n': (pem) => pem.replaceAll('\n', '\\n'),
    'with \\r\\n': (pem) => pem.replaceAll('\n', '\\r\\n'),
    'in double quotes': (pem) => `"${pem}"`,
    'in single quotes': (pem) => `'${pem.trim()}'`,
    'in quotes, with \\n': (pem) => `"${pem.replaceAll('\n', '\\n')}"`,
    'between blanks': (pem) => ` \n${pem}\n `,
    'in base64': (pem) => Buffer.from(pem).toString('base64'),
    'in base64url': (pem) => Buffer.from(pem).toString('base64url'),
    'in base64 with line breaks': (pem) =>
      Buffer.from(pem).toString('base64').replace(/.{76}/g, '$&\n'),
    'in base64 in quotes': (pem) =>
      `"${Buffer.from(pem).toString('base64')}"\n`,
    'in base64, with \\n': (pem) =>
      Buffer.from(pem.replaceAll('\n', '\\n')).toString('base64'),
  };

  it.each(Object.entries(WRAPPINGS))(
    'takes PEM as environment variables bring it: %s',
    (_how, wrapped) => {
      for (const [half, key] of [
        ['private', privateKey],
        ['public', publicKey],
        ['private', keyPairs.RS256.privateKey],
      ] as const) {
        const read = readKeyInput(wrapped(pemOf(key)), half);
        expect('key' in read && read.key.equals(key)).toBe(true);
      }
      expect(faultOf(wrapped(pemOf(privateKey)), 'public')).toBe(
        'expected a public key, got a private one',
      );
    },
  );

  it.each([
    ['one quote', (pem: string) => `"${pem}`],
    ['two encodings', (pem: string) => encoded(encoded(pem))],
    ['a cut end', (pem: string) => encoded(pem).slice(0, 60)],
  ])('takes nothing else for PEM: with %s', (_what, wrapped) => {
    const read = readKeyInput(wrapped(pemOf(publicKey)), 'private');
    expect(read).toEqual({ fault: 'cannot be read as a private key' });
  });

  it('takes what a public key comes in: PKCS#1', () => {
    const pem = keyPairs.RS256.publicKey.export({
      type: 'pkcs1',
      format: 'pem',
    });
    expect(faultOf(pem.toString(), 'public')).toBeUndefined();
  });

  it.each([
    ['a KeyObject', privateKey],
    ['PEM', pemOf(privateKey)],
    [
      'PEM of PKCS#1',
      keyPairs.RS256.privateKey.export({ type: 'pkcs1', format: 'pem' }),
    ],
    ['PEM of SEC1', privateKey.export({ type: 'sec1', format: 'pem' })],
    ['a JSON Web Key', jwkOf(privateKey)],
    ['a JSON Web Key of RSA', jwkOf(keyPairs.RS256.privateKey)],
  ])(
    'never makes a public key of a private one silently: %s (A-167)',
    (_form, input) => {
      expect(faultOf(input, 'public')).toBe(
        'expected a public key, got a private one',
      );
    },
  );

  it.each<
    [what: string, input: unknown, kind: 'private' | 'public', fault: string]
  >([
    [
      'a public KeyObject',
      publicKey,
      'private',
      'expected a private key, got a public one',
    ],
    [
      'public PEM',
      pemOf(publicKey),
      'private',
      'cannot be read as a private key',
    ],
    [
      'a public JSON Web Key',
      jwkOf(publicKey),
      'private',
      'cannot be read as a private key',
    ],
    [
      'a secret KeyObject (V-17)',
      secretKey,
      'private',
      'expected a private key, got a secret one',
    ],
    [
      'a secret KeyObject (V-17)',
      secretKey,
      'public',
      'expected a public key, got a secret one',
    ],
    [
      'a symmetric JSON Web Key (S-110)',
      jwkOf(secretKey),
      'private',
      'cannot be read as a private key',
    ],
    [
      'a symmetric JSON Web Key (S-110)',
      jwkOf(secretKey),
      'public',
      'cannot be read as a public key',
    ],
    [
      'PEM with a passphrase',
      encrypted,
      'private',
      'cannot be read as a private key',
    ],
    [
      'PEM with a passphrase',
      encrypted,
      'public',
      'cannot be read as a public key',
    ],
    [
      'PEM that is cut off',
      pemOf(privateKey).slice(0, 100),
      'private',
      'cannot be read as a private key',
    ],
    [
      'PEM without its frame',
      pemOf(privateKey).split('\n')[1],
      'private',
      'cannot be read as a private key',
    ],
    [
      'no PEM',
      'a secret of some words',
      'private',
      'cannot be read as a private key',
    ],
    [
      'no PEM',
      'a secret of some words',
      'public',
      'cannot be read as a public key',
    ],
    [
      'a JSON Web Key as text',
      JSON.stringify(jwkOf(privateKey)),
      'private',
      'cannot be read as a private key',
    ],
    [
      'an SSH key',
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGt me@example',
      'public',
      'cannot be read as a public key',
    ],
    [
      'an object that is no key',
      {},
      'private',
      'cannot be read as a private key',
    ],
    [
      'an object that is no key',
      {},
      'public',
      'cannot be read as a public key',
    ],
    [
      'half a JSON Web Key',
      { kty: 'EC', crv: 'P-256' },
      'public',
      'cannot be read as a public key',
    ],
    [
      'a JSON Web Key whose point is not on its curve',
      { ...jwkOf(publicKey), y: jwkOf(publicKey)['x'] },
      'public',
      'cannot be read as a public key',
    ],
    ['a Map', new Map(), 'public', 'cannot be read as a public key'],
  ])('says what is wrong: %s for a %s key', (_what, input, kind, fault) => {
    expect(faultOf(input, kind)).toBe(fault);
  });

  it.each(
    rows([
      undefined,
      null,
      0,
      5n,
      true,
      Symbol('x'),
      () => pemOf(privateKey),
      [],
      [pemOf(privateKey)],
    ]),
  )('says which forms there are: %s', (_title, input) => {
    expect(faultOf(input, 'private')).toBe(NO_FORM);
    expect(faultOf(input, 'public')).toBe(NO_FORM);
  });

  it('survives an object that throws', () => {
    const trap = new Proxy(
      {},
      {
        get() {
          throw new Error('a trap');
        },
      },
    );
    expect(faultOf(trap, 'public')).toBe('cannot be read as a public key');
  });
});

describe('an algorithm and a kind of key', () => {
  it.each(MATRIX)(
    '%s with %s: %p (S-003, V-18)',
    (algorithm, _kind, isTaken, pair) => {
      for (const half of [pair.publicKey, pair.privateKey]) {
        const weakness = weaknessOfKey(half, algorithm);
        expect(weakness === undefined).toBe(isTaken);
        expect(shownPartsOf(half, weakness ?? '')).toEqual([]);
      }
    },
  );

  it('is taken with parameters that are written out, where they are those of P-256', () => {
    const { publicKey: explicit } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      paramEncoding: 'explicit',
    });
    expect(weaknessOfKey(explicit, 'ES256')).toBeUndefined();
  });

  it.each<
    [
      algorithm: 'ES256' | 'EdDSA' | 'RS256' | 'PS256',
      kind: string,
      words: string,
    ]
  >([
    ['ES256', 'P-384', 'expected a P-256 key for ES256, got ec on secp384r1'],
    ['ES256', 'ed25519', 'expected a P-256 key for ES256, got ed25519'],
    ['EdDSA', 'ed448', 'expected an Ed25519 key for EdDSA, got ed448'],
    [
      'EdDSA',
      'P-256',
      'expected an Ed25519 key for EdDSA, got ec on prime256v1',
    ],
    ['RS256', 'rsa-pss', 'expected an RSA key for RS256, got rsa-pss'],
    ['PS256', 'rsa-pss', 'expected an RSA key for PS256, got rsa-pss'],
    ['PS256', 'rsa 1024', 'expected an RSA key of 2048 to 8192 bits, got 1024'],
  ])('is named by the fault: %s with %s', (algorithm, kind, words) => {
    expect(weaknessOfKey(KINDS[kind]!.publicKey, algorithm)).toBe(words);
  });
});

describe('an RSA key', () => {
  const read = (jwk: JsonWebKey) => {
    const key = readKeyInput(jwk, 'public');
    if ('fault' in key) {
      throw new Error(key.fault);
    }
    return key.key;
  };

  it.each<[bits: number, isRefused: boolean, isAdvised: boolean]>([
    [512, true, true],
    [1_024, true, true],
    [2_047, true, true],
    [2_048, false, true],
    [3_071, false, true],
    [3_072, false, false],
    [4_096, false, false],
    [8_192, false, false],
    [8_193, true, false],
    [16_384, true, false],
  ])(
    'of %i bits is refused: %p, and advised against: %p (S-126)',
    (bits, isRefused, isAdvised) => {
      const key = read(rsaModulus(bits));
      expect(key.asymmetricKeyDetails?.modulusLength).toBe(bits);
      for (const algorithm of ['RS256', 'PS256'] as const) {
        expect(weaknessOfKey(key, algorithm)).toBe(
          isRefused
            ? `expected an RSA key of 2048 to 8192 bits, got ${bits}`
            : undefined,
        );
      }
      expect(adviceOnKey(key)).toBe(
        isAdvised
          ? `is an RSA key of ${bits} bits; use 3072 bits, or ES256 or EdDSA, which are shorter and faster`
          : undefined,
      );
    },
  );

  it.each<[e: string, exponent: number, isTaken: boolean]>([
    ['AQ', 1, false],
    ['Ag', 2, false],
    ['Aw', 3, true],
    ['BA', 4, false],
    ['AQAA', 65_536, false],
    ['AQAB', 65_537, true],
  ])(
    'with the public exponent %s, %i, is taken: %p',
    (e, exponent, isTaken) => {
      const key = read(rsaModulus(2_048, e));
      expect(weaknessOfKey(key, 'RS256')).toBe(
        isTaken
          ? undefined
          : `expected an RSA key with the public exponent 65537, got ${exponent}`,
      );
    },
  );

  it('of a flawed generator is refused (ROCA)', () => {
    const product = [...Array(166).keys()]
      .map((i) => BigInt(i + 2))
      .filter(
        (n) =>
          ![...Array(Number(n)).keys()]
            .slice(2)
            .some((d) => Number(n) % d === 0),
      )
      .reduce((all, prime) => all * prime, 1n);
    // The multiple of all primes next to 2^2048, and the zeroth power of 65537.
    const modulus = ((1n << 2_048n) / product) * product + 1n - product;
    const n = Buffer.from(modulus.toString(16), 'hex').toString('base64url');
    expect(weaknessOfKey(read({ kty: 'RSA', n, e: 'AQAB' }), 'RS256')).toBe(
      'is an RSA key that can be factored (ROCA, CVE-2017-15361)',
    );
  });
});

describe('the advice on a key', () => {
  it.each(['P-256', 'ed25519'])('has nothing to say of %s', (kind) => {
    expect(adviceOnKey(KINDS[kind]!.publicKey)).toBeUndefined();
  });
});

describe('what a JSON Web Key says of itself', () => {
  const OTHER_USE =
    'expected a JSON Web Key for signatures, got one for another use';

  it.each<[what: string, input: unknown]>([
    ['nothing', {}],
    ['its algorithm', { alg: 'ES256' }],
    ['its use', { use: 'sig' }],
    ['that it verifies', { key_ops: ['verify'] }],
    ['that it signs', { key_ops: ['sign'] }],
    ['that it signs, and more', { key_ops: ['sign', 'verify', 'x'] }],
    ['all of it', { alg: 'ES256', use: 'sig', key_ops: ['verify'], kid: 'x' }],
  ])('may be %s', (_what, input) => {
    expect(statedOtherwise(input, 'ES256')).toBeUndefined();
  });

  it.each(['ES384', 'HS256', 'none', 'es256', '', null, 0, ['ES256'], 'RS256'])(
    'must not be another algorithm: %p (S-003)',
    (alg) => {
      expect(statedOtherwise({ alg }, 'ES256')).toBe(
        'expected a JSON Web Key for ES256, got one for another algorithm',
      );
    },
  );

  it.each<[what: string, input: object]>([
    ['encryption', { use: 'enc' }],
    ['a use that nobody knows', { use: 'SIG' }],
    ['no use', { use: null }],
    ['encrypting', { key_ops: ['encrypt', 'wrapKey'] }],
    ['nothing at all', { key_ops: [] }],
    ['operations that are no list', { key_ops: 'verify' }],
    [
      'signatures by its use and encryption by its operations',
      { use: 'sig', key_ops: ['decrypt'] },
    ],
  ])('must not be %s', (_what, input) => {
    expect(statedOtherwise(input, 'ES256')).toBe(OTHER_USE);
  });

  it.each<[what: string, input: unknown]>([
    ['PEM', pemOf(publicKey)],
    ['a KeyObject', publicKey],
    ['nothing', undefined],
    ['null', null],
  ])('is not asked of %s', (_what, input) => {
    expect(statedOtherwise(input, 'EdDSA')).toBeUndefined();
  });

  it('is judged by every algorithm alike', () => {
    for (const algorithm of KEY_ALGORITHMS) {
      for (const alg of KEY_ALGORITHMS) {
        expect(statedOtherwise({ alg }, algorithm) === undefined).toBe(
          alg === algorithm,
        );
      }
    }
  });
});
