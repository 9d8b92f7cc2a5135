import { inspect } from 'node:util';
import { applyDecorators, UseGuards } from '@nestjs/common';
import { SessionConfigError } from '../../errors/session-config-error.js';
import type { ActiveSession } from '../../session/model/active-session.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionParams,
} from '../../session/model/session-types.js';
import { MarkAuthorized } from '../route-access.js';
import { authorizeGuardOf } from './authorize.guard.js';

/**
 * Requires a session that satisfies a predicate, for every kind of handler:
 *
 * ```ts
 * export const Roles = (...roles: Role[]) => Authorize((session) => roles.some((role) => session.data.roles.includes(role)));
 * ```
 *
 * Applies `SessionGuard` itself, so it also works with `guard: false`. Several on one method and its class must all be
 * satisfied: those of the class first, then in the order of guards. A request without a session gets 401, even where
 * `@OptionalSession()` applies; together with `@Public()`, the application does not start. A method that overrides a
 * decorated one needs its own decorator.
 *
 * Only `true` admits. Anything else is 403 with the `errorCode` `SESSION_FORBIDDEN`, which clears no token and closes no
 * connection. A predicate that throws an exception for clients, such as `NotFoundException`, is answered with it; any
 * other error is logged and answered with 500.
 *
 * Subscriptions and streams are checked when they start. `handleConnection` of a gateway is not checked. GraphQL runs the
 * guards of fields only with `fieldResolverEnhancers: ['guards']`; without it, the application does not start.
 *
 * @param predicate decides by the session as handlers get it; synchronous where possible, because it runs for each
 *   request, message and guarded field
 * @throws {SessionConfigError} if the predicate is not a function
 */
export function Authorize<
  TParams = SessionParams,
  TData = ExpandedSessionData,
  TAttributes = SessionAttributes,
>(
  predicate: (
    session: ActiveSession<TParams, TData, TAttributes>,
  ) => boolean | Promise<boolean>,
): ClassDecorator & MethodDecorator {
  if (typeof predicate !== 'function') {
    throw new SessionConfigError([
      `@Authorize(): expected a function, got ${inspect(predicate)}; pass a predicate such as (session) => session.data.isAdmin`,
    ]);
  }
  return applyDecorators(
    MarkAuthorized(),
    UseGuards(authorizeGuardOf(predicate)),
  );
}
