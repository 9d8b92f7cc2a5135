import {
  createHash,
  createHmac,
  createSecretKey,
  getHashes,
  randomBytes,
} from 'node:crypto';
import { deriveBytes, deriveKey, kidOfSecret } from '../../lib/keys/derive.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';

const keyOf = (secret: string | Buffer) =>
  createSecretKey(Buffer.from(secret as string));

describe('a kid', () => {
  const kid = kidOfSecret(keyOf(SECRET));

  it('is the same on every node and in every run, and short', () => {
    expect(kidOfSecret(keyOf(SECRET))).toBe(kid);
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
      kids.add(kidOfSecret(createSecretKey(flipped)));
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

describe('a derived key', () => {
  it('is the 32 bytes that are derived for its purpose', () => {
    const derived = deriveKey(keyOf(SECRET), 'refresh');
    expect(derived.type).toBe('secret');
    expect(derived.export()).toEqual(deriveBytes(keyOf(SECRET), 'refresh', 32));
  });
});
