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
import { admitConnection } from './contexts/admit-connection.js';
import { contextError } from './contexts/context-errors.js';
import type { FoundRequest } from './contexts/graphql-request.js';
import { findIn, messageIn } from './contexts/session-contexts.js';
import { Exchange } from './exchange/exchange.js';
import { attachTo, isRequest, sessionOn } from './exchange/raw-exchange.js';
import { expandedData } from './expanded-data.js';
import { attachedTo, evaluate } from './request-outcome.js';
import { rulesOf, type RouteAccess, type RouteRules } from './route-access.js';
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

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rules = rulesOf(context);
    if (rules.access === 'public') {
      return true;
    }
    const kind = context.getType<string>();
    const { finders } = this.runtime.contexts;
    if (kind !== 'http' && Object.hasOwn(finders, kind)) {
      return this.admitMessage(context, kind, finders[kind]!(context), rules);
    }
    const found = findIn(context, kind);
    if (!found) {
      throw this.refuseContext(context, kind);
    }
    return 'key' in found
      ? admitConnection(this.runtime, found, rules, context)
      : this.admitRequest(found, rules, kind);
  }

  /** Decides on a message whose request the application has found. */
  private async admitMessage(
    context: ExecutionContext,
    kind: string,
    found: FoundRequest | undefined,
    rules: RouteRules,
  ): Promise<boolean> {
    const message = messageIn(context);
    if (!found || !isRequest(found.request) || !message) {
      throw this.refuseContext(context, kind);
    }
    await this.admitRequest(found, rules, kind);
    attachTo(message, sessionOn(found.request));
    return true;
  }

  private admitRequest(
    { request, response }: FoundRequest,
    { access, checksRevocation, isPassive }: RouteRules,
    kind: string,
  ): boolean | Promise<boolean> {
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
      return true;
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
        throw this.refuse(refusalError('missing'), exchange, kind);
      case 'rejected':
        throw this.refuse(refusalError(outcome.refusal), exchange, kind);
      case 'unavailable':
        throw this.refuse(outcome.error, exchange, kind);
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
    if (!exchange.isPassive) this.runtime.live.noteUse(session.claims.sid);
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
