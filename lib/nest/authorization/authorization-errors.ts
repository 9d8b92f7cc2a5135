import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../errors/session-error.js';
import {
  challengeOf,
  type AuthenticationFault,
} from '../../session/authentication-requirement.js';
import {
  contextError,
  exceptionIn,
  isMadeForClients,
} from '../contexts/context-errors.js';
import { findIn } from '../contexts/session-contexts.js';
import { Exchange } from '../exchange/exchange.js';
import { isRequest } from '../exchange/raw-exchange.js';
import { quoteError } from '../rare-logger.js';
import { defectException, headersOf, isMistake } from '../session-exception.js';
import { requirementsOf } from '../route-access.js';
import type { SessionRuntime } from '../session-runtime.js';

/** Returns the error of a session that may not use a handler. */
export function forbidden(
  runtime: SessionRuntime,
  context: ExecutionContext,
): Error {
  const error = new SessionError(
    'SESSION_FORBIDDEN',
    'the session is not authorized',
  );
  return refusal(runtime, context, error);
}

const UNSATISFIED: Readonly<Record<AuthenticationFault, string>> = {
  age: 'More recent authentication is required',
  acr: 'A different authentication level is required',
  amr: 'A different authentication method is required',
};

/** Returns the error of a session whose user must prove again who they are. */
export function reauthenticationRequired(
  runtime: SessionRuntime,
  context: ExecutionContext,
  fault: AuthenticationFault,
): Error {
  const challenge = challengeOf(
    requirementsOf(context.getClass(), context.getHandler()),
  );
  const error = new SessionError(
    'REAUTHENTICATION_REQUIRED',
    UNSATISFIED[fault],
    { challenge },
  );
  return refusal(runtime, context, error);
}

/** Returns the error of a refusal. Clears nothing, and closes no connection. */
export function refusal(
  { contexts, transports }: SessionRuntime,
  context: ExecutionContext,
  error: SessionError,
): Error {
  const kind = context.getType<string>();
  const found = findIn(context, kind);
  if (found && 'request' in found && isRequest(found.request)) {
    Exchange.of(found.request, found.response).refuseWith(
      headersOf(error, transports.challenges),
    );
  }
  return contextError(kind, error, contexts.errorClasses);
}

/**
 * Returns the error of a predicate that threw: what it threw, if that was made for clients, and otherwise 500. The log
 * has the reason.
 */
export function failure(
  runtime: SessionRuntime,
  context: ExecutionContext,
  error: unknown,
): Error {
  const { errorClasses } = runtime.contexts;
  const kind = context.getType<string>();
  if (error instanceof SessionError && !isMistake(error)) {
    return refusal(runtime, context, error);
  }
  if (isMadeForClients(error, kind, errorClasses)) {
    return error as Error;
  }
  const handler = nameOf(context);
  runtime.logger.log(
    'error',
    `authorize ${handler}`,
    `The predicate of @Authorize() on ${handler} failed, so the request was refused with 500: ${quoteError(error)}.`,
  );
  return exceptionIn(kind, defectException(error), errorClasses);
}

/** Warns of a predicate that returned neither a boolean nor an empty value. */
export function warnOfResult(
  { logger }: SessionRuntime,
  context: ExecutionContext,
  result: unknown,
): void {
  const handler = nameOf(context);
  logger.once(
    'warn',
    `authorize ${handler}`,
    `@Authorize() on ${handler}: expected true or false from its predicate, got a value of type ${typeof result}, which refuses the request; return a boolean.`,
  );
}

function nameOf(context: ExecutionContext): string {
  return `${context.getClass().name}.${context.getHandler().name}`;
}
