import {
  createHmac,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { anyCharacter } from '../support/any-character.js';
import { rounds } from '../support/effort.js';
import { newSessionId } from '../support/session-claims.js';

const compared: [Uint8Array, Uint8Array][] = [];
const crypto = await import('node:crypto');
jest.unstable_mockModule('node:crypto', () => ({
  ...crypto,
  timingSafeEqual: (a: Uint8Array, b: Uint8Array): boolean => {
    compared.push([a, b]);
    return crypto.timingSafeEqual(a, b);
  },
}));
const { CsrfTokens } = await import('../../lib/csrf/csrf-tokens.js');

const ALPHABET =
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function newKey(): KeyObject {
  return createSecretKey(randomBytes(32));
}

const KEY = newKey();
const OTHER_KEY = newKey();
const ID = newSessionId();

function tokensOf(...keys: KeyObject[]) {
  return new CsrfTokens(() => keys);
}

const tokens = tokensOf(KEY);

/** A token with any randomness, made without the library. */
function forge(message: string, random: string, key: KeyObject | Buffer = KEY) {
  const mac = createHmac('sha256', key).update(message).digest('base64url');
  return `${random}.${mac}`;
}

const RANDOM = randomBytes(16).toString('base64url');
const MESSAGE = `${ID.length}!${ID}!${RANDOM.length}!${RANDOM}`;

describe('a CSRF token', () => {
  it('S-151: round-trips, whatever the id of the session', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter, maxLength: 300 }), (id) => {
        expect(tokens.isOf(id, tokens.issue(id))).toBe(true);
      }),
      { numRuns: rounds(1_000, 300) },
    );
  });

  it('S-150, V-42: is good for its session alone', () => {
    const id = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.stringMatching(/^[\d!]{0,12}$/),
      fc.constant(ID),
    );
    fc.assert(
      fc.property(id, id, (one, other) => {
        expect(tokens.isOf(other, tokens.issue(one))).toBe(one === other);
      }),
      { numRuns: rounds(1_000, 300) },
    );
  });

  it('S-150: is the HMAC of session id and randomness, each with its length before it', () => {
    expect(tokens.isOf(ID, forge(MESSAGE, RANDOM))).toBe(true);
    const [random = ''] = tokens.issue(ID).split('.');
    expect(Buffer.from(random, 'base64url')).toHaveLength(16);
  });

  it.each<[what: string, message: string]>([
    ['without lengths', `${ID}!${RANDOM}`],
    ['without separators', `${ID}${RANDOM}`],
    ['over the id alone', ID],
    ['over the randomness alone', RANDOM],
    ['with another order', `${RANDOM.length}!${RANDOM}!${ID.length}!${ID}`],
    ['with another length', MESSAGE.replace('43!', '42!')],
  ])('S-151: is refused when its HMAC is made %s', (_what, message) => {
    expect(tokens.isOf(ID, forge(message, RANDOM))).toBe(false);
  });

  it('S-150: leaves no doubt of where the id ends and the randomness begins', () => {
    // What one session's token covers, cut elsewhere: 'a' + '1!x…' against 'a!…' and their like.
    const one = `1!a!22!${RANDOM}`;
    for (const id of ['a!22', '1!a', `a!22!${RANDOM}`, `1!a!22!${RANDOM}`]) {
      expect(tokens.isOf(id, forge(one, RANDOM))).toBe(false);
    }
    expect(tokens.isOf('a', forge(one, RANDOM))).toBe(true);
  });

  it('A-125: is refused with any character changed, to any other', () => {
    const token = tokens.issue(ID);
    const accepted: string[] = [];
    for (let i = 0; i < token.length; i += 1) {
      for (const other of `${ALPHABET}.=+/ \u0000é`) {
        const changed = token.slice(0, i) + other + token.slice(i + 1);
        if (changed !== token && tokens.isOf(ID, changed)) {
          accepted.push(`${i}: ${token[i]} to ${other}`);
        }
      }
    }
    expect(accepted).toEqual([]);
  });

  it.each<[what: string, of: (token: string) => string]>([
    ['empty', () => ''],
    ['a dot', () => '.'],
    ['its first half', (token) => token.split('.')[0]!],
    ['its second half', (token) => token.split('.')[1]!],
    ['with empty randomness', (token) => `.${token.split('.')[1]}`],
    ['cut', (token) => token.slice(0, -1)],
    ['longer', (token) => `${token}A`],
    ['padded', (token) => `${token}=`],
    ['with a blank before', (token) => ` ${token}`],
    ['with a blank after', (token) => `${token} `],
    ['with a line end after', (token) => `${token}\n`],
    ['in quotes', (token) => `"${token}"`],
    ['twice', (token) => `${token}, ${token}`],
    ['twice without a blank', (token) => `${token}.${token}`],
    ['its halves swapped', (token) => token.split('.').toReversed().join('.')],
    ['very long', () => 'A'.repeat(1_000_000)],
  ])('A-125: is refused when it is %s', (_what, of) => {
    expect(tokens.isOf(ID, of(tokens.issue(ID)))).toBe(false);
  });

  it('is refused whatever else a client sends', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: anyCharacter }),
          fc.stringMatching(/^[\w-]{22}\.[\w-]{43}$/),
        ),
        (given) => !tokens.isOf(ID, given),
      ),
      { numRuns: rounds(2_000, 600) },
    );
  });

  it('is another one each time', () => {
    const COUNT = rounds(100_000, 5_000);
    const issued = new Set<string>();
    for (let i = 0; i < COUNT; i += 1) {
      issued.add(tokens.issue(ID));
    }
    expect(issued.size).toBe(COUNT);
  });

  it('is safe in a header, a cookie, a form and HTML as it is', () => {
    expect(tokens.issue(ID)).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
  });
});

describe('the keys of CSRF tokens', () => {
  it('V-42: one of another key or purpose is refused', () => {
    expect(tokens.isOf(ID, tokensOf(OTHER_KEY).issue(ID))).toBe(false);
    expect(tokens.isOf(ID, forge(MESSAGE, RANDOM, OTHER_KEY))).toBe(false);
    expect(tokens.isOf(ID, forge(MESSAGE, RANDOM, Buffer.alloc(0)))).toBe(
      false,
    );
  });

  it('the first signs, all verify', () => {
    const before = tokensOf(OTHER_KEY);
    const during = tokensOf(KEY, OTHER_KEY);
    expect(during.isOf(ID, before.issue(ID))).toBe(true);
    expect(tokens.isOf(ID, during.issue(ID))).toBe(true);
    expect(before.isOf(ID, during.issue(ID))).toBe(false);
  });

  it('are those of now: one that is withdrawn no longer verifies', () => {
    let keys: readonly KeyObject[] = [OTHER_KEY];
    const rotating = new CsrfTokens(() => keys);
    const token = rotating.issue(ID);
    keys = [KEY, OTHER_KEY];
    expect(rotating.isOf(ID, token)).toBe(true);
    keys = [KEY];
    expect(rotating.isOf(ID, token)).toBe(false);
    keys = [];
    expect(rotating.isOf(ID, tokens.issue(ID))).toBe(false);
  });

  it('S-127: are compared in constant time, over whole codes', () => {
    compared.length = 0;
    expect(tokensOf(OTHER_KEY, KEY).isOf(ID, tokens.issue(ID))).toBe(true);
    expect(compared.map(([a, b]) => [a.length, b.length])).toEqual([
      [32, 32],
      [32, 32],
    ]);
    expect(tokens.isOf(ID, forge(MESSAGE, RANDOM, OTHER_KEY))).toBe(false);
    expect(compared).toHaveLength(3);
  });
});
