/** Compares the HTTP measurements with the goals. Shots are compared within their rounds. */
import { compareRounds, difference, ratio } from '../support/statistics.mjs';
import { MODES } from './comparisons.mjs';
import { BARE } from './variants.mjs';

/** Ratios up to this count as no growth: the benchmark cannot distinguish smaller ones. */
const FLAT = 1.15;
const ADAPTER_NAMES = { fastify: 'Fastify', express: 'Express' };
const [ONE, MANY, , LATENCY] = Object.keys(MODES);

/** For each peer: the transport of ours to compare with, and at least how many times the peer's requests it serves. */
const PEERS = {
  'docs-guard': ['session-jwt-header', 2],
  'passport-jwt': ['session-jwt-header', 2],
  'better-auth': ['session-jwt-cookie', 2],
  'better-auth-jwt': ['session-jwt-cookie', 2],
  'iron-session': ['session-jwt-cookie', 2],
  'express-session-redis': ['session-jwt-cookie', 2],
  'docs-guard-key-object': ['session-jwt-header', 1],
  'passport-jwt-key-object': ['session-jwt-header', 1],
  'fast-jwt': ['session-jwt-header', 1],
  'fast-jwt-cache': ['session-jwt-header', 1],
  jose: ['session-jwt-header', 1],
  'jose-crypto-key': ['session-jwt-header', 1],
};

export function goalsOf({ adapters, experiments = {} }) {
  return [
    ...Object.entries(adapters).flatMap(([adapter, comparisons]) => [
      ...guardGoals(adapter, comparisons),
      ...peerGoals(adapter, comparisons),
      ...latencyGoals(adapter, comparisons),
      ...storeGoals(adapter, comparisons),
    ]),
    ...reloadGoals(experiments.reload),
    ...floodGoals(experiments.flood),
    ...growthGoals(experiments.growth),
  ];
}

function guardGoals(adapter, comparisons) {
  return [ONE, MANY].flatMap((mode) =>
    ['header', 'cookie'].flatMap((transport) => {
      const yardstick = cpuAdded(comparisons, mode, `hand-made-${transport}`);
      const figure = cpuAdded(comparisons, mode, `session-jwt-${transport}`);
      return goal(
        `CPU that the guard adds, ${transport}, ${mode.replace('token', 'cached token')}, ${ADAPTER_NAMES[adapter]}`,
        yardstick,
        figure,
        'µs',
        ', as the hand-written guard',
      );
    }),
  );
}

function peerGoals(adapter, comparisons) {
  return Object.entries(PEERS).flatMap(([peer, [ours, least]]) => {
    // On Express less can be gained, so the goal is only to be ahead.
    const isFast = adapter === 'fastify' || peer === 'express-session-redis';
    const limit = isFast ? least : 1;
    // The core is shared: half the CPU per request means twice as many requests.
    const figure = within(comparisons, MANY, peer, ours, 'cpu', ratio)?.median;
    return figure === undefined
      ? []
      : [
          {
            name: `Requests per CPU second over ${peer}, ${ADAPTER_NAMES[adapter]}`,
            goal: `${limit === 1 ? '>' : '≥'} ${limit} ×`,
            figure,
            unit: '×',
            met: limit === 1 ? figure > 1 : figure >= limit,
          },
        ];
  });
}

function latencyGoals(adapter, comparisons) {
  if (adapter !== 'fastify') {
    return [];
  }
  const limits = {
    'session-jwt-header': 1.15,
    'session-jwt-cookie': 1.15,
    'session-jwt-header-first-sight': 1.35,
    'session-jwt-cookie-first-sight': 1.35,
  };
  return Object.entries(limits).flatMap(([name, limit]) =>
    goal(
      `p50 at one connection over the bare route, ${name}, Fastify`,
      limit,
      within(comparisons, LATENCY, name, BARE, 'p50', ratio)?.median,
      '×',
    ),
  );
}

