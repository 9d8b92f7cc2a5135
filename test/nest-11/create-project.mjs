/**
 * This repository as one that has Nest 11 installed: a copy of it in `.nest-11/`, whose `node_modules` holds what
 * `package.json` next to this file names, and links to the packages of the repository for all others. No import is
 * mapped: Jest, the compiler and the processes that specs start find Nest 11 as they would in an application.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));
const PROJECT = join(ROOT, '.nest-11');
const MODULES = join(PROJECT, 'node_modules');
/** What stays where it is: made by tools, or installed for the copy itself. */
const NOT_COPIED = new Set(['.compiled', '.git', '.nest-11', 'node_modules']);

/** Installs and copies what has changed since the last time. Returns the path of the copy. */
export function createNest11Project() {
  mkdirSync(PROJECT, { recursive: true });
  install();
  copySources();
  return PROJECT;
}

function install() {
  const locks = [HERE, ROOT].map((folder) =>
    readFileSync(join(folder, 'package-lock.json'), 'utf8'),
  );
  const stamp = join(MODULES, '.installed-from.json');
  const installed = JSON.stringify(locks);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === installed) {
    return;
  }
  for (const name of ['package.json', 'package-lock.json']) {
    cpSync(join(HERE, name), join(PROJECT, name));
  }
  const options = ['--prefer-offline', '--no-audit', '--no-fund'];
  execFileSync('npm', ['ci', ...options, '--loglevel=error'], {
    cwd: PROJECT,
    stdio: 'inherit',
  });
  linkOthers();
  writeFileSync(stamp, installed);
}

/**
 * Links every package that Nest 11 did not bring, and those that the repository itself names: whatever tests import
 * has one instance, theirs and Nest's.
 */
function linkOthers() {
  const named = new Set(Object.keys(manifestIn(HERE).dependencies));
  const { dependencies, devDependencies } = manifestIn(ROOT);
  const ours = new Set(Object.keys({ ...dependencies, ...devDependencies }));
  for (const name of packagesIn(join(ROOT, 'node_modules'))) {
    const link = join(MODULES, name);
    const isOurs = name === '.bin' || (ours.has(name) && !named.has(name));
    if (existsSync(link) && !isOurs) {
      continue;
    }
    rmSync(link, { recursive: true, force: true });
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
}

/** The names of the packages of a folder `node_modules`, and its `.bin`. */
function packagesIn(folder) {
  return readdirSync(folder).flatMap((name) =>
    name.startsWith('@')
      ? readdirSync(join(folder, name)).map((part) => `${name}/${part}`)
      : name.startsWith('.') && name !== '.bin'
        ? []
        : [name],
  );
}

function copySources() {
  for (const name of readdirSync(PROJECT)) {
    if (name !== 'node_modules') {
      rmSync(join(PROJECT, name), { recursive: true });
    }
  }
  for (const name of readdirSync(ROOT)) {
    if (!NOT_COPIED.has(name)) {
      cpSync(join(ROOT, name), join(PROJECT, name), {
        recursive: true,
        filter: (path) => !NOT_COPIED.has(basename(path)),
      });
    }
  }
  // Specs compare its age with that of lib/, which has just been copied.
  utimesSync(join(PROJECT, 'dist/index.js'), new Date(), new Date());
  const manifest = manifestIn(ROOT);
  const { dependencies } = manifestIn(HERE);
  for (const name of Object.keys(manifest.devDependencies)) {
    manifest.devDependencies[name] =
      dependencies[name] ?? manifest.devDependencies[name];
  }
  writeFileSync(
    join(PROJECT, 'package.json'),
    `${JSON.stringify(manifest, null, 2)}\n`,
  );
}

function manifestIn(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

if (
  process.argv[1] &&
  import.meta.url === pathToFileURL(process.argv[1]).href
) {
  console.log(createNest11Project());
}
