import {
  createHash,
  createHmac,
  createSecretKey,
  getHashes,
  randomBytes,
} from 'node:crypto';
import { deriveBytes, KeySet } from '../../lib/keys/key-set.js';
import { OTHER_SECRET, SECRET } from '../support/test-app.js';

const keyOf = (secret: string | Buffer) =>
  createSecretKey(Buffer.from(secret as string));
const setOf = (...secrets: string[]) => KeySet.fromSecrets(secrets.map(keyOf));

describe('a key set', () => {
  it('signs with the first secret and finds every one by its kid (A-013)', () => {
    const both = setOf(SECRET, OTHER_SECRET);
    const swapped = setOf(OTHER_SECRET, SECRET);
    expect(both.signing.key.equals(keyOf(SECRET))).toBe(true);
    expect(swapped.signing.key.equals(keyOf(OTHER_SECRET))).toBe(true);
    expect(
      both.find(swapped.signing.kid)?.key.equals(keyOf(OTHER_SECRET)),
    ).toBe(true);
    expect(swapped.find(both.signing.kid)?.key.equals(keyOf(SECRET))).toBe(
      true,
    );
  });

  it('binds each key to one algorithm (S-003)', () => {
    expect(setOf(SECRET).signing.algorithm).toBe('HS256');
  });

  it('does not find the kid of a secret that it was not given (A-012)', () => {
    const { kid } = setOf(OTHER_SECRET).signing;
    expect(setOf(SECRET).find(kid)).toBeUndefined();
  });

  it.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '',
    'undefined',
    'null',
    '0',
    'signing',
  ])(
    'does not find %p, which is a name like any other (A-020, S-015)',
    (kid) => {
      expect(setOf(SECRET).find(kid)).toBeUndefined();
    },
  );

  it('does not find a kid in another spelling', () => {
    const keys = setOf(SECRET);
    const { kid } = keys.signing;
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

  it('needs a secret', () => {
    expect(() => KeySet.fromSecrets([])).toThrow(TypeError);
  });
});

describe('a kid', () => {
  const { kid } = setOf(SECRET).signing;

  it('is the same on every node and in every run, and short', () => {
    expect(
      setOf(OTHER_SECRET, SECRET).find(kid)?.key.equals(keyOf(SECRET)),
    ).toBe(true);
    expect(kid).toMatch(/^[\w-]{16}$/);
    // Changing this value changes the kid of every token that is out: all users would be signed out.
    expect(kid).toBe('3_ijyBGBS3jB_acl');
  });

  it('differs for secrets that differ in one bit', () => {
    const kids = new Set<string>([kid]);
    const secret = Buffer.from(SECRET);
    for (let bit = 0; bit < secret.length * 8; bit += 1) {
      const flipped = Buffer.from(secret);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      kids.add(KeySet.fromSecrets([createSecretKey(flipped)]).signing.kid);
    }
    expect(kids.size).toBe(secret.length * 8 + 1);
  });

  it('reveals nothing: it holds no part of the secret and is no plain hash of it, in any spelling', () => {
    const secret = Buffer.from(SECRET);
    const bytes = Buffer.from(kid, 'base64url');
    expect(bytes).toHaveLength(12);
    const inputs = [
      secret,
      Buffer.from(SECRET, 'base64url'),
      Buffer.from(secret.toString('hex')),
      Buffer.from(secret.toString('base64')),
      Buffer.from(
        JSON.stringify({ k: secret.toString('base64url'), kty: 'oct' }),
      ),
    ];
    for (const input of inputs) {
      expect(input.includes(bytes.subarray(0, 4))).toBe(false);
      for (const hash of getHashes()) {
        let digest: Buffer;
        try {
          digest = createHash(
            hash,
            /^shake/i.test(hash) ? { outputLength: 32 } : {},
          )
            .update(input)
            .digest();
        } catch {
          continue;
        }
        expect(digest.includes(bytes.subarray(0, 4))).toBe(false);
      }
      for (const [key, message] of [
        ['', input],
        [input, ''],
        [input, 'kid'],
        ['kid', input],
      ] as const) {
        const mac = createHmac('sha256', key).update(message).digest();
        expect(mac.includes(bytes.subarray(0, 4))).toBe(false);
      }
    }
    for (let i = 0; i + 4 <= SECRET.length; i += 1) {
      expect(kid).not.toContain(SECRET.slice(i, i + 4));
    }
  });
});

