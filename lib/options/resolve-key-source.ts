import type { KeyObject } from 'node:crypto';
import { SessionConfigError } from '../errors/session-config-error.js';
import { OptionReader } from './option-reader.js';
import { isThisMachine, parseUrl } from './parse-url.js';
import type {
  KeyMaterial,
  ResolvedKeyCacheOptions,
  ResolvedKeysOptions,
} from './resolved-options.js';
import { resolveKeys } from './resolve-keys.js';
import { resolveSecrets } from './resolve-secrets.js';
import { MAXIMUM_LIFETIME } from './durations.js';

const NOTHING: KeyMaterial = { secrets: [], keys: [] };

/** Options for issuing sessions, which a service that only checks sessions must not set. */
const ISSUING = [
  'refreshToken',
  'maxSessions',
  'derivedSecret',
  'loader.onError',
] as const;

/** Resolves whether this application only checks sessions, and the keys for issuing or checking them. */
export function resolveKeySource(
  reader: OptionReader,
  options: Record<string, unknown>,
): { keys: ResolvedKeysOptions; isVerifyOnly: boolean } {
  const { secret, keys, encrypt, verifyOnly } = options;
  const isVerifyOnly = verifyOnly !== undefined && verifyOnly !== false;
  const jwksUri = resolveJwksUri(reader, verifyOnly);
  const isRemote = typeof verifyOnly === 'object' && verifyOnly !== null;
  if (isVerifyOnly) {
    const onError = (options['loader'] as { onError?: unknown } | undefined)
      ?.onError;
    const given: Record<string, unknown> = {
      ...options,
      'loader.onError': onError,
    };
    for (const name of ISSUING.filter((each) => given[each] !== undefined)) {
      reader.fault(
        name,
        'has no effect with verifyOnly, which issues nothing; remove it',
      );
    }
  }
  if (isRemote) {
    for (const name of ['secret', 'keys', 'encrypt']) {
      if (options[name] !== undefined) {
        reader.fault(
          name,
          'has no effect with jwksUri, which provides the keys; remove it',
        );
      }
    }
  }
  const arePairs = isRemote || keys !== undefined;
  const encryption = resolveEncryption(reader, encrypt);
  if (encryption && keys !== undefined) {
    reader.fault(
      'encrypt',
      'needs a shared secret on both sides, so keys have no effect; remove keys or encrypt',
    );
  }
  const hasOtherKey =
    arePairs ||
    (encryption &&
      (typeof encrypt === 'object' || options['derivedSecret'] !== undefined));
  const fixed = isRemote
    ? NOTHING
    : {
        secrets:
          typeof secret === 'function' || (secret === undefined && hasOtherKey)
            ? []
            : resolveSecrets(reader, 'secret', secret),
        keys:
          keys === undefined || typeof keys === 'function'
            ? []
            : resolveKeys(reader, keys, isVerifyOnly),
      };
  if (isVerifyOnly && arePairs && secret !== undefined && !isRemote) {
    reader.fault('secret', 'has no effect with verifyOnly and keys; remove it');
  }
  const derivedSecrets =
    options['derivedSecret'] === undefined
      ? []
      : resolveSecrets(reader, 'derivedSecret', options['derivedSecret']);
  const isProvided = typeof secret === 'function' || typeof keys === 'function';
  const cache = resolveKeyCache(reader, options['keyCache']);
  if (options['keyCache'] !== undefined && !isProvided && !isRemote) {
    reader.fault(
      'keyCache',
      'needs verifyOnly.jwksUri, or a function for keys or secret',
    );
  }
  return {
    isVerifyOnly,
    keys: {
      fixed,
      provide: isProvided
        ? providerOf(
            secret,
            keys,
            { fixed, derivedSecrets, encryption },
            isVerifyOnly,
          )
        : undefined,
      jwksUri,
      arePairs,
      derivedSecrets,
      encryption,
      cache,
    },
  };
}

