import type { ExecutionContext } from '@nestjs/common';
import type { SessionRuntime } from '../session-runtime.js';

type Handler = Pick<ExecutionContext, 'getClass' | 'getHandler'>;

// All copies of the package in a process share this name.
const GUARDED = 'nestjs-session-jwt:guarded:v1';

/** The session modules whose guards run before each handler, in that order. */
const guards = new WeakMap<object, WeakMap<object, SessionRuntime[]>>();

/**
 * Notes whose guard admits the messages of a handler. Several modules may know a client, and its messages run at the
 * same time: what belongs to a message cannot be noted on the client.
 */
export function noteGuard(context: Handler, runtime: SessionRuntime): void {
  let ofClass = guards.get(context.getClass());
  if (!ofClass) {
    ofClass = new WeakMap();
    guards.set(context.getClass(), ofClass);
  }
  const runtimes = ofClass.get(context.getHandler());
  if (!runtimes) {
    ofClass.set(context.getHandler(), [runtime]);
    Reflect.defineMetadata(GUARDED, true, ...nameOf(context));
  } else if (!runtimes.includes(runtime)) {
    runtimes.push(runtime);
  }
}

/** Returns the session module whose guard decides last on the messages of a handler. */
export function guardOf(context: Handler): SessionRuntime | undefined {
  return guards.get(context.getClass())?.get(context.getHandler())?.at(-1);
}

/** Whether a guard of any copy of the package admits the messages of a handler. */
export function hasGuard(context: Handler): boolean {
  return Reflect.hasOwnMetadata(GUARDED, ...nameOf(context));
}

function nameOf(context: Handler): [type: object, handler: string] {
  return [context.getClass(), context.getHandler().name];
}
