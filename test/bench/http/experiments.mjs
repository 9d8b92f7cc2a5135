/** What the common rounds do not show: reloads, garbage, and many sessions. Each compares within its rounds. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { interleave, median } from '../support/statistics.mjs';
import { shoot } from './load.mjs';
import { claimsOf, sign } from './raw-jwt.mjs';
import { startServer } from './server-process.mjs';

const FLOOD_RATE = 2_000;
const LIVE = 1_000_000;
const WARM_UP = { connections: 64, seconds: 2 };

/** A request whose data are due for a reload, against one whose data are fresh. */
export async function measureReload(adapter, { rounds, seconds, folder, log }) {
  log(`${adapter}: reload`);
  const start = (name) =>
    startServer({ name }, { adapter, folder, env: { SESSIONS: 1_000 } });
  const servers = [
    await start('session-jwt-cookie-first-sight'),
    await start('session-jwt-reload'),
  ];
  try {
    return {
      signMicroseconds: timeOfSigning(),
      ...(await measureLoads(
        {
          fresh: { server: servers[0], connections: 64, tokens: 1_000 },
          reload: { server: servers[1], connections: 64, tokens: 1_000 },
          'fresh, one connection': {
            server: servers[0],
            connections: 1,
            tokens: 1_000,
          },
          'reload, one connection': {
            server: servers[1],
            connections: 1,
            tokens: 1_000,
          },
        },
        { rounds, seconds },
      )),
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** The latency of good requests while other clients send bad tokens, or as many requests without any. */
export async function measureFlood(adapter, { rounds, seconds, folder, log }) {
  log(`${adapter}: garbage`);
  const server = await startServer(
    { name: 'session-jwt-header' },
    { adapter, folder, env: { SESSIONS: 1_000 } },
  );
  const loads = {};
  for (const connections of [1, 64]) {
    for (const flood of ['none', 'no token', 'garbage']) {
      const name = `${flood}, ${connections === 1 ? 'one connection' : '64 connections'}`;
      loads[name] = { server, connections, tokens: 1_000, flood };
    }
  }
  try {
    return await measureLoads(loads, { rounds, seconds });
  } finally {
    await server.stop();
  }
}

/** The cost of a request while so many sessions live; nothing is stored for any. */
export async function measureGrowth(adapter, { rounds, seconds, folder, log }) {
  log(`${adapter}: ${LIVE.toLocaleString('en')} sessions`);
  const start = (name, sessions, presented) =>
    startServer(
      { name },
      {
        adapter,
        folder: folder,
        env: { SESSIONS: sessions, PRESENTED: presented },
      },
    );
  const servers = [];
  try {
    for (const sessions of [10_000, LIVE]) {
      servers.push(
        await start('session-jwt-header', sessions, Math.min(sessions, 50_000)),
      );
    }
    const [few, many] = servers;
    return await measureLoads(
      {
        '1 session': { server: few, connections: 64, tokens: 1 },
        '10,000 sessions': { server: few, connections: 64, tokens: 10_000 },
        '1,000,000 sessions, 10,000 of them active': {
          server: many,
          connections: 64,
          tokens: 10_000,
        },
        '1,000,000 sessions, each request of another': {
          server: many,
          connections: 64,
          tokens: 50_000,
        },
      },
      { rounds, seconds },
    );
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** `{ name: shots }`, each load warmed up and then shot once a round. Rotations go on where they were. */
async function measureLoads(loads, { rounds, seconds }) {
  const shots = {};
  const sent = {};
  for (const [name, { server, tokens }] of Object.entries(loads)) {
    const { rate } = await shoot(server, { ...WARM_UP, tokens });
    shots[name] = [];
    sent[name] = rate * WARM_UP.seconds;
  }
  await interleave(
    Object.entries(loads),
    rounds,
    async ([name, { server, flood = 'none', ...load }]) => {
      const stop =
        flood === 'none' ? undefined : await startFlood(server, flood);
      const shot = await shoot(server, { ...load, seconds, first: sent[name] });
      shots[name].push({ ...shot, ...(await stop?.()) });
      sent[name] += shot.rate * seconds;
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

/** Microseconds of one raw signature of claims like those that are served. */
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
