/** Describes the machine and the versions of a measurement. */
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

export function describeMachine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    openssl: process.versions.openssl,
    system: `${type()} ${release()} ${process.arch}`,
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
  };
}

/** Returns the installed versions of packages; those of the benchmarks take precedence. */
export function versionsOf(packages) {
  return Object.fromEntries(
    packages.map((name) => [name, versionOf(name) ?? 'not installed']),
  );
}

function versionOf(name) {
  const manifest = ['../node_modules/', '../../../node_modules/']
    .map((folder) => new URL(`${folder}${name}/package.json`, import.meta.url))
    .find((url) => existsSync(url));
  return manifest && JSON.parse(readFileSync(manifest, 'utf8')).version;
}
