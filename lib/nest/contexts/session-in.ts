import type { ExecutionContext } from '@nestjs/common';
import type { AnySession } from '../../session/model/active-session.js';
import { sessionOn } from '../exchange/raw-exchange.js';
import { rulesOf } from '../route-access.js';
import { connectionOf } from './connection.js';
import { guardOf } from './guarded-handlers.js';
import { findIn, isObject, messageIn } from './session-contexts.js';

/** Returns the session that a guard has found for a context. */
export function sessionIn(context: ExecutionContext): AnySession | undefined {
  const kind = context.getType<string>();
  const found = findIn(context, kind);
  if (kind === 'ws') {
    // Messages of one connection run at the same time: what one has attached to it is no business of another.
    if (rulesOf(context).access === 'public') return undefined;
    const guard = guardOf(context);
    if (guard && found && 'key' in found) {
      return connectionOf(guard, { ...found, handshake: undefined })
        ?.lastSession;
    }
  }
  const key = found && 'key' in found ? found.key : found?.request;
  const message = kind === 'http' ? undefined : messageIn(context);
  return (
    (message && sessionOn(message)) ??
    (isObject(key) ? sessionOn(key) : undefined)
  );
}
