import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { chromiumPath } from './chromium.js';

/** The last version of Debian's Chromium whose software keys bind sessions in headless mode. */
const VERSION = '150.0.7871.100-1~deb12u1';

/** The features that let a browser without hardware keys bind sessions, as often as a test likes. */
export const BINDING_ARGUMENTS = [
  '--enable-features=DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting',
  '--disable-features=DeviceBoundSessionProactiveRefresh',
  '--ignore-certificate-errors',
];

/**
 * Returns the path of a Chromium that binds sessions, or why there is none: `CHROMIUM_BINDING_PATH`, the one of the
 * other tests if it has the right version, or that version from Debian's archive, unpacked without being installed.
 */
export function findBindingChromium(): { path: string } | { reason: string } {
  const given = process.env.CHROMIUM_BINDING_PATH;
  if (given) {
    return { path: given };
  }
  try {
    const installed = chromiumPath();
    return versionOf(installed).startsWith(VERSION.split('-')[0]!)
      ? { path: installed }
      : { path: unpacked() };
  } catch (error) {
    return {
      reason: `there is no Chromium ${VERSION}: ${(error as Error).message.split('\n')[0]}`,
    };
  }
}

function versionOf(path: string): string {
  return execFileSync(path, ['--version'], { encoding: 'utf8' }).replace(
    /^\D+/,
    '',
  );
}

function unpacked(): string {
  const cache = join(process.cwd(), 'node_modules/.cache');
  const folder = join(cache, 'binding-chromium');
  const path = join(folder, 'usr/lib/chromium/chromium');
  if (existsSync(path)) {
    return path;
  }
  mkdirSync(cache, { recursive: true });
  // Another worker may do the same: whoever is first puts the whole folder in place.
  const own = mkdtempSync(`${folder}-`);
  const options = { cwd: own, stdio: 'pipe', timeout: 300_000 } as const;
  try {
    const packages = ['chromium', 'chromium-common'];
    execFileSync(
      'apt-get',
      ['download', ...packages.map((name) => `${name}=${VERSION}`)],
      options,
    );
    for (const file of readdirSync(own)) {
      execFileSync('dpkg-deb', ['-x', file, '.'], options);
      rmSync(join(own, file));
    }
    if (!existsSync(folder)) renameSync(own, folder);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
  return path;
}
