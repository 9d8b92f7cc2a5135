/** The HTTP measurements as tables: `{ title, note, columns, rows }`. */
import { difference, median, ratio, spread } from '../support/statistics.mjs';
import { compared } from './goals.mjs';
import { BARE, VARIANTS } from './variants.mjs';

const ADAPTER_NAMES = { fastify: 'Fastify', express: 'Express' };
const MODE_TITLES = {
  'one token': '64 connections, one token',
  '10,000 tokens': '64 connections, 10,000 tokens in rotation',
  'one connection': 'one connection, one token',
};
const COLUMNS = [
  'variant',
  'requests/s',
  'over bare (min–max)',
  'p50 µs',
  'p99 µs',
  'CPU µs/request',
  'CPU added µs (min–max)',
];

export function tablesOf({ adapters, experiments = {} }) {
  return [
    ...Object.entries(adapters).flatMap(([adapter, modes]) =>
      Object.entries(modes).map(([mode, shots]) => ({
        title: `${ADAPTER_NAMES[adapter]}, ${MODE_TITLES[mode]}`,
        note: othersNote(shots),
        columns: COLUMNS,
        rows: rowsOf(shots, BARE),
      })),
    ),
    ...experimentTables(experiments),
  ];
}

function experimentTables({ reload, flood, growth }) {
  const tableOf = (title, { loads }, first, note) => ({
    title,
    note: `${note} ${othersNote(loads)}`,
    columns: ['load', ...COLUMNS.slice(1)].map((name) =>
      name.replace('over bare', 'over the first'),
    ),
    rows: rowsOf(loads, first),
  });
  return [
    ...(reload
      ? [
          tableOf(
            'Reload, Fastify, cookie',
            reload,
            'fresh',
            `The loader answers at once. Both verify every token, one raw signature took ${reload.signMicroseconds} µs.`,
          ),
        ]
      : []),
    ...(flood
      ? [
          tableOf(
            'Garbage, Fastify',
            flood,
            'none, one connection',
            `Good requests while others send nothing, 2,000 requests a second without a token, or 2,000 with different tokens whose signatures are bad. The CPU of bad requests is counted to the good ones. ${refusedNote(flood.loads)}`,
          ),
        ]
      : []),
    ...(growth
      ? [
          tableOf(
            'Live sessions, Fastify, header',
            growth,
            '1 session',
            'Nothing is stored for a session. What grows is the number of tokens in use: those beyond the cache are verified again.',
          ),
        ]
      : []),
  ];
}

function rowsOf(shots, base) {
  return Object.entries(shots).map(([name, shot]) => [
    VARIANTS.find((variant) => variant.name === name)?.title ?? name,
    Math.round(median(shot.rate)).toLocaleString('en'),
    range(compared(shots, name, base, 'rate', ratio), 2),
    String(Math.round(median(shot.p50))),
    String(Math.round(median(shot.p99))),
    median(shot.cpu).toFixed(1),
    range(compared(shots, name, base, 'cpu', difference), 1),
  ]);
}

function range(values, digits) {
  if (!values) {
    return '';
  }
  const [middle, min, max] = [values.median, values.min, values.max].map(
    (value) => value.toFixed(digits),
  );
  return `${middle} (${min}–${max})`;
}

function refusedNote(shots) {
  const refused = Object.values(shots).flatMap(({ flooded }) => flooded ?? []);
  return `A second, ${Math.min(...refused).toLocaleString('en')} to ${Math.max(...refused).toLocaleString('en')} of them were answered with 401.`;
}

/** How busy the servers' core was with anything else, so that a reader can judge the run. */
function othersNote(shots) {
  const all = Object.values(shots).flatMap(({ others }) => others ?? []);
  if (all.length === 0) {
    return 'How busy the core was with other processes is not known on this system.';
  }
  const { median: middle, max } = spread(all);
  return `The servers' core was busy with other processes for ${percent(middle)} of the time (median of the shots; at most ${percent(max)}).`;
}

function percent(value) {
  return `${Math.round(value * 100)} %`;
}
