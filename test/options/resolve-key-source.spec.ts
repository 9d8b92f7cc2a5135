import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { rows } from '../support/titles.js';
import { faultsOf, piecesOf, THIRD_SECRET } from './faults.js';
import { rsaModulus } from './key-kinds.js';

const { privateKey, publicKey } = keyPairs.ES256;
const KEYS = [{ algorithm: 'ES256', privateKey }];
const PUBLIC_KEYS = [{ algorithm: 'ES256', publicKey }];
const REMOTE = { jwksUri: 'https://issuer.example/.well-known/jwks.json' };
const { signal } = new AbortController();

const keysOf = (options: object) => resolveOptions(options).keys;
const provide = async (options: object) => keysOf(options).provide!(signal);
const secretsOf = (keys: readonly { export(): Buffer }[]) =>
  keys.map((key) => key.export().toString());
const shortly = (faults: readonly string[]) =>
  faults.map((fault) => fault.split('; make one')[0]);

describe('where the keys come from', () => {
  it.each<[what: string, options: object]>([
    ['a secret', { secret: SECRET }],
    ['several secrets', { secret: [SECRET, OTHER_SECRET] }],
    ['a function at secret', { secret: () => SECRET }],
    ['keys', { keys: KEYS }],
    ['a function at keys', { keys: () => KEYS }],
    ['keys and a secret for what is derived', { secret: SECRET, keys: KEYS }],
    ['keys and a derivedSecret', { keys: KEYS, derivedSecret: SECRET }],
    ['functions at both', { secret: () => SECRET, keys: () => KEYS }],
    ['an encrypt.key alone', { encrypt: { key: SECRET } }],
    ['a secret that encrypts', { secret: SECRET, encrypt: true }],
    [
      'a secret and a key that encrypts',
      { secret: SECRET, encrypt: { key: OTHER_SECRET } },
    ],
    ['several keys that encrypt', { encrypt: { key: [SECRET, OTHER_SECRET] } }],
    [
      'a derivedSecret that encrypts',
      { secret: SECRET, derivedSecret: OTHER_SECRET, encrypt: true },
    ],
    ['a function that encrypts', { secret: () => SECRET, encrypt: true }],
    ['no encryption', { secret: SECRET, encrypt: false }],
    ['no encryption of keys', { keys: KEYS, encrypt: false }],
    ['a secret that only checks', { secret: SECRET, verifyOnly: true }],
    ['public keys that only check', { keys: PUBLIC_KEYS, verifyOnly: true }],
    [
      'a function of public keys',
      { keys: () => PUBLIC_KEYS, verifyOnly: true },
    ],
    [
      'a key that only decrypts',
      { encrypt: { key: SECRET }, verifyOnly: true },
    ],
    ['a JWKS', { verifyOnly: REMOTE }],
    [
      'a JWKS and how long it is used',
      { verifyOnly: REMOTE, keyCache: { maxAge: '1h' } },
    ],
    ['no verifyOnly', { secret: SECRET, verifyOnly: false }],
    [
      'keys that refresh',
      { keys: KEYS, derivedSecret: SECRET, refreshToken: {} },
    ],
    [
      'keys that refresh by the secret',
      { keys: KEYS, secret: SECRET, refreshToken: {} },
    ],
    [
      'keys that refresh by a secret of its own',
      { keys: KEYS, refreshToken: { secret: SECRET } },
    ],
    [
      'keys that refresh by a function',
      { keys: KEYS, secret: () => SECRET, refreshToken: {} },
    ],
    [
      'everything explicitly undefined but a secret',
      {
        secret: SECRET,
        keys: undefined,
        derivedSecret: undefined,
        encrypt: undefined,
        verifyOnly: undefined,
        keyCache: undefined,
      },
    ],
  ])('may be %s', (_what, options) => {
    expect(faultsOf(options)).toEqual([]);
  });

  const ENCRYPTED_KEYS =
    'encrypt: needs a shared secret on both sides, so keys have no effect; remove keys or encrypt';
  const NEEDS_DERIVED =
    'derivedSecret: is needed for refresh tokens, since keys are for session tokens only';
  const NEEDS_SOURCE =
    'keyCache: needs verifyOnly.jwksUri, or a function for keys or secret';
  const fromUri = (name: string) =>
    `${name}: has no effect with jwksUri, which provides the keys; remove it`;

  it.each<[what: string, options: object, faults: string[]]>([
    ['nothing', {}, ['secret: is not set']],
    ['nothing that only checks', { verifyOnly: true }, ['secret: is not set']],
    ['nothing that encrypts', { encrypt: true }, ['secret: is not set']],
    [
      'nothing but a derivedSecret',
      { derivedSecret: SECRET },
      ['secret: is not set'],
    ],
    ['a verifyOnly of false', { verifyOnly: false }, ['secret: is not set']],
    [
      'keys and encrypt',
      { keys: KEYS, encrypt: true, secret: SECRET },
      [ENCRYPTED_KEYS],
    ],
    [
      'keys and encrypt.key (S-110)',
      { keys: KEYS, encrypt: { key: SECRET } },
      [ENCRYPTED_KEYS],
    ],
    [
      'a function at keys and encrypt',
      { keys: () => KEYS, encrypt: true },
      [ENCRYPTED_KEYS],
    ],
    [
      'an empty list of keys',
      { secret: SECRET, keys: [] },
      ['keys: expected at least one key'],
    ],
    [
      'keys that refresh by nothing',
      { keys: KEYS, refreshToken: {} },
      [NEEDS_DERIVED],
    ],
    [
      'a function at keys that refresh by nothing',
      { keys: () => KEYS, refreshToken: { field: 'token' } },
      [NEEDS_DERIVED],
    ],
    [
      'public keys and a secret, where sessions are only checked (S-110)',
      { keys: PUBLIC_KEYS, secret: SECRET, verifyOnly: true },
      ['secret: has no effect with verifyOnly and keys; remove it'],
    ],
    [
      'functions of both, where sessions are only checked (S-110)',
      { keys: () => PUBLIC_KEYS, secret: () => SECRET, verifyOnly: true },
      ['secret: has no effect with verifyOnly and keys; remove it'],
    ],
    [
      'a JWKS and a secret (S-110)',
      { secret: SECRET, verifyOnly: REMOTE },
      [fromUri('secret')],
    ],
    [
      'a JWKS and a function',
      { secret: () => SECRET, verifyOnly: REMOTE },
      [fromUri('secret')],
    ],
    [
      'a JWKS and keys',
      { keys: PUBLIC_KEYS, verifyOnly: REMOTE },
      [fromUri('keys')],
    ],
    [
      'a JWKS and encrypt',
      { encrypt: true, verifyOnly: REMOTE },
      [fromUri('encrypt')],
    ],
    [
      'a JWKS and everything else',
      { secret: SECRET, keys: PUBLIC_KEYS, encrypt: false, verifyOnly: REMOTE },
      ['secret', 'keys', 'encrypt'].map(fromUri),
    ],
    [
      'a cache of keys that never change',
      { secret: SECRET, keyCache: {} },
      [NEEDS_SOURCE],
    ],
    [
      'a cache of keys in the options',
      { keys: KEYS, keyCache: { maxAge: 60 } },
      [NEEDS_SOURCE],
    ],
    [
      'a cache of public keys in the options',
      { keys: PUBLIC_KEYS, verifyOnly: true, keyCache: { maxAge: 60 } },
      [NEEDS_SOURCE],
    ],
  ])('must not be %s', (_what, options, faults) => {
    expect(shortly(faultsOf(options))).toEqual(faults);
  });

  it.each<[name: string, options: object]>([
    ['refreshToken', { refreshToken: { secret: OTHER_SECRET } }],
    ['maxSessions', { maxSessions: { max: 5, policy: 'refuse' } }],
    ['derivedSecret', { derivedSecret: OTHER_SECRET }],
    ['loader.onError', { loader: { onError: 'keep' } }],
  ])(
    'has no %s where sessions are only checked, for each way to check',
    (name, option) => {
      const fault = `${name}: has no effect with verifyOnly, which issues nothing; remove it`;
      for (const way of [
        { verifyOnly: REMOTE },
        { verifyOnly: true, secret: SECRET },
        { verifyOnly: true, keys: PUBLIC_KEYS },
        { verifyOnly: true, encrypt: { key: SECRET } },
      ]) {
        expect(faultsOf({ ...way, ...option })).toContain(fault);
        expect(faultsOf(way)).toEqual([]);
      }
      for (const issuing of [undefined, false]) {
        const options = { secret: SECRET, verifyOnly: issuing, ...option };
        expect(faultsOf(options)).not.toContain(fault);
      }
    },
  );

  it.each(
    rows([
      null,
      'yes',
      'true',
      'https://issuer.example',
      5,
      0,
      [],
      () => REMOTE,
    ]),
  )('is no verifyOnly of %s', (_title, verifyOnly) => {
    expect(faultsOf({ secret: SECRET, verifyOnly })[0]).toMatch(
      /^verifyOnly: expected an object, got /,
    );
  });

  it.each(rows([null, 'yes', SECRET, 5, 0, [], [SECRET], () => SECRET]))(
    'is no encrypt of %s, which is not shown',
    (_title, encrypt) => {
      const message = faultsOf({ secret: OTHER_SECRET, encrypt }).join('\n');
      expect(message).toMatch(/^encrypt: expected an object, got /);
      expect(
        piecesOf(SECRET, 8).filter((piece) => message.includes(piece)),
      ).toEqual([]);
    },
  );

  it.each<[path: string, options: object]>([
    ['verifyOnly.timeout', { verifyOnly: { ...REMOTE, timeout: 5 } }],
    ['verifyOnly.JwksUri', { verifyOnly: { ...REMOTE, JwksUri: 5 } }],
    ['encrypt.algorithm', { encrypt: { key: SECRET, algorithm: 'A128GCM' } }],
    ['encrypt.secret', { encrypt: { key: SECRET, secret: SECRET } }],
    ['keyCache.ttl', { verifyOnly: REMOTE, keyCache: { ttl: 5 } }],
    ['keyCache.', { verifyOnly: REMOTE, keyCache: { '': 5 } }],
  ])('has known members only, not %s', (path, options) => {
    const faults = faultsOf(options);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.startsWith(`${path}: unknown option (known here: `)).toBe(
      true,
    );
  });
});

