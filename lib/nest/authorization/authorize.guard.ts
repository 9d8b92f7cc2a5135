import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import { refusalError } from '../../errors/refusal.js';
import {
  authorize,
  type AuthorizationVerdict,
  type SessionPredicate,
} from '../../session/authorization.js';
import {
  belongsTo,
  type AnySession,
} from '../../session/model/active-session.js';
import { sessionIn } from '../contexts/session-in.js';
import { answered } from '../contexts/ws-exceptions.js';
import { rulesOf } from '../route-access.js';
import { SESSION_RUNTIME, type SessionRuntime } from '../session-runtime.js';
import { SessionGuard } from '../session.guard.js';
import {
  failure,
  forbidden,
  refusal,
  warnOfResult,
} from './authorization-errors.js';
import { keptSession } from './kept-session.js';
import { ModuleGuard } from './module-guard.js';

/** Applies the guard of the session module, and then a predicate. */
@Injectable()
export abstract class PredicateGuard implements CanActivate {
  protected abstract readonly predicate: SessionPredicate;

  constructor(
    @Inject(SESSION_RUNTIME) readonly runtime: SessionRuntime,
    @Inject(ModuleGuard) private readonly guard: ModuleGuard,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return answered(context, () => this.authorize(context));
  }

  private authorize(context: ExecutionContext): boolean | Promise<boolean> {
    const { runtime } = this;
    const guard = this.guard.current;
    if (!(guard instanceof SessionGuard)) {
      return this.decideAfter(guard, context);
    }
    const session =
      keptSession(context, runtime) ??
      guard.sessionFor(context, rulesOf(context));
    return session instanceof Promise
      ? session.then((found) => this.decide(found, context))
      : this.decide(session, context);
  }

  private decide(
    session: AnySession | undefined,
    context: ExecutionContext,
  ): boolean | Promise<boolean> {
    if (!session) {
      throw refusal(this.runtime, context, refusalError('missing'));
    }
    const verdict = authorize(this.predicate, session);
    return verdict instanceof Promise
      ? verdict.then((settled) => this.conclude(settled, context))
      : this.conclude(verdict, context);
  }

  private conclude(
    verdict: AuthorizationVerdict,
    context: ExecutionContext,
  ): true {
    switch (verdict.kind) {
      case 'authorized':
        return true;
      case 'forbidden':
        throw forbidden(this.runtime, context);
      case 'unclear':
        warnOfResult(this.runtime, context, verdict.result);
        throw forbidden(this.runtime, context);
      case 'failed':
        throw failure(this.runtime, context, verdict.error);
    }
  }

  /** Decides after a guard that a test has put in place: without a session, its verdict counts. */
  private async decideAfter(
    guard: CanActivate,
    context: ExecutionContext,
  ): Promise<boolean> {
    const verdict = await guard.canActivate(context);
    const isAdmitted = isObservable(verdict)
      ? await lastValueFrom(verdict)
      : verdict;
    const session = sessionIn(context);
    return isAdmitted && session && belongsTo(session, this.runtime)
      ? this.decide(session, context)
      : isAdmitted;
  }
}

/** Returns the guard of a predicate. */
export function authorizeGuardOf(
  predicate: SessionPredicate,
): Type<CanActivate> {
  return class AuthorizeGuard extends PredicateGuard {
    protected override readonly predicate = predicate;
  };
}
