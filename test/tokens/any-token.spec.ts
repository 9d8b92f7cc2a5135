import fc from 'fast-check';
import { DAY, NOW } from '../support/session-claims.js';
import { CLAIMS, codecOf, EXPECTED, modes } from './modes.js';
import { verdictOf } from './profile.js';

/** Every claim that the profile names. */
const NAMED = [
  ...Object.keys(CLAIMS),
  'nbf',
  'idl',
  'abs',
  'int',
  'per',
  'acr',
  'amr',
];
const byte = fc.integer({ min: 0, max: 255 });

describe.each(modes)('any token of $name', (mode) => {
  const codec = codecOf(mode);
  const { header, forge } = mode;
  const good = forge(header, CLAIMS);

  it('is refused when any byte of a good one is another one, is missing, or one is inserted', () => {
    const change = fc.constantFrom<(at: number, added: string) => string>(
      (at, added) => good.slice(0, at) + added + good.slice(at + 1),
      (at) => good.slice(0, at) + good.slice(at + 1),
      (at, added) => good.slice(0, at) + added + good.slice(at),
    );
    let refused = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: good.length - 1 }),
        byte,
        change,
        (at, code, apply) => {
          const token = apply(at, String.fromCharCode(code));
          fc.pre(token !== good);
          // Not `toBe`, which would print a token that comes through.
          expect(typeof codec.verify(token)).toBe('string');
          refused += 1;
        },
      ),
      { seed: 52, numRuns: 2_000 },
    );
    expect(refused).toBe(2_000);
    expect(codec.verify(good)).toEqual(CLAIMS);
  });

  it('gives claims that satisfy the profile, or a refusal, whatever stands in any claim (S-125)', () => {
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.integer({ min: NOW - 1_000, max: NOW + 401 * DAY }),
      fc.constantFrom<unknown>(1, 2, 0, '', null, [], {}, 2 ** 33, CLAIMS.sid),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    const name = fc.constantFrom(...NAMED, 'gen', 'other', 'Sub', '');
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 2 }),
        (changes) => {
          const text = JSON.stringify({
            ...CLAIMS,
            ...Object.fromEntries(changes),
          });
          fc.pre(!text.includes('"__proto__":'));
          const claims = JSON.parse(text) as Record<string, unknown>;
          const verdict = verdictOf(claims, EXPECTED);
          seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
          expect(codec.verify(forge(header, text))).toEqual(
            verdict === 'good' ? claims : verdict,
          );
        },
      ),
      { seed: 125, numRuns: 500 },
    );
    expect(seen.get('good')).toBeGreaterThan(50);
    expect(seen.get('claims')).toBeGreaterThan(100);
    expect(seen.get('newer-version')).toBeGreaterThan(0);
  });

  it('keeps its claims when any member is added that the profile does not name', () => {
    const name = fc
      .string({ maxLength: 8 })
      .filter((each) => !NAMED.includes(each) && each !== '__proto__');
    fc.assert(
      fc.property(name, fc.jsonValue({ maxDepth: 3 }), (added, value) => {
        const text = JSON.stringify({ ...CLAIMS, [added]: value });
        fc.pre(!text.includes('"__proto__":'));
        expect(codec.verify(forge(header, text))).toEqual(JSON.parse(text));
      }),
      { seed: 126, numRuns: 200 },
    );
  });

  it('is refused when any member is added to its header', () => {
    const name = fc
      .string({ maxLength: 8 })
      .filter((each) => !(each in header));
    fc.assert(
      fc.property(name, fc.jsonValue({ maxDepth: 2 }), (added, value) => {
        const members = JSON.stringify([added, value]).slice(1, -1);
        const [, before, after] = /^("(?:[^"\\]|\\.)*"),(.*)$/s.exec(members)!;
        const text = `${JSON.stringify(header).slice(0, -1)},${before}:${after}}`;
        expect(JSON.parse(text)).toBeDefined();
        expect(codec.verify(forge(text, CLAIMS))).toBe('header');
      }),
      { seed: 30, numRuns: 200 },
    );
  });
});
