/**
 * `npm run test:faults`, or `npm run test:faults -- F-07 F-13 -w=1`: runs the tests whose titles contain the ID of a
 * failure, and prints what is demanded of each failure and what was measured. Options go to Jest. Fails where a test
 * fails, and where a failure has no test that passes or no figures.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { specsByRequirement } from '../../docs/named-requirements.mjs';
import { FAILURES } from './failures.js';
import { reportOn, titlesOf, type ReportedTest } from './report.js';

interface JestResults {
  readonly testResults: readonly {
    readonly assertionResults: readonly ReportedTest[];
  }[];
}

const given = process.argv.slice(2);
const options = given.filter((each) => each.startsWith('-'));
const asked = given.filter((each) => !each.startsWith('-'));
const known = new Set<string>(FAILURES.map(({ id }) => id));
const unknown = asked.filter((id) => !known.has(id));
if (unknown.length > 0) {
  throw new Error(`expected F-01 to F-32, got ${unknown.join(', ')}`);
}
const failures = FAILURES.filter(
  ({ id }) => asked.length === 0 || asked.includes(id),
);
const ids = failures.map(({ id }) => id);
const specs = specsByRequirement();
const names = new Set(ids.flatMap((id) => specs.get(id) ?? []));

const folder = mkdtempSync(join(tmpdir(), 'session-faults-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(1));
}
const results = join(folder, 'jest.json');
const jest = spawn(
  'npm',
  [
    'run',
    '--silent',
    'test:jest',
    '--',
    '--json',
    `--outputFile=${results}`,
    `--testNamePattern=${titlesOf(ids).source}`,
    ...options,
    ...[...names].map(
      (name) => `/test/${name.replaceAll('.', '\\.')}\\.(?:e2e-)?spec\\.ts$`,
    ),
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const printed: string[] = [];
createInterface({ input: jest.stdout }).on('line', (line) =>
  printed.push(line),
);
const [code] = (await once(jest, 'close')) as [number | null];

const { testResults }: JestResults = existsSync(results)
  ? JSON.parse(readFileSync(results, 'utf8'))
  : { testResults: [] };
const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
const reports = failures.map((failure) => reportOn(failure, tests, printed));
const faults = reports.flatMap((report) => report.faults);
if (code !== 0) faults.push(`Jest ended with ${code}`);
for (const { text } of reports) process.stdout.write(`\n${text}\n`);
process.stdout.write(
  `\n${failures.length} failures, ${faults.length} faults${faults.map((fault) => `\n${fault}`).join('')}\n`,
);
process.exitCode = faults.length > 0 ? 1 : 0;