describe('derived bytes', () => {
  const key = keyOf(SECRET);

  it('are HKDF (RFC 5869), the same every time', () => {
    expect(deriveBytes(key, 'x', 32)).toEqual(
      deriveBytes(keyOf(SECRET), 'x', 32),
    );
    // RFC 5869 by hand: extract with an empty salt, expand one block.
    const extracted = createHmac('sha256', Buffer.alloc(32))
      .update(SECRET)
      .digest();
    const expanded = createHmac('sha256', extracted)
      .update('nestjs-session-jwt:x:v1')
      .update(Buffer.from([1]))
      .digest();
    expect(deriveBytes(key, 'x', 32)).toEqual(expanded);
    expect(deriveBytes(key, 'x', 12)).toEqual(expanded.subarray(0, 12));
  });

  it('of one purpose are good for no other, and are not the secret (S-020, V-23)', () => {
    const purposes = ['kid', 'session-name', 'refresh', 'csrf', '', 'kid:v1'];
    const all = [
      Buffer.from(SECRET),
      ...purposes.map((purpose) => deriveBytes(key, purpose, 32)),
      ...purposes.map((purpose) =>
        deriveBytes(keyOf(OTHER_SECRET), purpose, 32),
      ),
    ];
    expect(new Set(all.map((bytes) => bytes.toString('hex'))).size).toBe(
      all.length,
    );
  });

  it('have the length that was asked for', () => {
    for (const length of [1, 12, 32, 33, 64]) {
      expect(deriveBytes(key, 'x', length)).toHaveLength(length);
    }
  });

  it('of 200 random secrets are all different', () => {
    const derived = Array.from({ length: 200 }, () =>
      deriveBytes(keyOf(randomBytes(32)), 'kid', 12).toString('hex'),
    );
    expect(new Set(derived).size).toBe(200);
  });
});

describe('a key set that is derived for another purpose', () => {
  const secrets = [keyOf(SECRET), keyOf(OTHER_SECRET)];
  const refresh = KeySet.derivedFrom(secrets, 'refresh');
  const session = KeySet.fromSecrets(secrets);

  it('has one key for each secret, the first of which signs', () => {
    const first = KeySet.derivedFrom([secrets[0]!], 'refresh');
    const second = KeySet.derivedFrom([secrets[1]!], 'refresh');
    expect(refresh.signing.key.equals(first.signing.key)).toBe(true);
    expect(refresh.find(first.signing.kid)?.key.equals(first.signing.key)).toBe(
      true,
    );
    expect(
      refresh.find(second.signing.kid)?.key.equals(second.signing.key),
    ).toBe(true);
    expect(refresh.signing.algorithm).toBe('HS256');
  });

  it('S-020, V-23: shares no key and no kid with the secrets that it comes from', () => {
    for (const secret of secrets) {
      const [own] = [KeySet.fromSecrets([secret]).signing];
      const [derived] = [KeySet.derivedFrom([secret], 'refresh').signing];
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
    expect(refresh.signing.key.export()).toEqual(expanded);
    // Changing this value refuses every refresh token that is out.
    expect(refresh.signing.kid).toBe('zEb2wkDNfKzDGs68');
  });

  it('differs by purpose', () => {
    const purposes = ['refresh', 'csrf', 'session-name', 'kid', ''];
    const kids = purposes.map(
      (purpose) => KeySet.derivedFrom(secrets, purpose).signing.kid,
    );
    expect(new Set([...kids, session.signing.kid]).size).toBe(6);
  });

  it('needs a secret', () => {
    expect(() => KeySet.derivedFrom([], 'refresh')).toThrow(TypeError);
  });
});
