import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
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
  'reflect-metadata',
  'rxjs',
];
const DEV_DEPENDENCIES = [
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
  let app: ChildProcess | undefined;

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
        devDependencies: ourVersions(DEV_DEPENDENCIES),
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
    compiled = await compile('-p', folder);
  });

  afterAll(async () => {
    if (app?.exitCode === null && app.kill('SIGKILL')) {
      await once(app, 'exit');
    }
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

  it('compiles its client for browsers too, without a type of Node', async () => {
    const output = await compile('-p', join(folder, 'tsconfig.browser.json'));
    expect(output).toEqual({ ok: true, output: '' });
  });

  it('signs in, reads its session and has a client that runs in Node', async () => {
    const url = await startApp();
    expect(
      await run(process.execPath, ['dist/client.js', url], { cwd: folder }),
    ).toEqual({ ok: true, output: '401\n' });

    const anonymous = await fetch(`${url}/me`);
    expect(anonymous.status).toBe(401);
    expect(await anonymous.json()).toMatchObject({
      errorCode: 'SESSION_REQUIRED',
    });

    const login = await fetch(`${url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'ada' }),
    });
    expect(login.status).toBe(201);
    const [cookie = ''] = login.headers.getSetCookie();
    expect(cookie.replace(/=[^;]+/, '=…')).toMatch(
      /^__Host-Http-session=…;.*HttpOnly/,
    );

    const me = await fetch(`${url}/me`, {
      headers: { cookie: cookie.split(';', 1)[0] ?? '' },
    });
    expect(me.status).toBe(200);
    expect(await me.json()).toEqual({ id: 'ada', email: 'ada@example.org' });
  });

  function compile(...args: string[]): Promise<CommandResult> {
    const compiler = join(folder, 'node_modules/typescript/bin/tsc');
    return run(process.execPath, [compiler, ...args], { cwd: folder });
  }

  /** The address that the application prints once it listens. */
  async function startApp(): Promise<string> {
    const child = spawn(process.execPath, ['dist/main.js'], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        SESSION_SECRET: randomBytes(32).toString('base64'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    app = child;
    let output = '';
    return new Promise((resolve, reject) => {
      const read = (text: Buffer): void => {
        output += text.toString();
        const url = /listening on (\S+)/.exec(output)?.[1];
        if (url !== undefined) {
          resolve(url);
        }
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', () => reject(new Error(`it ended: ${output}`)));
    });
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
