/** The results as a page of the documentation. */

/** `docs/benchmarks.md` */
export function toMarkdown({ machine, versions, settings, goals, tables }) {
  const missed = goals.filter(({ met }) => !met).length;
  return `# Benchmarks

What a session costs per request, beside other libraries and beside the least that it could cost. Written by
\`${settings.command}\` on ${machine.date}; the raw figures are in \`test/bench/results/latest.json\`.

- Node ${machine.node}, OpenSSL ${machine.openssl}, ${machine.system}; ${machine.processor}, ${machine.cores} cores, ${machine.memory}
- ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}

Every variant is one Node process. All of an adapter are started first, share one core, and are idle but for the one
under load, which comes from another core. A round measures each variant once, in an order that turns round every time;
ratios and differences are taken within a round, and their median over ${settings.rounds} rounds is given (fewer on
Express). One shot takes ${settings.seconds} s. Before any load each variant has given the same body for a good credential and 401 for
a changed one and for none. At 64 connections ratios closer than 0.15 cannot be told apart; CPU per request and p50 at
one connection are steady, p99 at 64 connections is not. All figures belong to this Node version: a string secret costs
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

## Figures
${tables.map(sectionOf).join('')}`;
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
