import {
  createSecretKey,
  generateKeyPairSync,
  sign,
  verify,
  type JsonWebKey,
} from 'node:crypto';
import {
  createLocalJWKSet,
  SignJWT,
  jwtVerify,
  type JSONWebKeySet,
} from 'jose';
import { publishedKeys, readJwkSet } from '../../lib/keys/jwk-set.js';
import { keysOfPairs } from '../../lib/keys/key-set.js';
import { thumbprintOf } from '../../lib/keys/thumbprint.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import { KEY_ALGORITHMS } from '../../lib/options/read-key.js';
import type { ResolvedKey } from '../../lib/options/resolved-options.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { rows } from '../support/titles.js';

const NOW = 1_893_456_000;
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

function pairOf(
  algorithm: SessionKeyAlgorithm,
  given: Partial<ResolvedKey> = {},
): ResolvedKey {
  return {
    algorithm,
    ...keyPairs[algorithm],
    state: 'active',
    endsAt: Infinity,
    ...given,
  };
}

/** A public key as a set lists it. */
function jwkOf(
  algorithm: SessionKeyAlgorithm,
  given: Record<string, unknown> = {},
  pairs = keyPairs,
): JsonWebKey {
  const jwk = pairs[algorithm].publicKey.export({ format: 'jwk' });
  return {
    ...jwk,
    kid: thumbprintOf(jwk),
    alg: algorithm,
    use: 'sig',
    ...given,
  };
}

const algorithmsOf = (keys: readonly ResolvedKey[]) =>
  keys.map(({ algorithm }) => algorithm);

