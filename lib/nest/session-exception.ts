import { HttpException, HttpStatus } from '@nestjs/common';
import {
  SessionError,
  type AuthenticationChallenge,
  type SessionErrorCode,
} from '../errors/session-error.js';
import { isAuthenticationValue } from '../tokens/proof-claims.js';

/**
 * The only code that clients see for a status: revealing which check failed would help an attacker. Except for the codes
 * of {@link OWN_CODES}, which are no checks of the session.
 */
const PUBLIC_CODES: Readonly<Partial<Record<HttpStatus, string>>> = {
  [HttpStatus.UNAUTHORIZED]: 'SESSION_REQUIRED',
  [HttpStatus.FORBIDDEN]: 'CSRF_REFUSED',
  [HttpStatus.CONFLICT]: 'SESSION_LIMIT',
  [HttpStatus.SERVICE_UNAVAILABLE]: 'SESSION_UNAVAILABLE',
};

/** Of a valid session that does not suffice. */
const OWN_CODES: ReadonlySet<SessionErrorCode | undefined> = new Set<
  SessionErrorCode | undefined
>(['SESSION_FORBIDDEN', 'REAUTHENTICATION_REQUIRED']);

const MESSAGES: Readonly<Partial<Record<HttpStatus, string>>> = {
  [HttpStatus.UNAUTHORIZED]: 'Unauthorized',
  [HttpStatus.FORBIDDEN]: 'Forbidden',
  [HttpStatus.CONFLICT]: 'Conflict',
  [HttpStatus.SERVICE_UNAVAILABLE]: 'Service Unavailable',
  [HttpStatus.INTERNAL_SERVER_ERROR]: 'Internal server error',
};

const STATUSES: Readonly<Record<SessionErrorCode, HttpStatus>> = {
  TOKEN_MISSING: HttpStatus.UNAUTHORIZED,
  TOKEN_INVALID: HttpStatus.UNAUTHORIZED,
  TOKEN_EXPIRED: HttpStatus.UNAUTHORIZED,
  TOKEN_NOT_YET_VALID: HttpStatus.UNAUTHORIZED,
  TOKEN_CONFLICT: HttpStatus.UNAUTHORIZED,
  KEY_UNKNOWN: HttpStatus.UNAUTHORIZED,
  SESSION_ENDED: HttpStatus.UNAUTHORIZED,
  SESSION_UNKNOWN: HttpStatus.UNAUTHORIZED,
  REFRESH_REUSED: HttpStatus.UNAUTHORIZED,
  PROOF_REQUIRED: HttpStatus.UNAUTHORIZED,
  REAUTHENTICATION_REQUIRED: HttpStatus.UNAUTHORIZED,
  SESSION_LIMIT: HttpStatus.CONFLICT,
  CSRF_REFUSED: HttpStatus.FORBIDDEN,
  SESSION_FORBIDDEN: HttpStatus.FORBIDDEN,
  LOADER_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  STORE_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  KEYS_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  PROOF_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  SIGNING_KEY_REQUIRED: HttpStatus.INTERNAL_SERVER_ERROR,
  STORE_REQUIRED: HttpStatus.INTERNAL_SERVER_ERROR,
  SESSION_TOO_LARGE: HttpStatus.INTERNAL_SERVER_ERROR,
  NOT_SERIALIZABLE: HttpStatus.INTERNAL_SERVER_ERROR,
  SUBJECT_REQUIRED: HttpStatus.INTERNAL_SERVER_ERROR,
  SESSION_FOREIGN: HttpStatus.INTERNAL_SERVER_ERROR,
  REQUEST_PROPERTY_TAKEN: HttpStatus.INTERNAL_SERVER_ERROR,
};

/**
 * Returns the status of an error. A code known only to a newer copy of the package is 500, like an application fault.
 */
export function statusOf({ code }: Pick<SessionError, 'code'>): HttpStatus {
  return STATUSES[code] ?? HttpStatus.INTERNAL_SERVER_ERROR;
}

/** What a client sees of an error: the body of the response. */
export interface ErrorBody {
  readonly statusCode: HttpStatus;
  readonly message: string;
  readonly errorCode?: string;
  /** Members of a challenge, named as in its header: clients of GraphQL and gateways get no header. */
  readonly max_age?: number;
  readonly acr_values?: string;
}

