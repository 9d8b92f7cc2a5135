import { REFUSALS, refusalError } from '../../errors/refusal.js';
import { endOfHandshake } from '../../session/connections/handshake-end.js';
import { mustAskStore } from '../../session/model/handling.js';
import {
  mayGoWithout,
  type SessionOutcome,
} from '../../session/model/session-outcome.js';
import type { RouteRules } from '../route-access.js';
import type { SessionRuntime } from '../session-runtime.js';
import { connectionOf, type Connection } from './connection.js';
import { contextError, errorOf } from './context-errors.js';
import type { FoundConnection } from './graphql-request.js';

/** Decides on a message of a gateway, or an operation of GraphQL over a socket. */
export function admitConnection(
  runtime: SessionRuntime,
  found: FoundConnection,
  rules: RouteRules,
  kind: string,
): boolean | Promise<boolean> {
  const { errorClasses } = runtime.contexts;
  const connection = connectionOf(runtime, found);
  if (!connection) {
    runtime.logger.once(
      'warn',
      'connection not opened',
      'SessionGuard refuses the messages of a client whose connection was not opened: call SessionConnections.open(client, request) first in handleConnection of the gateway. With ws, a message contains nothing of the handshake.',
    );
    throw contextError(kind, refusalError('context'), errorClasses);
  }
  const outcome = connection.admit(
    rules.isPassive,
    mustAskStore(runtime.options.store, rules.checksRevocation),
  );
  return outcome instanceof Promise
    ? outcome.then((settled) => conclude(settled, connection))
    : conclude(outcome, connection);

  function conclude(settled: SessionOutcome, to: Connection): true {
    if (settled.kind === 'authenticated') {
      to.attach(to.session);
      return true;
    }
    to.attach(undefined);
    if (rules.access === 'optional' && mayGoWithout(settled)) {
      return true;
    }
    if (kind === 'ws') {
      to.close(endOfHandshake(settled, runtime.options.refresh !== undefined));
    }
    if (settled.kind === 'anonymous') {
      runtime.events.rejected(REFUSALS.missing.code, 'missing');
    }
    throw contextError(kind, errorOf(settled), errorClasses);
  }
}
