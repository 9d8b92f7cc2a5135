import { createHmac, createSecretKey } from 'node:crypto';
import {
  keysDerivedFrom,
  keysOfPairs,
  keysOfSecrets,
  ListedKeys,
} from '../../lib/keys/key-set.js';
import type { TokenKey } from '../../lib/keys/token-key.js';
import { thumbprintOf } from '../../lib/keys/thumbprint.js';
import { KEY_ALGORITHMS } from '../../lib/options/read-key.js';
import type { ResolvedKey } from '../../lib/options/resolved-options.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { secretKeys, signingKeyOf } from '../support/token-keys.js';

const NOW = 1_893_456_000;
const keyOf = (secret: string) => createSecretKey(Buffer.from(secret));

/** A key pair as the options give it. */
function pairOf(given: Partial<ResolvedKey> = {}): ResolvedKey {
  const algorithm = given.algorithm ?? 'ES256';
  return {
    algorithm,
    ...keyPairs[algorithm],
    state: 'active',
    endsAt: Infinity,
    ...given,
  };
}

const kidOf = ({ publicKey }: Pick<ResolvedKey, 'publicKey'>) =>
  thumbprintOf(publicKey.export({ format: 'jwk' }));

/** Names that mean something to an object, a file system or a database, or nothing at all. */
const STRANGE_KIDS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'signing',
  '',
  'undefined',
  'null',
  '0',
  '../../../../dev/null',
  '/dev/null',
  "' OR 1=1--",
  '; id',
  '%00',
  'https://evil.example/keys',
  'x'.repeat(129),
  'x'.repeat(1_000_000),
];
/** What comes out of JSON in place of a text. */
const NO_KIDS = [undefined, null, 0, {}, [], ['__proto__'], true];

const SETS = {
  secrets: secretKeys(SECRET),
  'derived secrets': keysDerivedFrom([keyOf(SECRET)], 'refresh'),
  pairs: keysOfPairs([pairOf()], NOW),
};

describe.each(Object.entries(SETS))('a key set of %s', (_of, keys) => {
  it.each(STRANGE_KIDS.map((kid) => [kid.slice(0, 40), kid]))(
    'does not find %p, which is a name like any other (A-020, S-012, S-015)',
    (_title, kid) => {
      expect(keys.find(kid)).toBeUndefined();
    },
  );

  it('finds nothing for what is no text (A-020)', () => {
    for (const kid of NO_KIDS) {
      expect(keys.find(kid as string)).toBeUndefined();
    }
  });

  it('does not find a kid in another spelling (S-015)', () => {
    const { kid } = signingKeyOf(keys);
    for (const spelling of [
      `${kid} `,
      ` ${kid}`,
      `${kid}=`,
      kid.toLowerCase(),
      kid.slice(0, -1),
      `${kid}\0`,
    ]) {
      expect(spelling).not.toBe(kid);
      expect(keys.find(spelling)).toBeUndefined();
    }
    expect(keys.find(kid)).toBe(keys.signing);
  });
});

describe('a key set of secrets', () => {
  const both = secretKeys(SECRET, OTHER_SECRET);
  const swapped = secretKeys(OTHER_SECRET, SECRET);

  it('signs with the first secret and finds every one by its kid (A-013)', () => {
    const [first, second] = [both, swapped].map(signingKeyOf) as [
      TokenKey,
      TokenKey,
    ];
    expect(first.key.equals(keyOf(SECRET))).toBe(true);
    expect(first.signingKey).toBe(first.key);
    expect(second.key.equals(keyOf(OTHER_SECRET))).toBe(true);
    expect(both.find(second.kid)?.key.equals(keyOf(OTHER_SECRET))).toBe(true);
    expect(swapped.find(first.kid)?.key.equals(keyOf(SECRET))).toBe(true);
  });

  it('binds each key to one algorithm (S-003)', () => {
    expect(signingKeyOf(both).algorithm).toBe('HS256');
    expect(both.find(signingKeyOf(swapped).kid)?.algorithm).toBe('HS256');
  });

  it('does not find the kid of a secret that was removed (A-012)', () => {
    const { kid } = signingKeyOf(swapped);
    expect(both.find(kid)).toBeDefined();
    expect(secretKeys(SECRET).find(kid)).toBeUndefined();
  });

  it('signs nothing where sessions are only checked, and finds all the same', () => {
    const checking = keysOfSecrets([keyOf(SECRET), keyOf(OTHER_SECRET)], true);
    expect(checking.signing).toBeUndefined();
    for (const { kid } of [both, swapped].map(signingKeyOf)) {
      expect(checking.find(kid)).toMatchObject({ kid, signingKey: undefined });
    }
  });

  it('may be empty: it signs nothing and finds nothing', () => {
    const empty = keysOfSecrets([]);
    expect(empty.signing).toBeUndefined();
    expect(empty.isEmpty).toBe(true);
    expect(both.isEmpty).toBe(false);
    expect(empty.find(signingKeyOf(both).kid)).toBeUndefined();
  });

  it('never ends by itself', () => {
    expect(both.validUntil).toBe(Infinity);
  });
});

