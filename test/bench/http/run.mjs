/** Runs all measurements over HTTP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { comparisonsFor } from './comparisons.mjs';
import { measureFlood, measureGrowth, measureReload } from './experiments.mjs';
import { provideWrk } from './load.mjs';
import { takeProfiles } from './profiles.mjs';
import { measureComparison } from './rounds.mjs';
import { leaveServerCore } from './server-process.mjs';

const EXPERIMENTS = {
  reload: measureReload,
  flood: measureFlood,
  growth: measureGrowth,
};

/**
 * @param {object} options
 * @param options.adapters
 * @param options.quick only the most important variants
 * @param options.names only these variants
 * @param options.only the title of the only comparison
 * @param options.rounds overrides the planned rounds
 * @param options.seconds seconds of the servers' core for one shot at one variant
 * @param options.experiments names of the measurements in addition to the rounds
 * @param options.profiles whether to take profiles too
 */
export async function measureHttp({
  adapters,
  quick,
  names,
  only,
  rounds,
  seconds,
  experiments,
  profiles,
  log,
}) {
  provideWrk();
  if (!leaveServerCore()) {
    log('taskset is missing: servers and load share all cores');
  }
  // Credentials of the servers, which only this user may read.
  const folder = mkdtempSync(join(tmpdir(), 'session-jwt-bench-'));
  const settings = { seconds, folder, log };
  const result = { adapters: {}, experiments: {} };
  try {
    for (const adapter of adapters) {
      const comparisons = comparisonsFor(adapter, {
        quick,
        names,
        only,
        rounds,
      });
      result.adapters[adapter] = {};
      for (const [title, comparison] of Object.entries(comparisons)) {
        const modes = await measureComparison(adapter, {
          ...settings,
          title,
          ...comparison,
        });
        result.adapters[adapter][title] = mapValues(modes, toColumns);
      }
    }
    for (const name of experiments) {
      const { signMicroseconds, ...loads } = await EXPERIMENTS[name](
        'fastify',
        settings,
      );
      result.experiments[name] = { signMicroseconds, loads: toColumns(loads) };
    }
    if (profiles) {
      result.profiles = await takeProfiles(settings);
    }
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Turns `{ name: [{ rate, cpu, … }] }` into `{ name: { rate: […], cpu: […], … } }`, which is shorter to store. */
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
