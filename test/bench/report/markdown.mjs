/** The results as a page of the documentation. */
import { toProfileReport } from './profile.mjs';

/** `docs/benchmarks.md` */
export function toMarkdown({
  machine,
  versions,
  settings,
  goals,
  tables,
  profiles,
}) {
  const missed = goals.filter(({ met }) => !met).length;
  return `# Benchmarks

What a session costs per request, beside other libraries and beside the least that it could cost. Written by
\`${settings.command}\` on ${machine.date}; the raw figures are in \`test/bench/results/latest.json\`.

- Node ${machine.node}, OpenSSL ${machine.openssl}, ${machine.system}; ${machine.processor}, ${machine.cores} cores, ${machine.memory}
- ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}

Every variant is one Node process. Those of a comparison are loaded at the same moment and share one core in slices of
a few milliseconds, while the load comes from another: a machine that slows down does so for all of them, which on
this one moves the CPU of a request by a third from second to second. Ratios and differences are taken within such a
shot, in which each variant has the core for ${settings.seconds} s, and their median is given. Rounds start the processes anew, since two of
the same program differ by one or two microseconds a request as long as they live. Latency is measured alone, one
variant after the other. Before any load each has given the same body for a good credential and 401 for a changed one
and for none. Figures taken side by side are those of a busy core: higher than alone, and the same for all. p50 at one
connection is less steady, p99 is not steady. All figures belong to this Node version: a string secret costs
\`jsonwebtoken\` far more on Node 20 than on Node 24.

## Goals

${goals.length - missed} of ${goals.length} met.

${tableOf(
  ['what', 'goal', 'figure', ''],
  goals.map(({ name, goal, figure, unit, met }) => [
    name,
    goal,
    `${format(figure)} ${unit}`,
    met ? 'met' : '**missed**',
  ]),
)}

${whereTimeGoes(profiles)}## Figures
${tables.map(sectionOf).join('')}`;
}

function whereTimeGoes(profiles) {
  return profiles
    ? `## Where the time goes

CPU profiles of ours on Fastify at 64 connections, with 10,000 tokens that are remembered, with none remembered, and
with data that are due on each request: shares of the time in which the process was busy.

${toProfileReport(profiles)}
`
    : '';
}

function sectionOf({ title, note, columns, rows }) {
  return `
### ${title}
${note ? `\n${note}\n` : ''}
${tableOf(columns, rows)}
`;
}

function tableOf(columns, rows) {
  const lines = [
    columns,
    columns.map((_, i) => (i === 0 ? '---' : '--:')),
    ...rows,
  ];
  return lines
    .map((cells) => `| ${cells.map(escape).join(' | ')} |`)
    .join('\n');
}

function escape(cell) {
  return String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** Two decimals at most. */
function format(figure) {
  return typeof figure === 'number'
    ? String(Number(figure.toFixed(2)))
    : figure;
}
