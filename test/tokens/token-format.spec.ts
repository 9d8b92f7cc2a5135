import { createSecretKey, randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { DailyKeys } from '../../lib/keys/daily-keys.js';
import { keysOfSecrets } from '../../lib/keys/key-set.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { TokenCodec } from '../../lib/tokens/token-codec.js';
import { encryptedTokens } from '../../lib/tokens/token-format.js';
import { sessionTokens } from '../../lib/tokens/token-kind.js';
import { rounds } from '../support/effort.js';
import {
  encodeSegment,
  forgeEncrypted,
  readHeader,
} from '../support/forged-token.js';
import { costOver } from '../support/relative-cost.js';
import { DAY, NOW } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';
import { fixedKeys, signingKeyOf } from '../support/token-keys.js';
import {
  CLAIMS,
  codecOf,
  encryptedMode,
  EXPECTED,
  pairModes,
  signedModes,
} from './modes.js';

const { header, keys, otherKeys } = encryptedMode;
const CODEC = codecOf(encryptedMode);
const KEY = signingKeyOf(keys);
const GOOD = forgeEncrypted(header, CLAIMS, KEY.key);

/** How many times as long as opening a good token its refusal takes. */
function costOfRefusing(token: string): number {
  return costOver(
    () => void CODEC.verify(token),
    () => void CODEC.verify(GOOD),
  );
}

describe('an encrypted token', () => {
  const token = CODEC.sign(CLAIMS);
  const segments = token.split('.');

  it('says in its header how it is encrypted, its type and its key, and nothing else', () => {
    expect(readHeader(token)).toEqual({
      alg: 'dir',
      enc: 'A256GCM',
      typ: 'session+jwt',
      kid: KEY.kid,
    });
  });

  it('has no encrypted key, a nonce of 96 bits, a tag of 128 bits, and a ciphertext as long as its claims', () => {
    expect(
      segments.map((segment) => Buffer.from(segment, 'base64url').length),
    ).toEqual([
      JSON.stringify(header).length,
      0,
      12,
      Buffer.byteLength(JSON.stringify(CLAIMS)),
      16,
    ]);
  });

  it('shows nothing of its claims', () => {
    const bytes = segments
      .slice(1)
      .map((segment) => Buffer.from(segment, 'base64url').toString('latin1'))
      .join('');
    for (const name of [...Object.keys(CLAIMS), 'ada', 'admin', '{', '"']) {
      if (name.length > 2) {
        expect(bytes.includes(name)).toBe(false);
      }
    }
    expect(segments[3]).not.toContain(encodeSegment(CLAIMS).slice(0, 20));
  });

  it('is another one each time', () => {
    const again = CODEC.sign(CLAIMS);
    expect(again === token).toBe(false);
    expect(CODEC.verify(again)).toEqual(CODEC.verify(token));
  });

  it('is read only under its own key', () => {
    expect(CODEC.verify(token)).toEqual(CLAIMS);
    for (const key of [
      signingKeyOf(otherKeys).key,
      createSecretKey(randomBytes(32)),
      createSecretKey(Buffer.alloc(32)),
    ]) {
      expect(CODEC.verify(forgeEncrypted(header, CLAIMS, key))).toBe(
        'signature',
      );
    }
  });
});

describe('every failure to decrypt', () => {
  const names = ['header', 'nonce', 'ciphertext', 'tag'] as const;
  const indexOf = { header: 0, nonce: 2, ciphertext: 3, tag: 4 };

  it.each(['nonce', 'ciphertext', 'tag'] as const)(
    'is the one refusal: any byte of the %s that is another one (S-038, V-56)',
    (name) => {
      const segments = GOOD.split('.');
      const bytes = Buffer.from(segments[indexOf[name]]!, 'base64url');
      const verdicts = new Set<unknown>();
      let changes = 0;
      for (let at = 0; at < bytes.length; at += 1) {
        for (let difference = 1; difference < 256; difference += 1) {
          const changed = Buffer.from(bytes);
          changed[at]! ^= difference;
          verdicts.add(
            CODEC.verify(
              segments
                .with(indexOf[name], changed.toString('base64url'))
                .join('.'),
            ),
          );
          changes += 1;
        }
      }
      expect([...verdicts]).toEqual(['signature']);
      expect(changes).toBe(bytes.length * 255);
    },
  );

  it('is that refusal for any byte of a header that is still allowed, and for other allowed headers (S-038, V-56)', () => {
    const segments = GOOD.split('.');
    const bytes = Buffer.from(segments[0]!, 'base64url');
    const verdicts = new Map<unknown, number>();
    const count = (verdict: unknown) =>
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    for (let at = 0; at < bytes.length; at += 1) {
      for (let difference = 1; difference < 256; difference += 1) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= difference;
        count(
          CODEC.verify(
            segments.with(0, changed.toString('base64url')).join('.'),
          ),
        );
      }
    }
    // What is no allowed header any more never gets to a key; a kid of no key gets no further.
    expect(new Set(verdicts.keys())).toEqual(
      new Set(['header', 'signature', 'unknown-key']),
    );
    for (const other of [
      JSON.stringify(header, null, ' '),
      JSON.stringify(header).replace('dir', '\\u0064ir'),
      JSON.stringify({ ...header, kid: signingKeyOf(otherKeys).kid }),
      JSON.stringify(Object.fromEntries(Object.entries(header).toReversed())),
    ]) {
      expect(
        CODEC.verify(segments.with(0, encodeSegment(other)).join('.')),
      ).toBe('signature');
    }
  });

  it('is the one refusal: parts that are cut, extended, exchanged or of another token (S-038, V-01)', () => {
    const other = forgeEncrypted(header, { ...CLAIMS, sub: 'bob' }, KEY.key);
    const segments = GOOD.split('.');
    const ciphertext = Buffer.from(segments[3]!, 'base64url');
    const withCiphertext = (bytes: Uint8Array) =>
      segments.with(3, Buffer.from(bytes).toString('base64url')).join('.');
    const changed = [
      withCiphertext(ciphertext.subarray(1)),
      withCiphertext(ciphertext.subarray(0, -1)),
      withCiphertext(ciphertext.subarray(0, 1)),
      withCiphertext(Buffer.concat([ciphertext, Buffer.alloc(1)])),
      withCiphertext(Buffer.alloc(ciphertext.length)),
      withCiphertext(ciphertext.toReversed()),
      withCiphertext(Buffer.from(JSON.stringify(CLAIMS))),
      segments.with(2, 'A'.repeat(16)).join('.'),
      segments.with(4, 'A'.repeat(22)).join('.'),
      ...names
        .slice(1)
        .map((name) =>
          segments
            .with(indexOf[name], other.split('.')[indexOf[name]]!)
            .join('.'),
        ),
    ];
    for (const token of changed) {
      expect(CODEC.verify(token)).toBe('signature');
    }
    expect(changed).toHaveLength(12);
  });

  it('is the one refusal for a nonce or a tag of a length that the gate lets in no more', () => {
    for (const [nonce, length] of [
      [randomBytes(8), 'malformed'],
      [randomBytes(16), 'malformed'],
      [randomBytes(12), CLAIMS],
    ] as const) {
      expect(
        CODEC.verify(forgeEncrypted(header, CLAIMS, KEY.key, nonce)),
      ).toEqual(length);
    }
  });
});

