import type { ResolvedCsrfOptions } from '../options/resolved-options.js';
import { headerOf, type RequestFacts } from '../request-facts.js';
import { isSameOrigin } from './cross-origin.js';

export type CsrfDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: 'cross-site' | 'csrf-header' };

const ALLOWED: CsrfDecision = { allowed: true };

/** Methods that must not change anything (RFC 9110, section 9.2.1); compared as HTTP does, with their case. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether a request can change something. A WebSocket handshake is a GET that opens a way to do so. */
export function isUnsafe(facts: RequestFacts): boolean {
  return (
    !SAFE_METHODS.has(facts.method ?? '') ||
    facts.headers['upgrade'] !== undefined
  );
}

/** Judges an unsafe request whose tokens the browser sent on its own. Every technique that is on must agree. */
export function judgeCsrf(
  facts: RequestFacts,
  options: ResolvedCsrfOptions,
): CsrfDecision {
  if (
    options.headerName !== undefined &&
    !headerOf(facts, options.headerName)
  ) {
    return { allowed: false, reason: 'csrf-header' };
  }
  return judgeOrigin(facts, options);
}

/**
 * Whether a sign-in or sign-out must come from our own site: where it would end a session that the browser
 * sent along, or write what the browser will send. A token that is not ambient is proof enough, since no
 * other site can make a browser send one.
 */
export function mustProveOrigin(change: {
  readonly writesAmbient: boolean;
  readonly carriesAmbient: boolean;
  readonly carriesToken: boolean;
}): boolean {
  return (
    change.carriesAmbient || (change.writesAmbient && !change.carriesToken)
  );
}

/** The origin technique alone, for requests that carry no session yet: sign-in and sign-out. */
export function judgeOrigin(
  facts: RequestFacts,
  options: ResolvedCsrfOptions,
): CsrfDecision {
  if (!options.checksOrigin) {
    return ALLOWED;
  }
  const request = {
    secFetchSite: headerOf(facts, 'sec-fetch-site'),
    origin: headerOf(facts, 'origin'),
    referer: headerOf(facts, 'referer'),
    host: headerOf(facts, ':authority') ?? headerOf(facts, 'host'),
  };
  return isSameOrigin(request, options)
    ? ALLOWED
    : { allowed: false, reason: 'cross-site' };
}
