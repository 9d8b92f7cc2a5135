import { specsByRequirement } from '../../docs/named-requirements.mjs';
import { avoidedWordsIn } from '../../docs/words.js';
import { FAILURES } from './failures.js';
import { reportOn, type ReportedTest } from './report.js';

describe('the table of failures', () => {
  it('has 32 rows, in order', () => {
    expect(FAILURES.map(({ id }) => id)).toEqual(
      Array.from(
        { length: 32 },
        (_, i) => `F-${String(i + 1).padStart(2, '0')}`,
      ),
    );
  });

  it('names failures that stand in the title of a test each', () => {
    const specs = specsByRequirement();
    expect(FAILURES.filter(({ id }) => !specs.has(id))).toEqual([]);
  });

  it('is written as STYLE.md says', () => {
    const text = FAILURES.map(
      ({ failure, demanded }) => `${failure}: ${demanded}`,
    );
    expect(avoidedWordsIn(text.join('\n'))).toEqual([]);
  });
});

describe('the report on a failure', () => {
  const failure = {
    id: 'F-90',
    failure: 'The sun goes down',
    demanded: '0 x dark',
  } as const;
  const passed: ReportedTest = {
    fullName: 'at night shines (F-90)',
    status: 'passed',
  };
  const report = (tests: ReportedTest[], printed: string[]) =>
    reportOn(failure, tests, printed);

  it('has what is demanded, every figure and the number of tests', () => {
    const { text, faults } = report(
      [
        passed,
        { fullName: 'F-90: at dawn', status: 'pending' },
        { fullName: 'at noon (F-91)', status: 'failed' },
        { fullName: 'reads UTF-90', status: 'failed' },
      ],
      ['F-90 0 x dark', 'F-91 1 x dark', 'F-89 F-90 2 moons', 'no F-90 here'],
    );
    expect(faults).toEqual([]);
    expect(text.split('\n').map((line) => line.trim())).toEqual([
      'F-90  The sun goes down',
      'demanded: 0 x dark',
      'measured: 0 x dark',
      '2 moons',
      'tests: 1 passed, 0 failed, 1 skipped',
    ]);
  });

  it.each<[string, ReportedTest[], string[], string]>([
    ['no test', [], ['F-90 0'], 'F-90: no test passed'],
    [
      'only skipped tests',
      [{ ...passed, status: 'pending' }],
      ['F-90 0'],
      'F-90: no test passed',
    ],
    [
      'a test that fails',
      [passed, { ...passed, status: 'failed' }],
      ['F-90 0'],
      'F-90: 1 tests failed',
    ],
    ['no figures', [passed], ['F-91 0'], 'F-90: no figures'],
  ])('is a fault with %s', (_what, tests, printed, fault) => {
    expect(report(tests, printed).faults).toEqual([fault]);
  });
});
