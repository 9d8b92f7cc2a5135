/** Every code that a {@link SessionError} can carry. */
export const SESSION_ERROR_CODES = [
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_NOT_YET_VALID',
  'TOKEN_CONFLICT',
  'KEY_UNKNOWN',
  'SESSION_ENDED',
  'SESSION_UNKNOWN',
  'REFRESH_REUSED',
  'PROOF_REQUIRED',
  'SESSION_LIMIT',
  'CSRF_REFUSED',
  'SESSION_FORBIDDEN',
  'REAUTHENTICATION_REQUIRED',
  'LOADER_UNAVAILABLE',
  'STORE_UNAVAILABLE',
  'KEYS_UNAVAILABLE',
  'PROOF_UNAVAILABLE',
  'STORE_REQUIRED',
  'SIGNING_KEY_REQUIRED',
  'SESSION_TOO_LARGE',
  'NOT_SERIALIZABLE',
  'SUBJECT_REQUIRED',
  'SESSION_FOREIGN',
  'REQUEST_PROPERTY_TAKEN',
] as const;

/** The code of a {@link SessionError}. */
export type SessionErrorCode = (typeof SESSION_ERROR_CODES)[number];

/** What a new proof of who the user is must satisfy (RFC 9470, section 3). */
export interface AuthenticationChallenge {
  /** Its maximum age, in whole seconds. */
  readonly maxAge?: number;
  /** The values of `acr` of which it must have one, in order of preference. They contain no spaces. */
  readonly acrValues?: readonly string[];
}

/** What a {@link SessionError} carries in addition to its code and message. */
export interface SessionErrorOptions {
  cause?: unknown;
  /** Seconds until a retry is worthwhile. Sent as `Retry-After` with a 503. */
  retryAfterSeconds?: number;
  /** Sent to the client with `REAUTHENTICATION_REQUIRED`. */
  challenge?: AuthenticationChallenge;
}

/**
 * Thrown by the library at run time. `code` is stable and meant for programs, `message` is meant for logs. Neither
 * contains a token, a secret or a session id.
 */
export class SessionError extends Error {
  static {
    recogniseInAllCopies(this, 'session-error');
  }

  override readonly name: string = 'SessionError';
  readonly code: SessionErrorCode;
  readonly retryAfterSeconds: number | undefined;
  readonly challenge: AuthenticationChallenge | undefined;

  constructor(
    code: SessionErrorCode,
    message: string,
    options: SessionErrorOptions = {},
  ) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.challenge = options.challenge;
  }
}

/**
 * Whether an error says that the loader, the store or the keys cannot answer. Any other error is a defect, which callers
 * throw again: the client gets 500, and the application logs it.
 */
export function isOutage(error: unknown): error is SessionError {
  return error instanceof SessionError;
}

/**
 * Thrown by a `SessionDataLoader` to end the session: the user is gone, disabled, or was logged out everywhere. The
 * client gets 401 and its tokens are cleared. Any other error means that the data source is down, and logs no one
 * out unless `loader.onError` is `'end'`.
 */
export class SessionEndedError extends SessionError {
  static {
    recogniseInAllCopies(this, 'session-ended-error');
  }

  override readonly name = 'SessionEndedError';

  /** @param reason for the `ended` event; the client never sees it */
  constructor(
    reason = 'the loader ended the session',
    options: { cause?: unknown } = {},
  ) {
    super('SESSION_ENDED', reason, options);
  }
}

/**
 * Makes `instanceof` work for errors of other copies of the package in the process: the loader of a library that
 * brings a separate copy must be able to end a session.
 */
function recogniseInAllCopies(
  errorClass: { readonly prototype: object },
  name: string,
): void {
  const mark = Symbol.for(`nestjs-session-jwt:${name}:v1`);
  const isOrdinary = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(errorClass.prototype, mark, { value: true });
  Object.defineProperty(errorClass, Symbol.hasInstance, {
    value(this: object, value: unknown): boolean {
      return this === errorClass
        ? typeof value === 'object' && value !== null && mark in value
        : isOrdinary.call(this, value);
    },
  });
}