describe('layers and formats', () => {
  it('a signed token inside a good encrypted one is no claims (S-006)', () => {
    for (const mode of signedModes) {
      const signed = mode.forge(mode.header, CLAIMS);
      for (const inner of [signed, `${signed}x`, JSON.stringify(signed)]) {
        expect(CODEC.verify(forgeEncrypted(header, inner, KEY.key))).toBe(
          'claims',
        );
        expect(
          CODEC.verify(
            forgeEncrypted({ ...header, cty: 'JWT' }, inner, KEY.key),
          ),
        ).toBe('header');
      }
    }
  });

  it('an encrypted token inside a good signed one is no claims either (S-006)', () => {
    for (const mode of signedModes) {
      const codec = codecOf(mode);
      expect(codec.verify(mode.forge(mode.header, GOOD))).toBe('claims');
      expect(
        codec.verify(mode.forge({ ...mode.header, cty: 'JWT' }, GOOD)),
      ).toBe('header');
    }
  });

  it('our own secret as the key of the other format opens nothing (S-007, S-020, V-23)', () => {
    const secrets = [createSecretKey(Buffer.from(SECRET))];
    const mac = signingKeyOf(keysOfSecrets(secrets));
    const codec = codecOf(encryptedMode);
    for (const key of [
      mac.key.export().subarray(0, 32),
      signingKeyOf(new DailyKeys(secrets, 'encrypt-refresh', () => NOW)).key,
      signingKeyOf(new DailyKeys(secrets, 'refresh', () => NOW)).key,
      signingKeyOf(new DailyKeys(secrets, 'encrypt-session', () => NOW - DAY))
        .key,
    ]) {
      expect(codec.verify(forgeEncrypted(header, CLAIMS, key))).toBe(
        'signature',
      );
    }
    for (const mode of pairModes) {
      expect(codecOf(mode).verify(GOOD)).toBe('malformed');
    }
  });

  it('a payload that is a list passes no check of claims (V-10, S-036)', () => {
    expect(CODEC.verify(forgeEncrypted(header, [], KEY.key))).toBe('claims');
  });

  it('every token has its end inside the encryption (V-32)', () => {
    const { exp: _, ...endless } = CLAIMS;
    expect(CODEC.verify(forgeEncrypted(header, endless, KEY.key))).toBe(
      'claims',
    );
    expect(
      CODEC.verify(
        forgeEncrypted({ ...header, exp: CLAIMS.exp }, endless, KEY.key),
      ),
    ).toBe('header');
  });
});

