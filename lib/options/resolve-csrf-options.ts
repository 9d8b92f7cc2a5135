import type { OptionReader } from './option-reader.js';
import type { ResolvedCsrfOptions } from './resolved-options.js';
import { HEADER_NAME } from './resolve-cookie-options.js';
import { readTrustedOrigin } from './trusted-origin.js';

/** Headers that another site can make a browser send, so that their presence proves nothing. */
const NO_PROOF =
  /^(?:authorization|accept|accept-language|content-language|content-type|range|cookie|origin|referer|host|user-agent|connection|content-length|accept-encoding|cache-control|pragma|priority|upgrade-insecure-requests|dnt|te|via|sec-.*|proxy-.*|access-control-.*)$/;

export function resolveCsrf(
  reader: OptionReader,
  value: unknown,
  secureOrigins: boolean,
): ResolvedCsrfOptions {
  const csrf = reader.group('csrf', value, ['origin', 'header']);
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
  const headerName =
    header === false
      ? undefined
      : reader.text('csrf.header', header, '', HEADER_NAME).toLowerCase() ||
        undefined;
  if (headerName && NO_PROOF.test(headerName)) {
    reader.fault(
      'csrf.header',
      'browsers send this header on their own, expected a custom one',
      header,
    );
  }
  return {
    checksOrigin: origin !== false,
    trustedOrigins,
    headerName,
    secureOrigins,
  };
}
