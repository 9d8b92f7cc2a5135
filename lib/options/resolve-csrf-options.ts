import { isSentByBrowsers } from './browser-headers.js';
import type { OptionReader } from './option-reader.js';
import { HOW_TO_MAKE_A_SECRET } from './read-secret.js';
import type {
  ResolvedCookieOptions,
  ResolvedCsrfOptions,
  ResolvedCsrfTokenOptions,
  ResolvedKeysOptions,
  ResolvedSessionJwtOptions,
} from './resolved-options.js';
import {
  HEADER_NAME,
  resolveReadableCookie,
} from './resolve-cookie-options.js';
import { FIELD_NAME } from './resolve-store-options.js';
import type { Transport } from '../ports/transport.js';
import { readTrustedOrigin } from './trusted-origin.js';

const OPEN_SIGN_IN =
  "leaves sign-in open, whatever cookie.sameSite is: any site could sign your users in to an attacker's account";
const REMEDY =
  'remove `origin: false` from csrf (list your public origin in csrf.origin.trustedOrigins if a proxy rewrites Host), or set csrf.header';

export function resolveCsrf(
  reader: OptionReader,
  value: unknown,
  cookie: ResolvedCookieOptions,
): ResolvedCsrfOptions {
  const csrf = reader.group('csrf', value, ['origin', 'header', 'token']);
  const { origin, header } = csrf;
  const trustedOrigins = new Set<string>();
  if (typeof origin === 'object' && origin !== null) {
    const group = reader.group('csrf.origin', origin, ['trustedOrigins']);
    const listed = reader.list(
      'csrf.origin.trustedOrigins',
      group['trustedOrigins'],
    );
    for (const [i, given] of listed.entries()) {
      const trusted = readTrustedOrigin(given);
      if (trusted) {
        trustedOrigins.add(trusted);
      } else {
        reader.fault(
          `csrf.origin.trustedOrigins[${i}]`,
          "expected 'scheme://host[:port]', without a path or a wildcard",
          given,
        );
      }
    }
  } else {
    reader.boolean('csrf.origin', origin, true);
  }
  return {
    checksOrigin: origin !== false,
    trustedOrigins,
    headerName:
      header === false
        ? undefined
        : resolveCustomHeader(reader, 'csrf.header', header, '') || undefined,
    token: resolveToken(reader, csrf['token'], cookie),
    secureOrigins: cookie.secure,
  };
}

function resolveToken(
  reader: OptionReader,
  value: unknown,
  cookie: ResolvedCookieOptions,
): ResolvedCsrfTokenOptions | undefined {
  if (value === undefined || value === false) {
    return undefined;
  }
  const token =
    value === true
      ? {}
      : reader.group('csrf.token', value, ['header', 'field', 'cookie']);
  return {
    headerName: resolveCustomHeader(
      reader,
      'csrf.token.header',
      token['header'],
      'X-CSRF-Token',
    ),
    fieldName: reader.text(
      'csrf.token.field',
      token['field'],
      '_csrf',
      FIELD_NAME,
    ),
    cookie: resolveReadableCookie(
      reader,
      'csrf.token.cookie',
      token['cookie'],
      cookie,
    ),
  };
}

/**
 * Refuses options that leave a sign-in, a refresh, a sign-out or a guarded request open to other sites. SameSite
 * protects only guarded requests: a forged sign-in needs no cookie, and browsers store and delete every cookie in the
 * response to a top-level form post, Lax and Strict ones included (RFC 6265bis, section 5.7). A CSRF token belongs to
 * a session, so it proves nothing before the session exists.
 */
export function refuseUnprotected(
  reader: OptionReader,
  {
    transports,
    cookie,
    refresh,
    csrf,
    isVerifyOnly,
  }: ResolvedSessionJwtOptions,
): void {
  if (csrf.checksOrigin || csrf.headerName !== undefined) {
    return;
  }
  if (csrf.token) {
    // A service that only checks sessions has no sign-in.
    if (!isVerifyOnly && transports.some(isAmbientChoice)) {
      reader.fault('csrf', `csrf.token alone ${OPEN_SIGN_IN}; ${REMEDY}`);
    }
    return;
  }
  if (transports.includes('cookie')) {
    if (cookie.sameSite === 'none' || refresh?.cookie.sameSite === 'none') {
      reader.fault(
        'csrf',
        `every technique is off and cookie.sameSite is 'none': any site could act on behalf of your users; ${REMEDY}`,
      );
    } else if (!isVerifyOnly) {
      reader.fault(
        'csrf',
        `every technique is off, which ${OPEN_SIGN_IN}; ${REMEDY}`,
      );
    }
  }
  for (const transport of transports) {
    if (typeof transport !== 'string' && isAmbientChoice(transport)) {
      reader.fault(
        'csrf',
        `every technique is off and browsers send the tokens of transport '${transport.name}' on their own (ambient); ${REMEDY}`,
      );
    }
  }
}

function isAmbientChoice(choice: 'cookie' | 'header' | Transport): boolean {
  return typeof choice === 'string'
    ? choice === 'cookie'
    : choice.ambient !== false;
}

/** Checks CSRF tokens against the other options. */
export function checkCsrfToken(
  reader: OptionReader,
  options: Record<string, unknown>,
  { csrf, refresh, keys, isVerifyOnly }: ResolvedSessionJwtOptions,
): void {
  if (!csrf.token) {
    return;
  }
  if (csrf.token.cookie && csrf.token.cookie.name === refresh?.cookie.name) {
    reader.fault(
      'csrf.token.cookie',
      "expected a name other than the refresh cookie's",
    );
  }
  if (hasSecret(options, keys)) {
    return;
  }
  if (isVerifyOnly) {
    reader.fault(
      'csrf.token',
      'needs a secret: public keys cannot check CSRF tokens',
    );
  } else {
    reader.fault(
      'derivedSecret',
      `is needed for csrf.token, since keys are for session tokens only; ${HOW_TO_MAKE_A_SECRET}`,
    );
  }
}

/** Returns whether there is a secret from which keys for other purposes can be derived. */
function hasSecret(
  options: Record<string, unknown>,
  { derivedSecrets, encryption }: ResolvedKeysOptions,
): boolean {
  return (
    options['secret'] !== undefined ||
    derivedSecrets.length > 0 ||
    (encryption?.length ?? 0) > 0
  );
}

/** Reads the name of a header that browsers do not send on their own, in lower case. */
function resolveCustomHeader(
  reader: OptionReader,
  path: string,
  value: unknown,
  byDefault: string,
): string {
  const name = reader.text(path, value, byDefault, HEADER_NAME).toLowerCase();
  if (isSentByBrowsers(name)) {
    reader.fault(
      path,
      'expected a custom header, not one that browsers send on their own',
      value,
    );
  }
  return name;
}
