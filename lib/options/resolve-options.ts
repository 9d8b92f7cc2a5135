import { SessionConfigError } from '../errors/session-config-error.js';
import { MAXIMUM_LIFETIME } from './durations.js';
import { OptionReader } from './option-reader.js';
import type { ResolvedSessionJwtOptions } from './resolved-options.js';
import { resolveBinding } from './resolve-binding-options.js';
import { resolveCookie } from './resolve-cookie-options.js';
import {
  checkCsrfToken,
  refuseUnprotected,
  resolveCsrf,
} from './resolve-csrf-options.js';
import { refuseSharedSecrets, resolveKeySource } from './resolve-key-source.js';
import { resolveRevocations } from './resolve-revocation-options.js';
import { resolveRefresh, resolveStore } from './resolve-store-options.js';
import {
  resolveCache,
  resolveLifetime,
  resolveLoader,
} from './resolve-time-options.js';
import {
  resolveHeader,
  resolveTransports,
} from './resolve-transport-options.js';
import type { SessionJwtModuleOptions } from './session-jwt-module-options.js';

const MINUTE = 60;

const OPTION_NAMES = [
  'secret',
  'keys',
  'derivedSecret',
  'encrypt',
  'verifyOnly',
  'keyCache',
  'issuer',
  'audience',
  'dataRefreshInterval',
  'lifetime',
  'clockTolerance',
  'loader',
  'transport',
  'requestProperty',
  'cookie',
  'header',
  'csrf',
  'refreshToken',
  'store',
  'storeTimeout',
  'keepDataIn',
  'revocationCheck',
  'maxSessions',
  'revocations',
  'deviceBinding',
  'cache',
] as const satisfies readonly (keyof SessionJwtModuleOptions)[];

const MODULE_LEVEL =
  'must be known before the factory runs; pass it next to useFactory';
const renamedTo = (path: string): string => `unknown option; use ${path}`;
const HINTS = {
  dataLoader: MODULE_LEVEL,
  global: MODULE_LEVEL,
  guard: MODULE_LEVEL,
  jwks: MODULE_LEVEL,
  openapi: MODULE_LEVEL,
  routes: MODULE_LEVEL,
  imports: MODULE_LEVEL,
  onLoaderError: renamedTo('loader.onError'),
  accessLifetime: renamedTo('refreshToken.accessLifetime'),
  rotation: renamedTo('refreshToken.grace'),
};

/** `iss` and `aud` are plain strings: accepting a RegExp has let attackers in (CVE-2026-35040). */
const NAME = {
  pattern: /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/,
  expected: 'a string of 1 to 255 printable ASCII characters',
};
const PROPERTY = {
  pattern:
    /^(?!(?:raw|headers|rawHeaders|method|url|socket|body|query|params|cookies|req|res|log|app|route|routeOptions|server|id|ip|ips|path|host|hostname|port|protocol|secure|subdomains|xhr|fresh|stale|baseUrl|originalUrl|signedCookies|get|header|is|accepts|range|on|once|off|emit|pipe|read|destroy|connection|httpVersion|complete|trailers|constructor|__proto__)$)[A-Za-z_$][\w$]*$/,
  expected: 'a property name that the request does not use itself, or false',
};

/**
 * Checks the options and fills in the defaults. No other code knows either.
 *
 * @param furtherFaults faults found elsewhere, to be reported in the same message
 * @throws {SessionConfigError} with every fault
 */
export function resolveOptions(
  input: unknown,
  furtherFaults: (
    resolved: ResolvedSessionJwtOptions,
  ) => readonly string[] = () => [],
): ResolvedSessionJwtOptions {
  const reader = new OptionReader();
  if (input === undefined || input === null) {
    reader.fault('options', 'expected an object', String(input));
  }
  const options = reader.group(
    'options',
    input ?? undefined,
    OPTION_NAMES,
    HINTS,
  );
  const issuer = reader.text(
    'issuer',
    options['issuer'],
    'nestjs-session-jwt',
    NAME,
  );
  const interval = reader.seconds(
    'dataRefreshInterval',
    options['dataRefreshInterval'],
    15 * MINUTE,
    { min: 1, max: MAXIMUM_LIFETIME, whole: true },
  );
  const cookie = resolveCookie(
    reader,
    options['cookie'],
    Boolean(options['deviceBinding']),
  );
  const transports = resolveTransports(reader, options['transport']);
  const { keys, isVerifyOnly } = resolveKeySource(reader, options);
  const lifetime = resolveLifetime(reader, options['lifetime'], interval);
  const surroundings = {
    keys,
    cookie,
    transports,
    intervalSeconds: interval,
    idleSeconds: lifetime.idleSeconds,
  };
  const store = resolveStore(reader, options, surroundings);
  const refresh = resolveRefresh(reader, options, surroundings);
  const resolved: ResolvedSessionJwtOptions = {
    keys,
    isVerifyOnly,
    issuer,
    audience: reader.text('audience', options['audience'], issuer, NAME),
    dataRefreshIntervalSeconds: interval,
    lifetime,
    clockToleranceSeconds: reader.seconds(
      'clockTolerance',
      options['clockTolerance'],
      5,
      { min: 0, max: 60, whole: true },
    ),
    loader: resolveLoader(reader, options['loader'], interval),
    transports,
    requestProperty:
      options['requestProperty'] === false
        ? undefined
        : reader.text(
            'requestProperty',
            options['requestProperty'],
            'session',
            PROPERTY,
          ),
    cookie,
    header: resolveHeader(reader, options['header']),
    csrf: resolveCsrf(reader, options['csrf'], cookie),
    refresh,
    store,
    revocations: resolveRevocations(reader, options, store),
    deviceBinding: resolveBinding(reader, options['deviceBinding'], {
      isVerifyOnly,
      transports,
      refresh,
      cookie,
      store,
    }),
    cache: resolveCache(reader, options['cache']),
    warnings: reader.warnings,
  };
  refuseUnprotected(reader, resolved);
  refuseSharedSecrets(reader, {
    secret: keys.fixed.secrets,
    derivedSecret: keys.derivedSecrets,
    'encrypt.key': keys.encryption ?? [],
    'refreshToken.secret': resolved.refresh?.secrets ?? [],
  });
  checkCsrfToken(reader, options, resolved);
  const faults = [...reader.faults, ...furtherFaults(resolved)];
  if (faults.length > 0) {
    throw new SessionConfigError(faults);
  }
  for (const group of [
    ...Object.values(resolved as unknown as Record<string, unknown>),
    keys.cache,
    keys.fixed,
    keys.fixed.secrets,
    keys.fixed.keys,
    keys.derivedSecrets,
    keys.encryption,
    cookie.formerDomains,
    refresh?.secrets,
    refresh?.cookie,
    refresh?.cookie.formerDomains,
    store?.limit,
    resolved.csrf.trustedOrigins,
  ]) {
    Object.freeze(group);
  }
  return Object.freeze(resolved);
}
