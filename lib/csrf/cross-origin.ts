import { isThisMachine, parseUrl } from '../options/parse-url.js';

/** What the browser says about the origin of a request. */
export interface RequestOrigin {
  readonly secFetchSite: string | undefined;
  readonly origin: string | undefined;
  readonly referer: string | undefined;
  /** `:authority` on HTTP/2, `Host` otherwise. */
  readonly host: string | undefined;
}

export interface CrossOriginPolicy {
  readonly trustedOrigins: ReadonlySet<string>;
  /** Whether our own pages are served over HTTPS, so that an `http:` origin is not one of them. */
  readonly secureOrigins: boolean;
}

/**
 * Returns whether an unsafe request comes from our own site. The rules are those of Nest's `enableCsrfProtection`
 * (and of Go's `net/http.CrossOriginProtection`), but stricter in three points, which never affect browsers on our
 * own pages:
 *
 * - `Origin` must have the exact spelling that browsers send.
 * - An `http:` origin is not ours if the cookie is Secure, except on this machine.
 * - A foreign `Referer` is refused if no other header decides.
 */
export function isSameOrigin(
  request: RequestOrigin,
  policy: CrossOriginPolicy,
): boolean {
  const { secFetchSite, origin, referer } = request;
  if (origin !== undefined && policy.trustedOrigins.has(origin)) {
    return true;
  }
  if (secFetchSite) {
    return secFetchSite === 'same-origin' || secFetchSite === 'none';
  }
  if (origin) {
    return isOurs(origin, request.host, policy);
  }
  if (referer) {
    const from = parseUrl(referer)?.origin ?? 'null';
    return (
      policy.trustedOrigins.has(from) || isOurs(from, request.host, policy)
    );
  }
  return true;
}

function isOurs(
  origin: string,
  host: string | undefined,
  policy: CrossOriginPolicy,
): boolean {
  const url = parseUrl(origin);
  if (host === undefined || url?.origin !== origin) {
    return false;
  }
  const mayBePlain = !policy.secureOrigins || isThisMachine(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && mayBePlain)) {
    return false;
  }
  return isAt(url, host);
}

/** Returns whether a URL is at a host as `Host` names it, with or without the default port. */
export function isAt(url: URL, host: string): boolean {
  const authority = host.toLowerCase();
  const defaultPort = url.protocol === 'https:' ? '443' : '80';
  return (
    url.host === authority ||
    (!url.port && `${url.hostname}:${defaultPort}` === authority)
  );
}
