import { personalNamesIn } from '../session/model/personal-names.js';
import {
  dataOf,
  type VerifiedSession,
} from '../session/model/verified-session.js';
import type { SessionRuntime } from './session-runtime.js';

const SHOWN_CHARACTERS = 40;

/**
 * Warns once during development that any holder of a signed token can read it (RFC 7519, section 12), if the names of
 * its members look personal.
 */
export function warnOfPersonalData(
  { options, logger }: SessionRuntime,
  { claims }: VerifiedSession,
): void {
  if (
    process.env['NODE_ENV'] === 'production' ||
    options.keys.encryption ||
    options.store?.keepsData
  ) {
    return;
  }
  const names = personalNamesIn([dataOf(claims), claims.attrs]);
  if (names.length > 0) {
    const shown = names
      .map((name) => JSON.stringify(name.slice(0, SHOWN_CHARACTERS)))
      .join(', ');
    logger.once(
      'warn',
      'personal data',
      `Session tokens are signed, not encrypted: anyone who holds one can read ${shown} in it. Load only what handlers need, or set encrypt: true. Never logged if NODE_ENV is production.`,
    );
  }
}
