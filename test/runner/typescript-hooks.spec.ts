import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const TEST = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What runs with `node`, and so imports the helpers of the tests by itself. */
const PROGRAMS = [
  'bench/http/stores.mjs',
  'bench/micro/postgres.mjs',
  'bench/micro/redis.mjs',
  'bench/stores.mjs',
];

/** The TypeScript that a program imports, statically or later. */
function importsOf(program: string): string[] {
  const text = readFileSync(join(TEST, program), 'utf8');
  return [...text.matchAll(/'(\.{1,2}\/[\w./-]+\.ts)'/g)].map(([, path]) =>
    join(TEST, dirname(program), path!),
  );
}

describe('a program outside Jest', () => {
  it.each(PROGRAMS)(
    'loads the TypeScript that it imports: %s',
    async (path) => {
      const imports = importsOf(path);
      expect(imports.length).toBeGreaterThan(0);
      const hooks = pathToFileURL(
        join(TEST, 'runner/typescript-hooks.mjs'),
      ).href;
      const script = `
      import { register } from 'node:module';
      register(${JSON.stringify(hooks)});
      for (const url of ${JSON.stringify(imports.map((file) => pathToFileURL(file).href))}) await import(url);
      process.exit(0);`;
      const run = promisify(execFile)(process.execPath, [
        '--input-type=module',
        '-e',
        script,
      ]);
      await expect(run).resolves.toMatchObject({ stderr: '' });
    },
  );
});
