/** Profiles where the CPU time of variants goes under load. */
import { summarizeProfile } from '../report/profile.mjs';
import { shoot } from './load.mjs';
import { startServer } from './server-process.mjs';
import { startStores } from './stores.mjs';

const WARM_UP_SECONDS = 3;
const SECONDS = 5;
const PROFILED = {
  header: ['session-jwt-header', 10_000],
  cookie: ['session-jwt-cookie', 10_000],
  'header, first sight': ['session-jwt-header-first-sight', 10_000],
  'cookie, reload': ['session-jwt-reload', 1_000],
};

/** Returns `{ title: summary }` for the profiles in the documentation. */
export async function takeProfiles({ folder, log }) {
  const profiles = {};
  for (const [title, [name, tokens]] of Object.entries(PROFILED)) {
    log(`profile of ${name}`);
    const load = { adapter: 'fastify', tokens, seconds: SECONDS, folder };
    const { profile } = await profileOf({ name }, load);
    profiles[title] = summarizeProfile(profile);
  }
  return profiles;
}

/** Takes a profile in the format of the inspector; returns it with the shot that was sent meanwhile. */
export async function profileOf(
  variant,
  { adapter, api, tokens, seconds, folder },
) {
  const stores = await startStores([variant]);
  try {
    const env = { ...stores.env, SESSIONS: tokens, ...(api && { API: api }) };
    const server = await startServer(variant, { adapter, folder, env });
    const load = { server, connections: 64, tokens };
    try {
      await shoot(load, WARM_UP_SECONDS);
      await server.ask('startProfile');
      const shot = await shoot(load, seconds);
      const { profile } = await server.ask('stopProfile');
      return { shot, profile };
    } finally {
      await server.stop();
    }
  } finally {
    await stores.stop();
  }
}