describe('what would cost something to open', () => {
  const MEGABYTES = 2 ** 20;

  it('is a bomb that deflates: refused by the header as cheaply as a good one is opened, whatever it would inflate to (S-010, V-21)', () => {
    const bomb = deflateRawSync(Buffer.alloc(5 * MEGABYTES, 0x20), {
      level: 9,
    });
    const token = forgeEncrypted({ ...header, zip: 'DEF' }, bomb, KEY.key);
    expect(token.length).toBeGreaterThan(6_000);
    expect(token.length).toBeLessThan(8_192);
    const heap = process.memoryUsage().arrayBuffers;
    expect(CODEC.verify(token)).toBe('header');
    expect(costOfRefusing(token)).toBeLessThan(3);
    expect(process.memoryUsage().arrayBuffers - heap).toBeLessThan(
      5 * MEGABYTES,
    );
    // And nothing is inflated that does not say so.
    expect(CODEC.verify(forgeEncrypted(header, bomb, KEY.key))).toBe('claims');
  });

  it('is one of 100 MB: refused by the gate (V-21)', () => {
    const bomb = deflateRawSync(Buffer.alloc(100 * MEGABYTES), { level: 9 });
    const token = forgeEncrypted({ ...header, zip: 'DEF' }, bomb, KEY.key);
    expect(CODEC.verify(token)).toBe('malformed');
    expect(costOfRefusing(token)).toBeLessThan(3);
  });

  it.each([
    ['PBES2-HS256+A128KW', {}],
    ['PBES2-HS512+A256KW', {}],
    ['PBES2-HS256+A128KW', { kid: undefined }],
    ['PBES2-HS256+A128KW', { kid: undefined, typ: undefined }],
    ['dir', {}],
  ])(
    'is a password of 2^31 rounds: refused by the header as cheaply as a good one is opened (S-005, V-22): %s %j',
    (alg, changes) => {
      const expensive = {
        ...header,
        alg,
        p2c: 2 ** 31,
        p2s: encodeSegment(randomBytes(16)),
        ...changes,
      };
      const token = forgeEncrypted(expensive, CLAIMS, KEY.key);
      const withKey = token.replace('..', `.${'A'.repeat(32)}.`);
      expect(CODEC.verify(token)).toBe('header');
      expect(CODEC.verify(withKey)).toBe('malformed');
      expect(costOfRefusing(token)).toBeLessThan(3);
      expect(costOfRefusing(withKey)).toBeLessThan(3);
    },
  );
});

describe('the keys of encrypted tokens', () => {
  const secrets = [createSecretKey(Buffer.from(SECRET))];
  const codecAt = (now: number) =>
    codecOf(
      encryptedMode,
      new DailyKeys(secrets, 'encrypt-session', () => now),
    );

  it('are other ones each day, and those of the days before still decrypt (S-039)', () => {
    const kids = new Set<unknown>();
    for (let day = 0; day < 5; day += 1) {
      const token = codecAt(NOW + day * DAY).sign(CLAIMS);
      kids.add(readHeader(token)['kid']);
      expect(codecAt(NOW + 5 * DAY).verify(token)).toEqual(CLAIMS);
    }
    expect(kids.size).toBe(5);
  });

  it.each([
    ['of the day after tomorrow', 2, 'unknown-key'],
    ['of tomorrow, where a clock is ahead', 1, CLAIMS],
    ['of 401 days ago', -401, CLAIMS],
    ['of 402 days ago', -402, 'unknown-key'],
  ])('%s: %i', (_when, days, verdict) => {
    const token = codecAt(NOW + days * DAY).sign(CLAIMS);
    expect(codecAt(NOW).verify(token)).toEqual(verdict);
  });
});

describe('the nonces of encrypted tokens', () => {
  /** Far more in a run of its own. */
  const COUNT = Number(process.env['NONCE_TOKENS'] ?? rounds(300_000, 10_000));
  const NONCE_LENGTH = 16;
  const start = signingKeyOf(keys).kid;

  it('never repeat in many thousands of tokens of one key (S-039)', () => {
    const tiny = { ...sessionTokens(EXPECTED), write: () => ({}) };
    const codec = new TokenCodec<SessionClaims>(
      fixedKeys(keys),
      encryptedTokens,
      tiny,
    );
    const from = codec.sign(CLAIMS).indexOf('..') + 2;
    const seen = new Set<bigint>();
    const began = performance.now();
    for (let i = 0; i < COUNT; i += 1) {
      const nonce = codec.sign(CLAIMS).slice(from, from + NONCE_LENGTH);
      seen.add(Buffer.from(nonce, 'base64url').readBigUInt64LE());
    }
    expect(seen.size).toBe(COUNT);
    expect(signingKeyOf(keys).kid).toBe(start);
    process.stdout.write(
      `${seen.size.toLocaleString('en')} different nonces in ${((performance.now() - began) / 1000).toFixed(1)} s\n`,
    );
  });
});
