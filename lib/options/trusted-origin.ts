import { parseUrl } from './parse-url.js';

/**
 * Returns a trusted origin in the form in which browsers send `Origin` (lower-case scheme and host, no default port),
 * or `undefined` if it is invalid. The rules are those of Nest's `enableCsrfProtection`: a path (even `/`), a query
 * string, a fragment, credentials or a wildcard are refused.
 */
export function readTrustedOrigin(value: unknown): string | undefined {
  if (
    typeof value !== 'string' ||
    !/^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]+$/i.test(value)
  ) {
    return undefined;
  }
  const url = parseUrl(value);
  return url?.host && !url.username && !url.password && !url.host.includes('*')
    ? `${url.protocol}//${url.host}`
    : undefined;
}
