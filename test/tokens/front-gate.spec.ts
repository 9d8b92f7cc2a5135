import fc from 'fast-check';
import {
  MAXIMUM_TOKEN_LENGTH,
  openEncrypted,
  openSigned,
} from '../../lib/tokens/front-gate.js';
import { costOver } from '../support/relative-cost.js';
import { rounds } from '../support/effort.js';

const GOOD = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl';
const ALPHABET =
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** A token of exactly this many characters. */
function tokenOf(length: number): string {
  return `AAAA.${'A'.repeat(length - 10)}.AAAA`;
}

function isOpen(token: string): boolean {
  return openSigned(token) !== undefined;
}

describe('the front gate of signed tokens', () => {
  it('opens for three segments and hands the first two on, still encoded', () => {
    expect(openSigned(GOOD)).toEqual({
      header: 'eyJhbGciOiJIUzI1NiJ9',
      payload: 'eyJzdWIiOiJhZGEifQ',
    });
  });

  it('opens up to 8,192 characters and no further (A-048)', () => {
    expect(MAXIMUM_TOKEN_LENGTH).toBe(8192);
    for (const length of [8_188, 8_190, 8_191, 8_192]) {
      // 8,189 would leave a payload of one character too many for base64url.
      expect(tokenOf(length)).toHaveLength(length);
      expect([length, isOpen(tokenOf(length))]).toEqual([
        length,
        (length - 10) % 4 !== 1,
      ]);
    }
    for (const length of [8_193, 8_194, 8_196, 16_384, 200_000]) {
      expect([length, isOpen(tokenOf(length))]).toEqual([length, false]);
    }
    // The same shapes below the limit are open, so that it was the length.
    for (const length of [8_193 - 4, 8_194 - 4, 8_196 - 4]) {
      expect(isOpen(tokenOf(length))).toBe((length - 10) % 4 !== 1);
    }
  });

  it.each([
    ['nothing', ''],
    ['one segment', 'eyJhbGciOiJIUzI1NiJ9'],
    ['two segments', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ'],
    ['four segments', `${GOOD}.AAAA`],
    ['five segments, as a JWE', `${GOOD}.AAAA.AAAA`],
    ['a trailing dot', `${GOOD}.`],
    ['a leading dot', `.${GOOD}`],
    ['two dots in a row', GOOD.replace('.', '..')],
    ['one dot', '.'],
    ['two dots', '..'],
    ['three dots', '...'],
    ['an empty header', '.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'],
    ['an empty payload', 'eyJhbGciOiJIUzI1NiJ9..c2lnbmF0dXJl'],
    ['an empty signature', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.'],
  ])('stays shut for %s (A-045, A-001, S-006)', (_case, token) => {
    expect(isOpen(token)).toBe(false);
  });

  it.each([
    ['a blank', ' '],
    ['a tab', '\t'],
    ['a line end', '\n'],
    ['a carriage return', '\r'],
    ['CRLF', '\r\n'],
    ['a vertical tab', '\v'],
    ['a form feed', '\f'],
    ['a NUL', '\0'],
    ['padding', '='],
    ['double padding', '=='],
    ['a plus', '+'],
    ['a slash', '/'],
    ['a percent-encoded dot', '%2E'],
    ['a quote', '"'],
    ['a semicolon', ';'],
    ['a comma', ','],
    ['a tilde', '~'],
    ['a zero-width blank', '\u200b'],
    ['a zero-width joiner', '\u200d'],
    ['a BOM', '\ufeff'],
    ['a soft hyphen', '\u00ad'],
    ['a no-break blank', '\u00a0'],
    ['a full-width digit', '\uff11'],
    ['an Arabic digit', '\u0661'],
    ['a Latin letter outside ASCII', '\u00e9'],
    ['a Kelvin sign, which lower-cases to k', '\u212a'],
    ['a long s, which upper-cases to S', '\u017f'],
    ['a full stop of another script', '\u3002'],
    ['a line separator', '\u2028'],
    ['half of a surrogate pair', '\ud83d'],
    ['an emoji', '\u{1f44d}'],
  ])(
    'stays shut wherever %s stands (A-040, A-041, A-042, A-044, S-019, V-12)',
    (_case, character) => {
      for (const at of [
        0,
        5,
        20,
        21,
        30,
        GOOD.lastIndexOf('.') + 1,
        45,
        GOOD.length,
      ]) {
        const token = GOOD.slice(0, at) + character + GOOD.slice(at);
        expect(isOpen(token)).toBe(false);
      }
    },
  );

  it.each([
    [
      'flattened',
      JSON.stringify({ protected: 'AAAA', payload: 'AAAA', signature: 'AAAA' }),
    ],
    [
      'general',
      JSON.stringify({
        payload: 'AAAA',
        signatures: [{ protected: 'AAAA', signature: 'AAAA' }],
      }),
    ],
  ])('stays shut for the %s JSON serialisation (A-046)', (_form, token) => {
    expect(isOpen(token)).toBe(false);
  });

  it.each(['', 'A', 'AB'].flatMap((start) => [start, `AAAA${start}`]))(
    'takes of all last characters after %p exactly those whose spare bits are zero (A-043, S-032)',
    (start) => {
      for (const last of ALPHABET) {
        const segment = start + last;
        const isCanonical =
          Buffer.from(segment, 'base64url').toString('base64url') === segment;
        for (const token of [
          `${segment}.AAAA.AAAA`,
          `AAAA.${segment}.AAAA`,
          `AAAA.AAAA.${segment}`,
        ]) {
          expect([token, isOpen(token)]).toEqual([token, isCanonical]);
        }
      }
    },
  );

  it('opens for every three byte strings, and for exactly one spelling of them (A-052)', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(bytes, bytes, bytes, (...segments) => {
        const [header, payload, signature] = segments.map((segment) =>
          Buffer.from(segment).toString('base64url'),
        );
        expect(openSigned(`${header}.${payload}.${signature}`)).toEqual({
          header,
          payload,
        });
      }),
      { seed: 52, numRuns: 500 },
    );
  });

  it('opens for a text only when each segment is what its own bytes encode to', () => {
    const encoded = fc
      .uint8Array({ minLength: 1, maxLength: 5 })
      .map((bytes) => Buffer.from(bytes).toString('base64url'));
    const segment = fc.oneof(
      encoded,
      encoded,
      fc
        .tuple(encoded, fc.constantFrom(...`${ALPHABET}=+ é`.split('')))
        .map(([text, last]) => text.slice(0, -1) + last),
      fc.string({ maxLength: 4 }),
    );
    let [open, shut] = [0, 0];
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(segment, segment, segment),
          fc.array(segment, { maxLength: 5 }),
        ),
        (segments) => {
          const expected =
            segments.length === 3 &&
            segments.every(
              (text) =>
                text !== '' &&
                Buffer.from(text, 'base64url').toString('base64url') === text,
            );
          expect(isOpen(segments.join('.'))).toBe(expected);
          if (expected) {
            open += 1;
          } else {
            shut += 1;
          }
        },
      ),
      { seed: 32, numRuns: rounds(5_000, 1_500) },
    );
    expect(open).toBeGreaterThan(100);
    expect(shut).toBeGreaterThan(1_000);
  });

  it('decides about the longest hostile texts in linear time', () => {
    for (const make of [
      (length: number) => '.'.repeat(length),
      (length: number) => 'A'.repeat(length),
      (length: number) => `${'A.'.repeat(length / 2 - 1)}A`,
      (length: number) => `${'-'.repeat(length - 2)}.!`,
    ]) {
      const [long, short] = [make(8_192), make(1_024)];
      const refuse = (text: string) => () => {
        for (let i = 0; i < 20; i += 1) {
          if (isOpen(text)) throw new Error('the gate is open');
        }
      };
      // Eight times the length; quadratic time would be 64 times as much.
      expect(costOver(refuse(long), refuse(short))).toBeLessThan(32);
    }
  });
});

