import { dataOf, type VerifiedSession } from '../session/verified-session.js';
import type { SessionRuntime } from './session-runtime.js';

/** Names of members that hold what a client should not read, or a stranger not learn from a copied token. */
const PERSONAL =
  /e-?mail|phone|birth|address|passw|secret|hash|ssn|iban|passport|card|tax/i;

/**
 * Says once, while an application is developed, that whoever holds a signed token can read it (RFC 7519, section 12),
 * if the names of its members look as if that mattered.
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
  const names = new Set<string>();
  collect(dataOf(claims), names);
  collect(claims.attrs, names);
  if (names.size > 0) {
    logger.once(
      'warn',
      'personal data',
      `Session tokens are signed, not encrypted: whoever holds one can read what it says in ${[...names].join(', ')}. Load only what handlers need, or hide it with encrypt: true. (Not said where NODE_ENV is production.)`,
    );
  }
}

function collect(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) {
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value) && PERSONAL.test(name)) {
      names.add(JSON.stringify(name.slice(0, 40)));
    }
    collect(member, names);
  }
}
