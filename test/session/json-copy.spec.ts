import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { SessionError } from '../../lib/errors/session-error.js';
import {
  toFrozenJson,
  pathOfMember,
} from '../../lib/session/model/json-copy.js';
import { anyCharacter } from '../support/any-character.js';

class ObjectId {
  constructor(readonly hex: string) {}

  toHexString(): string {
    return this.hex;
  }
}

class Money {
  constructor(readonly cents: number) {}

  toJSON(): object {
    return { amount: this.cents / 100 };
  }
}

function nested(levels: number, innermost: unknown = 1): unknown {
  let value = innermost;
  for (let i = 0; i < levels; i += 1) {
    value = { a: value };
  }
  return value;
}

function cyclic(): object {
  const user: Record<string, unknown> = { id: 1 };
  user['friends'] = [{ back: user }];
  return { user };
}

function withGetter(get: () => unknown): object {
  return Object.defineProperty({}, 'name', { get, enumerable: true });
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe('NOT_SERIALIZABLE');
    return (error as SessionError).message;
  }
  return 'accepted';
}

function isDeeplyFrozen(value: unknown): boolean {
  return (
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen))
  );
}

const asJsonSees = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value));

describe('toFrozenJson', () => {
  it.each<[string, unknown, string]>([
    ['a BigInt', { total: 1n }, 'data.total is a bigint'],
    ['a function', { user: { greet() {} } }, 'data.user.greet is a function'],
    ['a class', { model: ObjectId }, 'data.model is a function'],
    ['a symbol', { kind: Symbol('k') }, 'data.kind is a symbol'],
    [
      'a symbol as a member name',
      { user: { [Symbol('s')]: 1 } },
      'data.user has a symbol as a member name',
    ],
    ['a cycle', cyclic(), 'data.user.friends[0].back refers back to itself'],
    ['a Map', { byId: new Map([[1, 2]]) }, 'data.byId is a Map'],
    ['a Set', { roles: new Set(['a']) }, 'data.roles is a Set'],
    ['a WeakMap', { w: new WeakMap() }, 'data.w is a WeakMap'],
    ['a Promise', { p: Promise.resolve(1) }, 'data.p is a Promise'],
    [
      'a Date',
      { user: { createdAt: new Date(0) } },
      'data.user.createdAt is a Date',
    ],
    [
      'an invalid Date',
      { user: [{ at: new Date(NaN) }] },
      'data.user[0].at is a Date',
    ],
    ['a Buffer', { key: Buffer.from('k') }, 'data.key is a Buffer'],
    ['a typed array', { key: new Uint8Array(2) }, 'data.key is a Uint8Array'],
    ['an ObjectId', { _id: new ObjectId('a1') }, 'data._id is a ObjectId'],
    ['a class instance', [new Money(5)], 'data[0] is a Money'],
    [
      'an instance of a class without a name',
      { x: new (class {})() },
      'data.x is a class instance',
    ],
    ['a RegExp', { pattern: /a/ }, 'data.pattern is a RegExp'],
    ['an Error', { cause: new TypeError('t') }, 'data.cause is a TypeError'],
    ['a URL', { link: new URL('https://a.example') }, 'data.link is a URL'],
    ['NaN', { ratio: NaN }, 'data.ratio is NaN'],
    ['Infinity', { limit: Infinity }, 'data.limit is Infinity'],
    ['-Infinity', { limit: [-Infinity] }, 'data.limit[0] is -Infinity'],
    ['-0', { offset: -0 }, 'data.offset is -0'],
    ['undefined in an array', { a: [1, undefined] }, 'data.a[1] is undefined'],
    // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
    ['a hole in an array', { a: [1, , 3] }, 'data.a[1] is undefined'],
    ['an array of holes', Array(2), 'data[0] is undefined'],
    ['undefined itself', undefined, 'data is undefined'],
    [
      'a getter that throws',
      withGetter(() => {
        throw new Error('lazy');
      }),
      'data.name cannot be read',
    ],
    [
      'a member named __proto__',
      JSON.parse('{"user":{"__proto__":{"admin":true}}}'),
      'data.user.__proto__ is not allowed as a member name',
    ],
    ['a boxed string', { s: new String('s') }, 'data.s is a String'],
    [
      'an object that inherits members',
      { o: Object.create({ inherited: 1 }) },
      'data.o is a Object',
    ],
    [
      'an object that only claims to be plain',
      { o: Object.create({ constructor: { name: 'x\nforged log line' } }) },
      'data.o is a class instance',
    ],
    [
      'a name that is no identifier',
      { 'e-mail': { 'two words': 1n } },
      'data["e-mail"]["two words"] is a bigint',
    ],
    [
      'a name with a line break',
      { 'a\nb': 1n },
      String.raw`data["a\nb"] is a bigint`,
    ],
  ])('A-160: refuses %s and names its path', (_kind, value, message) => {
    const [what] = messageOf(() => toFrozenJson(value, 'data')).split('; ');
    expect(what).toBe(message);
  });

  it.each<[string, string, unknown, string]>([
    ['an instance', 'data', new Money(5), '; return a plain object'],
    ['one of the caller', 'params', new Money(5), '; pass a plain object'],
    [
      'a Date',
      'data',
      new Date(),
      '; return a string, for example its toISOString()',
    ],
    ['a Map', 'data', new Map(), '; return a plain object or an array'],
    ['a Set', 'params', new Set(), '; pass a plain object or an array'],
  ])('A-160: says what to do about %s in %s', (_what, name, value, remedy) => {
    const message = messageOf(() => toFrozenJson({ value }, name));
    expect(message).toMatch(new RegExp(`^${name}\\.value is a \\w+;`));
    expect(message.endsWith(remedy)).toBe(true);
  });

  it('keeps what a getter threw as the cause', () => {
    const cause = new Error('lazy');
    const value = withGetter(() => {
      throw cause;
    });
    expect(() => toFrozenJson(value, 'data')).toThrow(
      expect.objectContaining({ cause }),
    );
  });

  it('names the value as it was told to', () => {
    expect(messageOf(() => toFrozenJson(1n, 'params'))).toBe(
      'params is a bigint',
    );
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a boolean', { yes: true, no: false }],
    ['a string', 'ada'],
    ['an empty string', ''],
    ['a lone surrogate', { name: '\ud800', '\udfff': 1 }],
    ['a NUL and a line separator', '\u0000\u2028'],
    ['an integer', 42],
    ['the largest number', [Number.MAX_VALUE, Number.MIN_VALUE]],
    ['a negative fraction', -0.1],
    ['an empty object and array', { object: {}, array: [] }],
    ['members named like those of Object', { constructor: 1, toString: 2 }],
    ['members named prototype', { prototype: { admin: true } }],
    ['an empty member name', { '': 1 }],
  ])('A-160: lets %s through unchanged', (_kind, value) => {
    const copied = toFrozenJson(value, 'data');
    expect(isDeepStrictEqual(copied, value)).toBe(true);
    expect(isDeepStrictEqual(asJsonSees(copied), value)).toBe(true);
    expect(isDeeplyFrozen(copied)).toBe(true);
  });

  it('drops members that are undefined, as JSON does', () => {
    const copied = toFrozenJson({ a: 1, b: undefined }, 'data');
    expect(Object.keys(copied as object)).toEqual(['a']);
  });

  it('reads a getter once and keeps what it gave', () => {
    let reads = 0;
    const value = withGetter(() => `read ${(reads += 1)}`);
    expect(toFrozenJson(value, 'data')).toEqual({ name: 'read 1' });
    expect(reads).toBe(1);
  });

  it('gives objects without a prototype the usual one', () => {
    const value = Object.assign(Object.create(null), { a: 1 });
    const copied = toFrozenJson(value, 'data') as object;
    expect(Object.getPrototypeOf(copied)).toBe(Object.prototype);
    expect(copied).toEqual({ a: 1 });
  });

  it('accepts one object in two places, which is no cycle', () => {
    const address = { city: 'London' };
    expect(toFrozenJson({ home: address, work: address }, 'data')).toEqual({
      home: { city: 'London' },
      work: { city: 'London' },
    });
  });

  it('copies: later changes of the original are not seen', () => {
    const roles = ['member'];
    const copied = toFrozenJson({ roles }, 'data');
    roles.push('admin');
    expect(copied).toEqual({ roles: ['member'] });
    expect(Object.isFrozen(roles)).toBe(false);
  });

  it.each([
    [31, 'accepted'],
    [32, `data${'.a'.repeat(31)} is nested deeper than 31 levels`],
    [100_000, `data${'.a'.repeat(31)} is nested deeper than 31 levels`],
  ])('V-47: of %i levels of objects says: %s', (levels, message) => {
    expect(messageOf(() => toFrozenJson(nested(levels), 'data'))).toBe(message);
  });

  it('V-47: counts arrays as levels too', () => {
    expect(messageOf(() => toFrozenJson(nested(30, [1]), 'data'))).toBe(
      'accepted',
    );
    expect(messageOf(() => toFrozenJson(nested(31, [1]), 'data'))).toMatch(
      /nested deeper than 31 levels$/,
    );
  });

  it.each<[string, unknown, string]>([
    [
      'an object of its own',
      { toJSON: () => ({ admin: true }) },
      'data.toJSON is a function',
    ],
    ['a class', new Money(5), 'data is a Money; return a plain object'],
    [
      'a hidden member of an object',
      Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'other' }),
      'data.toJSON is a function',
    ],
    [
      'an array',
      Object.assign([1], { toJSON: () => 'other' }),
      'data.toJSON is a function',
    ],
  ])(
    'A-161: refuses data that %s would turn into something else by toJSON',
    (_kind, value, message) => {
      expect(messageOf(() => toFrozenJson(value, 'data'))).toBe(message);
    },
  );

  it('A-161: keeps a member named toJSON that is no function', () => {
    expect(toFrozenJson({ toJSON: 'a word' }, 'data')).toEqual({
      toJSON: 'a word',
    });
  });

  it.each<[string, unknown]>([
    ['a named member', Object.assign([1], { total: 2 })],
    ['the members of a match', 'ab'.match(/b/)],
  ])(
    'A-160: refuses an array with %s, which JSON would drop',
    (_kind, value) => {
      expect(messageOf(() => toFrozenJson({ list: value }, 'data'))).toMatch(
        /^data\.list/,
      );
    },
  );

  it('what it accepts is frozen, survives JSON, and is what JSON makes of the original', () => {
    let [accepted, refused] = [0, 0];
    const anything = fc.anything({
      maxDepth: 5,
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withObjectString: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    const values = fc.oneof(
      fc.jsonValue({ maxDepth: 5, stringUnit: anyCharacter }),
      anything,
    );
    fc.assert(
      fc.property(values, (value) => {
        let copied: unknown;
        try {
          copied = toFrozenJson(value, 'data');
        } catch (error) {
          refused += 1;
          expect((error as SessionError).code).toBe('NOT_SERIALIZABLE');
          expect((error as SessionError).message).toMatch(/^data/);
          return;
        }
        accepted += 1;
        expect(isDeeplyFrozen(copied)).toBe(true);
        expect(isDeepStrictEqual(asJsonSees(copied), copied)).toBe(true);
        expect(isDeepStrictEqual(asJsonSees(value), copied)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(100);
  });

  it('never pollutes a prototype', () => {
    for (const text of [
      '{"constructor":{"prototype":{"admin":true}}}',
      '{"prototype":{"admin":true}}',
    ]) {
      toFrozenJson(JSON.parse(text), 'data');
    }
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});

describe('the path of a member in a message', () => {
  it.each([
    ['name', 'data.name'],
    ['$a_1', 'data.$a_1'],
    ['', 'data[""]'],
    ['first name', 'data["first name"]'],
    ['1', 'data["1"]'],
    ['a"b', 'data["a\\"b"]'],
    ['line\nbreak', 'data["line\\nbreak"]'],
    ['\u202edetrever', 'data["\\u202edetrever"]'],
    ['\u001b[31mred', 'data["\\u001b[31mred"]'],
    ['\u{1f600}', 'data["\\ud83d\\ude00"]'],
    ['\u2028', 'data["\\u2028"]'],
  ])('of %j is %s (S-118)', (name, path) => {
    expect(pathOfMember('data', name)).toBe(path);
  });
});
