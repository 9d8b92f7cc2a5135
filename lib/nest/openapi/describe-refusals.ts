import {
  SessionError,
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
  },
  ['statusCode', 'message'],
);

const RESPONSES: Readonly<
  Record<number, { readonly name: string; readonly description: string }>
> = {
  401: { name: 'SessionRequired', description: 'No valid session' },
  403: {
    name: 'CrossSiteRefused',
    description: 'Refused as a cross-site request',
  },
  503: {
    name: 'SessionUnavailable',
    description: 'Temporarily unavailable; the session is kept',
  },
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
  for (const code of codes) {
    const error = new SessionError(code, '');
    const status = statusOf(error);
    if (status in responses || `${String(status)[0]}XX` in responses) {
      continue;
    }
    const { name, description } = RESPONSES[status]!;
    const headers = headersOf(error, transports.challenges).map(
      ([header]) => [header, HEADERS[header]] as const,
    );
    responses[status] = components.refTo('responses', name, {
      description,
      ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
      content: {
        'application/json': {
          schema: components.refTo('schemas', 'SessionError', ERROR_BODY),
          example: errorBodyOf(status),
        },
      },
    });
  }
  return { ...operation, responses };
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
