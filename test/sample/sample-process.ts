import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.js';

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
  /** Moves the sample's clock, as if so many seconds had passed, and returns its time in seconds. */
  advance(seconds: number): Promise<number>;
}

/** A sample on a free port, with a clock that stands still until it is moved, in a process of its own. */
export async function serveSample(
  name: string,
  environment: Environment = {},
): Promise<ClockedSampleProcess> {
  const host = new SampleHost(name);
  const server = await host.serve(environment);
  return { ...server, stop: () => host.stop() };
}

/**
 * A process that serves a sample over and over, so that each test has an application of its own and does not wait
 * for another process to load the same modules. One application at a time.
 */
export class SampleHost {
  readonly #child: ChildProcess;
  readonly #output: () => string;
  #served = 0;

  constructor(name: string) {
    compiled(name, 'main.js');
    this.#child = fork(SERVE, [name], {
      execArgv: [],
      env: cleanEnvironment({}),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#output = collectOutput(this.#child);
  }

  /** A new application, on a port of its own. What it prints is not mixed with what others have printed. */
  async serve(environment: Environment = {}): Promise<ClockedSampleProcess> {
    this.#served += 1;
    const marker = `\n[end of application ${this.#served}]\n`;
    const begin = this.#output().length;
    // The marker comes in both streams.
    const output = () =>
      this.#output().slice(begin).split(marker, 2).join('\n');
    const { url } = (await this.#ask({ serve: environment })) as {
      url: string;
    };
    let stopped: Promise<void> | undefined;
    return {
      url,
      output,
      stop: () => (stopped ??= this.#stopApplication(marker)),
      advance: async (seconds) => {
        const { now } = (await this.#ask({ advance: seconds })) as {
          now: number;
        };
        return now;
      },
    };
  }

  /** Resolves when the process is gone. */
  stop(): Promise<void> {
    return stop(this.#child, () => this.#child.disconnect());
  }

  async #stopApplication(marker: string): Promise<void> {
    await this.#ask({ stop: marker });
    await orEnd(this.#child, this.#output, async (signal) => {
      while (this.#output().split(marker).length < 3) {
        await Promise.race(
          [this.#child.stdout!, this.#child.stderr!].map((stream) =>
            once(stream, 'data', { signal }),
          ),
        );
      }
    });
  }

  async #ask(command: object): Promise<unknown> {
    return orEnd(this.#child, this.#output, async (signal) => {
      const answer = once(this.#child, 'message', { signal });
      this.#child.send(command);
      const [message] = await answer;
      return message;
    });
  }
}

/** `node dist/main.js`, as a user starts it, or another script there. Resolves when it answers. */
export async function runSample(
  name: string,
  environment: Environment = {},
  script = 'main.js',
): Promise<SampleProcess> {
  const port = await freePort();
  const child = start(name, { PORT: String(port), ...environment }, script);
  const output = collectOutput(child);
  const address = new RegExp(`https?://localhost:${port}\\b`);
  const url = await orEnd(child, output, async (signal) => {
    for (;;) {
      const [said] = address.exec(output()) ?? [];
      if (said !== undefined) return said;
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
    DEVICE_BINDING: undefined,
    TLS_KEY: undefined,
    TLS_CERT: undefined,
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
