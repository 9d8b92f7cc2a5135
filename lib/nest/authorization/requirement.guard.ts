import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import { refusalError } from '../../errors/refusal.js';
import {
  belongsTo,
  type AnySession,
} from '../../session/model/active-session.js';
import { sessionIn } from '../contexts/session-in.js';
import { answered } from '../contexts/ws-exceptions.js';
import { rulesOf } from '../route-access.js';
import { SESSION_RUNTIME, type SessionRuntime } from '../session-runtime.js';
import { SessionGuard } from '../session.guard.js';
import { refusal } from './authorization-errors.js';
import { keptSession } from './kept-session.js';
import { ModuleGuard } from './module-guard.js';

/** Applies the guard of the session module, and then a requirement of the handler. */
@Injectable()
export abstract class RequirementGuard implements CanActivate {
  constructor(
    @Inject(SESSION_RUNTIME) readonly runtime: SessionRuntime,
    @Inject(ModuleGuard) private readonly guard: ModuleGuard,
  ) {}

  /** Decides on a session. Throws what its client gets if the session does not satisfy the requirement. */
  protected abstract judge(
    session: AnySession,
    context: ExecutionContext,
  ): true | Promise<true>;

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return answered(context, () => this.decideOn(context));
  }

  private decideOn(context: ExecutionContext): boolean | Promise<boolean> {
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
  ): true | Promise<true> {
    if (!session) {
      throw refusal(this.runtime, context, refusalError('missing'));
    }
    return this.judge(session, context);
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
