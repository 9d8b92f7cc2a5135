/** The main measurement: every variant under the same loads, round after round. */
import { interleave } from '../support/statistics.mjs';
import { shoot } from './load.mjs';
import { startServer } from './server-process.mjs';
import { startStores } from './stores.mjs';

export const SESSIONS = 10_000;
export const MODES = {
  'one token': { connections: 64, tokens: 1 },
  '10,000 tokens': { connections: 64, tokens: SESSIONS },
  'one connection': { connections: 1, tokens: 1 },
};
/** Between two shots the rotation goes on at another place; no divisor of the number of sessions. */
const STEP = 3_331;

/** `{ mode: { variant: shots } }` of one adapter, with one shot of each a round. */
export async function measureAdapter(
  adapter,
  { variants, modes, rounds, seconds, warmUpSeconds, folder, log },
) {
  const stores = await startStores(variants);
  const servers = [];
  try {
    for (const variant of variants) {
      log(`${adapter}: ${variant.name}`);
      const env = { ...stores.env, SESSIONS };
      servers.push(await startServer(variant, { adapter, folder, env }));
    }
    log(`${adapter}: warming up`);
    for (const server of servers) {
      const load = { ...MODES['10,000 tokens'], seconds: warmUpSeconds };
      await shoot(server, load);
    }
    const shots = {};
    for (const mode of modes) {
      shots[mode] = Object.fromEntries(variants.map(({ name }) => [name, []]));
    }
    const works = modes.flatMap((mode) =>
      servers.map((server) => ({ mode, server })),
    );
    let current = -1;
    await interleave(works, rounds, async ({ mode, server }, round) => {
      if (round !== current) {
        current = round;
        log(`${adapter}: round ${round + 1} of ${rounds}`);
      }
      const load = { ...MODES[mode], seconds, first: round * STEP };
      shots[mode][server.variant.name].push(await shoot(server, load));
    });
    return shots;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await stores.stop();
  }
}