describe('what the options are resolved to', () => {
  it.each<[what: string, options: object, expected: object]>([
    [
      'a secret',
      { secret: SECRET },
      {
        arePairs: false,
        provide: undefined,
        jwksUri: undefined,
        encryption: undefined,
      },
    ],
    [
      'keys',
      { keys: KEYS },
      { arePairs: true, provide: undefined, encryption: undefined },
    ],
    [
      'a function at keys',
      { keys: () => KEYS },
      { arePairs: true, provide: expect.any(Function) },
    ],
    [
      'a function at secret',
      { secret: () => SECRET },
      { arePairs: false, provide: expect.any(Function) },
    ],
    [
      'encrypt',
      { secret: SECRET, encrypt: true },
      { encryption: [], arePairs: false },
    ],
    [
      'no encrypt',
      { secret: SECRET, encrypt: false },
      { encryption: undefined },
    ],
    [
      'a JWKS',
      { verifyOnly: REMOTE },
      { arePairs: true, provide: undefined, jwksUri: new URL(REMOTE.jwksUri) },
    ],
  ])('is that of %s', (_what, options, expected) => {
    expect(keysOf(options)).toMatchObject(expected);
  });

  it('knows what is fixed before anybody is asked', () => {
    const half = keysOf({ secret: SECRET, keys: () => KEYS }).fixed;
    expect(secretsOf(half.secrets)).toEqual([SECRET]);
    expect(half.keys).toEqual([]);
    const otherHalf = keysOf({ secret: () => SECRET, keys: KEYS }).fixed;
    expect(otherHalf.secrets).toEqual([]);
    expect(otherHalf.keys).toHaveLength(1);
    expect(keysOf({ verifyOnly: REMOTE }).fixed).toEqual({
      secrets: [],
      keys: [],
    });
  });

  it('keeps the secrets of each purpose apart (S-020)', () => {
    const { fixed, derivedSecrets, encryption } = keysOf({
      secret: SECRET,
      derivedSecret: [OTHER_SECRET],
      encrypt: { key: THIRD_SECRET },
    });
    expect([fixed.secrets, derivedSecrets, encryption!].map(secretsOf)).toEqual(
      [[SECRET], [OTHER_SECRET], [THIRD_SECRET]],
    );
  });

  it.each<[verifyOnly: unknown, isVerifyOnly: boolean]>([
    [undefined, false],
    [false, false],
    [true, true],
  ])('only checks with verifyOnly %p: %p', (verifyOnly, isVerifyOnly) => {
    expect(resolveOptions({ secret: SECRET, verifyOnly })).toMatchObject({
      isVerifyOnly,
    });
  });
});

