import type { RevocationLog } from '../ports/revocation-log.js';
import {
  DEFAULT_STORE_TIMEOUT_SECONDS,
  STORE_TIMEOUT_RANGE,
} from './resolve-store-options.js';
import { OptionReader } from './option-reader.js';
import type {
  ResolvedRevocationOptions,
  ResolvedStoreOptions,
} from './resolved-options.js';

const NAMES = ['log', 'maxLag', 'maxEntries', 'whenLagging'];

/** Reads the option `revocations`: a log, or a log with options. */
export function resolveRevocations(
  reader: OptionReader,
  options: Record<string, unknown>,
  store: ResolvedStoreOptions | undefined,
): ResolvedRevocationOptions | undefined {
  const given = options['revocations'];
  if (given === undefined) {
    return undefined;
  }
  const group: Record<string, unknown> = isRevocationLog(given)
    ? { log: given }
    : reader.group('revocations', given, NAMES);
  const { log } = group;
  const maxLagSeconds = reader.seconds(
    'revocations.maxLag',
    group['maxLag'],
    1,
    { min: 0.1, max: 60, whole: false },
  );
  const maxEntries = reader.integer(
    'revocations.maxEntries',
    group['maxEntries'],
    1_000_000,
    { min: 1_000, max: 10_000_000 },
  );
  const whenLagging = reader.oneOf(
    'revocations.whenLagging',
    group['whenLagging'],
    store ? 'ask-store' : 'accept',
    ['ask-store', 'refuse', 'accept'],
  );
  if (whenLagging === 'ask-store' && !store) {
    reader.fault('revocations.whenLagging', "'ask-store' needs a store");
  }
  if (!isRevocationLog(log)) {
    const got = typeof log === 'string' ? undefined : log;
    if (log === undefined) reader.fault('revocations.log', 'is not set');
    else reader.fault('revocations.log', 'expected a RevocationLog', got);
    return undefined;
  }
  return {
    log,
    maxLagSeconds,
    maxEntries,
    whenLagging,
    timeoutSeconds:
      store?.timeoutSeconds ??
      // Its faults are reported with the options of the store.
      new OptionReader().seconds(
        'storeTimeout',
        options['storeTimeout'],
        DEFAULT_STORE_TIMEOUT_SECONDS,
        STORE_TIMEOUT_RANGE,
      ),
  };
}

/** Checks the methods, not the class: the class may come from another copy of this package. */
export function isRevocationLog(value: unknown): value is RevocationLog {
  const log = value as Partial<Record<keyof RevocationLog, unknown>> | null;
  return (
    typeof log === 'object' &&
    log !== null &&
    typeof log.append === 'function' &&
    typeof log.follow === 'function'
  );
}
