import {
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { RequiredAuthentication } from '../session/authentication-requirement.js';
import type { RevocationCheck } from '../session/model/handling.js';

/** What a route requires of a request. */
export type RouteAccess = 'required' | 'optional' | 'public';

// All copies of the package in a process share these names, so that decorators of any copy count.
const ACCESS = 'nestjs-session-jwt:access:v1';
const REVOCATION = 'nestjs-session-jwt:check-revocation:v1';
const PASSIVE = 'nestjs-session-jwt:passive:v1';
const AUTHORIZED = 'nestjs-session-jwt:authorize:v1';
const AUTHENTICATION = 'nestjs-session-jwt:require-authentication:v1';

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

/** Marks what `@Authorize()` applies to. */
export function MarkAuthorized(): CustomDecorator {
  return SetMetadata(AUTHORIZED, true);
}

/** Marks what a `@RequireAuthentication()` applies to, in addition to others. */
export function MarkAuthentication(
  required: RequiredAuthentication,
): ClassDecorator & MethodDecorator {
  return (target: object, _key?: unknown, method?: PropertyDescriptor) => {
    const marked = (method?.value as object | undefined) ?? target;
    // Not what a class inherits: it is found anyway.
    const others = Reflect.getOwnMetadata(AUTHENTICATION, marked) as
      readonly RequiredAuthentication[] | undefined;
    const all = [required, ...(others ?? [])];
    Reflect.defineMetadata(AUTHENTICATION, all, marked);
  };
}

/** Returns what every `@RequireAuthentication()` of a handler and its class requires. */
export function requirementsOf(
  controller: object,
  handler: object,
): readonly RequiredAuthentication[] {
  return [controller, handler].flatMap(
    (target) =>
      (Reflect.getMetadata(AUTHENTICATION, target) as
        readonly RequiredAuthentication[] | undefined) ?? [],
  );
}

/** The rules set by the decorators of a route. */
export interface RouteRules {
  readonly access: RouteAccess;
  readonly checksRevocation: RevocationCheck;
  readonly isPassive: boolean;
  /** Whether `@Authorize()` applies. Like the next one, it requires a session whatever else applies. */
  readonly isAuthorized: boolean;
  /** Whether `@RequireAuthentication()` applies. */
  readonly requiresProof: boolean;
}

const known = new WeakMap<object, Map<object, RouteRules>>();

/** Returns the rules of the route of a request. */
export function rulesOf(context: ExecutionContext): RouteRules {
  return rulesFor(context.getClass(), context.getHandler());
}

/** Returns the rules of a route, looked up once per handler and class. A route without metadata is closed. */
export function rulesFor(controller: object, handler: object): RouteRules {
  let ofController = known.get(controller);
  if (!ofController) {
    ofController = new Map();
    known.set(controller, ofController);
  }
  let rules = ofController.get(handler);
  if (rules === undefined) {
    const find = finderOf(controller, handler);
    const isAuthorized = find<boolean>(AUTHORIZED) ?? false;
    const requiresProof = find(AUTHENTICATION) !== undefined;
    rules = {
      access:
        isAuthorized || requiresProof
          ? 'required'
          : (find<RouteAccess>(ACCESS) ?? 'required'),
      checksRevocation: find<RevocationCheck>(REVOCATION) ?? false,
      isPassive: find<boolean>(PASSIVE) ?? false,
      isAuthorized,
      requiresProof,
    };
    ofController.set(handler, rules);
  }
  return rules;
}

/** Returns the name of a decorator that restricts a route which another one opens, if there is such a contradiction. */
export function contradictionOf(
  controller: object,
  handler: object,
): string | undefined {
  const find = finderOf(controller, handler);
  return find(ACCESS) === 'public'
    ? restrictionOf(rulesFor(controller, handler))
    : undefined;
}

/** Returns the name of a decorator that restricts a route, if there is one. */
export function restrictionOf({
  isAuthorized,
  requiresProof,
}: RouteRules): string | undefined {
  if (isAuthorized) {
    return '@Authorize()';
  }
  return requiresProof ? '@RequireAuthentication()' : undefined;
}

/** Finds metadata: that of the method before that of its class. */
function finderOf(
  controller: object,
  handler: object,
): <T>(key: string) => T | undefined {
  return <T>(key: string) =>
    (Reflect.getMetadata(key, handler) as T | undefined) ??
    (Reflect.getMetadata(key, controller) as T | undefined);
}
