import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { REFUSALS, refusalError } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import { saysPassive } from '../ports/request-facts.js';
import { createActiveSession } from '../session/model/active-session.js';
import { handlingOf, mustAskStore } from '../session/model/handling.js';
import {
  mayGoWithout,
  type SessionOutcome,
} from '../session/model/session-outcome.js';
import type { VerifiedSession } from '../session/model/verified-session.js';
import { Exchange } from './exchange/exchange.js';
import { expandedData } from './expanded-data.js';
import { attachedTo, evaluate } from './request-outcome.js';
import { rulesOf, type RouteAccess } from './route-access.js';
import { headersOf, toHttpException } from './session-exception.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';

/**
 * Admits requests that carry a valid session. `SessionJwtModule` registers it for the whole application; with
 * `guard: false`, apply it with `@UseGuards(SessionGuard)`.
 *
 * Decides on a cached, fresh token synchronously: no promise, no I/O.
 */
@Injectable()
export class SessionGuard implements CanActivate {
  /** @internal */
  constructor(
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {}

  /** Returns the module whose sessions a guard requires; `undefined` for any other guard. @internal */
  static runtimeOf(guard: unknown): SessionRuntime | undefined {
    return guard instanceof SessionGuard ? guard.runtime : undefined;
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rules = rulesOf(context);
    const { access, checksRevocation } = rules;
    if (access === 'public') {
      return true;
    }
    if (context.getType() !== 'http') {
      throw this.refuseContext(context);
    }
    const http = context.switchToHttp();
    const exchange = Exchange.of(
      http.getRequest(),
      http.getResponse(),
      this.runtime,
    );
    exchange.requirePlace(this.runtime);
    const handling = handlingOf({
      canDeliver: exchange.canDeliver,
      asksStore: mustAskStore(this.runtime.options.store, checksRevocation),
      isPassive: rules.isPassive || saysPassive(exchange),
    });
    const attached = attachedTo(exchange, handling);
    if (attached) {
      exchange.attach(attached, this.runtime);
      return true;
    }
    const outcome = evaluate(this.runtime, exchange, handling);
    return outcome instanceof Promise
      ? outcome.then((settled) => this.conclude(settled, exchange, access))
      : this.conclude(outcome, exchange, access);
  }

  private conclude(
    outcome: SessionOutcome,
    exchange: Exchange,
    access: RouteAccess,
  ): boolean | Promise<boolean> {
    if (outcome.kind === 'authenticated') {
      if (outcome.dispatch) exchange.deliver(outcome.dispatch);
      return this.attach(outcome, exchange);
    }
    if (outcome.kind === 'rejected' && outcome.dispatch) {
      exchange.deliver(outcome.dispatch);
    }
    if (access === 'optional' && mayGoWithout(outcome)) {
      return this.attachNone(exchange);
    }
    switch (outcome.kind) {
      case 'anonymous':
        this.runtime.events.rejected(REFUSALS.missing.code, 'missing');
        throw this.refuse(refusalError('missing'), exchange);
      case 'rejected':
        throw this.refuse(refusalError(outcome.refusal), exchange);
      case 'unavailable':
        throw this.refuse(outcome.error, exchange);
    }
  }

  private attach(
    session: VerifiedSession,
    exchange: Exchange,
  ): boolean | Promise<boolean> {
    const data = expandedData(this.runtime, session, exchange);
    if (data instanceof Promise) {
      return data.then((expanded: unknown) =>
        this.attachWith(session, expanded, exchange),
      );
    }
    return this.attachWith(session, data, exchange);
  }

  private attachWith(
    session: VerifiedSession,
    data: unknown,
    exchange: Exchange,
  ): true {
    exchange.attach(
      createActiveSession(this.runtime, session, data, exchange),
      this.runtime,
    );
    return true;
  }

  /** Removes what an earlier guard found by a less strict check. */
  private attachNone(exchange: Exchange): true {
    exchange.attach(undefined, this.runtime);
    return true;
  }

  private refuse(error: SessionError, exchange: Exchange): Error {
    this.attachNone(exchange);
    exchange.refuseWith(headersOf(error, this.runtime.transports.challenges));
    return toHttpException(error);
  }

  private refuseContext(context: ExecutionContext): Error {
    const kind = context.getType<string>();
    this.runtime.logger.once(
      'warn',
      `context ${kind}`,
      `SessionGuard checks HTTP requests only and refuses '${kind}' contexts (${context.getClass().name}.${context.getHandler().name}). Mark the handler @Public() and call SessionService.authenticate(request) in the handshake: in verifyClient of ws, or server.use() of socket.io.`,
    );
    return toHttpException(refusalError('context'));
  }
}
