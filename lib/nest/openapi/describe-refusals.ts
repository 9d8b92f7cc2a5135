import type { HttpStatus } from '@nestjs/common';
import {
  SessionError,
  type AuthenticationChallenge,
  type SessionErrorCode,
} from '../../errors/session-error.js';
import { errorBodyOf, headersOf, statusOf } from '../session-exception.js';
import type { SessionRuntime } from '../session-runtime.js';
import type { NamedComponents } from './named-components.js';
import {
  objectOf,
  type Operation,
  type Parameter,
} from './openapi-document.js';

const ERROR_BODY = objectOf(
  {
    statusCode: { type: 'integer' },
    message: { type: 'string' },
    errorCode: { type: 'string' },
    max_age: {
      type: 'integer',
      description:
        'Maximum age of the authentication, in seconds (REAUTHENTICATION_REQUIRED)',
    },
    acr_values: {
      type: 'string',
      description:
        'Accepted classes of authentication, separated by spaces (REAUTHENTICATION_REQUIRED)',
    },
  },
  ['statusCode', 'message'],
);

interface ResponseTexts {
  /** Of the component that operations share. */
  readonly name: string;
  readonly description: string;
}

const RESPONSES: Readonly<Record<number, ResponseTexts>> = {
  401: { name: 'SessionRequired', description: 'No valid session' },
  503: {
    name: 'SessionUnavailable',
    description: 'Temporarily unavailable; the session is kept',
  },
};
/** Responses with a status that has several causes, by the code of the only one. */
const CAUSES: Readonly<Partial<Record<SessionErrorCode, ResponseTexts>>> = {
  CSRF_REFUSED: {
    name: 'CrossSiteRefused',
    description: 'Refused as a cross-site request',
  },
  SESSION_FORBIDDEN: {
    name: 'SessionForbidden',
    description: 'The session does not permit this',
  },
};
const REAUTHENTICATION: ResponseTexts = {
  name: 'ReauthenticationRequired',
  description:
    'No valid session, or the user must authenticate again (RFC 9470)',
};
const EXAMPLE: AuthenticationChallenge = { maxAge: 600 };
const FORBIDDEN: ResponseTexts = {
  name: 'Forbidden',
  description: 'The session does not permit this, or the request is cross-site',
};

const HEADERS: Readonly<Record<string, object>> = {
  'WWW-Authenticate': {
    description: 'How to authenticate',
    schema: { type: 'string' },
  },
  'Retry-After': {
    description: 'Seconds after which to try again',
    schema: { type: 'integer' },
  },
};

/** Adds the responses of refusals to an operation. The application's own response with a status takes precedence. */
export function describeRefusals(
  operation: Operation,
  codes: readonly SessionErrorCode[],
  { transports }: SessionRuntime,
  components: NamedComponents,
): Operation {
  const responses = { ...operation.responses };
  const statuses = new Set(codes.map((code) => statusOf({ code })));
  for (const status of statuses) {
    if (status in responses || `${String(status)[0]}XX` in responses) {
      continue;
    }
    const causes = codes.filter((code) => statusOf({ code }) === status);
    const { name, description } = textsOf(status, causes);
    const headers = causes
      .map((code) => new SessionError(code, ''))
      .flatMap((error) => headersOf(error, transports.challenges))
      .map(([header]) => [header, HEADERS[header]] as const);
    responses[status] = components.refTo('responses', name, {
      description,
      ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
      content: {
        'application/json': {
          schema: components.refTo('schemas', 'SessionError', ERROR_BODY),
          ...examplesOf(status, causes),
        },
      },
    });
  }
  return { ...operation, responses };
}

function textsOf(
  status: number,
  causes: readonly SessionErrorCode[],
): ResponseTexts {
  const [cause, another] = causes;
  if (causes.includes('REAUTHENTICATION_REQUIRED')) {
    return REAUTHENTICATION;
  }
  return (
    RESPONSES[status] ?? (another ? FORBIDDEN : CAUSES[cause!]) ?? FORBIDDEN
  );
}

function examplesOf(
  status: HttpStatus,
  causes: readonly SessionErrorCode[],
): object {
  const [cause, another] = causes;
  return another
    ? {
        examples: Object.fromEntries(
          causes.map((code) => [
            code,
            { value: errorBodyOf(status, code, EXAMPLE) },
          ]),
        ),
      }
    : { example: errorBodyOf(status, cause) };
}

/** Adds the headers that protect against CSRF to an operation. */
export function describeCsrfHeaders(
  operation: Operation,
  { options: { csrf } }: SessionRuntime,
): Operation {
  const given = operation.parameters ?? [];
  const added = [csrf.headerName, csrf.token?.headerName]
    .filter((name) => name !== undefined)
    .filter((name) => !given.some((other) => isHeader(other, name)))
    .map((name) => ({
      name,
      in: 'header',
      description: 'Protects against CSRF',
      schema: { type: 'string' },
    }));
  return added.length > 0
    ? { ...operation, parameters: [...given, ...added] }
    : operation;
}

function isHeader(parameter: Parameter, name: string): boolean {
  return parameter.in === 'header' && parameter.name?.toLowerCase() === name;
}
