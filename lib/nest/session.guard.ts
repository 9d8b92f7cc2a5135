import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { REFUSALS, refusalError } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import { saysPassive } from '../ports/request-facts.js';
import {
  belongsTo,
  createActiveSession,
  type AnySession,
} from '../session/model/active-session.js';
import { handlingOf, mustAskStore } from '../session/model/handling.js';
import {
  mayGoWithout,
  type SessionOutcome,
} from '../session/model/session-outcome.js';
import type { VerifiedSession } from '../session/model/verified-session.js';
import {
  keepSession,
  type FoundSession,
} from './authorization/kept-session.js';
import { admitConnection } from './contexts/admit-connection.js';
import { contextError } from './contexts/context-errors.js';
import type { FoundRequest } from './contexts/graphql-request.js';
import { findIn, messageIn } from './contexts/session-contexts.js';
import { sessionIn } from './contexts/session-in.js';
import { answered } from './contexts/ws-exceptions.js';
import { Exchange } from './exchange/exchange.js';
import {
  attachTo,
  isRequest,
  type SessionRequest,
  type SessionResponse,
} from './exchange/raw-exchange.js';
import { expandedData } from './expanded-data.js';
import { attachedTo, evaluate } from './request-outcome.js';
import {
  restrictionOf,
  rulesOf,
  type RouteAccess,
  type RouteRules,
} from './route-access.js';
import { headersOf } from './session-exception.js';
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
    if (rules.access === 'public') {
      return true;
    }
    const found = this.sessionFor(context, rules);
    return found instanceof Promise ? found.then(() => true) : true;
  }

  /**
   * Returns the session of a context and attaches it, `undefined` if the context may go without.
   *
   * @internal
   */
  sessionFor(context: ExecutionContext, rules: RouteRules): FoundSession {
    const kind = context.getType<string>();
    if (kind === 'http') {
      const http = context.switchToHttp();
      return this.admitRequest(
        http.getRequest(),
        http.getResponse(),
        rules,
        kind,
      );
    }
    const found = answered(context, () =>
      this.findOutsideHttp(context, rules, kind),
    );
    // Requests keep the verdict for the next guard; messages cannot.
    return restrictionOf(rules) ? keepSession(context, found) : found;
  }

  private findOutsideHttp(
    context: ExecutionContext,
    rules: RouteRules,
    kind: string,
  ): FoundSession {
    const { finders } = this.runtime.contexts;
    if (Object.hasOwn(finders, kind)) {
      return this.admitMessage(context, kind, finders[kind]!(context), rules);
    }
    const found = findIn(context, kind);
    if (!found) {
      throw this.refuseContext(context, kind);
    }
    if ('request' in found) {
      return this.admitRequest(found.request, found.response, rules, kind);
    }
    const admitted = admitConnection(this.runtime, found, rules, context);
    return admitted instanceof Promise
      ? admitted.then(() => this.ownSessionIn(context))
      : this.ownSessionIn(context);
  }

  private ownSessionIn(context: ExecutionContext): AnySession | undefined {
    const session = sessionIn(context);
    return belongsTo(session, this.runtime) ? session : undefined;
  }

  /** Decides on a message whose request the application has found. */
  private async admitMessage(
    context: ExecutionContext,
    kind: string,
    found: FoundRequest | undefined,
    rules: RouteRules,
  ): Promise<AnySession | undefined> {
    const message = messageIn(context);
    if (!found || !isRequest(found.request) || !message) {
      throw this.refuseContext(context, kind);
    }
    const { request, response } = found;
    const session = await this.admitRequest(request, response, rules, kind);
    attachTo(message, session);
    return session;
  }

  private admitRequest(
    request: SessionRequest,
    response: SessionResponse | undefined,
    { access, checksRevocation, isPassive }: RouteRules,
    kind: string,
  ): FoundSession {
    const exchange = Exchange.of(request, response, this.runtime);
    exchange.requirePlace(this.runtime);
    const handling = handlingOf({
      canDeliver: exchange.canDeliver,
      asksStore: mustAskStore(this.runtime.options.store, checksRevocation),
      isPassive: isPassive || saysPassive(exchange),
    });
    const attached = attachedTo(exchange, handling);
    if (attached) {
      exchange.attach(attached, this.runtime);
      return attached;
    }
    const outcome = evaluate(this.runtime, exchange, handling);
    return outcome instanceof Promise
      ? outcome.then((settled) =>
          this.conclude(settled, exchange, access, kind),
        )
      : this.conclude(outcome, exchange, access, kind);
  }

  private conclude(
    outcome: SessionOutcome,
    exchange: Exchange,
    access: RouteAccess,
    kind: string,
  ): FoundSession {
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
        throw this.refuse(refusalError('missing'), exchange, kind);
      case 'rejected':
        throw this.refuse(refusalError(outcome.refusal), exchange, kind);
      case 'unavailable':
        throw this.refuse(outcome.error, exchange, kind);
    }
  }

  private attach(session: VerifiedSession, exchange: Exchange): FoundSession {
    const data = expandedData(this.runtime, session, exchange);
    if (data instanceof Promise) {
      return data.then((expanded: unknown) =>
        this.attachWith(session, expanded, exchange),
      );
    }
    return this.attachWith(session, data, exchange);
  }

  private attachWith(
    verified: VerifiedSession,
    data: unknown,
    exchange: Exchange,
  ): AnySession {
    if (!exchange.isPassive) this.runtime.live.noteUse(verified.claims.sid);
    const session = createActiveSession(this.runtime, verified, data, exchange);
    exchange.attach(session, this.runtime);
    return session;
  }

  /** Removes what an earlier guard found by a less strict check. */
  private attachNone(exchange: Exchange): undefined {
    exchange.attach(undefined, this.runtime);
  }

  private refuse(error: SessionError, exchange: Exchange, kind: string): Error {
    this.attachNone(exchange);
    exchange.refuseWith(headersOf(error, this.runtime.transports.challenges));
    return this.errorIn(kind, error);
  }

  private refuseContext(context: ExecutionContext, kind: string): Error {
    this.runtime.logger.once(
      'warn',
      `context ${kind}`,
      `SessionGuard found no request in a context of type '${kind}' and refuses it (${context.getClass().name}.${context.getHandler().name}). Pass contexts: { '${kind}': (context) => ({ request: { headers } }) } to SessionJwtModule, with headers that the sender of a payload cannot choose, or mark the handler @Public().`,
    );
    return this.errorIn(kind, refusalError('context'));
  }

  private errorIn(kind: string, error: SessionError): Error {
    return contextError(kind, error, this.runtime.contexts.errorClasses);
  }
}
