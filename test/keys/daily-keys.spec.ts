import { createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { DailyKeys } from '../../lib/keys/daily-keys.js';
import { kidOfSecret } from '../../lib/keys/derive.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { signingKeyOf } from '../support/token-keys.js';

const DAY = 86_400;
/** The nonces of one key of AES-GCM (NIST SP 800-38D, section 8.3). */
const MAXIMUM_USES = 2 ** 32;
const PURPOSE = 'encrypt-session';

const keyOf = (secret: string) => createSecretKey(Buffer.from(secret));

function dailyKeys({
  secrets = [SECRET],
  purpose = PURPOSE,
  clock = new TestSessionClock(),
  isVerifyOnly = false,
} = {}) {
  const now = () => clock.nowSeconds();
  const keys = new DailyKeys(secrets.map(keyOf), purpose, now, isVerifyOnly);
  return { keys, clock, now };
}

/** HKDF (RFC 5869) as Node has it, without the library. */
const derived = (key: Uint8Array, label: string, length = 32) =>
  Buffer.from(
    hkdfSync('sha256', key, '', `nestjs-session-jwt:${label}:v1`, length),
  );

describe('the encryption key of a day', () => {
  it('is derived from the secret, the purpose and the day, and named by both (S-039)', () => {
    const { keys, clock } = dailyKeys();
    const today = Math.floor(clock.nowSeconds() / DAY);
    const ofPurpose = derived(Buffer.from(SECRET), PURPOSE);
    const { kid, algorithm, key, signingKey } = signingKeyOf(keys);
    expect(key.export()).toEqual(derived(ofPurpose, `day ${today}`));
    expect(signingKey).toBe(key);
    expect(algorithm).toBe('A256GCM');
    const name = derived(ofPurpose, 'kid', 12).toString('base64url');
    expect(kid).toBe(`${name}.${today}`);
    // Changing this value makes every encrypted token that is out unreadable.
    expect(kid).toBe('vGDzQWdFfoZT-QuW.21915');
  });

  it('is another one the next day and the same all day long (S-039)', () => {
    const { keys, clock } = dailyKeys();
    clock.set(20_000 * DAY);
    const first = signingKeyOf(keys);
    clock.advance(DAY - 1);
    expect(signingKeyOf(keys)).toBe(first);
    clock.advance(1);
    const second = signingKeyOf(keys);
    expect(second.kid).not.toBe(first.kid);
    expect(second.key.equals(first.key)).toBe(false);
  });

  it('never comes again: 400 days are 400 keys (S-039)', () => {
    const { keys, clock } = dailyKeys();
    const days = Array.from({ length: 400 }, () => {
      clock.advance(DAY);
      return signingKeyOf(keys);
    });
    expect(new Set(days.map(({ kid }) => kid)).size).toBe(400);
    expect(
      new Set(days.map(({ key }) => key.export().toString('hex'))).size,
    ).toBe(400);
  });

  it('is used up by 49,710 tokens each second of its day, so that a random nonce is safe (S-039)', () => {
    const { keys, clock } = dailyKeys();
    clock.set(20_000 * DAY);
    const { kid } = signingKeyOf(keys);
    let seconds = 0;
    while (signingKeyOf(keys).kid === kid) {
      clock.advance(3_600);
      seconds += 3_600;
    }
    expect(Math.floor(MAXIMUM_USES / seconds)).toBe(49_710);
  });

  it('differs by secret and by purpose, and so does its name (S-020, V-23)', () => {
    const keys = [
      dailyKeys(),
      dailyKeys({ purpose: 'encrypt-refresh' }),
      dailyKeys({ secrets: [OTHER_SECRET] }),
    ].map(({ keys: each }) => signingKeyOf(each));
    for (const part of [
      keys.map(({ kid }) => kid),
      keys.map(({ kid }) => kid.split('.')[0]),
      keys.map(({ key }) => key.export().toString('hex')),
    ]) {
      expect(new Set(part).size).toBe(3);
    }
  });

  it('is neither the secret nor the key that it comes from', () => {
    const exported = signingKeyOf(dailyKeys().keys).key.export();
    const ofPurpose = derived(Buffer.from(SECRET), PURPOSE);
    for (const other of [Buffer.from(SECRET).subarray(0, 32), ofPurpose]) {
      expect(exported).not.toEqual(other);
    }
  });
});

describe('a key of another day', () => {
  it.each<[daysAgo: number, isFound: boolean]>([
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [400, true],
    [401, true],
    [402, false],
    [10_000, false],
  ])('of %i days ago is found: %p (A-012)', (daysAgo, isFound) => {
    const { keys, clock } = dailyKeys();
    const today = clock.nowSeconds();
    clock.set(today - daysAgo * DAY);
    const { kid, key } = signingKeyOf(dailyKeys({ clock }).keys);
    clock.set(today);
    const found = keys.find(kid);
    expect(found?.key.equals(key) ?? false).toBe(isFound);
  });

  it('is forgotten while time passes, without a new set', () => {
    const { keys, clock } = dailyKeys();
    const { kid } = signingKeyOf(keys);
    clock.advance(401 * DAY);
    expect(keys.find(kid)).toBeDefined();
    clock.advance(DAY);
    expect(keys.find(kid)).toBeUndefined();
  });
});

describe('the name of a key of a day', () => {
  const { keys, clock } = dailyKeys();
  const today = Math.floor(clock.nowSeconds() / DAY);
  const { kid } = signingKeyOf(keys);
  const [secret = ''] = kid.split('.');

  it.each([
    '',
    '.',
    secret,
    `${secret}.`,
    `${secret}.0`,
    `${secret}.0${today}`,
    `${secret}.+${today}`,
    `${secret}.-${today}`,
    `${secret}. ${today}`,
    `${secret}.${today} `,
    `${secret}.${today}\n`,
    `${secret}.${today}.0`,
    `${secret}.${today}e0`,
    `${secret}.0x${today.toString(16)}`,
    `${secret}.${today}0`,
    `${secret}.9999999`,
    `${secret}.NaN`,
    `${secret}.Infinity`,
    `${secret}.${String(today).replaceAll(/\d/g, (digit) =>
      String.fromCodePoint(0xff10 + Number(digit)),
    )}`,
    `${secret.slice(1)}.${today}`,
    `${secret}A.${today}`,
    `${secret.toLowerCase()}.${today}`,
    `__proto__AAAAAAA.${today}`,
    '__proto__',
    'constructor',
    `../../../../dev/null.${today}`,
    `${'x'.repeat(1_000_000)}.${today}`,
  ])('is not %p (A-020, S-012, S-015)', (other) => {
    expect(other).not.toBe(kid);
    expect(keys.find(other)).toBeUndefined();
  });

  it.each([undefined, null, 0, {}, [], ['__proto__'], true])(
    'is no %p (A-020)',
    (other) => {
      expect(keys.find(other as never)).toBeUndefined();
    },
  );

  it('reveals nothing: it holds no part of the secret', () => {
    for (let i = 0; i + 4 <= SECRET.length; i += 1) {
      expect(kid).not.toContain(SECRET.slice(i, i + 4));
    }
    expect(secret).not.toBe(kidOfSecret(keyOf(SECRET)));
  });
});

describe('daily keys of several secrets', () => {
  const { keys, now } = dailyKeys({ secrets: [SECRET, OTHER_SECRET] });
  const old = dailyKeys({ secrets: [OTHER_SECRET] });

  it('encrypt with the first and decrypt with all (A-013)', () => {
    expect(signingKeyOf(keys)).toMatchObject({
      kid: signingKeyOf(dailyKeys().keys).kid,
    });
    const { kid, key } = signingKeyOf(old.keys);
    const found = keys.find(kid);
    expect(found?.key.equals(key)).toBe(true);
    expect(found?.signingKey).toBeUndefined();
  });

  it('do not find the key of a secret that was removed (A-012)', () => {
    const { kid } = signingKeyOf(old.keys);
    expect(dailyKeys().keys.find(kid)).toBeUndefined();
  });

  it('encrypt nothing where sessions are only checked', () => {
    const checking = new DailyKeys([keyOf(SECRET)], PURPOSE, now, true);
    expect(checking.signing).toBeUndefined();
    const { kid, key } = signingKeyOf(keys);
    expect(checking.find(kid)?.key.equals(key)).toBe(true);
    expect(checking.find(kid)?.signingKey).toBeUndefined();
  });

  it('encrypt nothing and find nothing without a secret', () => {
    const none = new DailyKeys([], PURPOSE, now);
    expect(none.signing).toBeUndefined();
    expect(none.find(signingKeyOf(keys).kid)).toBeUndefined();
  });

  it('never end by themselves', () => {
    expect(keys).toMatchObject({ validUntil: Infinity, isEmpty: false });
  });

  it('have a fingerprint that tells secrets, their order, their purpose and their use apart', () => {
    const fingerprints = [
      { secrets: [SECRET] },
      { secrets: [OTHER_SECRET] },
      { secrets: [SECRET, OTHER_SECRET] },
      { secrets: [OTHER_SECRET, SECRET] },
      { secrets: [SECRET], purpose: 'encrypt-refresh' },
      { secrets: [SECRET], isVerifyOnly: true },
    ].map((given) => dailyKeys(given).keys.fingerprint);
    expect(new Set(fingerprints).size).toBe(6);
    const { keys: later, clock } = dailyKeys();
    clock.advance(DAY);
    signingKeyOf(later);
    expect(later.fingerprint).toBe(fingerprints[0]);
  });
});

describe('the memory of daily keys', () => {
  it('is bounded, and what it has dropped is derived again', () => {
    const secrets = Array.from({ length: 4 }, () =>
      randomBytes(32).toString('base64url'),
    );
    const { keys, clock } = dailyKeys({ secrets });
    const today = Math.floor(clock.nowSeconds() / DAY);
    const names = secrets.map((secret) => {
      const [name] = signingKeyOf(
        dailyKeys({ secrets: [secret] }).keys,
      ).kid.split('.');
      return name;
    });
    const kids = names.flatMap((name) =>
      Array.from({ length: 400 }, (_, day) => `${name}.${today - day}`),
    );
    const first = keys.find(kids[0]!)!;
    expect(keys.find(kids[0]!)).toBe(first);
    for (const kid of kids.slice(0, 1_024)) {
      keys.find(kid);
    }
    expect(keys.find(kids[0]!)).toBe(first);
    for (const kid of kids) {
      expect(keys.find(kid)?.kid).toBe(kid);
    }
    const again = keys.find(kids[0]!)!;
    expect(again).not.toBe(first);
    expect(again.key.equals(first.key)).toBe(true);
  });
});

describe('the keys of encrypted tokens, at their edges', () => {
  const clock = new TestSessionClock(1_893_456_000);
  const keys = new DailyKeys(
    [createSecretKey(Buffer.from(SECRET))],
    'encrypt-session',
    () => clock.nowSeconds(),
  );
  const { kid } = keys.signing!;

  it('are never none', () => {
    expect(keys.isEmpty).toBe(false);
  });

  it.each([`x${kid}`, `\n${kid}`, `${kid} `, `a.${kid}`])(
    'do not find %j, which only ends like a kid (A-020)',
    (name) => {
      expect(keys.find(name)).toBeUndefined();
    },
  );
});
