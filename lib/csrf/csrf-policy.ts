import type {
  ResolvedCsrfOptions,
  ResolvedCsrfTokenOptions,
} from '../options/resolved-options.js';
import { bodyField, headerOf, type RequestFacts } from '../request-facts.js';
import { isSameOrigin, type RequestOrigin } from './cross-origin.js';

/** Which technique refused a request: the origin, the custom header or the token. */
export type CsrfRefusal = 'cross-site' | 'csrf-header' | 'csrf-token';

export type CsrfDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: CsrfRefusal };

const ALLOWED: CsrfDecision = { allowed: true };

/** Methods that must not change anything (RFC 9110, section 9.2.1); compared as HTTP does, with their case. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Where clients say that another method is meant, for frameworks that believe them. */
const OVERRIDE_HEADERS = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
];
const OVERRIDE_FIELD = /[?&]_method=([^&#]*)/i;

/**
 * Whether a request can change something: by the method on the wire, the one that the framework made of it, or
 * one that it asks for. A WebSocket handshake is a GET that opens a way to do so.
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
 * Whether a verdict on a request holds for it as it is now. Middleware may turn a request into an unsafe one
 * afterwards, and then nothing has asked yet who sent it.
 *
 * @param method the method for which the verdict was made
 */
export function holdsFor(
  facts: RequestFacts,
  method: string | undefined,
): boolean {
  return !isSafe(method) || !isUnsafe(facts);
}

/** Of a WebSocket: a GET that opens a way to change something. */
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
 * Judges an unsafe request that reads, writes or ends what browsers send on their own. Every technique that is on
 * must agree.
 *
 * @param isOurToken whether a CSRF token is one of the session that the request carries; `undefined` where it
 *   carries none that a token could belong to, so that the other techniques decide
 */
export function judgeCsrf(
  facts: RequestFacts,
  options: ResolvedCsrfOptions,
  isOurToken: ((token: string) => boolean) | undefined,
): CsrfDecision {
  // Scripts cannot set headers there, and browsers always say where it comes from.
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

/** The CSRF token of a request: never out of a cookie or the URL, since another site can set or send those. */
export function csrfTokenOf(
  facts: RequestFacts,
  { headerName, fieldName }: ResolvedCsrfTokenOptions,
): string | undefined {
  return headerOf(facts, headerName) ?? bodyField(facts, fieldName);
}

/**
 * Whether a sign-in, refresh or sign-out must come from our own site: where it would read or end a session that the
 * browser sent along, or write what the browser will send. A token where no other site can put one is proof
 * enough (`Transport.provesOrigin`); one in a query or a body is none.
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

/** What a request says of where it comes from. */
export function originOf(facts: RequestFacts): RequestOrigin {
  return {
    secFetchSite: headerOf(facts, 'sec-fetch-site'),
    origin: headerOf(facts, 'origin'),
    referer: headerOf(facts, 'referer'),
    host: headerOf(facts, ':authority') ?? headerOf(facts, 'host'),
  };
}