describe('the front gate of encrypted tokens', () => {
  const HEADER = 'eyJhbGciOiJkaXIifQ';
  const NONCE = 'AAECAwQFBgcICQoL';
  const CIPHERTEXT = 'c29tZXRoaW5n';
  const TAG = 'AAECAwQFBgcICQoLDA0ODw';
  const ENCRYPTED = `${HEADER}..${NONCE}.${CIPHERTEXT}.${TAG}`;
  const opens = (token: string) => openEncrypted(token) !== undefined;
  const sized = (length: number) =>
    `AAAA..${NONCE}.${'A'.repeat(length - 46)}.${TAG}`;

  it('opens for five segments, the second of them empty, and hands the others on, still encoded', () => {
    expect(openEncrypted(ENCRYPTED)).toEqual({
      header: HEADER,
      nonce: NONCE,
      ciphertext: CIPHERTEXT,
      tag: TAG,
    });
  });

  it('opens up to 8,192 characters and no further (A-048)', () => {
    for (const [length, isGood] of [
      [8_190, true],
      [8_191, false],
      [8_192, true],
      [8_193, false],
      [8_194, false],
      [8_196, false],
      [200_000, false],
    ] as const) {
      expect(sized(length)).toHaveLength(length);
      expect([length, opens(sized(length))]).toEqual([length, isGood]);
    }
  });

  it.each([
    ['nothing', ''],
    ['only dots', '....'],
    ['three segments, as a JWS', GOOD],
    ['four segments', `${HEADER}.${NONCE}.${CIPHERTEXT}.${TAG}`],
    ['six segments', `${ENCRYPTED}.AAAA`],
    ['a leading dot', `.${ENCRYPTED}`],
    ['a trailing dot', `${ENCRYPTED}.`],
    ['an encrypted key', ENCRYPTED.replace('..', '.AAAA.')],
    ['an empty header', ENCRYPTED.slice(HEADER.length)],
    ['an empty nonce', ENCRYPTED.replace(NONCE, '')],
    ['an empty ciphertext', ENCRYPTED.replace(CIPHERTEXT, '')],
    ['an empty tag', ENCRYPTED.replace(TAG, '')],
    ['a nonce of 88 bits', ENCRYPTED.replace(NONCE, NONCE.slice(0, 15))],
    ['a nonce of 104 bits', ENCRYPTED.replace(NONCE, `${NONCE}AA`)],
    ['a nonce of 128 bits', ENCRYPTED.replace(NONCE, TAG)],
    ['a tag of 96 bits', ENCRYPTED.replace(TAG, NONCE)],
    ['a tag of 32 bits', ENCRYPTED.replace(TAG, 'AAAAAA')],
    ['a tag of 8 bits', ENCRYPTED.replace(TAG, 'AA')],
    ['a tag of 136 bits', ENCRYPTED.replace(TAG, `${TAG.slice(0, 21)}QA`)],
    ['a tag with spare bits', `${ENCRYPTED.slice(0, -1)}x`],
    ['a header with spare bits', ENCRYPTED.replace(HEADER, `${HEADER}B`)],
    ['a ciphertext with spare bits', ENCRYPTED.replace(CIPHERTEXT, 'AB')],
    ['a ciphertext of no bytes', ENCRYPTED.replace(CIPHERTEXT, 'A')],
    [
      'the JSON serialisation',
      JSON.stringify({
        protected: HEADER,
        iv: NONCE,
        ciphertext: 'AA',
        tag: TAG,
      }),
    ],
  ])('stays shut for %s (A-043, A-045, A-046, S-007)', (_case, token) => {
    expect(opens(ENCRYPTED)).toBe(true);
    expect(opens(token)).toBe(false);
    expect(openSigned(ENCRYPTED)).toBeUndefined();
  });

  it.each([
    ' ',
    '\t',
    '\n',
    '\r',
    '\0',
    '=',
    '+',
    '/',
    '%2E',
    ',',
    '\u200b',
    '\u00e9',
  ])(
    'stays shut wherever %j stands (A-040, A-041, A-042, A-044, S-019, V-12)',
    (character) => {
      for (let at = 0; at <= ENCRYPTED.length; at += 1) {
        const before = ENCRYPTED.slice(0, at);
        expect(opens(before + character + ENCRYPTED.slice(at))).toBe(false);
        expect(opens(before + character + ENCRYPTED.slice(at + 1))).toBe(false);
      }
    },
  );

  it('opens for every four byte strings of the right sizes, and for exactly one spelling of them (A-052)', () => {
    const exactly = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length });
    const any = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(any, exactly(12), any, exactly(16), (...segments) => {
        const [header, nonce, ciphertext, tag] = segments.map((segment) =>
          Buffer.from(segment).toString('base64url'),
        );
        expect(
          openEncrypted(`${header}..${nonce}.${ciphertext}.${tag}`),
        ).toEqual({ header, nonce, ciphertext, tag });
      }),
      { seed: 53, numRuns: 500 },
    );
  });

  it('opens only when each segment is what its own bytes encode to', () => {
    let opened = 0;
    for (const last of ALPHABET) {
      for (const [token, segment] of [
        [`AA${last}..${NONCE}.AAAA.${TAG}`, `AA${last}`],
        [`AAAA..${NONCE}.A${last}.${TAG}`, `A${last}`],
        [
          `AAAA..${NONCE}.AAAA.${TAG.slice(0, -1)}${last}`,
          TAG.slice(0, -1) + last,
        ],
      ] as const) {
        const isCanonical =
          Buffer.from(segment, 'base64url').toString('base64url') === segment;
        expect([token, opens(token)]).toEqual([token, isCanonical]);
        opened += Number(isCanonical);
      }
    }
    expect(opened).toBe(16 + 4 + 4);
  });
});
