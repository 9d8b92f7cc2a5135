import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { faultsOf, faultyPathsOf, resolve, within } from './faults.js';
import { SECRET } from '../support/secrets.js';
import { rows } from '../support/titles.js';

const DAY = 86_400;

/** Refresh tokens and a store, for the options that need them. */
const BESIDE = {
  refreshToken: {},
  store: new MemorySessionStore(),
  maxSessions: { max: 1, policy: 'refuse' },
};
const at = (path: string, value: unknown) => within(BESIDE, path, value);

/** Every option that is a time, and whether it counts in whole seconds. */
const TIMES: [path: string, whole: boolean][] = [
  ['dataRefreshInterval', true],
  ['lifetime.idle', true],
  ['lifetime.absolute', true],
  ['clockTolerance', true],
  ['loader.timeout', false],
  ['loader.patience', false],
  ['loader.maxStale', true],
  ['refreshToken.accessLifetime', true],
  ['storeTimeout', false],
  ['refreshToken.grace', true],
];
const COUNTS = [
  'loader.concurrency',
  'cache.maxTokens',
  'cache.maxBytes',
  'maxSessions.max',
];

const UNREADABLE = [
  '1h 30m',
  '1mo',
  'PT1H',
  '1,5h',
  ' 1h ',
  '',
  null,
  '900',
  '-15m',
  'never',
  true,
  [],
  [900],
  {},
  /15m/,
  Object(900),
];
const NOT_NUMBERS = [NaN, Infinity, -Infinity, -1, '60'];

describe.each(TIMES)('the time option %s', (path, whole) => {
  it.each(rows(UNREADABLE))(
    'stops the boot when it is %s (V-14)',
    (_title, value) => {
      expect(faultyPathsOf(at(path, value))).toEqual([path]);
    },
  );

  it.each(rows(NOT_NUMBERS))(
    'stops the boot when it is %s (V-11)',
    (_title, value) => {
      expect(faultyPathsOf(at(path, value))).toEqual([path]);
    },
  );

  it('stops the boot when it passes 400 days or is negative by a unit', () => {
    expect(faultyPathsOf(at(path, 400 * DAY + 1))).toEqual([path]);
    expect(faultyPathsOf(at(path, '401d'))).toEqual([path]);
  });

  it(`${whole ? 'refuses' : 'takes'} fractions of a second (V-11)`, () => {
    const refused = whole ? [path] : [];
    expect(faultyPathsOf(at(path, 1.5))).toEqual(refused);
    expect(faultyPathsOf(at(path, '1500ms'))).toEqual(refused);
  });

  it('is told what came and what is expected', () => {
    const [fault] = faultsOf({ secret: SECRET, ...at(path, '900') });
    expect(fault).toContain(path);
    expect(fault).toContain('"900"');
    expect(fault).toContain("'15m'");
  });
});

describe.each(COUNTS)('the count %s', (path) => {
  it.each(rows([...NOT_NUMBERS, 1.5, 0, 2 ** 53, null, true, '', [], {}, 64n]))(
    'stops the boot when it is %s (V-11)',
    (_title, value) => {
      expect(faultyPathsOf(at(path, value))).toEqual([path]);
    },
  );
});

describe('the ranges of times and counts', () => {
  it.each([
    ['dataRefreshInterval', 1, 0],
    ['lifetime.idle', 901, 900],
    ['lifetime.idle', 30 * DAY, 30 * DAY + 1],
    ['lifetime.absolute', 400 * DAY, 400 * DAY + 1],
    ['clockTolerance', 0, -1],
    ['clockTolerance', 60, 61],
    ['loader.timeout', 0.001, 0],
    ['loader.timeout', 300, 301],
    ['loader.patience', 0, -1],
    ['loader.patience', 300, 301],
    ['loader.maxStale', 0, -1],
    ['loader.maxStale', 400 * DAY, 400 * DAY + 1],
    ['loader.concurrency', 1, 0],
    ['loader.concurrency', 10_000, 10_001],
    ['refreshToken.accessLifetime', 1, 0],
    ['refreshToken.accessLifetime', 7 * DAY - 1, 7 * DAY],
    ['storeTimeout', 0.001, 0],
    ['storeTimeout', 0.001, 0.0009],
    ['storeTimeout', 60, 61],
    ['refreshToken.grace', 1, 0],
    ['refreshToken.grace', 300, 301],
    ['maxSessions.max', 1, 0],
    ['maxSessions.max', 10_000, 10_001],
    ['cache.maxTokens', 1, 0],
    ['cache.maxTokens', 10_000_000, 10_000_001],
    ['cache.maxBytes', 65_536, 65_535],
    ['cache.maxBytes', 2 ** 40, 2 ** 40 + 1],
  ])('of %s end at %p: %p is refused (V-11)', (path, good, bad) => {
    expect(faultyPathsOf(at(path, good))).toEqual([]);
    expect(faultyPathsOf(at(path, bad))).toEqual([path]);
  });
});

describe('the three clocks together', () => {
  it.each([
    ['not longer than the interval', { idle: '15m' }, {}],
    ['shorter than the interval', { idle: '1m' }, {}],
    [
      'not longer than a longer interval',
      { idle: '1d' },
      { dataRefreshInterval: '1d' },
    ],
    ['longer than the absolute end', { idle: '31d' }, {}],
    ['longer than a shorter absolute end', { absolute: '6d' }, {}],
  ])(
    'stop the boot when the idle end is %s',
    (_case, lifetime: object, further: object) => {
      expect(faultyPathsOf({ lifetime, ...further })).toEqual([
        'lifetime.idle',
      ]);
    },
  );

  it('stop the boot when every reload would answer 503: no patience and no stale data', () => {
    expect(faultyPathsOf({ loader: { patience: 0, maxStale: 0 } })).toEqual([
      'loader.patience',
    ]);
    expect(faultyPathsOf({ loader: { patience: 0 } })).toEqual([]);
    expect(faultyPathsOf({ loader: { maxStale: 0 } })).toEqual([]);
  });

  it('follow one another in their defaults: patience the timeout, maxStale the interval', () => {
    expect(
      resolve({ dataRefreshInterval: '5m', loader: { timeout: '800ms' } })
        .loader,
    ).toEqual({
      timeoutSeconds: 0.8,
      patienceSeconds: 0.8,
      maxStaleSeconds: 300,
      concurrency: 64,
      errorEndsSession: false,
    });
  });
});
