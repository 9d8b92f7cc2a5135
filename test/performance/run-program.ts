import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import { compileLibrary } from '../support/compiled-library.js';
import { ROOT } from '../support/library-sources.js';

const SUPPORT = [
  'test/support/effort',
  'test/support/node-exchange',
  'test/support/secrets',
];

/**
 * What a program of this folder sends, run on today's library in a process of its own, with room for young objects
 * so that none is collected meanwhile.
 */
export async function runProgram<Figures>(
  program: string,
  support: readonly string[] = SUPPORT,
): Promise<Figures> {
  const library = compileLibrary();
  try {
    for (const path of [program, ...support]) {
      const source = readFileSync(join(ROOT, `${path}.ts`), 'utf8');
      const { code } = transformSync(source, {
        filename: `${path}.ts`,
        swcrc: false,
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
      });
      const file = join(library.folder, `${path}.js`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, code);
    }
    const child = fork(join(library.folder, `${program}.js`), {
      silent: true,
      execArgv: [
        '--expose-gc',
        '--min-semi-space-size=128',
        '--max-semi-space-size=128',
      ],
    });
    let figures: Figures | undefined;
    child.on('message', (message) => {
      figures = message as Figures;
    });
    let complaint = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    await once(child, 'close');
    if (!figures) {
      throw new Error(`the program gave no figures: ${complaint}`);
    }
    return figures;
  } finally {
    library.remove();
  }
}
