import type { Refusal } from '../errors/refusal.js';
import type { SessionClaims } from './session-claims.js';

/** What this application expects of a token besides its form. */
export interface ClaimsExpectation {
  readonly issuer: string;
  readonly audience: string;
  /** Whether the params are the data (`dataLoader: false`), so that a token holds no `data`. */
  readonly paramsAreData: boolean;
}

/** The deepest nesting of a payload; the payload itself counts as one. */
export const MAXIMUM_DEPTH = 32;

const YEAR_9999 = 2 ** 33;
const MAXIMUM_LIFETIME_SECONDS = 400 * 86_400;
/** 32 bytes in canonical base64url. */
const SESSION_ID = /^[\w-]{42}[AEIMQUYcgkosw048]$/;
const TOKEN_ID = /^[\w-]{16,128}$/;

/**
 * Reads the claims of a token whose signature is good. Every claim has its exact type and range; nothing is
 * converted (RFC 8725, sections 3.8, 3.9 and 3.12). Claims that the profile does not name are ignored.
 */
export function parseSessionClaims(
  value: unknown,
  expected: ClaimsExpectation,
): SessionClaims | Refusal {
  if (!isObject(value)) {
    return 'claims';
  }
  if (isTime(value['v']) && value['v'] > 1) {
    return 'newer-version';
  }
  return isSessionClaims(value, expected) && freezeWithin(value, MAXIMUM_DEPTH)
    ? value
    : 'claims';
}

function isSessionClaims(
  claims: object,
  expected: ClaimsExpectation,
): claims is SessionClaims {
  const c = claims as Readonly<Record<keyof SessionClaims, unknown>>;
  return (
    c.v === 1 &&
    c.iss === expected.issuer &&
    c.aud === expected.audience &&
    isSubject(c.sub) &&
    typeof c.sid === 'string' &&
    SESSION_ID.test(c.sid) &&
    typeof c.jti === 'string' &&
    TOKEN_ID.test(c.jti) &&
    isTime(c.iat) &&
    isTime(c.exp) &&
    isTime(c.oiat) &&
    isTime(c.auth_time) &&
    isTime(c.lat) &&
    c.oiat <= c.lat &&
    c.lat <= c.iat &&
    c.auth_time <= c.iat &&
    c.iat < c.exp &&
    c.exp <= c.iat + MAXIMUM_LIFETIME_SECONDS &&
    'params' in c &&
    'data' in c !== expected.paramsAreData &&
    isObject(c.attrs) &&
    Number.isSafeInteger(c.rev) &&
    (c.rev as number) >= 0 &&
    (c.per === undefined || c.per === false) &&
    isOptionalTime(c.nbf) &&
    isOptionalTime(c.idl) &&
    isOptionalTime(c.abs) &&
    isOptionalTime(c.int)
  );
}

/** A subject: a string of 1 to 255 characters that UTF-8 can express. */
export function isSubject(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length >= 1 &&
    value.length <= 255 &&
    !/\p{Surrogate}/u.test(value)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTime(value: unknown): value is number {
  return (
    Number.isInteger(value) &&
    (value as number) > 0 &&
    (value as number) < YEAR_9999
  );
}

function isOptionalTime(value: unknown): boolean {
  return value === undefined || isTime(value);
}

/** Freezes a JSON value, so that no request can change what another one sees; `false` when it is too deep. */
function freezeWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return true;
  }
  if (depth === 0) {
    return false;
  }
  for (const key in value) {
    if (!freezeWithin((value as Record<string, unknown>)[key], depth - 1)) {
      return false;
    }
  }
  Object.freeze(value);
  return true;
}
