import { HttpException } from '@nestjs/common';
import { refusalError } from '../../errors/refusal.js';
import type { SessionError } from '../../errors/session-error.js';
import type { SessionOutcome } from '../../session/model/session-outcome.js';
import type { VerifiedSession } from '../../session/model/verified-session.js';
import { toHttpException, type ErrorBody } from '../session-exception.js';

type ErrorClass = new (body: object) => Error;

/** The error classes of optional packages, by the kind of context in which their filters expect them. */
export type ContextErrorClasses = Readonly<
  Record<string, ErrorClass | undefined>
>;

/** Looks for the error classes of the packages that are installed. Never rejects. */
export async function loadContextErrors(): Promise<ContextErrorClasses> {
  const [ws, rpc] = await Promise.all([
    orNothing(async () => (await import('@nestjs/websockets')).WsException),
    orNothing(async () => (await import('@nestjs/microservices')).RpcException),
  ]);
  return { ws, rpc };
}

async function orNothing<T>(load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await load();
  } catch {
    return undefined;
  }
}

/** The codes by which GraphQL clients recognise refusals, on every driver. */
const GRAPHQL_CODES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
};

/** Converts an error to what the client of a context may see, in the class that its filters expect. */
export function contextError(
  kind: string,
  error: SessionError,
  classes: ContextErrorClasses,
): Error {
  return exceptionIn(kind, toHttpException(error), classes);
}

/** Converts an exception of ours to the class that the filters of a context expect. */
export function exceptionIn(
  kind: string,
  exception: HttpException,
  classes: ContextErrorClasses,
): Error {
  if (kind === 'graphql') {
    return withExtensions(exception);
  }
  const ErrorOfKind = classOf(kind, classes);
  if (!ErrorOfKind) {
    return exception;
  }
  return new ErrorOfKind(messageBodyOf(exception));
}

/** Returns what the sender of a message sees of an exception of ours. */
export function messageBodyOf(exception: HttpException): object {
  const { statusCode, ...body } = exception.getResponse() as {
    statusCode: number;
  };
  return { status: statusCode, ...body };
}

/** Whether the application has made an error for the clients of a context: filters send its text. */
export function isMadeForClients(
  error: unknown,
  kind: string,
  classes: ContextErrorClasses,
): boolean {
  const ErrorOfKind = classOf(kind, classes);
  return (
    error instanceof HttpException ||
    (ErrorOfKind !== undefined && error instanceof ErrorOfKind)
  );
}

function classOf(
  kind: string,
  classes: ContextErrorClasses,
): ErrorClass | undefined {
  return Object.hasOwn(classes, kind) ? classes[kind] : undefined;
}

/** Apollo derives the code from the status, Mercurius takes it from `extensions`. */
function withExtensions(exception: HttpException): HttpException {
  const {
    statusCode: _statusCode,
    message: _message,
    ...reason
  } = exception.getResponse() as ErrorBody;
  const code = GRAPHQL_CODES[exception.getStatus()] ?? 'INTERNAL_SERVER_ERROR';
  return Object.assign(exception, { extensions: { code, ...reason } });
}

/** Returns the error of an outcome without a session. */
export function errorOf(
  outcome: Exclude<SessionOutcome, VerifiedSession>,
): SessionError {
  switch (outcome.kind) {
    case 'anonymous':
      return refusalError('missing');
    case 'rejected':
      return refusalError(outcome.refusal);
    case 'unavailable':
      return outcome.error;
  }
}
