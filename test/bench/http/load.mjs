/** One shot of load at one server, and what it cost there. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { coreTicks } from './server-process.mjs';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));
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
 * @param {object} load
 * @param load.connections that send their next request when they have the answer
 * @param load.tokens how many credentials they rotate through
 * @param load.first the one to begin with
 * @throws when one request was not answered well
 */
export async function shoot(
  server,
  { connections, tokens, seconds, first = 0 },
) {
  const ticksBefore = coreTicks();
  const cpuBefore = await server.cpu();
  const wrk = spawn(
    'wrk',
    [
      '--threads=1',
      `--connections=${connections}`,
      `--duration=${seconds}s`,
      '--timeout=10s',
      `--script=${SCRIPT}`,
      `http://127.0.0.1:${server.port}`,
      '--',
      server.credentialsFile,
      tokens,
      first,
    ].map(String),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [output] = await Promise.all([text(wrk.stdout), once(wrk, 'close')]);
  const cpu = (await server.cpu()) - cpuBefore;
  const ticksAfter = coreTicks();
  const { requests, microseconds, p50, p99, errors } = JSON.parse(
    output.slice(output.lastIndexOf('\n{') + 1),
  );
  if (errors > 0 || requests === 0) {
    throw new Error(
      `${server.variant.name} on ${server.adapter}: ${errors} errors in ${requests} requests`,
    );
  }
  return {
    rate: Math.round((requests / microseconds) * 1e6),
    p50,
    p99,
    cpu: round(cpu / requests),
    others: ticksBefore && othersShare(ticksBefore, ticksAfter, cpu),
  };
}

/** Of the core's time, what neither the server used nor was idle. */
function othersShare(before, after, cpu) {
  const TICK = 10_000;
  const total = after.total - before.total;
  const busy = after.busy - before.busy - cpu / TICK;
  return total > 0 ? round(Math.max(0, busy / total)) : 0;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
