/** The HTTP measurements as tables: `{ title, note, columns, rows }`. */
import { difference, median, ratio, spread } from '../support/statistics.mjs';
import { MODES } from './comparisons.mjs';
import { compared } from './goals.mjs';
import { BARE, VARIANTS } from './variants.mjs';

const ADAPTER_NAMES = { fastify: 'Fastify', express: 'Express' };
const COMPARISON_NAMES = {
  guard: 'the guard',
  stores: 'stores',
  peers: 'peers',
  resolvers: 'a GraphQL resolver',
  chosen: 'some variants',
};
const MODE_TITLES = {
  'one token': 'side by side, one token',
  '10,000 tokens': 'side by side, 10,000 tokens in rotation',
  '1,000 tokens': 'side by side, 1,000 tokens in rotation',
  'one connection': 'alone at one connection, one token',
  alone: 'alone at 64 connections, 10,000 tokens in rotation',
};
/** What each kind of load shows: the cost on a shared core, and the speed on a core of one variant alone. */
const SHARED = ['cpu', 'added', 'times'];
const ALONE = ['rate', 'p50', 'p99', 'cpu'];
const LATENCY = ['rate', 'p50', 'p50 over', 'p99', 'cpu'];

export function tablesOf({ adapters, experiments = {} }) {
  return [
    ...Object.entries(adapters).flatMap(([adapter, comparisons]) =>
      Object.entries(comparisons).flatMap(([comparison, modes]) =>
        Object.entries(modes).map(([mode, shots]) => ({
          title: `${ADAPTER_NAMES[adapter]}, ${COMPARISON_NAMES[comparison]}, ${MODE_TITLES[mode]}`,
          note: othersNote(shots),
          ...columnsOf('variant', shots, BARE, fieldsOf(mode)),
        })),
      ),
    ),
    ...experimentTables(experiments),
  ];
}

function fieldsOf(mode) {
  if (MODES[mode].sideBySide) {
    return SHARED;
  }
  return mode === 'one connection' ? LATENCY : ALONE;
}

function experimentTables({ reload, flood, growth }) {
  const tableOf = (title, { loads }, first, note, fields) => ({
    title,
    note: `${note} ${othersNote(loads)}`,
    ...columnsOf('load', loads, first, fields),
  });
  const ALL = [...new Set([...LATENCY, ...SHARED])];
  return [
    ...(reload
      ? [
          tableOf(
            'Reload, Fastify, cookie',
            reload,
            'fresh',
            `The loader answers immediately. Both verify every token; one raw signature took ${reload.signMicroseconds} µs. They are loaded side by side, except at one connection.`,
            ALL,
          ),
        ]
      : []),
    ...(flood
      ? [
          tableOf(
            'Garbage, Fastify',
            flood,
            'none, one connection',
            `Valid requests while other clients send nothing, 2,000 requests a second without a token, or 2,000 a second with different tokens and wrong signatures. The CPU of bad requests is added to that of the valid ones. ${refusedNote(flood.loads)}`,
            LATENCY,
          ),
        ]
      : []),
    ...(growth
      ? [
          tableOf(
            'Live sessions, Fastify, header',
            growth,
            '1 session',
            'Nothing is stored for a session. Only the number of tokens in use grows: tokens beyond the cache are verified again. All are loaded side by side.',
            SHARED,
          ),
        ]
      : []),
  ];
}

function columnsOf(heading, shots, base, fields) {
  const over = base === BARE ? 'bare' : 'the first';
  const all = {
    rate: ['requests/s', ({ rate }) => count(median(rate))],
    p50: ['p50 µs', ({ p50 }) => String(Math.round(median(p50)))],
    'p50 over': [
      `p50 over ${over} (min–max)`,
      (_, name) => range(compared(shots, name, base, 'p50', ratio), 2),
    ],
    p99: ['p99 µs', ({ p99 }) => String(Math.round(median(p99)))],
    cpu: ['CPU µs/request', ({ cpu }) => median(cpu).toFixed(1)],
    added: [
      'CPU added µs (min–max)',
      (_, name) => range(compared(shots, name, base, 'cpu', difference), 1),
    ],
    times: [
      `CPU over ${over} (min–max)`,
      (_, name) => range(compared(shots, name, base, 'cpu', ratio), 2),
    ],
  };
  const columns = fields.map((field) => all[field]);
  return {
    columns: [heading, ...columns.map(([title]) => title)],
    rows: Object.entries(shots).map(([name, shot]) => [
      VARIANTS.find((variant) => variant.name === name)?.title ?? name,
      ...columns.map(([, cellOf]) => cellOf(shot, name)),
    ]),
  };
}

function count(value) {
  return Math.round(value).toLocaleString('en');
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
  return `${Math.min(...refused).toLocaleString('en')} to ${Math.max(...refused).toLocaleString('en')} of them per second were answered with 401.`;
}

/** Says how busy the servers' core was with anything else, so that a reader can rate the run. */
function othersNote(shots) {
  const all = Object.values(shots).flatMap(({ others }) => others ?? []);
  if (all.length === 0) {
    return 'This system does not report how busy the core was with other processes.';
  }
  const { median: middle, max } = spread(all);
  return `The servers' core was busy with other processes for ${percent(middle)} of the time (median of the shots; at most ${percent(max)}).`;
}

function percent(value) {
  return `${Math.round(value * 100)} %`;
}
