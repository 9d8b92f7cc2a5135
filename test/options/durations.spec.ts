import { rows } from '../support/titles.js';
import fc from 'fast-check';
import { readDurationSeconds } from '../../lib/options/durations.js';

describe('a duration', () => {
  it.each([
    [0, 0],
    [900, 900],
    [0.25, 0.25],
    ['15m', 900],
    ['15 m', 900],
    ['15 minutes', 900],
    ['90s', 90],
    ['1h', 3600],
    ['1H', 3600],
    ['1.5h', 5400],
    ['.5h', 1800],
    ['2 hrs', 7200],
    ['1 day', 86_400],
    ['7 days', 604_800],
    ['2 weeks', 1_209_600],
    ['500ms', 0.5],
    ['0s', 0],
  ])('is read from %p as %p seconds', (given, seconds) => {
    expect(readDurationSeconds(given)).toBe(seconds);
  });

  it.each([
    ['1.1h', 3960],
    ['0.07h', 252],
    ['1.1d', 95_040],
    ['2.3d', 198_720],
    ['4.35m', 261],
  ])(
    'is %p exactly %p seconds, although binary fractions say a little more or less',
    (given, seconds) => {
      expect(readDurationSeconds(given)).toBe(seconds);
    },
  );

  it.each(
    rows([
      '1h 30m',
      '1mo',
      'PT1H',
      '1,5h',
      ' 1h ',
      '',
      null,
      '900',
      '0',
      '1.5',
      'h',
      '.h',
      '1.h',
      '1..5h',
      '-1h',
      '- 1h',
      '+1h',
      '--1h',
      '1e3s',
      '0x10s',
      '1_000s',
      '1h\n',
      '\n1h',
      '1\th',
      '1  h',
      '1h1h',
      '1 fortnight',
      '1q',
      'NaN',
      'Infinity',
      'Infinity s',
      'forever',
      '\u0661h',
      '\uff11h',
      '1\u00a0h',
      `${'9'.repeat(101)}s`,
      '15m; DROP',
      undefined,
      true,
      false,
      [],
      [900],
      ['15m'],
      {},
      { valueOf: () => 900 },
      { toString: () => '15m' },
      Object('15m'),
      Object(900),
      new Date(0),
      900n,
      Symbol('15m'),
      () => 900,
      NaN,
      Infinity,
      -Infinity,
      -1,
      -0.001,
    ]),
  )('is refused when it reads %s (V-14, V-11)', (_title, value) => {
    expect(readDurationSeconds(value)).toBeUndefined();
  });

  it('is refused or finite and not negative, whatever it is (V-14)', () => {
    const nearly = fc
      .tuple(
        fc.constantFrom('', '-', '+', ' ', '0', '.'),
        fc.oneof(fc.nat().map(String), fc.double().map(String)),
        fc.constantFrom('', ' ', '  ', ','),
        fc.constantFrom('', 's', 'm', 'h', 'd', 'w', 'y', 'ms', 'mo', 'sec'),
        fc.constantFrom('', ' ', '\n', 's', '1'),
      )
      .map((parts) => parts.join(''));
    let read = 0;
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.string(), fc.double(), nearly, nearly),
        (value) => {
          const seconds = readDurationSeconds(value);
          if (seconds === undefined) {
            return;
          }
          read += 1;
          expect(Number.isFinite(seconds) && seconds >= 0).toBe(true);
          if (typeof value !== 'number') {
            expect(value).toEqual(
              expect.stringMatching(/^(\d+|\d*\.\d+) ?[a-zA-Z]+$/),
            );
          }
        },
      ),
      { seed: 14, numRuns: 5_000 },
    );
    expect(read).toBeGreaterThan(500);
  });
});
