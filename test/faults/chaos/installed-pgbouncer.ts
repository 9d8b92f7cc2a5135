import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PATHS = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'];

/**
 * The path of PgBouncer. Debian's package of it is installed where it is missing and that is allowed.
 *
 * @throws {Error} in one line, where it is missing
 */
export function installedPgBouncer(): string {
  const find = (): string | undefined =>
    process.env['PGBOUNCER_PATH'] || PATHS.find((path) => existsSync(path));
  if (!find() && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const apt = (...args: string[]): boolean =>
      spawnSync('apt-get', args, {
        stdio: 'ignore',
        // Only the program is wanted: with these, Debian does not start it as a service.
        env: {
          ...process.env,
          DEBIAN_FRONTEND: 'noninteractive',
          RUNLEVEL: '1',
          SYSTEMD_OFFLINE: '1',
        },
      }).status === 0;
    const install = (): boolean =>
      apt('install', '-y', '--no-install-recommends', 'pgbouncer');
    if (!install() && apt('update')) install();
  }
  const path = find();
  if (path === undefined) {
    throw new Error(
      'PgBouncer is missing: install the Debian package pgbouncer, or name the program in PGBOUNCER_PATH',
    );
  }
  return path;
}

/** Whom it runs as: it refuses to run as root. `undefined` for a user that is not root. */
export function nobody():
  { readonly uid: number; readonly gid: number } | undefined {
  const idOf = (which: '-u' | '-g'): number =>
    Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' }));
  return process.getuid?.() === 0
    ? { uid: idOf('-u'), gid: idOf('-g') }
    : undefined;
}
