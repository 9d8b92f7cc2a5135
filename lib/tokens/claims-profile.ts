import type { Refusal } from '../errors/refusal.js';
import { MAXIMUM_LIFETIME } from '../options/durations.js';
import {
  isAuthenticationValue,
  isKeyConfirmation,
  isMethodList,
  isThumbprintConfirmation,
  SECRET,
} from './proof-claims.js';
import type {
  RefreshClaims,
  SessionClaims,
  SessionContent,
  TokenClaims,
} from './session-claims.js';

/** What this application expects of a token in addition to its format. */
export interface ClaimsExpectation {
  readonly issuer: string;
  readonly audience: string;
  /**
   * Whether the params are the data (`dataLoader: false`), so that a token has no `data`; `undefined` if another
   * application decides.
   */
  readonly paramsAreData: boolean | undefined;
  /** Whether the store keeps the content of sessions, so that a session token is only a reference. */
  readonly isReference: boolean;
  /** Whether a store records the chains of refresh tokens. */
  readonly isRecorded: boolean;
}

/** The maximum nesting depth of a payload. The payload itself counts as one. */
export const MAXIMUM_DEPTH = 32;

const YEAR_9999 = 2 ** 33;
const TOKEN_ID = /^[\w-]{16,128}$/;

const NO_CONTENT = Object.freeze({
  params: null,
  attrs: Object.freeze({}),
  rev: 0,
});

/**
 * Reads the claims of a session token with a valid signature. Every claim must have its exact type and range; nothing
 * is converted (RFC 8725, sections 3.8, 3.9 and 3.12). Claims outside the profile are ignored. A token that is only a
 * reference gets empty content, which the record replaces.
 */
export function parseSessionClaims(
  value: unknown,
  expected: ClaimsExpectation,
): SessionClaims | Refusal {
  const claims = parseClaims(
    value,
    expected,
    (each) =>
      isRefreshEnd(each) &&
      isThumbprintConfirmation(each['cnf']) &&
      (each['gen'] === undefined || isCount(each['gen'])) &&
      (expected.isReference
        ? !('params' in each || 'data' in each || 'attrs' in each)
        : isContent(each, expected)),
  );
  return expected.isReference && typeof claims === 'object'
    ? Object.freeze({ ...claims, lat: claims.iat, ...NO_CONTENT })
    : (claims as SessionClaims | Refusal);
}

/** Reads the claims of a refresh token with a valid signature, like {@link parseSessionClaims}. */
export function parseRefreshClaims(
  value: unknown,
  expected: ClaimsExpectation,
): RefreshClaims | Refusal {
  return parseClaims(value, expected, (claims) =>
    expected.isRecorded
      ? isCount(claims['gen']) &&
        SECRET.test(claims.jti) &&
        isThumbprintConfirmation(claims['cnf'])
      : !('gen' in claims) &&
        'params' in claims &&
        isAttributed(claims) &&
        isKeyConfirmation(claims['cnf']),
  ) as RefreshClaims | Refusal;
}

function parseClaims(
  value: unknown,
  expected: ClaimsExpectation,
  isOfItsKind: (claims: TokenClaims & Record<string, unknown>) => boolean,
): TokenClaims | Refusal {
  if (!isObject(value)) {
    return 'claims';
  }
  if (isTime(value['v']) && value['v'] > 1) {
    return 'newer-version';
  }
  return isTokenClaims(value, expected) &&
    isOfItsKind(value) &&
    freezeWithin(shared(value, expected), MAXIMUM_DEPTH)
    ? value
    : 'claims';
}

/** Replaces values that many claims have in common by shared ones, since thousands of claims are cached. */
function shared(
  claims: Record<string, unknown>,
  { issuer, audience }: ClaimsExpectation,
): object {
  claims['iss'] = issuer;
  claims['aud'] = audience;
  if (isObject(claims['attrs']) && Object.keys(claims['attrs']).length === 0) {
    claims['attrs'] = NO_CONTENT.attrs;
  }
  return claims;
}

function isTokenClaims(
  claims: object,
  expected: ClaimsExpectation,
): claims is TokenClaims & Record<string, unknown> {
  const c = claims as Readonly<Record<keyof TokenClaims, unknown>>;
  return (
    c.v === 1 &&
    c.iss === expected.issuer &&
    c.aud === expected.audience &&
    isSubject(c.sub) &&
    typeof c.sid === 'string' &&
    SECRET.test(c.sid) &&
    typeof c.jti === 'string' &&
    TOKEN_ID.test(c.jti) &&
    isTime(c.iat) &&
    isTime(c.exp) &&
    isTime(c.oiat) &&
    isTime(c.auth_time) &&
    c.oiat <= c.iat &&
    c.auth_time <= c.iat &&
    c.iat < c.exp &&
    c.exp <= c.iat + MAXIMUM_LIFETIME &&
    (c.acr === undefined || isAuthenticationValue(c.acr)) &&
    (c.amr === undefined || isMethodList(c.amr)) &&
    (c.per === undefined || c.per === false) &&
    isOptionalTime(c.nbf) &&
    isOptionalTime(c.idl) &&
    isOptionalTime(c.abs) &&
    isOptionalTime(c.int)
  );
}

/** A refresh token never ends before the session token issued with it. */
function isRefreshEnd(
  claims: TokenClaims & { readonly rexp?: unknown },
): boolean {
  const { rexp } = claims;
  return (
    rexp === undefined ||
    (isTime(rexp) &&
      claims.exp <= rexp &&
      rexp <= claims.iat + MAXIMUM_LIFETIME)
  );
}

function isContent(
  claims: TokenClaims & Record<string, unknown>,
  expected: ClaimsExpectation,
): boolean {
  const { lat } = claims as Partial<Record<keyof SessionContent, unknown>>;
  return (
    isTime(lat) &&
    claims.oiat <= lat &&
    lat <= claims.iat &&
    'params' in claims &&
    (expected.paramsAreData === undefined ||
      'data' in claims !== expected.paramsAreData) &&
    isAttributed(claims)
  );
}

function isAttributed({ attrs, rev }: Record<string, unknown>): boolean {
  return isObject(attrs) && isCount(rev);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Returns whether a value is a subject: a string of 1 to 255 characters that UTF-8 can express. */
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

/**
 * Freezes a JSON value, so that no request can change what another one sees. Returns `false` if the value is too
 * deep.
 */
export function freezeWithin(value: object, depth: number): boolean {
  if (depth === 0) {
    return false;
  }
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (
      typeof member === 'object' &&
      member !== null &&
      !freezeWithin(member, depth - 1)
    ) {
      return false;
    }
  }
  Object.freeze(value);
  return true;
}
