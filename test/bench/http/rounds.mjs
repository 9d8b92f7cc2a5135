/** The main measurement: variants under the same loads, round after round, each round in new processes. */
import { interleave } from '../support/statistics.mjs';
import { MODES, SESSIONS } from './comparisons.mjs';
import { shoot, shootSideBySide } from './load.mjs';
import { startServer } from './server-process.mjs';
import { startStores } from './stores.mjs';

/** How far the rotation skips ahead between two shots; not a divisor of the number of sessions. */
const STEP = 3_331;

/** Returns `{ mode: { variant: shots } }` of one comparison. */
export async function measureComparison(
  adapter,
  { title, api, variants, modes, warmUp, rounds, shots, seconds, folder, log },
) {
  const result = Object.fromEntries(
    modes.map((mode) => [
      mode,
      Object.fromEntries(variants.map(({ name }) => [name, []])),
    ]),
  );
  const stores = await startStores(variants);
  try {
    const env = { ...stores.env, SESSIONS, ...(api && { API: api }) };
    for (let round = 0; round < rounds; round += 1) {
      log(`${adapter}, ${title}: round ${round + 1} of ${rounds}`);
      const servers = [];
      try {
        for (const variant of variants) {
          servers.push(await startServer(variant, { adapter, folder, env }));
        }
        const widest = modes.find((mode) => MODES[mode].tokens > 1);
        await shootAll(servers, widest, warmUp, 0);
        await interleave(modes, shots, async (mode, shot) => {
          if (MODES[mode].onceARound && shot > 0) {
            return;
          }
          const first = (round * shots + shot + 1) * STEP;
          const taken = await shootAll(servers, mode, seconds, first);
          taken.forEach((one, i) => result[mode][variants[i].name].push(one));
        });
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
      }
    }
    return result;
  } finally {
    await stores.stop();
  }
}

/** Sends one shot to each, with this many seconds of the core for each. */
async function shootAll(servers, mode, seconds, first) {
  const { sideBySide, connections, tokens } = MODES[mode];
  const load = { connections, tokens, first };
  if (sideBySide) {
    return shootSideBySide(
      servers.map((server) => ({ server, ...load })),
      seconds * servers.length,
    );
  }
  const taken = [];
  for (const server of servers) {
    taken.push(await shoot({ server, ...load }, seconds));
  }
  return taken;
}