/** Returns the body of a status: the only one, except for the codes that clients see. */
export function errorBodyOf(
  statusCode: HttpStatus,
  code?: SessionErrorCode,
  challenge: AuthenticationChallenge = {},
): ErrorBody {
  const isOwn = OWN_CODES.has(code);
  const errorCode = isOwn ? code : PUBLIC_CODES[statusCode];
  return {
    statusCode,
    message: MESSAGES[statusCode]!,
    ...(errorCode !== undefined && { errorCode }),
    ...(code === 'REAUTHENTICATION_REQUIRED' && parametersOf(challenge)),
  };
}

/** Returns the parameters of a challenge (RFC 9470, section 3), without values that it cannot express. */
function parametersOf({
  maxAge,
  acrValues = [],
}: AuthenticationChallenge): Pick<ErrorBody, 'max_age' | 'acr_values'> {
  const values = acrValues.filter(
    (value) => isAuthenticationValue(value) && !value.includes(' '),
  );
  return {
    ...(Number.isInteger(maxAge) && { max_age: maxAge! }),
    ...(values.length > 0 && { acr_values: values.join(' ') }),
  };
}

/** Returns the challenges that say what a new proof must satisfy: by the schemes of the transports, or as `Bearer`. */
function stepUpChallenges(
  { challenge = {} }: SessionError,
  challenges: readonly string[],
): readonly string[] {
  const { max_age, acr_values } = parametersOf(challenge);
  const parameters = [
    'error="insufficient_user_authentication"',
    'error_description="Another or more recent authentication is required"',
    ...(max_age === undefined ? [] : [`max_age="${max_age}"`]),
    ...(acr_values === undefined ? [] : [`acr_values="${acr_values}"`]),
  ].join(', ');
  return (challenges.length > 0 ? challenges : ['Bearer']).map((each) =>
    each.includes(' ') ? `${each}, ${parameters}` : `${each} ${parameters}`,
  );
}

/**
 * Converts a `SessionError` to what a client may see: one body per status, except for 403, whose body has the code, and
 * for `REAUTHENTICATION_REQUIRED`. The module's filter uses it; call it in a custom catch-all filter.
 *
 * The body is an object with `statusCode`, `message` and, except for 500, `errorCode`: Nest 11 has no option for the
 * last, and GraphQL drivers look for the status in the body. With `REAUTHENTICATION_REQUIRED` it has the parameters of
 * the challenge, `max_age` and `acr_values`.
 *
 * @returns an `HttpException` with the error as `cause`
 */
export function toHttpException(error: SessionError): HttpException {
  const body = errorBodyOf(statusOf(error), error.code, error.challenge);
  return new HttpException(body, body.statusCode, { cause: error });
}

/** Converts a defect to what a client may see: that there was one. */
export function defectException(cause: unknown): HttpException {
  const body = errorBodyOf(HttpStatus.INTERNAL_SERVER_ERROR);
  return new HttpException(body, body.statusCode, { cause });
}

/** Whether an error is a mistake of the application, which must be logged. */
export function isMistake(error: SessionError): boolean {
  return statusOf(error) === HttpStatus.INTERNAL_SERVER_ERROR;
}

/**
 * Returns the headers of the response: how to authenticate, and when to retry (RFC 9110, sections 11.6.1 and 10.2.3).
 */
export function headersOf(
  error: SessionError,
  challenges: readonly string[],
): readonly (readonly [name: string, value: string])[] {
  const headers: [name: string, value: string][] = [];
  const status = statusOf(error);
  const stated =
    error.code === 'REAUTHENTICATION_REQUIRED'
      ? stepUpChallenges(error, challenges)
      : challenges;
  if (status === HttpStatus.UNAUTHORIZED && stated.length > 0) {
    headers.push(['WWW-Authenticate', stated.join(', ')]);
  }
  if (status === HttpStatus.SERVICE_UNAVAILABLE) {
    headers.push(['Retry-After', String(error.retryAfterSeconds ?? 1)]);
  }
  return headers;
}

/** Whether an error of a loader ends the session: its owner is gone, or no longer allowed. */
export function endsSession(error: unknown): boolean {
  return (
    error instanceof HttpException &&
    [401, 403, 404, 410].includes(error.getStatus())
  );
}