describe('the published keys', () => {
  const pairs = KEY_ALGORITHMS.map((algorithm) => pairOf(algorithm));
  const set = publishedKeys(pairs, NOW);

  it('have public members only, never a private one (A-167, S-040)', () => {
    const members: Record<string, string[]> = {
      EC: ['kty', 'crv', 'x', 'y'],
      OKP: ['kty', 'crv', 'x'],
      RSA: ['kty', 'n', 'e'],
    };
    expect(set.keys).toHaveLength(4);
    for (const key of set.keys) {
      expect(Object.keys(key).toSorted()).toEqual(
        [...members[key.kty]!, 'kid', 'alg', 'use'].toSorted(),
      );
      expect(SECRET_MEMBERS.filter((member) => member in key)).toEqual([]);
    }
  });

  it('show no part of a private key in any spelling (A-167)', () => {
    const text = JSON.stringify(set);
    for (const { privateKey } of pairs) {
      const jwk = privateKey!.export({ format: 'jwk' });
      const secrets = SECRET_MEMBERS.flatMap((member) => jwk[member] ?? []);
      expect(secrets.length).toBeGreaterThan(0);
      for (const secret of secrets as string[]) {
        expect(text).not.toContain(secret.slice(0, 12));
        expect(text).not.toContain(
          Buffer.from(secret, 'base64url').toString('hex').slice(0, 12),
        );
      }
    }
  });

  it('are public even if a private key were taken for a public one (A-167, S-040)', () => {
    const mistaken = pairs.map((pair) => ({
      ...pair,
      publicKey: pair.privateKey!,
    }));
    expect(publishedKeys(mistaken, NOW)).toEqual(set);
  });

  it('never list a secret (S-040)', () => {
    expect(set.keys.map(({ kty }) => kty)).not.toContain('oct');
    expect(publishedKeys([], NOW)).toEqual({ keys: [] });
  });

  it('say their use and their one algorithm, which is an allowed one (S-003, S-040, V-24)', () => {
    expect(set.keys.map(({ alg }) => alg)).toEqual(KEY_ALGORITHMS);
    expect(KEY_ALGORITHMS).toEqual(['ES256', 'EdDSA', 'RS256', 'PS256']);
    expect(new Set(set.keys.map(({ use }) => use))).toEqual(new Set(['sig']));
  });

  it('have a kid each, the thumbprint that tokens name (S-040)', () => {
    const kids = set.keys.map(({ kid }) => kid);
    expect(new Set(kids).size).toBe(kids.length);
    const keys = keysOfPairs(pairs, NOW);
    for (const [i, kid] of kids.entries()) {
      expect(kid).toBe(thumbprintOf(set.keys[i]!));
      expect(keys.find(kid)?.key).toBe(pairs[i]!.publicKey);
    }
  });

  it('are the active one first, then those of state next, then those that retire (A-013)', () => {
    const [active, next, retiring, second] = [
      pairOf('RS256'),
      pairOf('ES256', { state: 'next' }),
      pairOf('EdDSA', { state: 'retiring' }),
      pairOf('PS256', { state: 'retiring' }),
    ] as const;
    expect(
      publishedKeys([retiring, next, second, active], NOW).keys.map(
        ({ alg }) => alg,
      ),
    ).toEqual(['RS256', 'ES256', 'EdDSA', 'PS256']);
  });

  it.each<[secondsToEnd: number, isListed: boolean]>([
    [60, true],
    [1, true],
    [0, false],
    [-60, false],
  ])(
    'have a retiring one %i seconds before its until: %p (A-012)',
    (secondsToEnd, isListed) => {
      const retiring = pairOf('EdDSA', {
        state: 'retiring',
        endsAt: NOW + secondsToEnd,
      });
      const { keys } = publishedKeys([pairOf('ES256'), retiring], NOW);
      expect(keys.map(({ alg }) => alg)).toEqual(
        isListed ? ['ES256', 'EdDSA'] : ['ES256'],
      );
    },
  );

  it('do not change the order in which the application gave its keys', () => {
    const given = [pairOf('EdDSA', { state: 'next' }), pairOf('ES256')];
    publishedKeys(given, NOW);
    expect(algorithmsOf(given)).toEqual(['EdDSA', 'ES256']);
  });

  it('are what another library verifies tokens with', async () => {
    const jwks = createLocalJWKSet(set as unknown as JSONWebKeySet);
    for (const [i, { algorithm, privateKey }] of pairs.entries()) {
      const token = await new SignJWT({ sub: 'ada' })
        .setProtectedHeader({ alg: algorithm, kid: set.keys[i]!.kid })
        .sign(privateKey!);
      await expect(jwtVerify(token, jwks)).resolves.toMatchObject({
        payload: { sub: 'ada' },
      });
    }
  });

  it('are read by a verifier as the same keys, with nothing that signs', () => {
    const keys = readJwkSet(structuredClone(set));
    expect(algorithmsOf(keys)).toEqual(KEY_ALGORITHMS);
    for (const [i, key] of keys.entries()) {
      expect(key).toMatchObject({ state: 'retiring', endsAt: Infinity });
      expect(key.privateKey).toBeUndefined();
      expect(key.publicKey.equals(pairs[i]!.publicKey)).toBe(true);
    }
    expect(keysOfPairs(keys, NOW).signing).toBeUndefined();
    expect(publishedKeys(keys, NOW)).toEqual(set);
  });
});

