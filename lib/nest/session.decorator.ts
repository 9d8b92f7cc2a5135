import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { ActiveSession } from '../session/model/active-session.js';
import { sessionIn } from './contexts/session-in.js';

/** @inline */
type ParameterType<Target, Key, Index extends number> = Key extends keyof Target
  ? Target[Key] extends (...args: infer Args) => unknown
    ? Args[Index]
    : never
  : never;

/** A parameter decorator that fits only parameters which can hold what it injects. */
export interface SessionParameter<Injected> {
  <Target extends object, Key extends string | symbol, Index extends number>(
    target: Target,
    key: Key,
    index: [Injected] extends [ParameterType<Target, Key, Index>]
      ? Index
      : never,
  ): void;
}

const injectSession = createParamDecorator(
  (property: keyof ActiveSession | undefined, context: ExecutionContext) => {
    const session = sessionIn(context);
    return property === undefined ? session : session?.[property];
  },
);

/**
 * Injects the session of the request or the connection, or one of its properties. Injects `undefined` on a public route,
 * and on an `@OptionalSession()` route without a session. The declared type of the parameter is checked.
 *
 * `@nestjs/common` exports a decorator of the same name that reads `request.session`: import this one.
 */
export function Session(): SessionParameter<ActiveSession>;
export function Session<Property extends keyof ActiveSession & string>(
  property: Property,
): SessionParameter<ActiveSession[Property]>;
export function Session(property?: keyof ActiveSession): ParameterDecorator {
  return injectSession(property);
}