describe('a key set that is derived for another purpose', () => {
  const secrets = [keyOf(SECRET), keyOf(OTHER_SECRET)];
  const refresh = keysDerivedFrom(secrets, 'refresh');
  const session = keysOfSecrets(secrets);

  it('has one key for each secret, the first of which signs', () => {
    const [first, second] = secrets.map((secret) =>
      signingKeyOf(keysDerivedFrom([secret], 'refresh')),
    ) as [TokenKey, TokenKey];
    expect(signingKeyOf(refresh).key.equals(first.key)).toBe(true);
    for (const { kid, key } of [first, second]) {
      expect(refresh.find(kid)?.key.equals(key)).toBe(true);
    }
    expect(signingKeyOf(refresh).algorithm).toBe('HS256');
  });

  it('shares no key and no kid with the secrets that it comes from (S-020, V-23)', () => {
    for (const secret of secrets) {
      const own = signingKeyOf(keysOfSecrets([secret]));
      const derived = signingKeyOf(keysDerivedFrom([secret], 'refresh'));
      expect(derived.kid).not.toBe(own.kid);
      expect(derived.key.equals(own.key)).toBe(false);
      expect(refresh.find(own.kid)).toBeUndefined();
      expect(session.find(derived.kid)).toBeUndefined();
      expect(derived.key.export()).not.toEqual(secret.export());
    }
  });

  it('is HKDF of the secret with the purpose as label (RFC 5869), 32 bytes', () => {
    // By hand: extract with an empty salt, expand one block.
    const extracted = createHmac('sha256', Buffer.alloc(32))
      .update(SECRET)
      .digest();
    const expanded = createHmac('sha256', extracted)
      .update('nestjs-session-jwt:refresh:v1')
      .update(Buffer.from([1]))
      .digest();
    expect(signingKeyOf(refresh).key.export()).toEqual(expanded);
    // Changing this value refuses every refresh token that is out.
    expect(signingKeyOf(refresh).kid).toBe('zEb2wkDNfKzDGs68');
  });

  it('differs by purpose', () => {
    const purposes = ['refresh', 'csrf', 'session-name', 'kid', ''];
    const kids = purposes.map(
      (purpose) => signingKeyOf(keysDerivedFrom(secrets, purpose)).kid,
    );
    expect(new Set([...kids, signingKeyOf(session).kid]).size).toBe(6);
  });
});

