import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guide } from '../docs/guide.js';
import { ROOT } from '../support/library-sources.js';
import {
  outsideEnvironment,
  startApplication,
  type RunningApplication,
} from './application.js';
import { run, type CommandResult } from './packed.js';

type Json = Record<string, any>;

/** How an application is made, installed and run, where it differs from what the CLI proposes. */
export interface ScaffoldOptions {
  nest: 11 | 12;
  /** CommonJS is all that Nest 11 makes. */
  module: 'CommonJS' | 'ESM';
  /** Changes what the CLI wrote, and names packages to install. */
  adapt?: (app: ScaffoldedApplication) => void;
  /** The package manager's command; npm by default. */
  install?: readonly string[];
  /** What runs JavaScript in place of this process' Node.js. */
  runtime?: readonly string[];
  /** What runs the unit tests and the end-to-end tests; the scripts of the CLI by default. */
  tests?: readonly (readonly string[])[];
}

const NPM = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
/** What a test of the package has no use for. */
const UNUSED = /eslint|oxlint|prettier|globals|coverage|mau$/;

/** An application made by the CLI of Nest, into which the files of the README are pasted, and tests of them. */
export class ScaffoldedApplication {
  #parent = '';
  readonly #options: ScaffoldOptions;

  constructor(options: ScaffoldOptions) {
    this.#options = options;
  }

  get folder(): string {
    return join(this.#parent, 'app');
  }

  /** Creates and installs it, with the packed package. */
  async create(tarball: string): Promise<void> {
    this.#parent = mkdtempSync(join(tmpdir(), 'scaffold-'));
    await this.#command(createCommand(this.#options), this.#parent);
    this.#addSession();
    this.edit('package.json', (manifest) => {
      manifest['dependencies']['@nestjs/jwt'] = `^${this.#options.nest}.0.0`;
      manifest['dependencies']['nestjs-session-jwt'] = `file:${tarball}`;
      for (const name of Object.keys(manifest['devDependencies'])) {
        if (UNUSED.test(name)) {
          delete manifest['devDependencies'][name];
        }
      }
    });
    this.#options.adapt?.(this);
    await this.#command(
      this.#options.install ?? ['npm', 'install', ...NPM],
      this.folder,
    );
  }

  /** Runs a command in its folder. */
  run(command: readonly string[]): Promise<CommandResult> {
    const [file = '', ...args] = command;
    return run(file, args, { cwd: this.folder, env: outsideEnvironment() });
  }

  build(): Promise<CommandResult> {
    return this.run(['npm', 'run', 'build']);
  }

  /** Its unit tests and its end-to-end tests, those that the CLI made among them. */
  async test(): Promise<CommandResult[]> {
    const results: CommandResult[] = [];
    for (const command of this.#options.tests ?? [
      ['npm', 'test'],
      ['npm', 'run', 'test:e2e'],
    ]) {
      results.push(await this.run(command));
    }
    return results;
  }

  start(): Promise<RunningApplication> {
    const { runtime = [process.execPath] } = this.#options;
    return startApplication([...runtime, 'dist/main.js'], this.folder);
  }

  /** Changes a JSON file. */
  edit(file: string, change: (content: Json) => void): void {
    const path = join(this.folder, file);
    const content = JSON.parse(readFileSync(path, 'utf8')) as Json;
    change(content);
    writeFileSync(path, JSON.stringify(content, null, 2));
  }

  remove(): void {
    rmSync(this.#parent, { recursive: true, force: true });
  }

  /** The files of the README as they are, and tests of them. */
  #addSession(): void {
    const { folder } = this;
    cpSync(join(ROOT, 'test/package/scaffold-app'), folder, {
      recursive: true,
    });
    for (const [name, text] of new Guide('README.md').files) {
      writeFileSync(join(folder, name), text);
    }
    // It asks for the controller that the README has replaced.
    rmSync(join(folder, 'test/app.e2e-spec.ts'));
    this.#printAddress();
    if (this.#options.module === 'CommonJS') {
      withoutExtensions(folder);
    }
  }

  #printAddress(): void {
    const path = join(this.folder, 'src/main.ts');
    const text = readFileSync(path, 'utf8');
    const end = '?? 3000);';
    if (!text.includes(end)) {
      throw new Error(`src/main.ts: no "${end}" in ${text}`);
    }
    const print = 'console.log(`listening on ${await app.getUrl()}`);';
    writeFileSync(path, text.replace(end, `${end}\n  ${print}`));
  }

  async #command(command: readonly string[], cwd: string): Promise<void> {
    const [file = '', ...args] = command;
    const result = await run(file, args, { cwd, env: outsideEnvironment() });
    if (!result.ok) {
      throw new Error(`${command.join(' ')}: ${result.output}`);
    }
  }
}

function createCommand({ nest, module }: ScaffoldOptions): readonly string[] {
  const packages = ['cli', 'schematics'].flatMap((name) => [
    '-p',
    `@nestjs/${name}@${nest}`,
  ]);
  const npx = ['npx', '--yes', '--prefer-offline', ...packages];
  if (nest === 12 && module === 'CommonJS') {
    // `nest new` asks for the kind of module, and takes the answer from a terminal only.
    const options = ['--name=app', '--type=cjs', '--language=ts'];
    return [...npx, 'schematics', '@nestjs/schematics:application', ...options];
  }
  const options = ['--skip-git', '--skip-install', '--package-manager=npm'];
  return [...npx, 'nest', 'new', 'app', ...options];
}

/** Jest resolves imports as CommonJS has them. */
function withoutExtensions(folder: string): void {
  for (const part of ['src', 'test']) {
    for (const name of readdirSync(join(folder, part))) {
      if (name.endsWith('.ts')) {
        const path = join(folder, part, name);
        const text = readFileSync(path, 'utf8');
        writeFileSync(
          path,
          text.replace(/(from '(?:\.|supertest\/)[^']*)\.js'/g, "$1'"),
        );
      }
    }
  }
}
