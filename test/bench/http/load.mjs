/** Sends one shot of load to one server, and measures its cost there. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { coreTicks } from './server-process.mjs';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));
/** Seconds beyond the shot: on a shared core one connection may wait as long as the shot takes. */
const PATIENCE = 10;
/** Milliseconds for which a server has the core to itself, while others are measured side by side. */
const TURN = 20;
const NEED =
  'The benchmark needs wrk in the PATH: apt-get install wrk, brew install wrk';

/** @throws when there is no `wrk` and none can be installed */
export function provideWrk() {
  const isThere = () => spawnSync('wrk', ['-v']).error === undefined;
  if (
    !isThere() &&
    process.getuid?.() === 0 &&
    existsSync('/usr/bin/apt-get')
  ) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    for (const args of [['update'], ['install', '-y', 'wrk']]) {
      spawnSync('apt-get', args, { env, stdio: 'inherit' });
    }
  }
  if (!isThere()) {
    throw new Error(NEED);
  }
}

/**
 * Sends one shot to one server.
 *
 * @param {object} target
 * @param target.server
 * @param target.connections number of connections; each sends its next request after the answer
 * @param target.tokens number of credentials that they rotate through
 * @param target.first the credential to start with
 * @throws when one request got an unexpected answer
 */
export async function shoot(target, seconds) {
  const [shot] = await shootSideBySide([target], seconds);
  return shot;
}

/** Sends one shot to each of the servers at the same moment. */
export async function shootSideBySide(targets, seconds) {
  const ticksBefore = coreTicks();
  const turns = takeTurns(targets.map(({ server }) => server));
  const fired = await Promise.all(
    targets.map((target) => fire(target, seconds)),
  ).finally(() => turns.end());
  const used = fired.reduce((sum, { cpu }) => sum + cpu, 0);
  const others = ticksBefore && othersShare(ticksBefore, coreTicks(), used);
  return fired.map(({ requests, cpu, ...shot }) => ({
    ...shot,
    cpu: round(cpu / requests),
    others,
  }));
}

/**
 * Gives the servers' core to one of them at a time, each for a turn. Left to the system, a server would run until it has
 * answered its few connections: then the figures would be those of a processor that has just run something else.
 */
function takeTurns(servers) {
  if (servers.length < 2) {
    return { end() {} };
  }
  let running = 0;
  servers.slice(1).forEach((server) => server.pause());
  const timer = setInterval(() => {
    servers[running].pause();
    running = (running + 1) % servers.length;
    servers[running].resume();
  }, TURN);
  return {
    end() {
      clearInterval(timer);
      servers.forEach((server) => server.resume());
    },
  };
}

async function fire({ server, connections, tokens, first = 0 }, seconds) {
  const cpuBefore = await server.cpu();
  const wrk = spawn(
    'wrk',
    [
      '--threads=1',
      `--connections=${connections}`,
      `--duration=${seconds}s`,
      `--timeout=${seconds + PATIENCE}s`,
      `--script=${SCRIPT}`,
      `http://127.0.0.1:${server.port}`,
      '--',
      server.credentialsFile,
      tokens,
      first,
      server.api,
    ].map(String),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [output] = await Promise.all([text(wrk.stdout), once(wrk, 'close')]);
  const cpu = (await server.cpu()) - cpuBefore;
  const { requests, microseconds, p50, p99, errors } = JSON.parse(
    output.slice(output.lastIndexOf('\n{') + 1),
  );
  if (errors || requests === 0) {
    throw new Error(
      `${server.variant.name} on ${server.adapter}: ${requests} requests, errors: ${errors}`,
    );
  }
  return {
    rate: Math.round((requests / microseconds) * 1e6),
    p50,
    p99,
    requests,
    cpu,
  };
}

/** Returns the share of the core's time that was neither idle nor used by the servers. */
function othersShare(before, after, cpu) {
  const TICK = 10_000;
  const total = after.total - before.total;
  const busy = after.busy - before.busy - cpu / TICK;
  return total > 0 ? round(Math.max(0, busy / total)) : 0;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
