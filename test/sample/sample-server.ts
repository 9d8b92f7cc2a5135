import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const SERVE = fileURLToPath(new URL('./serve.mjs', import.meta.url));
const MAIN = fileURLToPath(
  new URL('../../sample/01-cookie-session/dist/main.js', import.meta.url),
);
const LIBRARY = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

type Environment = Record<string, string | undefined>;

/** A running sample, and all it has printed so far. */
export interface SampleServer {
  readonly url: string;
  output(): string;
  /** Resolves when the process is gone, with the milliseconds that took. */
  stop(): Promise<number>;
}

export interface ClockedSampleServer extends SampleServer {
  /** Moves the sample's clock, as if so many seconds had passed. */
  advance(seconds: number): Promise<void>;
}

/** The sample on a free port, with a clock that stands still until it is moved. */
export async function serveSample(
  environment: Environment,
): Promise<ClockedSampleServer> {
  assertBuilt();
  const child = fork(SERVE, {
    execArgv: [],
    env: cleanEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = collectOutput(child);
  const answer = async () => {
    const gone = new AbortController();
    const [message] = await Promise.race([
      once(child, 'message', { signal: gone.signal }),
      once(child, 'exit', { signal: gone.signal }).then(() => {
        throw new Error(`The sample has ended:\n${output()}`);
      }),
    ]).finally(() => gone.abort());
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

/** `node dist/main.js`, as a user starts it. Resolves when it has printed its address. */
export async function runSample(
  environment: Environment = {},
): Promise<SampleServer> {
  assertBuilt();
  const url = `http://localhost:${await freePort()}`;
  const child = spawn(process.execPath, [MAIN], {
    env: cleanEnvironment({ PORT: new URL(url).port, ...environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collectOutput(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => output().includes(url) && resolve());
    child.once('exit', () =>
      reject(new Error(`The sample has ended:\n${output()}`)),
    );
  });
  return { url, output, stop: () => stop(child, () => child.kill('SIGTERM')) };
}

function assertBuilt(): void {
  for (const path of [LIBRARY, MAIN]) {
    if (!existsSync(path)) {
      throw new Error(
        `${path} is missing: run "npm run build && npx tsc -p sample/01-cookie-session" first.`,
      );
    }
  }
}

function cleanEnvironment(environment: Environment): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_OPTIONS: undefined,
    NO_COLOR: '1',
    SESSION_SECRET: undefined,
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

async function stop(child: ChildProcess, end: () => void): Promise<number> {
  const start = performance.now();
  if (child.exitCode === null && child.signalCode === null) {
    end();
    await once(child, 'exit');
  }
  return performance.now() - start;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