describe('a set of keys of another server', () => {
  it.each(
    rows([
      undefined,
      null,
      true,
      0,
      'keys',
      [],
      {},
      { keys: undefined },
      { keys: null },
      { keys: {} },
      { keys: 'x' },
      { keys: [null] },
      { keys: [undefined] },
      { keys: ['x'] },
      { keys: [5] },
      { keys: [[]] },
      { keys: [jwkOf('ES256'), null] },
      { Keys: [jwkOf('ES256')] },
      [jwkOf('ES256')],
      jwkOf('ES256'),
    ]),
  )('is refused when it is none: %s', (_title, value) => {
    expect(() => readJwkSet(value)).toThrow(
      new TypeError('not a JSON Web Key set'),
    );
  });

  it.each([
    ['it is empty', []],
    ['no key has an algorithm (V-19)', [jwkOf('ES256', { alg: undefined })]],
    ['it is of keys for encryption', [jwkOf('RS256', { use: 'enc' })]],
    ['no key can be read', [{ kty: 'EC', crv: 'P-256', alg: 'ES256' }]],
  ])('is refused when %s', (_why, keys) => {
    expect(() => readJwkSet({ keys })).toThrow(
      /no key of the set can verify session tokens/,
    );
  });

  it.each(SECRET_MEMBERS)(
    'is refused as a whole with the member %s in one key, whatever that holds (A-167, S-040)',
    (member) => {
      for (const value of ['AAAA', '', null, undefined, []]) {
        const spoiled = { ...jwkOf('RS256'), [member]: value };
        expect(() => readJwkSet({ keys: [jwkOf('ES256'), spoiled] })).toThrow(
          'the key set contains a secret or private key',
        );
      }
    },
  );

  it.each(KEY_ALGORITHMS)(
    'is refused with the private half of a key: %s (A-167, S-040)',
    (algorithm) => {
      const { privateKey } = keyPairs[algorithm];
      const jwk = { ...privateKey.export({ format: 'jwk' }), alg: algorithm };
      expect(() => readJwkSet({ keys: [jwk] })).toThrow(TypeError);
    },
  );

  it.each([
    [
      'a secret',
      createSecretKey(Buffer.alloc(32, 7)).export({ format: 'jwk' }),
    ],
    ['a secret without its value', { kty: 'oct', alg: 'HS256' }],
    ['a secret that says it is for ES256', { kty: 'oct', alg: 'ES256' }],
  ])(
    'is refused with symmetric keys among the public ones: %s (S-110)',
    (_what, secret) => {
      expect(() => readJwkSet({ keys: [jwkOf('ES256'), secret] })).toThrow(
        'the key set contains a secret or private key',
      );
    },
  );

  it('is refused when two keys have one kid (S-040)', () => {
    const keys = [
      jwkOf('ES256', { kid: 'same' }),
      jwkOf('ES256', { kid: 'same' }, otherKeyPairs),
    ];
    expect(() => readJwkSet({ keys })).toThrow(
      'two keys of the set have the same kid',
    );
    const unused = jwkOf('RS256', { kid: 'same', use: 'enc' });
    expect(() => readJwkSet({ keys: [keys[0], unused] })).toThrow(TypeError);
  });

  it('may have keys without a kid, and any number of them', () => {
    const keys = readJwkSet({
      keys: [
        jwkOf('ES256', { kid: undefined }),
        jwkOf('ES256', { kid: undefined }, otherKeyPairs),
      ],
    });
    expect(keys).toHaveLength(2);
  });

  it('names a key by its thumbprint, whatever kid it is given there (V-44)', () => {
    const [key] = readJwkSet({ keys: [jwkOf('ES256', { kid: '__proto__' })] });
    const keys = keysOfPairs([key!], NOW);
    expect(keys.find('__proto__')).toBeUndefined();
    expect(keys.find(thumbprintOf(jwkOf('ES256')))).toBeDefined();
  });

  it.each<[how: string, second: JsonWebKey]>([
    ['under another name', jwkOf('RS256', { kid: 'b' })],
    ['for another algorithm', jwkOf('RS256', { kid: 'b', alg: 'PS256' })],
    ['in another spelling', jwkOf('RS256', { kid: 'b', e: 'AAEAAQ' })],
  ])(
    'is refused when one key is in it twice, %s (S-003, S-040)',
    (_how, second) => {
      expect(() =>
        readJwkSet({ keys: [jwkOf('RS256', { kid: 'a' }), second] }),
      ).toThrow('a key of the set is listed twice');
    },
  );

  it('is refused when it has more than 100 keys', () => {
    const keys = Array.from({ length: 101 }, (_, i) =>
      jwkOf('ES256', { kid: `k${i}`, use: 'enc' }),
    );
    expect(() => readJwkSet({ keys })).toThrow(
      'the key set has more than 100 keys',
    );
    expect(() =>
      readJwkSet({ keys: [...keys.slice(0, 99), jwkOf('ES256')] }),
    ).not.toThrow();
  });

  it.each<[why: string, jwk: JsonWebKey]>([
    ['it has no algorithm (V-19)', jwkOf('RS256', { alg: undefined })],
    ['its algorithm is none', jwkOf('RS256', { alg: 'none' })],
    ['its algorithm is HS256 (S-003)', jwkOf('RS256', { alg: 'HS256' })],
    ['its algorithm is RS512', jwkOf('RS256', { alg: 'RS512' })],
    ['its algorithm is written otherwise', jwkOf('ES256', { alg: 'es256' })],
    ['its algorithm is a list', jwkOf('ES256', { alg: ['ES256'] })],
    ['its algorithm is __proto__', jwkOf('ES256', { alg: '__proto__' })],
    ['its algorithm takes other keys (V-18)', jwkOf('ES256', { alg: 'RS256' })],
    ['it is for encryption', jwkOf('RS256', { use: 'enc' })],
    ['its use is unknown', jwkOf('ES256', { use: 'auth' })],
    ['it may only encrypt', jwkOf('RS256', { key_ops: ['encrypt'] })],
    ['its operations are no list', jwkOf('ES256', { key_ops: 'verify' })],
    ['it lacks a coordinate', jwkOf('ES256', { y: undefined })],
    [
      'its point is not on the curve',
      jwkOf('ES256', { y: jwkOf('ES256')['x'] }),
    ],
    ['its curve is unknown', jwkOf('ES256', { crv: 'P-257' })],
    ['its type is unknown', jwkOf('ES256', { kty: 'AKP' })],
    ['it has no type', jwkOf('ES256', { kty: undefined })],
    [
      'it has 1024 bits (S-126)',
      {
        ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export(
          { format: 'jwk' },
        ),
        alg: 'RS256',
      },
    ],
    ['its exponent is 1', jwkOf('RS256', { e: 'AQ' })],
    [
      'it is on another curve (V-18)',
      {
        ...generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({
          format: 'jwk',
        }),
        alg: 'ES256',
      },
    ],
  ])('leaves a key out when %s', (_why, jwk) => {
    const keys = readJwkSet({
      keys: [{ ...jwk, kid: 'spoiled' }, jwkOf('EdDSA')],
    });
    expect(algorithmsOf(keys)).toEqual(['EdDSA']);
  });

  it.each<[what: string, given: object]>([
    ['no use', { use: undefined }],
    ['operations with verify', { key_ops: ['verify'] }],
    ['members that nobody knows', { x5t: 'x', 'https://a.example': 5 }],
  ])('takes a key with %s', (_what, given) => {
    expect(readJwkSet({ keys: [jwkOf('ES256', { ...given })] })).toHaveLength(
      1,
    );
  });

  it('takes no private key from a key: what it reads verifies and cannot sign (A-167)', () => {
    const content = Buffer.from('content');
    const signature = sign('sha256', content, keyPairs.RS256.privateKey);
    const [key] = readJwkSet({ keys: [jwkOf('RS256')] });
    expect(verify('sha256', content, key!.publicKey, signature)).toBe(true);
    expect(() => sign('sha256', content, key!.publicKey)).toThrow();
  });

  it('names no key in what it throws', () => {
    const { privateKey } = keyPairs.ES256;
    const jwk = privateKey.export({ format: 'jwk' });
    let message = '';
    try {
      readJwkSet({ keys: [jwk] });
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('the key set contains');
    for (const value of Object.values(jwk) as string[]) {
      if (value.length > 8) {
        expect(message).not.toContain(value.slice(0, 8));
      }
    }
  });
});
