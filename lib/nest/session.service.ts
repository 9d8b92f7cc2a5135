import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { REFUSALS, refusalError } from '../errors/refusal.js';
import { SessionError } from '../errors/session-error.js';
import {
  ActiveSession,
  createActiveSession,
  verifiedOf,
} from '../session/active-session.js';
import type { GenerateOptions } from '../session/generate-options.js';
import type { IssuedSession } from '../session/issued-session.js';
import type { SessionEvent } from '../session/session-events.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionData,
  SessionParams,
} from '../session/session-types.js';
import { Exchange, type SessionRequest } from './exchange.js';
import { expandedData } from './expanded-data.js';
import { handOver } from './hand-over.js';
import type {
  AttributeChanges,
  DeliverOptions,
  RevokeRequestOptions,
} from './session-service-options.js';
import { judge } from './judge.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';

/** Begins, changes, checks and ends sessions. */
@Injectable()
export class SessionService<
  TParams = SessionParams,
  TData = SessionData,
  TAttributes = SessionAttributes,
  TExpanded = ExpandedSessionData,
> implements OnModuleDestroy {
  /** @internal */
  constructor(
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {}

  /**
   * What happens to sessions, for audit logs and metrics. A listener that throws loses its subscription and
   * harms nobody. No event carries a token.
   */
  get events$(): Observable<SessionEvent> {
    return this.runtime.events.stream;
  }

  /**
   * Begins a session: loads its data, signs its token, and with `response` delivers it. The session that
   * the request carried ends. Never adopts an id from the client.
   *
   * @param params stored in the token and given to the loader at every reload; plain JSON values
   * @throws {SessionError} `SESSION_ENDED` when the loader finds nobody (the old session is untouched),
   *   `LOADER_UNAVAILABLE`, `CSRF_REFUSED` for a sign-in that another site posted, `SESSION_TOO_LARGE`,
   *   `NOT_SERIALIZABLE`, `SUBJECT_REQUIRED`
   * @throws {SessionConfigError} for an option that cannot be used
   */
  async generate(
    params: TParams,
    options: GenerateOptions<TAttributes> & DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    const { response, ...generateOptions } = options;
    const exchange = response && Exchange.ofResponse(response);
    const signed = await this.runtime.issuer.generate(
      params,
      generateOptions as GenerateOptions,
      exchange?.facts,
    );
    return handOver(this.runtime, signed, signed.carriers, exchange);
  }

  /**
   * Loads the data of a session now, whatever its age, and re-issues the token: after a change of role, say.
   *
   * @throws {SessionError} `SESSION_ENDED` (the client's tokens are cleared), `LOADER_UNAVAILABLE`,
   *   `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`
   */
  async reload(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    options: DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    const exchange = Exchange.ofSession(session, options.response);
    const carriers = this.runtime.transports.carriersOf(exchange?.facts);
    const reloaded = await this.runtime.reload.reloadNow(
      verifiedOf(session),
      carriers,
    );
    if ('refusal' in reloaded) {
      const rejected = this.runtime.transports.rejected(reloaded.refusal);
      if (rejected.dispatch) exchange?.deliver(rejected.dispatch);
      throw refusalError(reloaded.refusal);
    }
    return handOver(this.runtime, reloaded, carriers, exchange);
  }

  /**
   * Merges attributes into a session and re-issues the token; the data stays as old as it is.
   *
   * Without a store, another node may still accept an older token with older attributes: keep nothing here
   * that grants a right.
   *
   * @throws {SessionError} `SESSION_ENDED`, `TOKEN_EXPIRED`, `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`
   */
  async update(
    session: ActiveSession<TParams, TExpanded, TAttributes>,
    attributes: AttributeChanges<TAttributes>,
    options: DeliverOptions = {},
  ): Promise<IssuedSession<TParams, TData, TAttributes, TExpanded>> {
    const exchange = Exchange.ofSession(session, options.response);
    const carriers = this.runtime.transports.carriersOf(exchange?.facts);
    const updated = this.runtime.issuer.update(
      verifiedOf(session),
      attributes,
      carriers,
    );
    return handOver(this.runtime, updated, carriers, exchange);
  }

  /**
   * Ends a session and makes the client forget it. A request may carry a token that has expired; a forged
   * one ends nothing.
   *
   * Without a store the session ends in this process: a copied token is good on other nodes until the loader
   * says that the session is over, or its end.
   *
   * @returns whether a store ended a session: `false` without a store
   * @throws {SessionError} `CSRF_REFUSED` for a request that another site posted; `STORE_REQUIRED` for a
   *   session named by id
   */
  revoke(
    session: ActiveSession<any, any, any>,
    options?: DeliverOptions,
  ): Promise<boolean>;
  revoke(
    request: SessionRequest,
    options: RevokeRequestOptions,
  ): Promise<boolean>;
  revoke(named: { id: string; subject: string }): Promise<boolean>;
  async revoke(
    target:
      | ActiveSession<any, any, any>
      | SessionRequest
      | { id: string; subject: string },
    options: Partial<RevokeRequestOptions> = {},
  ): Promise<boolean> {
    const { issuer, options: configured } = this.runtime;
    if (target instanceof ActiveSession) {
      const exchange = Exchange.ofSession(target, options.response);
      const clearing = issuer.end(verifiedOf(target).claims, 'revoked');
      exchange?.deliver(clearing);
      exchange?.detach(configured.requestProperty);
      return false;
    }
    if (!('headers' in target)) {
      throw storeRequired('revoke({ id, subject })');
    }
    const exchange = Exchange.of(target, options.response);
    exchange.deliver(issuer.endOfRequest(exchange.facts, options.crossSite));
    exchange.detach(configured.requestProperty);
    return false;
  }

  /** @throws {SessionError} `STORE_REQUIRED` */
  async revokeAll(
    _subject: string,
    _options: { except?: string } = {},
  ): Promise<number> {
    throw storeRequired('revokeAll');
  }

  /** @throws {SessionError} `STORE_REQUIRED` */
  async list(_subject: string): Promise<never[]> {
    throw storeRequired('list');
  }

  /**
   * What the guard does, for middleware, `handleConnection` and guards of your own: the session of a
   * request, or `null`. Without a `response` nothing is re-issued.
   *
   * @throws {SessionError} `LOADER_UNAVAILABLE`
   */
  async authenticate(
    request: SessionRequest,
    options: DeliverOptions = {},
  ): Promise<ActiveSession<TParams, TExpanded, TAttributes> | null> {
    const exchange = Exchange.of(request, options.response, this.runtime);
    if (exchange.session) {
      return exchange.session;
    }
    const outcome = await (options.response
      ? judge(this.runtime, exchange)
      : this.runtime.authenticator.authenticate(exchange.facts, false));
    if (outcome.kind === 'unavailable') {
      throw outcome.error;
    }
    if (outcome.kind !== 'anonymous' && outcome.dispatch) {
      exchange.deliver(outcome.dispatch);
    }
    if (outcome.kind !== 'authenticated') {
      return null;
    }
    const data = await expandedData(this.runtime, outcome, exchange);
    const session = createActiveSession(outcome, data, exchange);
    if (options.response) {
      exchange.attach(session, this.runtime.options.requestProperty);
    }
    return session;
  }

  /**
   * Checks a session token, nothing else: no loader is called and nothing is re-issued.
   *
   * @throws {SessionError} `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_NOT_YET_VALID`, `KEY_UNKNOWN`,
   *   `SESSION_ENDED` (in this process)
   */
  async verify(
    token: string,
  ): Promise<ActiveSession<TParams, TExpanded, TAttributes>> {
    const { authenticator, events } = this.runtime;
    const verified =
      typeof token === 'string' ? authenticator.verify(token) : 'malformed';
    if (typeof verified === 'string') {
      events.rejected(REFUSALS[verified].code, verified);
      throw refusalError(verified);
    }
    const data = await expandedData(this.runtime, verified, undefined);
    return createActiveSession(verified, data);
  }

  /** Called by Nest: completes {@link events$}. */
  onModuleDestroy(): void {
    this.runtime.events.complete();
  }
}

function storeRequired(what: string): SessionError {
  return new SessionError(
    'STORE_REQUIRED',
    `${what} needs a store: a token alone cannot be found or ended on the server`,
  );
}
