import type { OptionReader } from './option-reader.js';
import { HOW_TO_MAKE_A_SECRET } from './read-secret.js';
import { resolveRefreshCookie } from './resolve-cookie-options.js';
import { resolveSecrets } from './resolve-secrets.js';
import { MAXIMUM_LIFETIME } from './durations.js';
import type {
  ResolvedCookieOptions,
  ResolvedKeysOptions,
  ResolvedRefreshOptions,
  ResolvedStoreOptions,
} from './resolved-options.js';
import type { SessionLimit, SessionStore } from '../ports/session-store.js';
import type { Transport } from '../ports/transport.js';

/** The name of a field in a parsed body. */
export const FIELD_NAME = {
  pattern: /^(?!__proto__$)[\w.-]{1,64}$/,
  expected: 'the name of a body field',
};

/** Only a script or a fault creates this many sessions. Without a limit, they would slow down everyone. */
const DEFAULT_LIMIT: SessionLimit = { max: 1_000, policy: 'end-oldest' };

export const DEFAULT_STORE_TIMEOUT_SECONDS = 0.25;
export const STORE_TIMEOUT_RANGE = { min: 0.001, max: 60, whole: false };

/** The options that these depend on. */
interface Surroundings {
  readonly keys: ResolvedKeysOptions;
  readonly cookie: ResolvedCookieOptions;
  readonly intervalSeconds: number;
  readonly idleSeconds: number;
  readonly transports: readonly ('cookie' | 'header' | Transport)[];
}

export function resolveRefresh(
  reader: OptionReader,
  options: Record<string, unknown>,
  { keys, cookie, intervalSeconds, idleSeconds }: Surroundings,
): ResolvedRefreshOptions | undefined {
  if (options['refreshToken'] === undefined) {
    return undefined;
  }
  const refresh = reader.group('refreshToken', options['refreshToken'], [
    'secret',
    'cookie',
    'field',
    'accessLifetime',
    'grace',
  ]);
  const accessSeconds = reader.seconds(
    'refreshToken.accessLifetime',
    refresh['accessLifetime'],
    intervalSeconds,
    { min: 1, max: MAXIMUM_LIFETIME, whole: true },
  );
  // An idle time that is not longer than the interval is reported separately.
  if (idleSeconds > intervalSeconds && idleSeconds <= accessSeconds) {
    reader.fault(
      'refreshToken.accessLifetime',
      `expected less than lifetime.idle (${idleSeconds} s), so that a refresh token outlives its session token`,
      accessSeconds,
    );
  }
  const own =
    refresh['secret'] === undefined
      ? []
      : resolveSecrets(reader, 'refreshToken.secret', refresh['secret']);
  if (
    refresh['secret'] === undefined &&
    keys.arePairs &&
    keys.derivedSecrets.length === 0 &&
    options['secret'] === undefined
  ) {
    reader.fault(
      'derivedSecret',
      `is needed for refresh tokens, since keys are for session tokens only; ${HOW_TO_MAKE_A_SECRET}`,
    );
  }
  return {
    secrets: own,
    cookie: resolveRefreshCookie(reader, refresh['cookie'], cookie),
    field: reader.text(
      'refreshToken.field',
      refresh['field'],
      'refreshToken',
      FIELD_NAME,
    ),
    accessSeconds,
  };
}

export function resolveStore(
  reader: OptionReader,
  options: Record<string, unknown>,
  { transports }: Surroundings,
): ResolvedStoreOptions | undefined {
  const timeoutSeconds = reader.seconds(
    'storeTimeout',
    options['storeTimeout'],
    DEFAULT_STORE_TIMEOUT_SECONDS,
    STORE_TIMEOUT_RANGE,
  );
  const keepsData =
    reader.oneOf('keepDataIn', options['keepDataIn'], 'token', [
      'token',
      'store',
    ]) === 'store';
  const revocationCheck = reader.oneOf(
    'revocationCheck',
    options['revocationCheck'],
    'reload',
    ['reload', 'always'],
  );
  const grace = graceIn(options['refreshToken']);
  const graceSeconds = reader.seconds(
    'refreshToken.grace',
    grace,
    transports.every((each) => each === 'header') ? 30 : 60,
    { min: 1, max: 300, whole: true },
  );
  const limit = resolveLimit(reader, options['maxSessions']);
  const { store } = options;
  if (store === undefined) {
    for (const name of [
      // A revocation log has the same time.
      ...(options['revocations'] === undefined ? ['storeTimeout'] : []),
      'keepDataIn',
      'revocationCheck',
      'maxSessions',
    ]) {
      const isDefault = ['token', 'reload', false].includes(
        options[name] as string,
      );
      if (options[name] !== undefined && !isDefault) {
        reader.fault(name, 'needs a store');
      }
    }
    if (grace !== undefined) {
      reader.fault('refreshToken.grace', 'needs a store');
    }
    return undefined;
  }
  if (keepsData && options['refreshToken'] !== undefined) {
    reader.fault(
      'keepDataIn',
      "'store' reads the store on each request, so refresh tokens have no effect; remove refreshToken",
    );
  }
  if (!isStore(store)) {
    // A string is probably an address with a password in it.
    const got = typeof store === 'string' ? undefined : store;
    reader.fault('store', 'expected a SessionStore', got);
    return undefined;
  }
  return {
    store,
    timeoutSeconds,
    keepsData,
    isAlwaysAsked: keepsData || revocationCheck === 'always',
    graceSeconds,
    limit,
  };
}

/** Returns the grace period, whatever else the options of refresh tokens hold. */
function graceIn(refreshToken: unknown): unknown {
  return typeof refreshToken === 'object' && refreshToken !== null
    ? (refreshToken as { grace?: unknown }).grace
    : undefined;
}

function resolveLimit(
  reader: OptionReader,
  value: unknown,
): SessionLimit | undefined {
  if (value === undefined) {
    return DEFAULT_LIMIT;
  }
  if (value === false) {
    return undefined;
  }
  const limit = reader.group('maxSessions', value, ['max', 'policy']);
  for (const name of ['max', 'policy']) {
    if (limit[name] === undefined) {
      reader.fault(`maxSessions.${name}`, 'is not set');
    }
  }
  return {
    max: reader.integer('maxSessions.max', limit['max'], 1, {
      min: 1,
      max: 10_000,
    }),
    policy: reader.oneOf('maxSessions.policy', limit['policy'], 'refuse', [
      'refuse',
      'end-oldest',
    ]),
  };
}

/** Checks the methods, not the class: the class may come from another copy of this package. */
function isStore(value: unknown): value is SessionStore {
  const store = value as Partial<Record<keyof SessionStore, unknown>> | null;
  return (
    typeof store === 'object' &&
    store !== null &&
    (
      ['create', 'read', 'rotate', 'update', 'end', 'endAll', 'list'] as const
    ).every((method) => typeof store[method] === 'function')
  );
}
