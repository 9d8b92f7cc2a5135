import {
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { RevocationCheck } from '../session/model/handling.js';

/** What a route requires of a request. */
export type RouteAccess = 'required' | 'optional' | 'public';

// All copies of the package in a process share these names, so that decorators of any copy count.
const ACCESS = 'nestjs-session-jwt:access:v1';
const REVOCATION = 'nestjs-session-jwt:check-revocation:v1';
const PASSIVE = 'nestjs-session-jwt:passive:v1';

/**
 * Opens a controller or a route to everyone. The guard does nothing there: it queries no store, calls no loader, and
 * ignores invalid tokens. A decorator on a method overrides the one on its class; `@Public(false)` closes one method of
 * a public class.
 */
export function Public(isPublic = true): CustomDecorator {
  return SetMetadata(ACCESS, isPublic ? 'public' : 'required');
}

/**
 * Makes the session optional: attaches a valid one, and otherwise none. A missing or invalid token does not stop the
 * request, nor does an unavailable data source. A forged cross-site request is refused here as well.
 */
export function OptionalSession(isOptional = true): CustomDecorator {
  return SetMetadata(ACCESS, isOptional ? 'optional' : 'required');
}

/**
 * Checks with the store, before the handler runs, that the session has not ended: for routes that must not rely on the
 * last reload. A decorator on a method overrides the one on its class. Costs one round trip per request. If the store
 * cannot answer, the request gets 503; in a module without a store, 500.
 */
export function CheckRevocation(checks = true): CustomDecorator {
  return SetMetadata(REVOCATION, checks);
}

/** Works like `@CheckRevocation()` if there is a store: for routes that also exist without one. */
export function CheckRevocationInStore(): CustomDecorator {
  return SetMetadata(REVOCATION, 'in-store');
}

/**
 * Marks requests that a page sends by itself, such as polling, as passive: they do not count as user activity. They are
 * answered and reload data like others, but do not extend the session. It ends `lifetime.idle` after the user has left,
 * however long the page stays open. A decorator on a method overrides the one on its class; `@Passive(false)` makes one
 * method of a passive class count as activity. If a handler serves both kinds, clients mark passive requests with the
 * header `Session-Passive: ?1`.
 */
export function Passive(isPassive = true): CustomDecorator {
  return SetMetadata(PASSIVE, isPassive);
}

/** The rules set by the decorators of a route. */
export interface RouteRules {
  readonly access: RouteAccess;
  readonly checksRevocation: RevocationCheck;
  readonly isPassive: boolean;
}

const known = new WeakMap<object, Map<object, RouteRules>>();

/** Returns the rules of a route, looked up once per handler and class. A route without metadata is closed. */
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
    rules = {
      access: accessOf(handler, controller),
      checksRevocation: find(REVOCATION, handler, controller) ?? false,
      isPassive: find(PASSIVE, handler, controller) ?? false,
    };
    ofController.set(handler, rules);
  }
  return rules;
}

/** Returns what a handler requires of a request. */
export function accessOf(handler: object, controller: object): RouteAccess {
  return find(ACCESS, handler, controller) ?? 'required';
}

function find<T>(
  key: string,
  handler: object,
  controller: object,
): T | undefined {
  return (
    (Reflect.getMetadata(key, handler) as T | undefined) ??
    (Reflect.getMetadata(key, controller) as T | undefined)
  );
}
