import fc from 'fast-check';
import { BoundedMap } from '../../lib/session/model/bounded-map.js';
import { rounds } from '../support/effort.js';

interface Value {
  readonly serial: number;
  readonly bytes: number;
}

type Step =
  | { readonly do: 'set'; readonly key: number; readonly bytes: number }
  | { readonly do: 'get' | 'delete'; readonly key: number };

const KEYS = 8;
const key = fc.nat({ max: KEYS - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('set' as const),
      key,
      bytes: fc.integer({ min: 0, max: 60 }),
    }),
    fc.record({ do: fc.constantFrom('get' as const, 'delete' as const), key }),
  ),
  // By default an array has ten elements at most.
  { maxLength: 60, size: 'max' },
);
const bounds = fc.record({
  maxEntries: fc.nat({ max: 9 }),
  maxBytes: fc.constantFrom(1, 10, 50, 100, 250, Infinity),
});

function createMap({
  maxEntries,
  maxBytes,
}: {
  maxEntries: number;
  maxBytes: number;
}) {
  return new BoundedMap<number, Value>(
    maxEntries,
    maxBytes,
    ({ bytes }) => bytes,
  );
}

describe('BoundedMap', () => {
  it('gives back what was last set', () => {
    const map = new BoundedMap<string, number>(10);
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([
      3,
      2,
      undefined,
    ]);
    expect(map.size).toBe(2);
  });

  it('treats every key as a name like any other', () => {
    const map = new BoundedMap<string, number>(10);
    expect(map.get('__proto__')).toBeUndefined();
    expect(map.get('constructor')).toBeUndefined();
    map.set('__proto__', 1);
    expect(map.get('__proto__')).toBe(1);
    expect(map.get('toString')).toBeUndefined();
  });

  it('remembers nothing when it may hold no entry', () => {
    const map = new BoundedMap<string, number>(0);
    map.set('a', 1);
    expect(map.get('a')).toBeUndefined();
    expect(map.size).toBe(0);
  });

  it.each([1, 2, 3, 4, 10, 1_000])(
    'holds the newest %i entries, and no other',
    (maxEntries) => {
      const map = new BoundedMap<number, number>(maxEntries);
      for (let i = 0; i < 3 * maxEntries; i += 1) {
        map.set(i, i);
        expect(map.size).toBeLessThanOrEqual(maxEntries);
      }
      const newest = Array.from(
        { length: maxEntries },
        (_, i) => 3 * maxEntries - 1 - i,
      );
      for (const i of newest) {
        expect(map.get(i)).toBe(i);
      }
      expect(map.get(2 * maxEntries - 1)).toBeUndefined();
    },
  );

  it('keeps what is used while a thousand others come and go', () => {
    const map = new BoundedMap<string, number>(10);
    map.set('used', 1);
    map.set('unused', 2);
    for (let i = 0; i < 1_000; i += 1) {
      expect(map.get('used')).toBe(1);
      map.set(`passing ${i}`, i);
    }
    expect(map.get('unused')).toBeUndefined();
  });

  it('always finds as many entries as it may hold, when they are used in turn', () => {
    const map = new BoundedMap<number, number>(1_000);
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 1_000; i += 1) {
        expect(map.get(i)).toBe(round === 0 ? undefined : i);
        map.set(i, i);
      }
    }
  });

  it('forgets a deleted entry, old or new', () => {
    const map = new BoundedMap<string, number>(4);
    map.set('old', 1);
    map.set('young', 2);
    map.set('youngest', 3);
    map.delete('old');
    map.delete('young');
    map.delete('never there');
    expect([map.get('old'), map.get('young'), map.get('youngest')]).toEqual([
      undefined,
      undefined,
      3,
    ]);
    expect(map.size).toBe(1);
  });

  it('does not give back the old value of a key that was replaced and then deleted', () => {
    const map = new BoundedMap<string, number>(4);
    map.set('a', 1);
    map.set('b', 1);
    map.set('a', 2);
    map.delete('a');
    expect(map.get('a')).toBeUndefined();
  });

  it('counts bytes again when a value is replaced or deleted', () => {
    const map = new BoundedMap<string, Value>(1_000, 100, ({ bytes }) => bytes);
    for (let serial = 0; serial < 50; serial += 1) {
      map.set('same', { serial, bytes: 30 });
      map.set('deleted', { serial, bytes: 10 });
      map.delete('deleted');
    }
    map.set('other', { serial: 50, bytes: 10 });
    expect(map.get('same')).toEqual({ serial: 49, bytes: 30 });
    expect(map.get('other')).toBeDefined();
  });

  it('holds the newest entries that fit into its bytes', () => {
    const map = new BoundedMap<number, Value>(
      1_000,
      1_000,
      ({ bytes }) => bytes,
    );
    for (let serial = 0; serial < 500; serial += 1) {
      map.set(serial, { serial, bytes: 10 });
    }
    for (let serial = 499; serial >= 400; serial -= 1) {
      expect(map.get(serial)?.serial).toBe(serial);
    }
    expect(map.get(399)).toBeUndefined();
  });

  it('makes room for a large value, and remembers none that is larger than all its bytes', () => {
    const map = new BoundedMap<string, Value>(10, 100, ({ bytes }) => bytes);
    for (const serial of [1, 2, 3]) {
      map.set(`small ${serial}`, { serial, bytes: 30 });
    }
    map.set('large', { serial: 4, bytes: 70 });
    expect(map.get('large')?.serial).toBe(4);
    expect(map.get('small 3')?.serial).toBe(3);
    expect(map.get('small 2')).toBeUndefined();
    map.set('larger than all', { serial: 5, bytes: 101 });
    expect(map.get('larger than all')).toBeUndefined();
    expect(map.size).toBe(2);
    map.set('large', { serial: 6, bytes: 101 });
    expect(map.get('large')).toBeUndefined();
  });

  it('forgets what was not used for longest, for any sequence of steps', () => {
    fc.assert(
      fc.property(bounds, steps, (bound, all) => {
        const map = createMap(bound);
        // The oldest first.
        let model: { key: number; value: Value }[] = [];
        const bytes = () =>
          model.reduce((sum, { value }) => sum + value.bytes, 0);
        all.forEach((step, serial) => {
          const known = model.find((each) => each.key === step.key);
          model = model.filter((each) => each.key !== step.key);
          if (step.do === 'set') {
            const value = { serial, bytes: step.bytes };
            map.set(step.key, value);
            if (step.bytes <= bound.maxBytes) {
              model.push({ key: step.key, value });
            }
            while (
              model.length > bound.maxEntries ||
              bytes() > bound.maxBytes
            ) {
              model.shift();
            }
          } else if (step.do === 'delete') {
            map.delete(step.key);
          } else {
            expect(map.get(step.key)).toEqual(known?.value);
            if (known) model.push(known);
          }
          expect(map.size).toBe(model.length);
        });
        for (const { key: each, value } of model) {
          expect(map.get(each)).toEqual(value);
        }
      }),
      { numRuns: rounds(1_000, 300) },
    );
  });
});
