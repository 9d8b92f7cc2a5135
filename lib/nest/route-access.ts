import {
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';

/** What a route asks of a request. */
export type RouteAccess = 'required' | 'optional' | 'public';

const ACCESS = 'nestjs-session-jwt:access';

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

const known = new WeakMap<object, Map<object, RouteAccess>>();

/** A route without metadata is closed. Looked up once for each handler of each class. */
export function accessOf(context: ExecutionContext): RouteAccess {
  const controller = context.getClass();
  const handler = context.getHandler();
  let ofController = known.get(controller);
  if (!ofController) {
    ofController = new Map();
    known.set(controller, ofController);
  }
  let access = ofController.get(handler);
  if (access === undefined) {
    access =
      (Reflect.getMetadata(ACCESS, handler) as RouteAccess | undefined) ??
      (Reflect.getMetadata(ACCESS, controller) as RouteAccess | undefined) ??
      'required';
    ofController.set(handler, access);
  }
  return access;
}