function storeGoals(adapter, comparisons) {
  const log = within(
    comparisons,
    MANY,
    'session-jwt-redis-log',
    'session-jwt-redis',
    'cpu',
    ratio,
  )?.median;
  return [
    ...alwaysGoals(adapter, comparisons),
    // 0.98 of the throughput.
    ...goal(
      `CPU of a request with a revocation log over one without, both with Redis, ${ADAPTER_NAMES[adapter]}`,
      1.02,
      log,
      '×',
    ),
  ];
}

function alwaysGoals(adapter, comparisons) {
  return goal(
    `CPU of a request with \`revocationCheck: 'always'\` on Redis over a hand-written guard with one GET, ${ADAPTER_NAMES[adapter]}`,
    1.15,
    within(
      comparisons,
      MANY,
      'session-jwt-redis-always',
      'hand-made-redis',
      'cpu',
      ratio,
    )?.median,
    '×',
  );
}

function reloadGoals(reload) {
  if (!reload) {
    return [];
  }
  const { signMicroseconds, loads } = reload;
  const limit = signMicroseconds + 60;
  const note = `, one signature of ${number(signMicroseconds)} and 60`;
  return [
    ...goal(
      'CPU that a reload adds',
      limit,
      compared(loads, 'reload', 'fresh', 'cpu', difference).median,
      'µs',
      note,
    ),
    ...goal(
      'p50 that a reload adds at one connection',
      limit,
      compared(
        loads,
        'reload, one connection',
        'fresh, one connection',
        'p50',
        difference,
      ).median,
      'µs',
      note,
    ),
  ];
}

function floodGoals(flood) {
  return flood
    ? goal(
        'p50 of valid requests with 2,000 garbage tokens a second, over the p50 without',
        1.5,
        compared(
          flood.loads,
          'garbage, one connection',
          'none, one connection',
          'p50',
          ratio,
        ).median,
        '×',
      )
    : [];
}

function growthGoals(growth) {
  if (!growth) {
    return [];
  }
  const of = (name, value, base) =>
    goal(
      `CPU of a request, ${name}`,
      FLAT,
      compared(growth.loads, value, base, 'cpu', ratio).median,
      '×',
    );
  return [
    ...of('10,000 live sessions over 1', '10,000 sessions', '1 session'),
    ...of(
      '1,000,000 live sessions over 10,000, the same number active',
      '1,000,000 sessions, 10,000 of them active',
      '10,000 sessions',
    ),
  ];
}

function goal(name, limit, figure, unit, note = '') {
  return figure === undefined || limit === undefined
    ? []
    : [
        {
          name,
          goal: `≤ ${number(limit)} ${unit}${note}`,
          figure,
          unit,
          met: figure <= limit,
        },
      ];
}

function cpuAdded(comparisons, mode, name) {
  return within(comparisons, mode, name, BARE, 'cpu', difference)?.median;
}

/** Uses the first comparison that has both under this load. */
function within(comparisons, mode, name, base, field, compare) {
  const shots = Object.values(comparisons)
    .map((modes) => modes[mode])
    .find((one) => one?.[name] && one[base]);
  return compared(shots, name, base, field, compare);
}

/** For each variant of the widest comparison: its requests of the same CPU, as a share of the bare route's. */
export function sharesOfBare(comparisons) {
  const [widest = {}] = Object.values(comparisons)
    .map((modes) => modes[MANY] ?? {})
    .toSorted((a, b) => Object.keys(b).length - Object.keys(a).length);
  return new Map(
    Object.keys(widest).map((name) => [
      name,
      compared(widest, BARE, name, 'cpu', ratio).median,
    ]),
  );
}

/** Returns `undefined` if one of the two was not measured. */
export function compared(shots, name, base, field, compare) {
  return shots?.[name] && shots[base]
    ? compareRounds(shots[name][field], shots[base][field], compare)
    : undefined;
}

function number(value) {
  return String(Number(value.toFixed(value < 100 ? 2 : 0)));
}
