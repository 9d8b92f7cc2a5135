import type { ExecutionContext } from '@nestjs/common';
import {
  belongsTo,
  type AnySession,
} from '../../session/model/active-session.js';
import { sessionIn } from '../contexts/session-in.js';
import type { SessionRuntime } from '../session-runtime.js';

/** The session of a context; `undefined` if it may go without. */
export type FoundSession =
  AnySession | undefined | Promise<AnySession | undefined>;

/** The sessions of contexts on which several guards decide. */
const kept = new WeakMap<ExecutionContext, AnySession>();

/** Keeps the session that a guard has found, for the next guard of the same context. */
export function keepSession(
  context: ExecutionContext,
  found: FoundSession,
): FoundSession {
  if (found instanceof Promise) {
    return found.then((session) => keepSession(context, session));
  }
  if (found) kept.set(context, found);
  return found;
}

/** Returns the session that a guard of the same module has found, while handlers of the context would get it. */
export function keptSession(
  context: ExecutionContext,
  runtime: SessionRuntime,
): AnySession | undefined {
  const session = kept.get(context);
  return session &&
    belongsTo(session, runtime) &&
    sessionIn(context) === session
    ? session
    : undefined;
}
