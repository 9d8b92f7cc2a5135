import type { KeyObject } from 'node:crypto';
import { SessionConfigError } from '../errors/session-config-error.js';
import { OptionReader } from './option-reader.js';
import { HOW_TO_MAKE_A_SECRET, readSecret } from './read-secret.js';
import type { ResolvedSessionJwtOptions } from './resolved-options.js';
import { resolveCsrf } from './resolve-csrf-options.js';
import {
  MAXIMUM_LIFETIME,
  resolveCache,
  resolveLifetime,
  resolveLoader,
} from './resolve-time-options.js';
import {
  resolveCookie,
  resolveHeader,
  resolveTransports,
} from './resolve-transport-options.js';
import type { SessionJwtModuleOptions } from './session-jwt-module-options.js';

const MINUTE = 60;

const OPTION_NAMES = [
  'secret',
  'issuer',
  'audience',
  'dataRefreshInterval',
  'lifetime',
  'clockTolerance',
  'loader',
  'onLoaderError',
  'transport',
  'requestProperty',
  'cookie',
  'header',
  'csrf',
  'cache',
] as const satisfies readonly (keyof SessionJwtModuleOptions)[];

const MODULE_LEVEL =
  'must be known before the factory runs: give it beside useFactory';
const HINTS = {
  dataLoader: MODULE_LEVEL,
  global: MODULE_LEVEL,
  guard: MODULE_LEVEL,
  imports: MODULE_LEVEL,
};

/** `iss` and `aud` are plain strings; a RegExp here has been a way in (CVE-2026-35040). */
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
 * The only place that knows defaults and checks options.
 *
 * @param furtherFaults faults found elsewhere that belong into the same message
 * @throws {SessionConfigError} with every fault
 */
export function resolveOptions(
  input: unknown,
  furtherFaults: readonly string[] = [],
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
  const cookie = resolveCookie(reader, options['cookie']);
  const transports = resolveTransports(reader, options['transport']);
  const resolved: ResolvedSessionJwtOptions = {
    secrets: resolveSecrets(reader, options['secret']),
    issuer,
    audience: reader.text('audience', options['audience'], issuer, NAME),
    dataRefreshIntervalSeconds: interval,
    lifetime: resolveLifetime(reader, options['lifetime'], interval),
    clockToleranceSeconds: reader.seconds(
      'clockTolerance',
      options['clockTolerance'],
      5,
      { min: 0, max: 60, whole: true },
    ),
    loader: resolveLoader(reader, options, interval),
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
    csrf: resolveCsrf(reader, options['csrf'], cookie.secure),
    cache: resolveCache(reader, options['cache']),
  };
  refuseUnprotected(reader, resolved);
  const faults = [...reader.faults, ...furtherFaults];
  if (faults.length > 0) {
    throw new SessionConfigError(faults);
  }
  const groups: unknown[] = Object.values(resolved);
  for (const group of [
    ...groups,
    cookie.formerDomains,
    resolved.csrf.trustedOrigins,
  ]) {
    Object.freeze(group);
  }
  return Object.freeze(resolved);
}

function resolveSecrets(reader: OptionReader, value: unknown): KeyObject[] {
  const inputs: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (inputs.length === 0) {
    reader.fault('secret', `is not set; ${HOW_TO_MAKE_A_SECRET}`);
  }
  const keys: KeyObject[] = [];
  for (const [i, input] of inputs.entries()) {
    const path = Array.isArray(value) ? `secret[${i}]` : 'secret';
    const read = readSecret(input);
    if ('fault' in read) {
      reader.fault(path, `${read.fault}; ${HOW_TO_MAKE_A_SECRET}`);
    } else if (keys.some((key) => key.equals(read.key))) {
      reader.fault(path, 'is given twice');
    } else {
      keys.push(read.key);
    }
  }
  return keys;
}

/** A token that browsers send everywhere on their own, and nothing that tells our requests from theirs. */
function refuseUnprotected(
  reader: OptionReader,
  { transports, cookie, csrf }: ResolvedSessionJwtOptions,
): void {
  if (csrf.checksOrigin || csrf.headerName !== undefined) {
    return;
  }
  if (transports.includes('cookie') && cookie.sameSite === 'none') {
    reader.fault(
      'csrf',
      "every technique is off and cookie.sameSite is 'none': any site could act for your users",
    );
  }
  for (const transport of transports) {
    if (typeof transport !== 'string' && transport.ambient !== false) {
      reader.fault(
        'csrf',
        `every technique is off and browsers send the tokens of transport '${transport.name}' on their own (ambient)`,
      );
    }
  }
}