describe('a key set of pairs', () => {
  const active = pairOf();
  const next = pairOf({ algorithm: 'EdDSA', state: 'next' });
  const retiring = pairOf({
    ...otherKeyPairs.ES256,
    privateKey: undefined,
    state: 'retiring',
    endsAt: NOW + 60,
  });
  const all = [retiring, next, active];

  it('signs with the active one, wherever it stands', () => {
    for (const pairs of [all, all.toReversed(), [active]]) {
      expect(keysOfPairs(pairs, NOW).signing).toMatchObject({
        kid: kidOf(active),
        signingKey: active.privateKey,
      });
    }
  });

  it('finds a key of state next, which verifies before it signs, by design (A-013)', () => {
    expect(keysOfPairs(all, NOW).find(kidOf(next))).toMatchObject({
      algorithm: 'EdDSA',
      key: next.publicKey,
    });
  });

  it.each(KEY_ALGORITHMS)(
    'binds a key to the one algorithm that it was given for: %s (S-003)',
    (algorithm) => {
      const keys = keysOfPairs([pairOf({ algorithm })], NOW);
      expect(keys.find(kidOf(pairOf({ algorithm })))).toEqual({
        kid: kidOf(pairOf({ algorithm })),
        algorithm,
        key: keyPairs[algorithm].publicKey,
        signingKey: keyPairs[algorithm].privateKey,
      });
    },
  );

  it('holds public keys for verification, so that they cannot sign by mistake', () => {
    const { key } = keysOfPairs(all, NOW).find(kidOf(active))!;
    expect(key.type).toBe('public');
  });

  it.each<[secondsToEnd: number, isFound: boolean]>([
    [61, true],
    [1, true],
    [0, false],
    [-1, false],
    [-86_400, false],
  ])(
    'has a retiring key %i seconds before its until: %p (A-012)',
    (secondsToEnd, isFound) => {
      const keys = keysOfPairs(all, retiring.endsAt - secondsToEnd);
      expect(keys.find(kidOf(retiring)) !== undefined).toBe(isFound);
      expect(keys.validUntil).toBe(isFound ? retiring.endsAt : Infinity);
    },
  );

  it('is valid until the first of its keys ends', () => {
    const ends = [NOW + 300, NOW + 60, Infinity, NOW + 120];
    const pairs = ends.map((endsAt, i) => ({
      ...all[i % 3]!,
      state: 'retiring' as const,
      endsAt,
    }));
    expect(keysOfPairs(pairs, NOW).validUntil).toBe(NOW + 60);
    expect(keysOfPairs([active], NOW).validUntil).toBe(Infinity);
  });

  it.each<[why: string, pairs: ResolvedKey[]]>([
    ['none is active', [next, retiring]],
    [
      'of the active one only the public half is here',
      [{ ...active, privateKey: undefined }],
    ],
    ['there is none', []],
    ['the active one has ended', [{ ...active, endsAt: NOW }]],
  ])('signs nothing when %s', (_why, pairs) => {
    expect(keysOfPairs(pairs, NOW).signing).toBeUndefined();
  });

  it('is empty when all have ended', () => {
    const keys = keysOfPairs([retiring], retiring.endsAt);
    expect(keys.isEmpty).toBe(true);
    expect(keys.validUntil).toBe(Infinity);
  });

  it('does not find a key that is removed (A-012, V-44)', () => {
    expect(keysOfPairs([active], NOW).find(kidOf(next))).toBeUndefined();
  });

  it('names a key by its thumbprint, the same for both halves', () => {
    const [privateHalf, publicHalf] = [
      active.privateKey!,
      active.publicKey,
    ].map((key) => thumbprintOf(key.export({ format: 'jwk' })));
    expect(privateHalf).toBe(publicHalf);
    expect(keysOfPairs([active], NOW).signing?.kid).toBe(publicHalf);
  });
});

describe('the fingerprint of a key set', () => {
  const pair = pairOf();
  const next = pairOf({ algorithm: 'EdDSA', state: 'next' });
  const retiring = pairOf({
    ...otherKeyPairs.ES256,
    state: 'retiring',
    endsAt: NOW + 60,
  });
  const same = keysOfPairs([pair, next, retiring], NOW).fingerprint;

  it('is equal for the same keys in the same places', () => {
    const again = [pair, next, retiring].map((each) => ({ ...each }));
    expect(keysOfPairs(again, NOW + 1).fingerprint).toBe(same);
    expect(secretKeys(SECRET).fingerprint).toBe(secretKeys(SECRET).fingerprint);
  });

  it.each<[what: string, pairs: ResolvedKey[]]>([
    ['a key less', [pair, next]],
    ['another key', [pair, next, { ...retiring, ...keyPairs.RS256 }]],
    [
      'a key of another algorithm',
      [pair, { ...next, algorithm: 'PS256' }, retiring],
    ],
    ['another end', [pair, next, { ...retiring, endsAt: NOW + 61 }]],
    [
      'another one that signs',
      [{ ...pair, state: 'retiring' }, { ...next, state: 'active' }, retiring],
    ],
    ['none that signs', [{ ...pair, privateKey: undefined }, next, retiring]],
  ])('differs for %s', (_what, pairs) => {
    expect(keysOfPairs(pairs, NOW).fingerprint).not.toBe(same);
  });

  it('differs for secrets in another order, since the first one signs', () => {
    expect(secretKeys(SECRET, OTHER_SECRET).fingerprint).not.toBe(
      secretKeys(OTHER_SECRET, SECRET).fingerprint,
    );
  });
});

describe('listed keys', () => {
  it('have a key named __proto__ like any other, and no other by it (S-012)', () => {
    const key: TokenKey = {
      kid: '__proto__',
      algorithm: 'HS256',
      key: keyOf(SECRET),
      signingKey: undefined,
    };
    const keys = new ListedKeys([key], undefined);
    expect(keys.find('__proto__')).toBe(key);
    expect(keys.find('constructor')).toBeUndefined();
    expect(({} as Partial<TokenKey>).algorithm).toBeUndefined();
  });
});
