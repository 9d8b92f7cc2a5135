import type { ExecutionContext } from '@nestjs/common';
import type { AnySession } from '../../session/model/active-session.js';
import { sessionOn } from '../exchange/raw-exchange.js';
import { rulesOf } from '../route-access.js';
import { knownConnection } from './connection.js';
import type { FoundRequest } from './graphql-request.js';
import { guardOf, hasGuard } from './guarded-handlers.js';
import { findIn, messageIn } from './session-contexts.js';

/** Returns the session that a guard has found for a context. */
export function sessionIn(context: ExecutionContext): AnySession | undefined {
  const kind = context.getType<string>();
  const found = findIn(context, kind);
  if (kind === 'http') {
    return sessionOn((found as FoundRequest).request);
  }
  // What belongs to one message or field is no business of another that runs at the same time.
  if (rulesOf(context).access === 'public') {
    return undefined;
  }
  if (!found || 'request' in found) {
    const message = messageIn(context);
    return (
      (message && sessionOn(message)) ?? (found && sessionOn(found.request))
    );
  }
  const guard = guardOf(context);
  if (guard) {
    return knownConnection(guard, found.key)?.lastSession;
  }
  // What the guards of other handlers have found is no session of a handler without one.
  return hasGuard(context) ? sessionOn(found.key) : undefined;
}
