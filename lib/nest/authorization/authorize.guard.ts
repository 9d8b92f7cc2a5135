import type { ExecutionContext, Type } from '@nestjs/common';
import {
  authorize,
  type AuthorizationVerdict,
  type SessionPredicate,
} from '../../session/authorization.js';
import type { AnySession } from '../../session/model/active-session.js';
import { failure, forbidden, warnOfResult } from './authorization-errors.js';
import { RequirementGuard } from './requirement.guard.js';

/** Returns the guard of a predicate. */
export function authorizeGuardOf(
  predicate: SessionPredicate,
): Type<RequirementGuard> {
  return class AuthorizeGuard extends RequirementGuard {
    protected override judge(
      session: AnySession,
      context: ExecutionContext,
    ): true | Promise<true> {
      const verdict = authorize(predicate, session);
      return verdict instanceof Promise
        ? verdict.then((settled) => conclude(this, settled, context))
        : conclude(this, verdict, context);
    }
  };
}

function conclude(
  { runtime }: RequirementGuard,
  verdict: AuthorizationVerdict,
  context: ExecutionContext,
): true {
  switch (verdict.kind) {
    case 'authorized':
      return true;
    case 'forbidden':
      throw forbidden(runtime, context);
    case 'unclear':
      warnOfResult(runtime, context, verdict.result);
      throw forbidden(runtime, context);
    case 'failed':
      throw failure(runtime, context, verdict.error);
  }
}
