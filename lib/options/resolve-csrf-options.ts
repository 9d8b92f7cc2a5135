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
import { readTrustedOrigin } from './trusted-origin.js';

/** Headers that another site can make a browser send, so that their presence proves nothing. */
const NO_PROOF =
  /^(?:authorization|accept|accept-language|content-language|content-type|range|cookie|origin|referer|host|user-agent|connection|content-length|accept-encoding|cache-control|pragma|priority|upgrade-insecure-requests|dnt|te|via|sec-.*|proxy-.*|access-control-.*)$/;

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

/** What is wrong with CSRF tokens in view of the other options. */
export function checkCsrfToken(
  reader: OptionReader,
  options: Record<string, unknown>,
  { csrf, refresh, keys, isVerifyOnly }: ResolvedSessionJwtOptions,
): void {
  if (!csrf.token) {
    return;
  }
  if (csrf.token.cookie && csrf.token.cookie.name === refresh?.cookie.name) {
    reader.fault('csrf.token.cookie', 'is the name of the refresh cookie');
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

/** Whether there is anything that keys of other purposes can be derived from. */
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

/** A header that browsers do not send on their own, in lower case. */
function resolveCustomHeader(
  reader: OptionReader,
  path: string,
  value: unknown,
  byDefault: string,
): string {
  const name = reader.text(path, value, byDefault, HEADER_NAME).toLowerCase();
  if (NO_PROOF.test(name)) {
    reader.fault(
      path,
      'browsers send this header on their own, expected a custom one',
      value,
    );
  }
  return name;
}
