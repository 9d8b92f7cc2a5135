import fc from 'fast-check';
import { BoundedMap } from '../../lib/session/bounded-map.js';

interface Value {
  readonly serial: number;
  readonly bytes: number;
}

type Step =
  | { readonly do: 'set'; readonly key: number; readonly bytes: number }
  | { readonly do: 'get' | 'delete'; readonly key: number };

const KEYS = 8;
const key = fc.nat({ max: KEYS - 1 });
const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('set' as const),
      key,
      bytes: fc.integer({ min: 0, max: 60 }),
    }),
    fc.record({ do: fc.constantFrom('get' as const, 'delete' as const), key }),
  ),
  { maxLength: 60 },
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

function take(map: BoundedMap<number, Value>, all: readonly Step[]) {
  all.forEach((step, serial) => {
    switch (step.do) {
      case 'set':
        map.set(step.key, { serial, bytes: step.bytes });
        break;
      case 'get':
        map.get(step.key);
        break;
      case 'delete':
        map.delete(step.key);
        break;
    }
  });
  return map;
}

/** What a map holds after some steps. Looking moves entries, so each look is at a map of its own. */
function contentOf(
  bound: Parameters<typeof createMap>[0],
  all: readonly Step[],
): Value[] {
  return Array.from({ length: KEYS }, (_, i) =>
    take(createMap(bound), all).get(i),
  ).filter((value) => value !== undefined);
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
    'holds the newest half of %i entries whatever happens, and never more than all',
    (maxEntries) => {
      const map = new BoundedMap<number, number>(maxEntries);
      for (let i = 0; i < 3 * maxEntries; i += 1) {
        map.set(i, i);
        expect(map.size).toBeLessThanOrEqual(maxEntries);
      }
      const newest = Array.from(
        { length: Math.ceil(maxEntries / 2) },
        (_, i) => 3 * maxEntries - 1 - i,
      );
      for (const i of newest) {
        expect(map.get(i)).toBe(i);
      }
      expect(map.get(0)).toBeUndefined();
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

  it('forgets a deleted entry, young or old', () => {
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

  it('holds the newest entries that fit into half of its bytes', () => {
    const map = new BoundedMap<number, Value>(
      1_000,
      1_000,
      ({ bytes }) => bytes,
    );
    for (let serial = 0; serial < 500; serial += 1) {
      map.set(serial, { serial, bytes: 10 });
    }
    for (let serial = 499; serial >= 451; serial -= 1) {
      expect(map.get(serial)?.serial).toBe(serial);
    }
    expect(map.get(0)).toBeUndefined();
  });

  it('never returns a value that is not the last one set, for any sequence of steps', () => {
    fc.assert(
      fc.property(bounds, steps, (bound, all) => {
        const map = createMap(bound);
        const model = new Map<number, Value>();
        all.forEach((step, serial) => {
          take(map, [step]);
          if (step.do === 'delete') model.delete(step.key);
          if (step.do === 'set') {
            // `take` counts its own steps, so each value is told apart by the time it was set.
            map.set(step.key, { serial, bytes: step.bytes });
            model.set(step.key, { serial, bytes: step.bytes });
          }
          const found = map.get(step.key);
          if (found !== undefined) {
            expect(found).toEqual(model.get(step.key));
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it('never holds more entries than it may, for any sequence of steps', () => {
    fc.assert(
      fc.property(bounds, steps, (bound, all) => {
        expect(take(createMap(bound), all).size).toBeLessThanOrEqual(
          bound.maxEntries,
        );
        expect(contentOf(bound, all).length).toBeLessThanOrEqual(
          bound.maxEntries,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('never holds more bytes than it may, for any sequence of steps', () => {
    fc.assert(
      fc.property(bounds, steps, (bound, all) => {
        const bytes = contentOf(bound, all).reduce(
          (sum, value) => sum + value.bytes,
          0,
        );
        expect(bytes).toBeLessThanOrEqual(bound.maxBytes);
      }),
      { numRuns: 500 },
    );
  });
});