describe('a function that gives keys', () => {
  it('is asked for both, each time anew, with the signal of the deadline', async () => {
    const asked: { signal: AbortSignal }[] = [];
    const given = [SECRET, OTHER_SECRET];
    const options = {
      secret: (request: { signal: AbortSignal }) => {
        asked.push(request);
        return given[asked.length - 1];
      },
      keys: async () => KEYS,
    };
    const { provide: ask } = keysOf(options);
    expect(asked).toEqual([]);
    const [first, second] = [await ask!(signal), await ask!(signal)];
    expect([first, second].map(({ secrets }) => secretsOf(secrets))).toEqual([
      [SECRET],
      [OTHER_SECRET],
    ]);
    expect(first.keys).toHaveLength(1);
    expect(asked.map((request) => Object.keys(request))).toEqual([
      ['signal'],
      ['signal'],
    ]);
    expect(asked[0]!.signal).toBe(signal);
  });

  it('gives one of the two: the other is what stands in the options', async () => {
    const bySecret = await provide({ secret: () => OTHER_SECRET, keys: KEYS });
    expect(secretsOf(bySecret.secrets)).toEqual([OTHER_SECRET]);
    expect(bySecret.keys[0]?.privateKey).toBe(privateKey);
    const byKeys = await provide({ secret: SECRET, keys: () => KEYS });
    expect(secretsOf(byKeys.secrets)).toEqual([SECRET]);
    expect(byKeys.keys[0]?.privateKey).toBe(privateKey);
  });

  it('is not asked for what needs no asking', () => {
    const never = () => {
      throw new Error('asked');
    };
    expect(faultsOf({ secret: never, keys: never })).toEqual([]);
  });

  it('may not give the secret of another purpose (A-168)', async () => {
    for (const options of [
      { secret: () => OTHER_SECRET, derivedSecret: OTHER_SECRET },
      { secret: () => OTHER_SECRET, encrypt: { key: OTHER_SECRET } },
    ]) {
      await expect(provide(options)).rejects.toThrow(SessionConfigError);
    }
  });

  it('brings the advice on its keys along (S-126)', async () => {
    const { warnings } = await provide({
      keys: () => [
        ...KEYS,
        { algorithm: 'RS256', publicKey: rsaModulus(2_048) },
      ],
    });
    expect(warnings).toEqual([
      expect.stringMatching(/^keys\[1\]: is an RSA key of 2048 bits/),
    ]);
  });

  it.each<[what: string, keys: unknown, path: string]>([
    ['undefined', undefined, 'keys'],
    ['null', null, 'keys'],
    ['an empty list', [], 'keys'],
    ['zero', 0, 'keys'],
    ['an object', {}, 'keys'],
    ['a list of nothing', [undefined], 'keys[0]'],
    ['a function', () => KEYS, 'keys'],
    ['no active key', PUBLIC_KEYS, 'keys'],
    [
      'two active keys',
      [
        ...KEYS,
        { algorithm: 'ES256', privateKey: otherKeyPairs.ES256.privateKey },
      ],
      'keys',
    ],
    [
      'a weak key (S-126)',
      [...KEYS, { algorithm: 'RS256', publicKey: rsaModulus(1_024) }],
      'keys[1]',
    ],
    [
      'a key of another algorithm (V-18)',
      [{ algorithm: 'EdDSA', privateKey }],
      'keys[0]',
    ],
    [
      'one key for two algorithms (S-003)',
      [...KEYS, { algorithm: 'ES256', publicKey }],
      'keys[1]',
    ],
  ])(
    'is checked as strictly as the options themselves, when it returns %s (A-015, V-08)',
    async (_what, keys, path) => {
      for (const given of [() => keys, async () => keys]) {
        const error = await provide({ keys: given }).catch(
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(SessionConfigError);
        const { faults } = error as SessionConfigError;
        expect(faults[0]?.startsWith(`${path}: `)).toBe(true);
      }
    },
  );

  it('must give public keys where sessions are only checked', async () => {
    await expect(
      provide({ verifyOnly: true, keys: () => KEYS }),
    ).rejects.toThrow(
      /keys\[0\]\.privateKey: has no place in a service with verifyOnly/,
    );
    await expect(
      provide({ verifyOnly: true, keys: () => PUBLIC_KEYS }),
    ).resolves.toMatchObject({ keys: [{ state: 'retiring' }] });
  });

  it('has every fault of both told at once', async () => {
    const error = await provide({
      secret: () => 'short',
      keys: () => [],
    }).catch((thrown: unknown) => thrown);
    expect(shortly((error as SessionConfigError).faults)).toEqual([
      expect.stringMatching(/^secret: expected at least 32 bytes, got \d+/),
      'keys: expected at least one key',
    ]);
  });

  it('rejects with what the function threw, synchronously or later (A-015)', async () => {
    const failure = new Error('vault sealed');
    for (const secret of [
      () => {
        throw failure;
      },
      () => Promise.reject(failure),
    ]) {
      await expect(provide({ secret })).rejects.toBe(failure);
    }
  });
});

describe('the option verifyOnly.jwksUri', () => {
  it.each([
    'https://issuer.example/.well-known/jwks.json',
    'https://issuer.example',
    'https://issuer.example:8443/keys?tenant=1',
    'https://[2001:db8::1]/keys',
    'https://m\u00fcnchen.example/keys',
    'HTTPS://issuer.example/keys',
    'http://localhost/keys',
    'http://localhost:3000/keys',
    'http://api.localhost:3000/keys',
    'http://127.0.0.1:3000/keys',
    'http://127.1/keys',
    'http://127.8.9.10/keys',
    'http://[::1]:3000/keys',
  ])('may be %s', (jwksUri) => {
    expect(keysOf({ verifyOnly: { jwksUri } }).jwksUri?.href).toBe(
      new URL(jwksUri).href,
    );
  });

  it.each([
    'http://issuer.example/keys',
    'http://10.0.0.1/keys',
    'http://192.168.1.1/keys',
    'http://128.0.0.1/keys',
    'http://0.0.0.0/keys',
    'http://[::]/keys',
    'http://[::2]/keys',
    'http://localhost.issuer.example/keys',
    'http://127.0.0.1.issuer.example/keys',
    'http://notlocalhost/keys',
    'http://localhost./keys',
    'http://issuer.example#localhost',
    'http://localhost@issuer.example/keys',
    'https://user:password@issuer.example/keys',
    'https://user@issuer.example/keys',
    'https://:password@issuer.example/keys',
    'http://user:password@localhost/keys',
    'ftp://issuer.example/keys',
    'ws://localhost/keys',
    'file:///etc/keys.json',
    'data:application/json,{"keys":[]}',
    'javascript:0',
    'issuer.example/keys',
    '//issuer.example/keys',
    '/keys',
    'https://',
    'https:// issuer.example',
    'https://issuer.example:99999',
    '',
    ' ',
    undefined,
    null,
    5,
    true,
    {},
    ['https://issuer.example/keys'],
    new URL('https://issuer.example/keys'),
  ])('stops the boot when it is %p, which is not shown', (jwksUri) => {
    const faults = faultsOf({ verifyOnly: { jwksUri } });
    expect(faults).toEqual([
      expect.stringMatching(/^verifyOnly\.jwksUri: expected an https: URL/),
    ]);
    expect(faults[0]).not.toMatch(/password|issuer\.example/);
  });
});

describe('the option keyCache', () => {
  const cacheOf = (keyCache?: object) =>
    keysOf({ verifyOnly: REMOTE, ...(keyCache && { keyCache }) }).cache;

  it('is five minutes, thirty seconds and two seconds when it is not given', () => {
    const defaults = {
      maxAgeSeconds: 300,
      coolDownSeconds: 30,
      timeoutSeconds: 2,
    };
    expect(cacheOf()).toEqual(defaults);
    expect(cacheOf({})).toEqual(defaults);
    expect(
      cacheOf({ maxAge: undefined, coolDown: undefined, timeout: undefined }),
    ).toEqual(defaults);
  });

  it.each<[given: object, resolved: object]>([
    [{ maxAge: 1 }, { maxAgeSeconds: 1 }],
    [{ maxAge: '400d' }, { maxAgeSeconds: 34_560_000 }],
    [{ coolDown: 1 }, { coolDownSeconds: 1 }],
    [{ coolDown: '1h' }, { coolDownSeconds: 3_600 }],
    [{ timeout: '1ms' }, { timeoutSeconds: 0.001 }],
    [{ timeout: '1m' }, { timeoutSeconds: 60 }],
    [{ timeout: 0.5 }, { timeoutSeconds: 0.5 }],
  ])('takes %j', (given, resolved) => {
    expect(cacheOf(given)).toMatchObject(resolved);
  });

  it.each<[given: object, path: string]>([
    [{ maxAge: 0 }, 'maxAge'],
    [{ maxAge: 1.5 }, 'maxAge'],
    [{ maxAge: '300' }, 'maxAge'],
    [{ maxAge: '401d' }, 'maxAge'],
    [{ maxAge: Infinity }, 'maxAge'],
    [{ coolDown: 0 }, 'coolDown'],
    [{ coolDown: '500ms' }, 'coolDown'],
    [{ coolDown: '2h' }, 'coolDown'],
    [{ coolDown: -1 }, 'coolDown'],
    [{ timeout: 0 }, 'timeout'],
    [{ timeout: 61 }, 'timeout'],
    [{ timeout: null }, 'timeout'],
    [{ timeout: NaN }, 'timeout'],
  ])('does not take %j', (given, path) => {
    expect(faultsOf({ verifyOnly: REMOTE, keyCache: given })).toEqual([
      expect.stringMatching(new RegExp(`^keyCache\\.${path}: expected `)),
    ]);
  });

  it.each(rows([null, 5, '5m', true, [], () => ({})]))(
    'is a group, not %s',
    (_title, keyCache) => {
      expect(faultsOf({ verifyOnly: REMOTE, keyCache })).toEqual([
        expect.stringMatching(/^keyCache: expected an object, got /),
      ]);
    },
  );
});
