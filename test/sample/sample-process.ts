import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const SERVE = fileURLToPath(new URL('./serve-sample.mjs', import.meta.url));
const LIBRARY = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

type Environment = Record<string, string | undefined>;

/** A running sample, and all it has printed so far. */
export interface SampleProcess {
  readonly url: string;
  output(): string;
  /** Resolves when the process is gone. */
  stop(): Promise<void>;
}

export interface ClockedSampleProcess extends SampleProcess {
  /** Moves the sample's clock, as if so many seconds had passed. */
  advance(seconds: number): Promise<void>;
}

/** A sample on a free port, with a clock that stands still until it is moved. */
export async function serveSample(
  name: string,
  environment: Environment = {},
): Promise<ClockedSampleProcess> {
  compiled(name, 'main.js');
  const child = fork(SERVE, [name], {
    execArgv: [],
    env: cleanEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = collectOutput(child);
  const answer = async () => {
    const [message] = await orEnd(child, output, (signal) =>
      once(child, 'message', { signal }),
    );
    return message as { url: string };
  };
  const { url } = await answer();
  return {
    url,
    output,
    stop: () => stop(child, () => child.disconnect()),
    async advance(seconds) {
      child.send({ advance: seconds });
      await answer();
    },
  };
}

/** `node dist/main.js`, as a user starts it, or another script there. Resolves when it answers. */
export async function runSample(
  name: string,
  environment: Environment = {},
  script = 'main.js',
): Promise<SampleProcess> {
  const url = `http://localhost:${await freePort()}`;
  const child = start(
    name,
    { PORT: new URL(url).port, ...environment },
    script,
  );
  const output = collectOutput(child);
  await orEnd(child, output, async (signal) => {
    while (!output().includes(url)) {
      await once(child.stdout!, 'data', { signal });
    }
  });
  return { url, output, stop: () => stop(child, () => child.kill('SIGTERM')) };
}

/** Runs a script that ends by itself. */
export async function sampleEnds(
  name: string,
  environment: Environment = {},
  script = 'main.js',
): Promise<{ code: number | null; output: string }> {
  const child = start(name, { PORT: '0', ...environment }, script);
  const output = collectOutput(child);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output() };
}

function start(
  name: string,
  environment: Environment,
  script: string,
): ChildProcess {
  return spawn(process.execPath, [compiled(name, script)], {
    env: cleanEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function compiled(name: string, script: string): string {
  const path = fileURLToPath(
    new URL(`../../sample/${name}/dist/${script}`, import.meta.url),
  );
  for (const needed of [LIBRARY, path]) {
    if (!existsSync(needed)) {
      throw new Error(
        `${needed} is missing: run "npm run build && npx tsc -b sample/${name}" first.`,
      );
    }
  }
  return path;
}

/** What it waits for, or an error with all that the process had to say before it ended. */
async function orEnd<T>(
  child: ChildProcess,
  output: () => string,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const settled = new AbortController();
  const { signal } = settled;
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error(`The sample has ended:\n${output()}`);
  });
  try {
    return await Promise.race([wait(signal), ended]);
  } finally {
    ended.catch(() => undefined);
    settled.abort();
  }
}

function cleanEnvironment(environment: Environment): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_OPTIONS: undefined,
    NODE_ENV: undefined,
    NO_COLOR: '1',
    SESSION_SECRET: undefined,
    REDIS_URL: undefined,
    ADAPTER: undefined,
    ...environment,
  };
}

function collectOutput(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return () => output;
}

async function stop(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    end();
    await once(child, 'exit');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
