import { isThisMachine, parseUrl } from '../options/parse-url.js';
import type { ResolvedCsrfOptions } from '../options/resolved-options.js';
import { headerOf, type RequestFacts } from '../ports/request-facts.js';
import { isAt, type RequestOrigin } from './cross-origin.js';
import { csrfTokenOf, originOf, type CsrfRefusal } from './csrf-policy.js';

/** The distinct causes of a refusal, each with its remedy. */
export type ForgeryCause =
  | 'null-origin'
  | 'plain-http-origin'
  | 'cross-site-request'
  | 'same-site-request'
  | 'proxy-host'
  | 'foreign-origin'
  | 'foreign-referer'
  | 'header-missing'
  | 'token-missing'
  | 'token-invalid';

/** Why a request was refused as forged, for an operator who did not expect it. */
export interface ForgeryExplanation {
  readonly cause: ForgeryCause;
  /** One line, safe to log: what the request said about itself, and the setting to change. */
  readonly message: string;
}

/** Maximum length of a client's value in a log. */
const MAX_SHOWN = 100;

/**
 * Explains a refusal of {@link judgeCsrf}: which check failed, what the request said, and what to change if it came
 * from the application's own pages. Never shows a cookie, token, path or query.
 */
export function explainForgery(
  facts: RequestFacts,
  options: ResolvedCsrfOptions,
  reason: CsrfRefusal,
): ForgeryExplanation {
  const request = originOf(facts);
  const forwardedHost = headerOf(facts, 'x-forwarded-host');
  const cause = causeOf(facts, request, forwardedHost, options, reason);
  const said = {
    'Sec-Fetch-Site': request.secFetchSite,
    Origin: request.origin && originIn(request.origin),
    ...(!request.origin && {
      Referer: request.referer && originIn(request.referer),
    }),
    Host: request.host,
    'X-Forwarded-Host': forwardedHost,
  };
  const values = Object.entries(said).map(
    ([name, value]) => `${name}: ${value ? quoted(value) : 'none'}`,
  );
  return {
    cause,
    message: `Refused a request as forged (CSRF_REFUSED, ${cause}; ${values.join(', ')}). ${remedyOf(cause, options)}`,
  };
}

function causeOf(
  facts: RequestFacts,
  { secFetchSite, origin, host }: RequestOrigin,
  forwardedHost: string | undefined,
  { token, secureOrigins }: ResolvedCsrfOptions,
  reason: CsrfRefusal,
): ForgeryCause {
  if (reason === 'csrf-header') {
    return 'header-missing';
  }
  if (reason === 'csrf-token') {
    const given = token && csrfTokenOf(facts, token);
    return given ? 'token-invalid' : 'token-missing';
  }
  if (origin === 'null') {
    return 'null-origin';
  }
  const url = origin ? parseUrl(origin) : undefined;
  // Of several proxies, the first one wrote what the browser sent.
  const publicHost = forwardedHost?.split(',')[0]?.trim();
  const isAtHost = url && host !== undefined && isAt(url, host);
  const isAtPublicHost = url && publicHost ? isAt(url, publicHost) : false;
  if (
    secureOrigins &&
    url?.protocol === 'http:' &&
    !isThisMachine(url.hostname) &&
    (isAtHost || isAtPublicHost)
  ) {
    return 'plain-http-origin';
  }
  if (secFetchSite) {
    return secFetchSite === 'same-site'
      ? 'same-site-request'
      : 'cross-site-request';
  }
  if (isAtPublicHost && !isAtHost) {
    return 'proxy-host';
  }
  return origin ? 'foreign-origin' : 'foreign-referer';
}

function remedyOf(
  cause: ForgeryCause,
  { headerName, token }: ResolvedCsrfOptions,
): string {
  switch (cause) {
    case 'null-origin':
      return 'If the page is yours, send `Referrer-Policy: same-origin` with it instead of `no-referrer`, and give your own sandboxed frames `allow-same-origin`.';
    case 'plain-http-origin':
      return 'The page was loaded over plain HTTP, but cookie.secure requires HTTPS: serve the page over HTTPS and redirect HTTP to it, or set cookie.secure to false for development without HTTPS.';
    case 'cross-site-request':
      return 'Most such requests are attacks and are rightly refused. If the origin is yours, list it in csrf.origin.trustedOrigins; for single sign-on that posts from another site, pass `crossSite: true` in its route.';
    case 'same-site-request':
      return 'The request comes from a sibling (another subdomain or port). If the origin is yours, list it in csrf.origin.trustedOrigins.';
    case 'proxy-host':
      return 'A proxy replaces the Host that the browser sent: make it forward Host unchanged (nginx: `proxy_set_header Host $http_host`), or list your public origin in csrf.origin.trustedOrigins.';
    case 'foreign-origin':
      return 'If the origin is yours, list it in csrf.origin.trustedOrigins, or make the proxy forward Host unchanged if it replaces the host or the port.';
    case 'foreign-referer':
      return 'If the origin of the Referer is yours, list it in csrf.origin.trustedOrigins, or make the proxy forward Host unchanged; send `Referrer-Policy: same-origin` with your own pages.';
    case 'header-missing':
      return `Send the header '${headerName}' (csrf.header) with every unsafe request, sign-in, refresh and sign-out included. HTML forms cannot send it: for those use csrf.origin and csrf.token.`;
    case 'token-missing':
      return `Send a token from csrfToken(session) in the header '${token?.headerName}' or the body field '${token?.fieldName}' (csrf.token) with every unsafe request, refresh and sign-out included.`;
    case 'token-invalid':
      return 'The CSRF token belongs to another session, for example in a page loaded before the last sign-in: reload the page. If every token is refused, give all nodes the same secret and derivedSecret.';
  }
}

/** Returns the origin of an address, since its path and query may contain secrets. */
function originIn(address: string): string {
  const [origin] = /^[a-z][\w+.-]*:\/\/[^/?#\\\s]*/i.exec(address) ?? [];
  return origin === undefined
    ? address === 'null'
      ? 'null'
      : 'unreadable'
    : origin.replace(/\/\/.*@/, '//');
}

/** Quotes a client's value, without anything that could break out of its place in a log line. */
function quoted(value: string): string {
  const short =
    value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}...` : value;
  return `"${short.replace(/[^\w.:,[\]/ -]/g, '?')}"`;
}
