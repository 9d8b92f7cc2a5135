/**
 * `node test/bench/micro/run.mjs [--quick] [--out file.json] [subject …]`, after `npm run build` and `npm ci --prefix test/bench`:
 * measures what the parts of the library cost, one process for each subject. The stores need `redis-server` in the PATH (or
 * `REDIS_SERVER_PATH`).
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from '../support/environment.mjs';

const SUBJECTS = [
  'gate',
  'remembered',
  'first-sight',
  'signing',
  'cookies',
  'guard',
  'reload',
  'memory',
  'memory-store',
  'redis',
  'postgres',
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const unknown = positionals.find((name) => !SUBJECTS.includes(name));
if (unknown !== undefined) {
  console.error(`no subject ${unknown}; there are: ${SUBJECTS.join(', ')}`);
  process.exit(1);
}

const report = { machine: describeMachine(), goals: [], tables: [] };
for (const subject of positionals.length > 0 ? positionals : SUBJECTS) {
  const started = performance.now();
  const { goals, tables } = await measure(subject);
  report.goals.push(...goals);
  report.tables.push(...tables);
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.error(`${subject}: ${seconds} s`);
}
if (values.out) {
  writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`);
}
console.log(markdownOf(report));

/** Runs in a separate process, so that code and garbage of another subject do not affect this one. */
async function measure(subject) {
  const script = fileURLToPath(new URL('subject.mjs', import.meta.url));
  const child = fork(script, [subject, String(values.quick)], {
    execArgv: ['--expose-gc'],
    serialization: 'json',
  });
  let result;
  child.on('message', (message) => {
    result = message;
  });
  const [code] = await once(child, 'exit');
  if (code !== 0 || !result) {
    throw new Error(`${subject} ended with ${code}`);
  }
  return result;
}

function markdownOf({ machine, goals, tables }) {
  const goalTable = {
    title: 'Goals',
    columns: ['what', 'goal', 'figure', 'met'],
    rows: goals.map(({ name, goal, figure, unit, met }) => [
      name,
      goal,
      `${figure} ${unit}`,
      met ? 'yes' : 'no',
    ]),
  };
  const described = Object.values(machine).join(', ');
  return [`${described}\n`, ...[goalTable, ...tables].map(tableOf)].join('\n');
}

function tableOf({ title, columns, rows }) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, i) => (i === 0 ? '---' : '---:'));
  return `### ${title}\n\n${[columns, rule, ...rows].map(line).join('\n')}\n`;
}
