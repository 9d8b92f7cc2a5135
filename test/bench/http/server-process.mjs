/** Starts the variants, each in a separate process on the first core, and verifies their answers. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerOf, userAt } from './users.mjs';

const START_SECONDS = 600;
const EXPECTED = JSON.stringify(answerOf(userAt(0)));
/** The servers' core, and the core of everything else. */
const [SERVER_CORE, LOAD_CORE] = ['0', '1'];

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill()));

const canPin = spawnSync('taskset', ['-V']).error === undefined;

/** Keeps this process, and what it starts from now on, off the servers' core. */
export function leaveServerCore() {
  if (canPin) {
    spawnSync('taskset', ['-cp', LOAD_CORE, String(process.pid)]);
  }
  return canPin;
}

export async function startServer(variant, { adapter, folder, env = {} }) {
  const file = fileURLToPath(
    new URL(`servers/${variant.name}.mjs`, import.meta.url),
  );
  const command = [process.execPath, file];
  const [program, ...rest] = canPin
    ? ['taskset', '-c', SERVER_CORE, ...command]
    : command;
  const child = spawn(program, rest, {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      ADAPTER: adapter,
      ...env,
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const [ready] = await Promise.race([
    once(child, 'message', {
      signal: AbortSignal.timeout(START_SECONDS * 1e3),
    }),
    once(child, 'exit').then(() => {
      throw new Error(`${variant.name} on ${adapter} did not start`);
    }),
  ]);
  const { port, credentials, forged } = ready;
  const credentialsFile = join(folder, `${variant.name}-${port}`);
  writeFileSync(credentialsFile, `${credentials.join('\n')}\n`, {
    mode: 0o600,
  });
  const server = {
    variant,
    adapter,
    port,
    api: env.API ?? 'rest',
    credentialsFile,
    firstCredential: credentials[0],
    count: credentials.length,
    /** CPU time that the process has used so far, in microseconds. */
    async cpu() {
      return (await server.ask('cpu')).cpu;
    },
    async ask(question) {
      child.send(question);
      const [answer] = await once(child, 'message');
      return answer;
    },
    pause() {
      child.kill('SIGSTOP');
    },
    resume() {
      child.kill('SIGCONT');
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
  await prove(server, forged);
  return server;
}

/** Verifies that a valid credential gets the answer of all variants, and a changed one or none gets 401. */
async function prove({ variant, adapter, api, port, firstCredential }, forged) {
  const ask = async (line) => {
    const headers = new Headers(line && [line.split(/: (.*)/s).slice(0, 2)]);
    const url = `http://127.0.0.1:${port}`;
    if (api === 'graphql') {
      return askGraphQL(`${url}/graphql`, headers);
    }
    const response = await fetch(`${url}/me`, { headers });
    return { status: response.status, body: await response.text() };
  };
  const name = `${variant.name} on ${adapter}`;
  const refused = variant.open ? 200 : 401;
  assert.deepEqual(
    await ask(firstCredential),
    { status: 200, body: EXPECTED },
    name,
  );
  assert.equal(
    (await ask(forged)).status,
    refused,
    `${name}: changed signature`,
  );
  assert.equal((await ask()).status, refused, `${name}: no credential`);
}

/** GraphQL answers a refused operation with 200 and a code. */
async function askGraphQL(url, headers) {
  headers.set('content-type', 'application/json');
  const body = JSON.stringify({ query: '{ me }' });
  const response = await fetch(url, { method: 'POST', headers, body });
  const { data, errors } = await response.json();
  return errors?.[0].extensions.code === 'UNAUTHENTICATED'
    ? { status: 401 }
    : { status: response.status, body: data.me };
}

/** Returns the busy ticks and all ticks of the servers' core; `undefined` where the system does not report it. */
export function coreTicks() {
  if (process.platform !== 'linux' || !canPin) {
    return undefined;
  }
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`cpu${SERVER_CORE} `));
  const [user, nice, system, idle, wait, ...rest] = line
    .trim()
    .split(/ +/)
    .slice(1, 9)
    .map(Number);
  const busy = [user, nice, system, ...rest].reduce((sum, n) => sum + n, 0);
  return { busy, total: busy + idle + wait };
}
