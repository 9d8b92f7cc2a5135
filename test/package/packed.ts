import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';

export interface CommandResult {
  ok: boolean;
  /** What it printed, both streams. */
  output: string;
}

/** Runs a command to its end; a command that fails is a result, not an exception. */
export function run(
  file: string,
  args: readonly string[],
  options: {
    cwd?: string;
    timeout?: number;
    env?: Record<string, string>;
  } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd: ROOT, ...options }, (error, stdout, stderr) => {
      resolve({ ok: error === null, output: `${stdout}${stderr}` });
    });
  });
}

export interface PackedPackage {
  /** The path of the tarball that `npm publish` would upload. */
  tarball: string;
  /** The files in it. */
  files: string[];
  /** Its bytes, and those of its files. */
  size: number;
  unpackedSize: number;
  remove(): void;
}

/**
 * Packs what `npm run build` has built, by default the package of the library. Packing does not build by itself here:
 * other specs run against the same dist/ at the same time.
 */
export async function packPackage(cwd = ROOT): Promise<PackedPackage> {
  assertBuilt();
  const folder = mkdtempSync(join(tmpdir(), 'packed-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const { ok, output } = await run(
    'npm',
    [
      'pack',
      '--ignore-scripts',
      '--json',
      '--loglevel=silent',
      `--pack-destination=${folder}`,
    ],
    { cwd },
  );
  if (!ok) {
    remove();
    throw new Error(output);
  }
  const [{ filename, files, size, unpackedSize }] = JSON.parse(output) as [
    {
      filename: string;
      files: { path: string }[];
      size: number;
      unpackedSize: number;
    },
  ];
  return {
    tarball: join(folder, filename),
    files: files.map(({ path }) => path),
    size,
    unpackedSize,
    remove,
  };
}

/** An application that has the packed package installed, and links to the packages of this repository. */
export async function linkedApplication(
  packed: PackedPackage,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'linked-'));
  const modules = join(folder, 'node_modules');
  const ours = join(modules, 'nestjs-session-jwt');
  mkdirSync(ours, { recursive: true });
  await run('tar', [
    '-xzf',
    packed.tarball,
    '-C',
    ours,
    '--strip-components=1',
  ]);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  return folder;
}

/** A test of an old build would prove nothing about the sources. */
export function assertBuilt(): void {
  const entry = join(ROOT, 'dist/index.js');
  const newestSource = Math.max(
    ...readdirSync(join(ROOT, 'lib'), {
      recursive: true,
      encoding: 'utf8',
    }).map((name) => statSync(join(ROOT, 'lib', name)).mtimeMs),
  );
  if (!existsSync(entry) || statSync(entry).mtimeMs < newestSource) {
    throw new Error('dist/ is missing or older than lib/: npm run build');
  }
}
