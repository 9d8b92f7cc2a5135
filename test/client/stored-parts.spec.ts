import fc from 'fast-check';
import type { SessionTokens } from '../../lib/client/index.js';
import {
  layoutOf,
  MAX_PARTS,
  splitText,
  textOf,
  tokensOf,
  type Place,
} from '../../lib/client/stored-parts.js';
import { anyCharacter } from '../support/any-character.js';

const PART = 2000;
/** What a text has around a token: `["…",null]`. */
const AROUND = '["",null]'.length;

const partsOf = (tokens: SessionTokens, place: Place = 0): string[] =>
  splitText(textOf(tokens), place)!;

const anyTokens = fc
  .record({
    token: fc.string({ unit: anyCharacter, minLength: 1, maxLength: 800 }),
    repeat: fc.integer({ min: 1, max: 8 }),
    refreshToken: fc.option(fc.string({ maxLength: 800 }), { nil: undefined }),
  })
  .map(({ token, repeat, refreshToken }) => ({
    token: token.repeat(repeat),
    ...(refreshToken !== undefined && { refreshToken }),
  }))
  .filter((tokens) => splitText(textOf(tokens), 0) !== undefined);

describe('the parts of stored tokens', () => {
  it.each([
    ['one character', 1, 1],
    ['a full part', PART - AROUND, 1],
    ['one character more', PART - AROUND + 1, 2],
    ['two full parts', 2 * PART - AROUND, 2],
    ['all parts, full', MAX_PARTS * PART - AROUND, MAX_PARTS],
  ])('are as many as %s needs', (_what, length, count) => {
    const token = 'x'.repeat(length);
    const parts = partsOf({ token }, 1);
    expect(parts).toHaveLength(count);
    expect(layoutOf(parts[0])).toEqual({ place: 1, count });
    expect(tokensOf(parts)).toEqual({ token });
  });

  it('are refused for tokens that need one more', () => {
    const token = 'x'.repeat(MAX_PARTS * PART - AROUND + 1);
    expect(splitText(textOf({ token }), 0)).toBeUndefined();
  });

  it('give back any tokens, in values that every storage takes', () => {
    fc.assert(
      fc.property(anyTokens, fc.constantFrom<Place>(0, 1), (tokens, place) => {
        const parts = partsOf(tokens, place);
        for (const part of parts) {
          expect(part).toMatch(/^[ -~]+$/);
          expect(part.length).toBeLessThan(2048);
        }
        expect(tokensOf(parts)).toEqual(tokens);
      }),
    );
  });

  it('are no tokens if parts of another write are among them, or parts are missing, repeated or cut', () => {
    fc.assert(
      fc.property(
        anyTokens,
        anyTokens,
        fc.array(fc.boolean(), { minLength: 2, maxLength: MAX_PARTS }),
        fc.nat(),
        (one, other, choice, cut) => {
          const [a, b] = [partsOf(one), partsOf(other)];
          const mixed = choice.map((isOther, i) => (isOther ? b : a)[i]);
          const found = tokensOf(mixed);
          if (found) expect([one, other]).toContainEqual(found);
          const texts = [a.join('\0'), b.join('\0')];
          expect(texts.includes(mixed.join('\0'))).toBe(found !== undefined);
          const last = a.at(-1)!;
          const short = [...a.slice(0, -1), last.slice(0, cut % last.length)];
          expect(tokensOf(short)).toBeUndefined();
          expect(tokensOf([...a, last])).toBeUndefined();
        },
      ),
    );
  });

  it.each<[what: string, parts: unknown[]]>([
    ['nothing', []],
    ['null', [null]],
    ['undefined', [undefined]],
    ['an empty text', ['']],
    ['an object', [{}]],
    ['JSON', ['{"token":"a","refreshToken":"b"}']],
    ['a token', ['eyJhbGciOiJIUzI1NiJ9.e30.x']],
    ['another version', [partsOf({ token: 'a' })[0]!.replace(/^1/, '2')]],
    ['another sum', [partsOf({ token: 'a' })[0]!.replace('"a"', '"b"')]],
    ['another count', [partsOf({ token: 'a' })[0]!.replace('1.0.1', '1.0.2')]],
    ['an object in its form', splitText('{"token":"a"}', 0)!],
    ['null in its form', splitText('null', 0)!],
    ['an empty token', splitText('["",null]', 0)!],
    ['a number as token', splitText('[7,null]', 0)!],
    ['broken JSON', splitText('["a",', 0)!],
  ])('are no tokens, and no error, for %s', (_what, parts) => {
    expect(tokensOf(parts)).toBeUndefined();
  });

  it('have no layout for a first part of something else', () => {
    for (const first of [null, undefined, '', '1.2.1.x.y', '1.0.6.x.y', 7]) {
      expect(layoutOf(first)).toBeUndefined();
    }
  });
});
