/** Defines what is compared with what, under which loads, and how often. */
import { BARE, VARIANTS } from './variants.mjs';

export const SESSIONS = 10_000;
/** Seconds of a core until the compiled code of a variant has settled; Express serves fewer requests per second. */
const WARM_UP = { fastify: 3, express: 5 };

/**
 * Loads. With `sideBySide` a load goes to all variants of a comparison during the same seconds: they take short turns on
 * the servers' core, so that disturbances affect all of them alike. Other loads go to one variant after the other, each
 * alone.
 */
export const MODES = {
  'one token': { connections: 16, tokens: 1, sideBySide: true },
  '10,000 tokens': { connections: 16, tokens: SESSIONS, sideBySide: true },
  '1,000 tokens': { connections: 16, tokens: 1_000, sideBySide: true },
  'one connection': { connections: 1, tokens: 1 },
  alone: { connections: 64, tokens: SESSIONS, onceARound: true },
};
const [ONE, MANY, FEWER, LATENCY, ALONE] = Object.keys(MODES);

/** The variants that the goals compare to the microsecond. */
const CLOSE = [
  BARE,
  'no-op-guard',
  'session-jwt-header',
  'session-jwt-cookie',
  'hand-made-header',
  'hand-made-cookie',
];
const FIRST_SIGHT = [
  'session-jwt-header-first-sight',
  'session-jwt-cookie-first-sight',
  'raw-crypto',
];
const STORES = [
  BARE,
  'session-jwt-redis',
  'session-jwt-redis-always',
  'session-jwt-redis-log',
  'session-jwt-postgres',
  'session-jwt-postgres-always',
  'session-jwt-postgres-prepared',
  'hand-made-redis',
  'hand-made-postgres',
];
/** Asked by GraphQL: what a guard adds to a resolver. */
const RESOLVERS = [
  BARE,
  'session-jwt-cookie',
  'hand-made-cookie',
  'better-auth',
];
const PEERS = [
  BARE,
  'session-jwt-header',
  'session-jwt-cookie',
  'session-jwt-cookie-pair',
  ...VARIANTS.filter(({ kind }) => kind === 'peer').map(({ name }) => name),
];

/**
 * Rounds start new processes, because two processes of the same program differ by a microsecond or two a request for as
 * long as they run. In each round every load is sent `shots` times, except loads that no goal needs.
 */
const FULL = {
  fastify: {
    guard: {
      names: [...CLOSE, ...FIRST_SIGHT],
      modes: [ONE, MANY, LATENCY, ALONE],
      rounds: 3,
      shots: 2,
    },
    stores: { names: STORES, modes: [MANY, ALONE], rounds: 2, shots: 2 },
    peers: { names: PEERS, modes: [MANY, ALONE], rounds: 1, shots: 2 },
    resolvers: {
      names: RESOLVERS,
      // An operation takes so long that a shot would not see 10,000 tokens twice.
      modes: [FEWER],
      warmUp: 8,
      rounds: 2,
      shots: 3,
      api: 'graphql',
    },
  },
  // Shows that the results on Fastify hold on Express too.
  express: {
    guard: { names: CLOSE, modes: [MANY], rounds: 2, shots: 3 },
    stores: { names: STORES, modes: [MANY], rounds: 1, shots: 4 },
    peers: { names: PEERS, modes: [MANY], rounds: 1, shots: 2 },
  },
};

const QUICK = VARIANTS.filter(({ quick }) => quick).map(({ name }) => name);
const QUICK_MODES = { fastify: [ONE, MANY, LATENCY], express: [MANY] };

/**
 * Returns `{ comparison: { variants, modes, rounds, shots } }` for an adapter.
 *
 * @param {object} options
 * @param options.only the title of the only comparison
 * @param options.quick one comparison of the most important variants
 * @param options.names one comparison of these variants, including the bare route
 * @param options.rounds overrides the rounds of each comparison
 */
export function comparisonsFor(
  adapter,
  { quick = false, names, rounds, only } = {},
) {
  const plan =
    quick || names
      ? {
          chosen: {
            names: names ?? QUICK,
            modes: QUICK_MODES[adapter],
            rounds: 1,
            shots: 2,
          },
        }
      : FULL[adapter];
  return Object.fromEntries(
    Object.entries(plan)
      .filter(([title]) => only === undefined || title === only)
      .map(([title, comparison]) => [
        title,
        {
          api: comparison.api,
          warmUp: comparison.warmUp ?? WARM_UP[adapter],
          variants: variantsOf(adapter, comparison.names),
          modes: comparison.modes,
          rounds: rounds ?? comparison.rounds,
          shots: comparison.shots,
        },
      ]),
  );
}

function variantsOf(adapter, names) {
  return VARIANTS.filter(
    ({ name, adapters = [adapter] }) =>
      adapters.includes(adapter) && names.includes(name),
  );
}
