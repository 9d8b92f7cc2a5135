import { applyDecorators, UseGuards, type Type } from '@nestjs/common';
import { SessionConfigError } from '../../errors/session-config-error.js';
import {
  authenticationFaultOf,
  readRequirement,
  type AuthenticationRequirement,
  type RequiredAuthentication,
} from '../../session/authentication-requirement.js';
import {
  verifiedOf,
  type AnySession,
} from '../../session/model/active-session.js';
import { MarkAuthentication } from '../route-access.js';
import { reauthenticationRequired } from './authorization-errors.js';
import { RequirementGuard } from './requirement.guard.js';
import type { ExecutionContext } from '@nestjs/common';

/**
 * Requires a session whose user has proved recently, or by certain means, who they are (RFC 9470), for every kind of
 * handler:
 *
 * ```ts
 * @RequireAuthentication({ maxAge: '10m' }) @Post('payments') pay() { … }
 * ```
 *
 * Applies `SessionGuard` itself, like `@Authorize()`. Several on one method and its class must all be satisfied. A request
 * without a session gets 401 with `SESSION_REQUIRED`, even where `@OptionalSession()` applies; together with `@Public()`,
 * the application does not start. A method that overrides a decorated one needs its own decorator.
 *
 * A session that does not satisfy it gets 401 with the `errorCode` `REAUTHENTICATION_REQUIRED`, `max_age` and
 * `acr_values`, over HTTP also in `WWW-Authenticate`. That clears no token and closes no connection. Verify the user
 * again, call `SessionService.reauthenticated`, and the client can send its request again. No reload, refresh or update
 * makes a proof recent.
 *
 * @param requirement `maxAge`: the maximum age of the proof; `acr`: classes of which it must have one; `amr`: methods
 *   that it must all have
 * @throws {SessionConfigError} for an invalid requirement
 */
export function RequireAuthentication(
  requirement: AuthenticationRequirement,
): ClassDecorator & MethodDecorator {
  const { required, faults } = readRequirement(requirement);
  if (faults.length > 0) {
    throw new SessionConfigError(
      faults.map((fault) => `@RequireAuthentication(): ${fault}`),
    );
  }
  return applyDecorators(
    MarkAuthentication(required),
    UseGuards(authenticationGuardOf(required)),
  );
}

/** Returns the guard of a requirement. */
function authenticationGuardOf(
  required: RequiredAuthentication,
): Type<RequirementGuard> {
  return class AuthenticationGuard extends RequirementGuard {
    protected override judge(
      session: AnySession,
      context: ExecutionContext,
    ): true {
      const { runtime } = this;
      const fault = authenticationFaultOf(
        required,
        verifiedOf(session, runtime).claims,
        runtime.policy.toleranceSeconds,
        runtime.clock.nowSeconds(),
      );
      if (fault) {
        throw reauthenticationRequired(runtime, context, fault);
      }
      return true;
    }
  };
}
