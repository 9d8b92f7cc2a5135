/** Measures what the common rounds do not: reloads, garbage, and many sessions. Each compares within its rounds. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { interleave, median } from '../support/statistics.mjs';
import { shoot, shootSideBySide } from './load.mjs';
import { claimsOf, sign } from './raw-jwt.mjs';
import { startServer } from './server-process.mjs';

const FLOOD_RATE = 2_000;
const LIVE = 1_000_000;
const ACTIVE = 10_000;
/** More than fit into the cache, so that each is verified again. */
const TOO_MANY = 50_000;
/** Between two shots the rotation skips ahead, away from the tokens that were sent last. */
const STEP = 23_000;
const WARM_UP_SECONDS = 3;
const SHOTS = 5;

/** Compares a request whose data is due for a reload with one whose data is fresh. */
export async function measureReload(adapter, { seconds, folder, log }) {
  log(`${adapter}: reload`);
  const servers = [];
  try {
    for (const name of [
      'session-jwt-cookie-first-sight',
      'session-jwt-reload',
    ]) {
      const env = { SESSIONS: 1_000 };
      servers.push(await startServer({ name }, { adapter, folder, env }));
    }
    const [fresh, reload] = servers.map((server) => ({
      server,
      tokens: 1_000,
    }));
    return {
      signMicroseconds: timeOfSigning(),
      ...(await sideBySide({ fresh, reload }, seconds)),
      ...(await inTurn(
        {
          'fresh, one connection': { ...fresh, connections: 1 },
          'reload, one connection': { ...reload, connections: 1 },
        },
        seconds,
      )),
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Measures the latency of valid requests while other clients send bad tokens, or as many requests without a token. */
export async function measureFlood(adapter, { seconds, folder, log }) {
  log(`${adapter}: garbage`);
  const server = await startServer(
    { name: 'session-jwt-header' },
    { adapter, folder, env: { SESSIONS: 1_000 } },
  );
  const loads = Object.fromEntries(
    ['none', 'no token', 'garbage'].map((flood) => [
      `${flood}, one connection`,
      { server, connections: 1, tokens: 1_000, flood },
    ]),
  );
  try {
    return await inTurn(loads, seconds);
  } finally {
    await server.stop();
  }
}

/** Measures the cost of a request with this many live sessions; nothing is stored for any. */
export async function measureGrowth(adapter, { seconds, folder, log }) {
  log(`${adapter}: ${LIVE.toLocaleString('en')} sessions`);
  const loads = {};
  try {
    for (const [title, sessions, tokens] of [
      ['1 session', ACTIVE, 1],
      ['10,000 sessions', ACTIVE, ACTIVE],
      ['1,000,000 sessions, 10,000 of them active', LIVE, ACTIVE],
      [
        '50,000 sessions, each request from a different one',
        TOO_MANY,
        TOO_MANY,
      ],
    ]) {
      const server = await startServer(
        { name: 'session-jwt-header' },
        {
          adapter,
          folder,
          env: { SESSIONS: sessions, PRESENTED: Math.min(sessions, TOO_MANY) },
        },
      );
      loads[title] = { server, tokens };
    }
    return await sideBySide(loads, seconds);
  } finally {
    const started = Object.values(loads);
    await Promise.all(started.map(({ server }) => server.stop()));
  }
}

/** Returns `{ name: shots }` of loads that are warmed up and then sent at the same moment. */
async function sideBySide(loads, seconds) {
  const targets = Object.values(loads);
  const shootAll = (each, first) =>
    shootSideBySide(
      targets.map((target) => ({ connections: 16, first, ...target })),
      each * targets.length,
    );
  await shootAll(WARM_UP_SECONDS, 0);
  const rounds = [];
  for (let shot = 0; shot < SHOTS; shot += 1) {
    rounds.push(await shootAll(seconds, shot * STEP));
  }
  return Object.fromEntries(
    Object.keys(loads).map((name, i) => [
      name,
      rounds.map((shots) => shots[i]),
    ]),
  );
}

/** Returns `{ name: shots }`, each load warmed up and then sent alone, one after the other. */
async function inTurn(loads, seconds) {
  const shots = {};
  for (const [name, target] of Object.entries(loads)) {
    await shoot(target, WARM_UP_SECONDS);
    shots[name] = [];
  }
  await interleave(
    Object.entries(loads),
    SHOTS,
    async ([name, { flood = 'none', ...target }]) => {
      const stop =
        flood === 'none' ? undefined : await startFlood(target.server, flood);
      const shot = await shoot(target, seconds);
      shots[name].push({ ...shot, ...(await stop?.()) });
    },
  );
  return shots;
}

/** @throws when stopped, if the server refused too few requests for a flood */
async function startFlood({ port, credentialsFile }, kind) {
  const child = fork(
    fileURLToPath(new URL('flood.mjs', import.meta.url)),
    [port, FLOOD_RATE, kind === 'garbage' ? credentialsFile : ''].map(String),
  );
  await once(child, 'message');
  return async () => {
    child.send('end');
    const [{ refused, seconds }] = await once(child, 'message');
    const flooded = Math.round(refused / seconds);
    if (flooded < FLOOD_RATE / 2) {
      throw new Error(`${flooded} of ${FLOOD_RATE} requests a second refused`);
    }
    return { flooded };
  };
}

/** Returns the microseconds of one raw signature of claims like those that are served. */
function timeOfSigning() {
  const claims = claimsOf(0);
  const batch = 1_000;
  const times = Array.from({ length: 21 }, () => {
    const start = performance.now();
    for (let i = 0; i < batch; i += 1) {
      sign(claims);
    }
    return ((performance.now() - start) * 1000) / batch;
  });
  return Math.round(median(times.slice(1)) * 100) / 100;
}
