/** All measurements over HTTP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureFlood, measureGrowth, measureReload } from './experiments.mjs';
import { provideWrk } from './load.mjs';
import { measureAdapter, MODES } from './rounds.mjs';
import { leaveServerCore } from './server-process.mjs';
import { variantsFor } from './variants.mjs';

const EXPERIMENTS = {
  reload: measureReload,
  flood: measureFlood,
  growth: measureGrowth,
};

/** Express is there to show that what holds on Fastify holds on it too. */
const extentOf = (adapter, rounds) =>
  adapter === 'fastify'
    ? { modes: Object.keys(MODES), rounds }
    : {
        modes: ['10,000 tokens', 'one connection'],
        rounds: Math.ceil(rounds * 0.6),
      };

/**
 * @param {object} options
 * @param options.adapters
 * @param options.quick only the most important variants
 * @param options.names of variants, instead
 * @param options.experiments names of what is measured besides the rounds
 */
export async function measureHttp({
  adapters,
  quick,
  names,
  experiments,
  rounds,
  seconds,
  warmUpSeconds,
  log,
}) {
  provideWrk();
  if (!leaveServerCore()) {
    log('taskset is missing: servers and load share all cores');
  }
  // Credentials of the servers, which only this user may read.
  const folder = mkdtempSync(join(tmpdir(), 'session-jwt-bench-'));
  const settings = { rounds, seconds, warmUpSeconds, folder, log };
  const result = { adapters: {}, experiments: {} };
  try {
    for (const adapter of adapters) {
      const variants = variantsFor(adapter, { quick, names });
      const modes = await measureAdapter(adapter, {
        ...settings,
        ...extentOf(adapter, rounds),
        variants,
      });
      result.adapters[adapter] = mapValues(modes, toColumns);
    }
    for (const name of experiments) {
      const { signMicroseconds, ...loads } = await EXPERIMENTS[name](
        'fastify',
        settings,
      );
      result.experiments[name] = { signMicroseconds, loads: toColumns(loads) };
    }
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `{ name: [{ rate, cpu, … }] }` as `{ name: { rate: […], cpu: […], … } }`, which is shorter to keep. */
function toColumns(shotsByName) {
  return mapValues(shotsByName, (shots) => {
    const fields = Object.keys(shots[0] ?? {});
    return Object.fromEntries(
      fields
        .map((field) => [field, shots.map((shot) => shot[field])])
        .filter(([, values]) => values.every((value) => value !== undefined)),
    );
  });
}

function mapValues(object, map) {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, map(value)]),
  );
}
