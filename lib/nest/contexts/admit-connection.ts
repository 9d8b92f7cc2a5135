import type { ExecutionContext } from '@nestjs/common';
import { refusalError } from '../../errors/refusal.js';
import { SessionError } from '../../errors/session-error.js';
import { endOfHandshake } from '../../session/connections/handshake-end.js';
import { mustAskStore } from '../../session/model/handling.js';
import {
  mayGoWithout,
  type SessionOutcome,
} from '../../session/model/session-outcome.js';
import type { RouteRules } from '../route-access.js';
import type { SessionRuntime } from '../session-runtime.js';
import { connectionOf, type Connection } from './connection.js';
import { contextError } from './context-errors.js';
import type { FoundConnection } from './graphql-request.js';
import { noteGuard } from './guarded-handlers.js';
import { refusalOf } from './judge-handshake.js';

/** Decides on a message of a gateway, or an operation of GraphQL over a socket. */
export function admitConnection(
  runtime: SessionRuntime,
  found: FoundConnection,
  rules: RouteRules,
  context: ExecutionContext,
): boolean | Promise<boolean> {
  const kind = context.getType<string>();
  const inContext = (error: unknown): unknown =>
    error instanceof SessionError
      ? contextError(kind, error, runtime.contexts.errorClasses)
      : error;
  const fail = (error: unknown): never => {
    throw inContext(error);
  };
  const connection = connectionOf(runtime, found);
  if (!connection) {
    runtime.logger.once(
      'warn',
      'connection not opened',
      'SessionGuard refuses the messages of a client whose connection was not opened: call SessionConnections.open(client, request) first in handleConnection of the gateway. With ws, a message contains nothing of the handshake.',
    );
    throw inContext(refusalError('context'));
  }
  noteGuard(context, runtime);
  const admit = (outcome: SessionOutcome): true =>
    conclude(runtime, outcome, connection, rules, kind);
  try {
    const outcome = connection.admit(
      rules.isPassive,
      mustAskStore(runtime.options.store, rules.checksRevocation),
    );
    return outcome instanceof Promise
      ? outcome.then(admit).catch(fail)
      : admit(outcome);
  } catch (error) {
    return fail(error);
  }
}

function conclude(
  runtime: SessionRuntime,
  outcome: SessionOutcome,
  connection: Connection,
  { access }: RouteRules,
  kind: string,
): true {
  if (outcome.kind === 'authenticated') {
    connection.attach();
    return true;
  }
  // A connection that has a session never goes without: its other messages show it to handlers at the same time.
  if (
    access === 'optional' &&
    !connection.hadSession &&
    mayGoWithout(outcome)
  ) {
    return true;
  }
  // A session that cannot be confirmed now ends no connection; its next check may.
  if (kind === 'ws' && !connection.hadSession && !connection.isOptional) {
    connection.end(
      endOfHandshake(outcome, runtime.options.refresh !== undefined),
    );
  }
  throw refusalOf(runtime, outcome);
}
