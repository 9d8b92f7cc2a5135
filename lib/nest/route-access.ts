import {
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { RevocationCheck } from '../session/handling.js';

/** What a route asks of a request. */
export type RouteAccess = 'required' | 'optional' | 'public';

// All copies of the package in a process share these names, so a decorator counts whichever copy it comes from.
const ACCESS = 'nestjs-session-jwt:access:v1';
const REVOCATION = 'nestjs-session-jwt:check-revocation:v1';
const PASSIVE = 'nestjs-session-jwt:passive:v1';

/**
 * Opens a controller or a route to everybody: the guard touches nothing there, so no store or loader is
 * asked, and a bad token does no harm. What stands on a method wins over its class; `@Public(false)` closes
 * one method of a public class.
 */
export function Public(isPublic = true): CustomDecorator {
  return SetMetadata(ACCESS, isPublic ? 'public' : 'required');
}

/**
 * A valid session is attached, and otherwise none: a missing or bad token or a data source that is down does
 * not stop the request. A forged cross-site request is refused here too.
 */
export function OptionalSession(isOptional = true): CustomDecorator {
  return SetMetadata(ACCESS, isOptional ? 'optional' : 'required');
}

/**
 * Asks the store, before the handler runs, whether the session was ended: for routes that must not accept an
 * answer of the last reload. What stands on a method wins over its class. Costs one round trip a request; a
 * store that cannot answer gives 503, and a module without a store 500.
 */
export function CheckRevocation(checks = true): CustomDecorator {
  return SetMetadata(REVOCATION, checks);
}

/** As `@CheckRevocation()` where there is a store, for routes that are also there without one. */
export function CheckRevocationInStore(): CustomDecorator {
  return SetMetadata(REVOCATION, 'in-store');
}

/**
 * Marks requests that a page sends by itself, such as polling: they are no activity of the user. Answered and reloaded as
 * others, they move no idle end, so that a session ends `lifetime.idle` after the user has left, however long the page
 * stays open. What stands on a method wins over its class; `@Passive(false)` makes one method of a passive class
 * activity. Where handlers serve both, clients mark requests with the header `Session-Passive: ?1`.
 */
export function Passive(isPassive = true): CustomDecorator {
  return SetMetadata(PASSIVE, isPassive);
}

/** What the decorators of a route say. */
export interface RouteRules {
  readonly access: RouteAccess;
  readonly checksRevocation: RevocationCheck;
  readonly isPassive: boolean;
}

const known = new WeakMap<object, Map<object, RouteRules>>();

/** A route without metadata is closed. Looked up once for each handler of each class. */
export function rulesOf(context: ExecutionContext): RouteRules {
  const controller = context.getClass();
  const handler = context.getHandler();
  let ofController = known.get(controller);
  if (!ofController) {
    ofController = new Map();
    known.set(controller, ofController);
  }
  let rules = ofController.get(handler);
  if (rules === undefined) {
    const find = <T>(key: string): T | undefined =>
      (Reflect.getMetadata(key, handler) as T | undefined) ??
      (Reflect.getMetadata(key, controller) as T | undefined);
    rules = {
      access: find<RouteAccess>(ACCESS) ?? 'required',
      checksRevocation: find<RevocationCheck>(REVOCATION) ?? false,
      isPassive: find<boolean>(PASSIVE) ?? false,
    };
    ofController.set(handler, rules);
  }
  return rules;
}
