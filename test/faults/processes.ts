import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import {
  compileLibrary,
  type CompiledLibrary,
} from '../support/compiled-library.js';
import { ROOT } from '../support/library-sources.js';

const PROGRAMS = [
  'node-server',
  'killed-refresh',
  'revocation-node',
  'chaos/chaos-node',
] as const;
/** What programs import besides the library. */
const PARTS = ['chaos/full-memory', 'chaos/open-store'] as const;

export type Program = (typeof PROGRAMS)[number];

/** The library, and beside it the programs of this folder, for processes of their own. */
export function compilePrograms(): CompiledLibrary {
  const library = compileLibrary();
  for (const program of [...PROGRAMS, ...PARTS]) {
    const path = `test/faults/${program}`;
    const { code } = transformSync(
      readFileSync(join(ROOT, `${path}.ts`), 'utf8'),
      {
        filename: `${path}.ts`,
        swcrc: false,
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2022',
        },
        module: { type: 'es6' },
      },
    );
    const file = join(library.folder, `${path}.js`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
  return library;
}

/** A program that runs, and whose first message has arrived. */
export class RunningProgram<Ready> {
  /** Fulfilled when the process is gone. */
  readonly exited: Promise<unknown>;

  private constructor(
    readonly child: ChildProcess,
    readonly ready: Ready,
  ) {
    this.exited = once(child, 'exit');
  }

  /** @param settings what the program finds as its argument */
  static async start<Ready>(
    { folder }: CompiledLibrary,
    program: Program,
    settings: object,
  ): Promise<RunningProgram<Ready>> {
    const child = fork(programIn(folder, program), [JSON.stringify(settings)], {
      execArgv: [],
      env: withoutOptions(),
    });
    const [ready] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`${program} ended before it was ready`);
      }),
    ]);
    return new RunningProgram<Ready>(child, ready as Ready);
  }

  /** Sends a message and waits for the answer. */
  async ask<Answer>(message: object): Promise<Answer> {
    const answer = once(this.child, 'message');
    this.child.send(message);
    return (await answer)[0] as Answer;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

/** Runs a program to its end, and says which signal ended it. */
export async function runProgram(
  { folder }: CompiledLibrary,
  program: Program,
  settings: object,
): Promise<NodeJS.Signals | null> {
  const child = spawn(
    process.execPath,
    [programIn(folder, program), JSON.stringify(settings)],
    { stdio: ['ignore', 'ignore', 'inherit'], env: withoutOptions() },
  );
  const [, signal] = await once(child, 'exit');
  return signal;
}

/** Where the compiled program is. */
export function programIn(folder: string, program: Program): string {
  return join(folder, `test/faults/${program}.js`);
}

/** What starts Jest is not meant for others. */
export function withoutOptions(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: '' };
}
