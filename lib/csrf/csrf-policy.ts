import type {
  ResolvedCsrfOptions,
  ResolvedCsrfTokenOptions,
} from '../options/resolved-options.js';
import {
  bodyField,
  headerOf,
  type RequestFacts,
} from '../ports/request-facts.js';
import { isSameOrigin, type RequestOrigin } from './cross-origin.js';

/** The technique that refused a request: the origin, the custom header or the token. */
export type CsrfRefusal = 'cross-site' | 'csrf-header' | 'csrf-token';

export type CsrfDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: CsrfRefusal };

const ALLOWED: CsrfDecision = { allowed: true };

/** Methods that must not change anything (RFC 9110, section 9.2.1). Case-sensitive, as in HTTP. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Headers in which clients ask for another method, for frameworks that comply. */
const OVERRIDE_HEADERS = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
];
const OVERRIDE_FIELD = /[?&]_method=([^&#]*)/i;

/**
 * Returns whether a request can change something: by the method on the wire, by the method that the framework made of
 * it, or by one that it asks for. A WebSocket handshake is a GET that opens a channel for changes.
 */
export function isUnsafe(facts: RequestFacts): boolean {
  return (
    !isSafe(facts.method) ||
    (facts.wireMethod !== undefined && !isSafe(facts.wireMethod)) ||
    isHandshake(facts) ||
    asksForUnsafeMethod(facts)
  );
}

/**
 * Returns whether a verdict on a request still applies. Middleware may turn the request into an unsafe one later,
 * whose origin has not been checked yet.
 *
 * @param method the method for which the verdict was made
 */
export function holdsFor(
  facts: RequestFacts,
  method: string | undefined,
): boolean {
  return !isSafe(method) || !isUnsafe(facts);
}

/** Returns whether a request is a WebSocket handshake, a GET that opens a channel for changes. */
function isHandshake({ method, headers }: RequestFacts): boolean {
  return method === 'GET' && headers['upgrade'] !== undefined;
}

function isSafe(method: string | undefined): boolean {
  return SAFE_METHODS.has(method ?? '');
}

function asksForUnsafeMethod(facts: RequestFacts): boolean {
  const { headers, url = '' } = facts;
  for (const name of OVERRIDE_HEADERS) {
    if (
      headers[name] !== undefined &&
      !isSafe(headerOf(facts, name)?.toUpperCase())
    ) {
      return true;
    }
  }
  const field = OVERRIDE_FIELD.exec(url)?.[1];
  return field !== undefined && !isSafe(field.toUpperCase());
}

/**
 * Judges an unsafe request that reads, writes or ends what browsers send on their own. All enabled techniques must
 * agree.
 *
 * @param isOurToken whether a CSRF token belongs to the session of the request; `undefined` if the request carries no
 *   session that a token could belong to, so that the other techniques decide
 */
export function judgeCsrf(
  facts: RequestFacts,
  options: ResolvedCsrfOptions,
  isOurToken: ((token: string) => boolean) | undefined,
): CsrfDecision {
  // Scripts cannot set headers on a handshake, and browsers always state its origin.
  if (isHandshake(facts) && options.checksOrigin) {
    return judgeOrigin(facts, options);
  }
  if (
    options.headerName !== undefined &&
    !headerOf(facts, options.headerName)
  ) {
    return { allowed: false, reason: 'csrf-header' };
  }
  const { token } = options;
  const isAlone = !options.checksOrigin && options.headerName === undefined;
  if (token && (isOurToken || isAlone)) {
    const given = csrfTokenOf(facts, token);
    if (given === undefined || !isOurToken?.(given)) {
      return { allowed: false, reason: 'csrf-token' };
    }
  }
  return judgeOrigin(facts, options);
}

/** Returns the CSRF token of a request. Never reads a cookie or the URL: another site can set or send those. */
export function csrfTokenOf(
  facts: RequestFacts,
  { headerName, fieldName }: ResolvedCsrfTokenOptions,
): string | undefined {
  return headerOf(facts, headerName) ?? bodyField(facts, fieldName);
}

/**
 * Returns whether a sign-in, refresh or sign-out must come from our own site: if it would read or end a session that
 * the browser sent along, or write what the browser will send. A token where no other site can put one is proof
 * enough (`Transport.provesOrigin`); a token in a query or a body is not.
 */
export function mustProveOrigin(change: {
  readonly writesAmbient: boolean;
  readonly carriesAmbient: boolean;
  readonly carriesProof: boolean;
}): boolean {
  return (
    change.carriesAmbient || (change.writesAmbient && !change.carriesProof)
  );
}

/** Judges by the origin technique alone. */
export function judgeOrigin(
  facts: RequestFacts,
  options: ResolvedCsrfOptions,
): CsrfDecision {
  if (!options.checksOrigin) {
    return ALLOWED;
  }
  return isSameOrigin(originOf(facts), options)
    ? ALLOWED
    : { allowed: false, reason: 'cross-site' };
}

/** Returns what a request says about its origin. */
export function originOf(facts: RequestFacts): RequestOrigin {
  return {
    secFetchSite: headerOf(facts, 'sec-fetch-site'),
    origin: headerOf(facts, 'origin'),
    referer: headerOf(facts, 'referer'),
    host: headerOf(facts, ':authority') ?? headerOf(facts, 'host'),
  };
}
