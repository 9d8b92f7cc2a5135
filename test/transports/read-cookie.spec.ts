import { parseCookie } from 'cookie';
import fc from 'fast-check';
import { AMBIGUOUS_TOKEN } from '../../lib/ports/transport.js';
import { readCookie } from '../../lib/transports/read-cookie.js';
import { anyCharacter } from '../support/any-character.js';
import { rounds } from '../support/effort.js';
import { costOver } from '../support/relative-cost.js';

const NAME = '__Host-Http-session';

/** How often a name stands before a `=`, by the grammar and without any cleverness. */
function countOf(header: string, name: string): number {
  return header
    .split(';')
    .filter((pair) => pair.includes('='))
    .map((pair) => pair.slice(0, pair.indexOf('=')))
    .filter((key) => key.replace(/^[ \t]+|[ \t]+$/g, '') === name).length;
}

describe('reading one cookie out of a Cookie header', () => {
  it.each<[what: string, header: string, value: string | undefined]>([
    ['finds it alone', `${NAME}=abc`, 'abc'],
    ['finds it first', `${NAME}=abc; a=1`, 'abc'],
    ['finds it last', `a=1; ${NAME}=abc`, 'abc'],
    ['finds it in the middle', `a=1; ${NAME}=abc; b=2`, 'abc'],
    ['needs no blank after the semicolon', `a=1;${NAME}=abc;b=2`, 'abc'],
    [
      'ignores blanks and tabs around name and value',
      `a=1; \t${NAME} \t= \tabc\t ;b=2`,
      'abc',
    ],
    ['splits at the first equals sign', `${NAME}=a=b==`, 'a=b=='],
    ['gives an empty value as it is', `${NAME}=; a=1`, ''],
    ['skips a pair without an equals sign', `${NAME}; ${NAME}=abc`, 'abc'],
    ['reads nothing out of a name without a value', `a=1; ${NAME}`, undefined],
    ['reads nothing out of an empty header', '', undefined],
    ['reads nothing out of other cookies', 'a=1; b=2', undefined],
    ['does not decode percent-encoding', `${NAME}=a%2Eb`, 'a%2Eb'],
    [
      'A-104: takes no name in lower case (S-071)',
      '__host-session=abc',
      undefined,
    ],
    [
      'A-104: takes no name in upper case (S-071)',
      '__HOST-SESSION=abc',
      undefined,
    ],
    [
      'A-104: takes no nameless cookie with our name as its value',
      `=${NAME}=abc`,
      undefined,
    ],
    ['A-104: takes no name that ends with ours', `x${NAME}=abc`, undefined],
    ['A-104: takes no name that begins with ours', `${NAME}2=abc`, undefined],
    ['A-104: takes no name with a word before it', `x ${NAME}=abc`, undefined],
    [
      'A-104: takes nothing out of the value of another cookie',
      `a=${NAME}=abc`,
      undefined,
    ],
    [
      'A-104: takes nothing out of a value after a comma',
      `a=1, ${NAME}=abc`,
      undefined,
    ],
    [
      'A-104: takes nothing out of a value after a line break',
      `a=1\n${NAME}=abc`,
      undefined,
    ],
    ['A-105: keeps the quotes of a quoted value', `${NAME}="abc"`, '"abc"'],
    [
      'A-105: is not swallowed by a quote that another cookie opens',
      `$Version=1; x="; ${NAME}=abc; y="`,
      'abc',
    ],
    [
      'A-105: lets no quoted semicolon hide the end of a value',
      `${NAME}="a;b"`,
      '"a',
    ],
    ['A-106: gives "deleted" as it is', `${NAME}=deleted`, 'deleted'],
    ['A-106: gives "null" as it is', `${NAME}=null`, 'null'],
    ['A-106: gives "undefined" as it is', `${NAME}=undefined`, 'undefined'],
    [
      "A-106: gives an object's text as it is",
      `${NAME}=[object Object]`,
      '[object Object]',
    ],
    ['A-106: gives a JSON cookie of Express as it is', `${NAME}=j:{}`, 'j:{}'],
    [
      'V-52: is not confused by a cookie named __proto__',
      `__proto__=x; ${NAME}=abc`,
      'abc',
    ],
  ])('%s', (_what, header, value) => {
    expect(readCookie(header, NAME)).toBe(value);
  });

  it.each<[what: string, header: string]>([
    ['different', `${NAME}=a; ${NAME}=b`],
    ['equal', `${NAME}=a; ${NAME}=a`],
    ['empty and not', `${NAME}=; ${NAME}=a`],
    ['apart', `${NAME}=a; x=1; y=2; ${NAME}=b`],
    ['with blanks before the equals sign', `${NAME}=a; ${NAME} =b`],
    ['three', `${NAME}=a; ${NAME}=a; ${NAME}=b`],
  ])(
    'A-102, S-078: says that two cookies of our name are ambiguous, %s',
    (_what, header) => {
      expect(readCookie(header, NAME)).toBe(AMBIGUOUS_TOKEN);
    },
  );

  describe('agrees with the cookie package on raw values (claim 7)', () => {
    const check = (header: string, name: string): boolean => {
      const expected =
        countOf(header, name) > 1
          ? AMBIGUOUS_TOKEN
          : parseCookie(header, { decode: (raw) => raw })[name];
      return readCookie(header, name) === expected;
    };
    const names = fc.constantFrom('s', 'ss', NAME, '__proto__', 'a.b');

    it('for headers made of what matters in a Cookie header', () => {
      const pieces = fc.constantFrom(
        's',
        'ss',
        NAME,
        NAME.toLowerCase(),
        '__proto__',
        'a.b',
        'v',
        '=',
        '==',
        ';',
        '; ',
        ' ',
        '\t',
        ',',
        '"',
        '%3D',
        '\n',
        'é',
      );
      const headers = fc
        .array(pieces, { maxLength: 24 })
        .map((parts) => parts.join(''));
      fc.assert(fc.property(headers, names, check), {
        numRuns: rounds(30_000, 5_000),
      });
    });

    it('for any text', () => {
      const headers = fc.string({ unit: anyCharacter, maxLength: 80 });
      fc.assert(fc.property(headers, names, check), {
        numRuns: rounds(5_000, 2_000),
      });
    });

    it('for well-formed headers, found and byte for byte', () => {
      const octets = fc.string({
        unit: fc.constantFrom(
          ...'abcXYZ019-_.!#$%&\'()*+/:<=>?@[]^`{|}~"\\'.split(''),
        ),
        maxLength: 40,
      });
      const others = fc.array(
        fc.tuple(fc.constantFrom('a', 'sess', `${NAME}x`, `x${NAME}`), octets),
        { maxLength: 6 },
      );
      fc.assert(
        fc.property(others, others, octets, (before, after, value) => {
          const header = [...before, [NAME, value], ...after]
            .map(([name, octet]) => `${name}=${octet}`)
            .join('; ');
          return check(header, NAME) && readCookie(header, NAME) === value;
        }),
        { numRuns: 2_000 },
      );
    });
  });

  it('A-107, V-05: finds its cookie behind 16 KB of others in linear time', () => {
    const headerOf = (others: number): string => {
      const near = Array.from({ length: others }, (_, i) => `${NAME}${i}=v`);
      return `${near.join('; ')}; ${NAME}=abc`;
    };
    const find = (header: string) => () => {
      for (let i = 0; i < 10; i += 1) {
        if (readCookie(header, NAME) !== 'abc') throw new Error('not found');
      }
    };
    const [long, short] = [headerOf(904), headerOf(113)];
    expect(long.length).toBeGreaterThan(16_000);
    // Eight times the cookies; quadratic time would be 64 times as much.
    expect(costOver(find(long), find(short))).toBeLessThan(32);
  });
});
