import { HttpException, HttpStatus } from '@nestjs/common';
import {
  SessionError,
  type SessionErrorCode,
} from '../errors/session-error.js';

/**
 * The only code that clients see for a status: revealing which check failed would help an attacker. Except for a session
 * that is not authorized, which is no check of the session.
 */
const PUBLIC_CODES: Readonly<Partial<Record<HttpStatus, string>>> = {
  [HttpStatus.UNAUTHORIZED]: 'SESSION_REQUIRED',
  [HttpStatus.FORBIDDEN]: 'CSRF_REFUSED',
  [HttpStatus.CONFLICT]: 'SESSION_LIMIT',
  [HttpStatus.SERVICE_UNAVAILABLE]: 'SESSION_UNAVAILABLE',
};

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
  SESSION_LIMIT: HttpStatus.CONFLICT,
  CSRF_REFUSED: HttpStatus.FORBIDDEN,
  SESSION_FORBIDDEN: HttpStatus.FORBIDDEN,
  LOADER_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  STORE_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  KEYS_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
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
}

/** Returns the body of a status: the only one, except for 403. */
export function errorBodyOf(
  statusCode: HttpStatus,
  code?: SessionErrorCode,
): ErrorBody {
  const errorCode =
    code === 'SESSION_FORBIDDEN' ? code : PUBLIC_CODES[statusCode];
  return {
    statusCode,
    message: MESSAGES[statusCode]!,
    ...(errorCode !== undefined && { errorCode }),
  };
}

/**
 * Converts a `SessionError` to what a client may see: one body per status, except for 403, whose body has the code. The
 * module's filter uses it; call it in a custom catch-all filter.
 *
 * The body is an object with `statusCode`, `message` and, except for 500, `errorCode`: Nest 11 has no option for the
 * last, and GraphQL drivers look for the status in the body.
 *
 * @returns an `HttpException` with the error as `cause`
 */
export function toHttpException(error: SessionError): HttpException {
  const body = errorBodyOf(statusOf(error), error.code);
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
  if (status === HttpStatus.UNAUTHORIZED && challenges.length > 0) {
    headers.push(['WWW-Authenticate', challenges.join(', ')]);
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
