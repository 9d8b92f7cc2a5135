import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { atFullEffort } from '../support/at-full-effort.js';
import { ROOT } from '../support/library-sources.js';
import {
  startApplication,
  useSession,
  workingSession,
  type RunningApplication,
} from './application.js';
import {
  type CommandResult,
  packPackage,
  run,
  type PackedPackage,
} from './packed.js';

/** What an application on Express installs besides the package: the versions are those this repository tests with. */
const DEPENDENCIES = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/jwt',
  '@nestjs/platform-express',
  '@nestjs/terminus',
  '@opentelemetry/api',
  'reflect-metadata',
  'rxjs',
];
/** What it only compiles with; those of this repository, which take longer to install than all others. */
const LINKED = [
  '@types/express',
  '@types/node',
  '@types/pg',
  'ioredis',
  'pg',
  'redis',
  'typescript',
];

describe('an application that installs the packed package', () => {
  let packed: PackedPackage;
  let folder: string;
  let compiled: CommandResult;
  let app: RunningApplication | undefined;

  beforeAll(async () => {
    packed = await packPackage();
    folder = mkdtempSync(join(tmpdir(), 'consumer-'));
    cpSync(join(ROOT, 'test/package/consumer'), folder, { recursive: true });
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({
        name: 'consumer',
        private: true,
        type: 'module',
        dependencies: {
          'nestjs-session-jwt': `file:${packed.tarball}`,
          ...ourVersions(DEPENDENCIES),
        },
      }),
    );
    const installed = await run(
      'npm',
      [
        'install',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
      ],
      { cwd: folder },
    );
    expect(installed).toMatchObject({ ok: true });
    for (const name of LINKED) link(name);
    compiled = await compile('-p', folder);
  });

  afterAll(async () => {
    await app?.stop();
    packed?.remove();
    if (folder !== undefined) {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('compiles strictly against its declarations, with all entry points and the clients that the stores take', () => {
    // Not silenced by skipLibCheck: a declaration that names what was stripped is an error in the user's build.
    // Only the compiler's own declarations are taken as they are.
    expect(compiled).toEqual({ ok: true, output: '' });
  });

  atFullEffort('compiles with the latest types of Node', async () => {
    link('@types/node', 'types-node-26');
    const output = await compile('--noEmit', '-p', folder);
    expect(output).toEqual({ ok: true, output: '' });
  });

  it('compiles its client for browsers too, without a type of Node', async () => {
    const output = await compile('-p', join(folder, 'tsconfig.browser.json'));
    expect(output).toEqual({ ok: true, output: '' });
  });

  it('signs in, reads its session and has a client that runs in Node', async () => {
    app = await startApplication([process.execPath, 'dist/main.js'], folder);
    const { url } = app;
    expect(
      await run(process.execPath, ['dist/client.js', url], { cwd: folder }),
    ).toEqual({ ok: true, output: '401\n' });
    expect(await useSession(url, { user: 'ada' })).toEqual(
      workingSession({ id: 'ada', email: 'ada@example.org' }),
    );
  });

  it('checks its health, with metrics of its sessions', async () => {
    const health = await fetch(`${app!.url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      details: { session: { status: 'up' } },
    });
  });

  /** Takes a package of this repository in place of what npm may have installed. */
  function link(name: string, source = name): void {
    const path = join(folder, 'node_modules', name);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', source), path, 'dir');
  }

  function compile(...args: string[]): Promise<CommandResult> {
    const compiler = join(folder, 'node_modules/typescript/bin/tsc');
    return run(process.execPath, [compiler, ...args], { cwd: folder });
  }
});

function ourVersions(names: readonly string[]): Record<string, string> {
  const { devDependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as { devDependencies: Record<string, string> };
  return Object.fromEntries(
    names.map((name) => [name, devDependencies[name] ?? 'missing']),
  );
}
