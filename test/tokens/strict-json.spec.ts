import fc from 'fast-check';
import { parseStrictJson } from '../../lib/tokens/strict-json.js';
import { anyCharacter } from '../support/any-character.js';
import { titleOf } from '../support/titles.js';
import { rounds } from '../support/effort.js';

function parse(content: string | Uint8Array): unknown {
  return parseStrictJson(Buffer.from(content as Uint8Array));
}

const bytes = (...values: (number | string)[]) =>
  Buffer.concat(
    values.map((value) =>
      typeof value === 'string' ? Buffer.from(value) : Buffer.from([value]),
    ),
  );

/** Spells a string literal as JSON allows, with some characters escaped though they need not be. */
function spell(text: string, escapes: readonly boolean[]): string {
  const units = Array.from({ length: text.length }, (_, i) => {
    const unit = text.charCodeAt(i);
    return escapes[i % escapes.length]
      ? `\\u${unit.toString(16).padStart(4, '0')}`
      : JSON.stringify(text.charAt(i)).slice(1, -1);
  });
  return `"${units.join('')}"`;
}

describe('strict JSON', () => {
  it.each(
    (
      [
        ['{}', {}],
        ['[]', []],
        ['null', null],
        ['true', true],
        ['0', 0],
        ['-1.5e3', -1500],
        ['""', ''],
        [' \t\r\n{ "a" : [ 1 , { "b" : null } ] } \n', { a: [1, { b: null }] }],
        ['{"a":{"a":1},"b":{"a":2}}', { a: { a: 1 }, b: { a: 2 } }],
        ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
        [
          '{"a":[{"a":1},"a","a"],"b":"a"}',
          { a: [{ a: 1 }, 'a', 'a'], b: 'a' },
        ],
        ['{"a":["x","y","x"],"x":1,"y":2}', { a: ['x', 'y', 'x'], x: 1, y: 2 }],
        ['{"a":{},"b":[],"c":1}', { a: {}, b: [], c: 1 }],
        [
          '{ "a":"}", "b":"{\\"a\\":1,\\"a\\":2}" }',
          { a: '}', b: '{"a":1,"a":2}' },
        ],
        ['{ "a\\\\":1, "a":2 }', { 'a\\': 1, a: 2 }],
        ['{ "a\\"":1, "a":2 }', { 'a"': 1, a: 2 }],
        ['{ "":1, " ":2 }', { '': 1, ' ': 2 }],
        ['{ "a":1, "A":2, "\\u00e4":3 }', { a: 1, A: 2, '\u00e4': 3 }],
        ['{"1":1,"0":2}', { 0: 2, 1: 1 }],
        ['{"v":"__proto__"}', { v: '__proto__' }],
        ['{"constructor":1,"toString":2}', { constructor: 1, toString: 2 }],
        ['"\\u0041\\ud83d\\ude00"', 'A\u{1f600}'],
      ] as [string, unknown][]
    ).map((row) => [titleOf(row[0]), ...row] as const),
  )('reads %s', (_title, text, value) => {
    expect(parse(text)).toStrictEqual(value);
  });

  it.each([
    ['twice', '{"sub":"ada","sub":"bob"}'],
    ['twice with equal values', '{"sub":"ada","sub":"ada"}'],
    ['first and last of several', '{"exp":1,"iat":2,"exp":3}'],
    ['with blanks between', '{ "sid" : 1 , "sid" : 2 }'],
    ['once escaped', '{"sub":1,"\\u0073ub":2}'],
    ['once escaped, the other way round', '{"\\u0073ub":1,"sub":2}'],
    ['escaped in two ways', '{"s\\u0075b":1,"su\\u0062":2}'],
    ['escaped in other case', '{"\\u00e4":1,"\\u00E4":2}'],
    ['with an escaped solidus', '{"a/b":1,"a\\/b":2}'],
    ['as the empty name', '{"":1,"":2}'],
    ['with a quote in it', '{"a\\"":1,"a\\u0022":2}'],
    ['with a backslash in it', '{"a\\\\":1,"a\\u005c":2}'],
    ['after a nested object', '{"a":{"b":1},"a":2}'],
    ['after a nested list', '{"a":[1,{"b":2},"c"],"a":2}'],
    ['in a nested object', '{"data":{"role":"member","role":"admin"}}'],
    ['in an object within a list', '{"data":[1,[{"x":1,"x":2}]]}'],
    ['in the second object of a list', '[{"a":1},{"a":1,"a":2}]'],
    ['after an empty object and list', '{"a":{},"b":[],"a":1}'],
    ['behind a value that looks like the end', '{"a":"}","a":1}'],
  ])(
    'refuses a member name that stands %s (A-061, A-027, S-031)',
    (_case, text) => {
      expect(JSON.parse(text)).toBeDefined();
      expect(parse(text)).toBeUndefined();
    },
  );

  it.each([
    '{"__proto__":{"admin":true}}',
    '{"__proto__":null}',
    '{ "__proto__" : 1 }',
    '{"\\u005f_proto__":{"admin":true}}',
    '{"__pr\\u006fto__":1}',
    '{"data":{"__proto__":{"admin":true}}}',
    '[{"a":[{"__proto__":[]}]}]',
    '{"a":"__proto__","__proto__":1}',
  ])('refuses a member named __proto__: %s (A-062)', (text) => {
    expect(JSON.parse(text)).toBeDefined();
    expect(parse(text)).toBeUndefined();
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['blanks', '  '],
    ['a trailing comma', '{"a":1,}'],
    ['a trailing comma in a list', '[1,]'],
    ['a leading comma', '{,"a":1}'],
    ['a line comment', '{"a":1}// x'],
    ['a block comment', '{"a":/* x */1}'],
    ['NaN', '{"a":NaN}'],
    ['Infinity', '{"a":Infinity}'],
    ['-Infinity', '{"a":-Infinity}'],
    ['undefined', '{"a":undefined}'],
    ['single quotes', "{'a':1}"],
    ['a name without quotes', '{a:1}'],
    ['two documents', '{"a":1}{"a":1}'],
    ['two documents on two lines', '{"a":1}\n{"b":1}'],
    ['trailing text', '{"a":1}x'],
    ['a trailing NUL', '{"a":1}\0'],
    ['a leading NUL', '\0{"a":1}'],
    ['an unclosed object', '{"a":1'],
    ['an unclosed string', '{"a":"b'],
    ['a raw line end in a string', '{"a":"b\nc"}'],
    ['a raw NUL in a string', '{"a":"b\0c"}'],
    ['a leading zero', '{"a":01}'],
    ['a hexadecimal number', '{"a":0x10}'],
    ['a plus sign', '{"a":+1}'],
    ['a bare fraction', '{"a":.5}'],
    ['a short escape', '{"a":"\\u12"}'],
    ['an unknown escape', '{"a":"\\x41"}'],
    ['a no-break blank between tokens', '{"a":\u00a01}'],
    ['a separator of lines between tokens', '{"a":\u20281}'],
    ['another prefix', ')]}\'\n{"a":1}'],
  ])('refuses %s (A-051)', (_case, text) => {
    expect(parse(text)).toBeUndefined();
  });

  it.each([
    ['a BOM', bytes(0xef, 0xbb, 0xbf, '{"a":1}')],
    ['a BOM of UTF-16', bytes(0xff, 0xfe, '{"a":1}')],
    ['UTF-16, little end first', Buffer.from('{"a":1}', 'utf16le')],
    ['UTF-16, big end first', Buffer.from('{"a":1}', 'utf16le').swap16()],
    ['a byte that begins nothing', bytes('{"a":"', 0xff, '"}')],
    ['a lone continuation byte', bytes('{"a":"', 0x80, '"}')],
    ['a sequence that is cut off', bytes('{"a":"', 0xc3, '"}')],
    ['Latin-1', Buffer.from('{"a":"\u00e9"}', 'latin1')],
    ['an overlong slash', bytes('{"a":"', 0xc0, 0xaf, '"}')],
    ['an overlong quote', bytes('{"a":', 0xc0, 0xa2, '1"}')],
    ['an overlong NUL', bytes('{"a":"', 0xc0, 0x80, '"}')],
    [
      'an overlong letter of three bytes',
      bytes('{"a":"', 0xe0, 0x81, 0x81, '"}'),
    ],
    ['a raw high surrogate', bytes('{"a":"', 0xed, 0xa0, 0x80, '"}')],
    ['a raw low surrogate', bytes('{"a":"', 0xed, 0xb0, 0x80, '"}')],
    [
      'a raw pair of surrogates (CESU-8)',
      bytes('{"a":"', 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, '"}'),
    ],
    [
      'a code point after the last',
      bytes('{"a":"', 0xf4, 0x90, 0x80, 0x80, '"}'),
    ],
    ['an invalid byte in a name', bytes('{"', 0xff, '":1}')],
    ['an invalid byte after the end', bytes('{"a":1}', 0xff)],
  ])(
    'refuses bytes that are no plain UTF-8: %s (A-050, S-011)',
    (_case, content) => {
      expect(parse(content)).toBeUndefined();
    },
  );

  it('reads what is valid UTF-8 right beside those', () => {
    expect(parse('{"a":"\u00e9\u{10ffff}\ud7ff\ue000\ufffd"}')).toEqual({
      a: '\u00e9\u{10ffff}\ud7ff\ue000\ufffd',
    });
  });

  it('reads numbers as JSON does, so that the claims profile can refuse those that are none', () => {
    expect(parse('{"exp":1e999}')).toEqual({ exp: Infinity });
    expect(parse('{"exp":-1e999}')).toEqual({ exp: -Infinity });
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])(
    'survives 5,000 and 100,000 nested %s (A-049, V-47)',
    (_kind, open, close) => {
      for (const depth of [5_000, 100_000]) {
        const text = open.repeat(depth) + '1' + close.repeat(depth);
        expect(() => parse(text)).not.toThrow();
        expect(() => parse(text.slice(0, -1))).not.toThrow();
        expect(parse(text.slice(0, -1))).toBeUndefined();
      }
    },
  );

  it('gives back every JSON value that JSON.stringify wrote', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5 }),
        fc.constantFrom(undefined, 1, '\t'),
        (value, indentation) => {
          const text = JSON.stringify(value, null, indentation);
          fc.pre(!/"__proto__":/.test(text));
          expect(parse(text)).toStrictEqual(JSON.parse(text));
        },
      ),
      { seed: 7159, numRuns: 1_000 },
    );
  });

  it('refuses every object with a name that stands twice, and reads it with the name once (A-061)', () => {
    const names = fc.uniqueArray(
      fc
        .oneof(
          fc.constantFrom('sub', 'exp', 'sid', '', 'a"', 'a\\', '\u{1f600}'),
          fc.string({ maxLength: 4 }),
          fc.string({ unit: anyCharacter, maxLength: 3 }),
        )
        .filter((name) => name !== '__proto__'),
      { minLength: 1, maxLength: 5 },
    );
    const value = fc
      .oneof(
        fc.constantFrom('1', '{}', '[]', '"a"', '"}"', '[{"a":1},"a"]'),
        fc.jsonValue({ maxDepth: 2 }).map((json) => JSON.stringify(json)),
      )
      .filter((text) => !text.includes('__proto__'));
    const escapes = fc.array(fc.boolean(), { minLength: 1, maxLength: 4 });
    const blank = fc.constantFrom('', ' ', '\n\t');
    const wrappers = fc.array(
      fc.constantFrom('[]', '[1,]', '{"w":}', '{"v":1,"w":}'),
      {
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(
        names,
        fc.array(value, { minLength: 6, maxLength: 6 }),
        fc.nat(),
        fc.nat(),
        escapes,
        escapes,
        blank,
        wrappers,
        (
          given,
          values,
          which,
          where,
          firstSpelling,
          secondSpelling,
          space,
          around,
        ) => {
          const member = (name: string, i: number, spelling: boolean[]) =>
            `${space}${spell(name, spelling)}${space}:${space}${values[i]}${space}`;
          const wrap = (members: string[]) =>
            around.reduce(
              (inner, wrapper) =>
                wrapper.slice(0, -1) + inner + wrapper.slice(-1),
              `{${members.join(',')}}`,
            );
          const members = given.map((name, i) =>
            member(name, i, firstSpelling),
          );
          const single = wrap(members);
          expect(parse(single)).toStrictEqual(JSON.parse(single));

          const name = given[which % given.length]!;
          const planted = members.toSpliced(
            where % (members.length + 1),
            0,
            member(name, 5, secondSpelling),
          );
          const double = wrap(planted);
          expect(JSON.parse(double)).toBeDefined();
          expect(parse(double)).toBeUndefined();
        },
      ),
      { seed: 61, numRuns: rounds(2_000, 600) },
    );
  });

  it('never throws, whatever the bytes are (V-40)', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }).map((random) => Buffer.from(random)),
          fc.string({ maxLength: 60 }).map((text) => Buffer.from(text)),
          fc
            .string({
              unit: fc.constantFrom(...'{}[]",:\\u0a1 -eE.tfn'.split('')),
              maxLength: 30,
            })
            .map((text) => Buffer.from(text)),
        ),
        (content) => {
          let plain: unknown;
          try {
            plain = JSON.parse(
              new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
                content,
              ),
            );
          } catch {
            plain = undefined;
          }
          const strict = parse(content);
          if (strict !== undefined) {
            expect(strict).toStrictEqual(plain);
          }
        },
      ),
      { seed: 40, numRuns: rounds(3_000, 900) },
    );
  });
});