/** Calls the functions that supply keys, each time checking the result as strictly as keys in the options. */
function providerOf(
  secret: unknown,
  keys: unknown,
  {
    fixed,
    derivedSecrets,
    encryption = [],
  }: Pick<ResolvedKeysOptions, 'fixed' | 'derivedSecrets' | 'encryption'>,
  isVerifyOnly: boolean,
): (signal: AbortSignal) => Promise<KeyMaterial> {
  return async (signal) => {
    const ask = (provider: unknown): unknown =>
      (provider as (request: object) => unknown)({ signal });
    const reader = new OptionReader();
    const material = {
      secrets:
        typeof secret === 'function'
          ? resolveSecrets(reader, 'secret', await ask(secret))
          : fixed.secrets,
      keys:
        typeof keys === 'function'
          ? resolveKeys(reader, await ask(keys), isVerifyOnly)
          : fixed.keys,
    };
    refuseSharedSecrets(reader, {
      secret: material.secrets,
      derivedSecret: derivedSecrets,
      'encrypt.key': encryption,
    });
    if (reader.faults.length > 0) {
      throw new SessionConfigError(reader.faults);
    }
    return { ...material, warnings: reader.warnings };
  };
}

function resolveJwksUri(
  reader: OptionReader,
  verifyOnly: unknown,
): URL | undefined {
  if (verifyOnly === undefined || typeof verifyOnly === 'boolean') {
    return undefined;
  }
  const { jwksUri } = reader.group('verifyOnly', verifyOnly, ['jwksUri']);
  const url = typeof jwksUri === 'string' ? parseUrl(jwksUri) : undefined;
  const isSafe =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && isThisMachine(url.hostname));
  if (!url || !isSafe || url.username || url.password) {
    reader.fault(
      'verifyOnly.jwksUri',
      'expected an https: URL, or an http: URL of this machine, without credentials; in a trusted network, pass keys as a function that fetches them',
    );
    return undefined;
  }
  return url;
}

function resolveEncryption(
  reader: OptionReader,
  encrypt: unknown,
): KeyObject[] | undefined {
  if (encrypt === undefined || typeof encrypt === 'boolean') {
    return encrypt ? [] : undefined;
  }
  const { key } = reader.group('encrypt', encrypt, ['key']);
  return resolveSecrets(reader, 'encrypt.key', key);
}

/** Refuses a secret that serves two purposes. Keys that are derived from `secret` by default need no option. */
export function refuseSharedSecrets(
  reader: OptionReader,
  secrets: Readonly<Record<string, readonly KeyObject[]>>,
): void {
  const seen: (readonly [option: string, key: KeyObject])[] = [];
  for (const [option, keys] of Object.entries(secrets)) {
    const same = seen.find(([, key]) =>
      keys.some((other) => other.equals(key)),
    );
    if (same) {
      reader.fault(
        option,
        same[0] === 'secret'
          ? 'is the secret of the session tokens; leave it out to derive a separate one'
          : `is the same as ${same[0]}; use a separate secret for each purpose`,
      );
    }
    seen.push(...keys.map((key) => [option, key] as const));
  }
}

function resolveKeyCache(
  reader: OptionReader,
  value: unknown,
): ResolvedKeyCacheOptions {
  const cache = reader.group('keyCache', value, [
    'maxAge',
    'coolDown',
    'timeout',
  ]);
  return {
    maxAgeSeconds: reader.seconds('keyCache.maxAge', cache['maxAge'], 300, {
      min: 1,
      max: MAXIMUM_LIFETIME,
      whole: true,
    }),
    coolDownSeconds: reader.seconds(
      'keyCache.coolDown',
      cache['coolDown'],
      30,
      { min: 1, max: 3600, whole: true },
    ),
    timeoutSeconds: reader.seconds('keyCache.timeout', cache['timeout'], 2, {
      min: 0.001,
      max: 60,
      whole: false,
    }),
  };
}
