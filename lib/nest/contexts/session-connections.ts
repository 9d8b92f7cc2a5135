import { STATUS_CODES } from 'node:http';
import { inspect } from 'node:util';
import { Inject, Injectable, type HttpException } from '@nestjs/common';
import { endOfHandshake } from '../../session/connections/handshake-end.js';
import type { ActiveSession } from '../../session/model/active-session.js';
import type {
  ExpandedSessionData,
  SessionAttributes,
  SessionParams,
} from '../../session/model/session-types.js';
import {
  mayGoWithout,
  type SessionOutcome,
} from '../../session/model/session-outcome.js';
import type { VerifiedSession } from '../../session/model/verified-session.js';
import {
  isRequest,
  sessionOn,
  type SessionRequest,
} from '../exchange/raw-exchange.js';
import { toHttpException } from '../session-exception.js';
import { SESSION_RUNTIME, type SessionRuntime } from '../session-runtime.js';
import { isSocketIo } from './client-socket.js';
import { connectionOf, knownConnection } from './connection.js';
import { findInGraphQL } from './graphql-request.js';
import {
  judgeHandshake,
  refusalOf,
  type OpenedHandshake,
} from './judge-handshake.js';
import { gatewayClient } from './session-contexts.js';

/** How a connection is opened. */
export interface OpenOptions {
  /**
   * Leaves a connection without a session open: for gateways with `@Public()` or `@OptionalSession()` handlers.
   *
   * @default false
   */
  optional?: boolean;
}

/**
 * Ties connections to sessions: a connection outlives the request that opened it, but never its session.
 *
 * Checks each session once per reload interval, with the store and the loader, however many connections it has. Closes
 * the connections of a session when it ends; immediately, if it ends in this process. Close code 4401 means that the
 * session has ended, 4410 that the client should reconnect, because it may still have one.
 */
@Injectable()
export class SessionConnections<
  TParams = SessionParams,
  TAttributes = SessionAttributes,
  TExpanded = ExpandedSessionData,
> {
  /** @internal */
  constructor(
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {}

  /**
   * Finds the session of a new connection: call it first in the `handleConnection` of a gateway. Messages wait for the
   * result. Without a session, or from another site, the connection is closed. Never rejects because of a client.
   *
   * @param client the client of `ws` or socket.io
   * @param request the handshake, as `handleConnection` receives it with `ws`; the client of socket.io contains it
   * @returns the session; `undefined` if there is none
   */
  async open(
    client: object,
    request?: SessionRequest,
    { optional = false }: OpenOptions = {},
  ): Promise<ActiveSession<TParams, TExpanded, TAttributes> | undefined> {
    const found = gatewayClient(client as never);
    const handshake = request ?? found.handshake;
    if (!isRequest(handshake)) {
      throw new TypeError(
        'SessionConnections.open: expected the request of the handshake, got none; pass the second argument of handleConnection',
      );
    }
    const connection = connectionOf(this.runtime, { ...found, handshake })!;
    connection.isOptional = optional;
    let outcome: SessionOutcome;
    try {
      outcome = await connection.open();
    } catch (defect) {
      // Nest does not await handleConnection: a rejection would end the process.
      this.runtime.logger.log('error', 'connection', inspect(defect));
      connection.end('uncertain');
      return undefined;
    }
    if (
      outcome.kind !== 'authenticated' &&
      !(optional && mayGoWithout(outcome))
    ) {
      refusalOf(this.runtime, outcome);
      connection.end(this.#endOf(outcome));
    }
    return connection.session as
      ActiveSession<TParams, TExpanded, TAttributes> | undefined;
  }

  /**
   * Returns the session of a connection as it is now; `undefined` if it has none: to find the clients of a user, or to
   * check a role before something is sent.
   *
   * @param client the client of a gateway, or the context value of a GraphQL operation
   */
  sessionOf(
    client: object,
  ): ActiveSession<TParams, TExpanded, TAttributes> | undefined {
    // A client of socket.io has a request, as the context values of GraphQL have.
    const found =
      (isSocketIo(client) ? undefined : findInGraphQL(client)) ??
      gatewayClient(client as never);
    return 'request' in found
      ? sessionOn(found.request)
      : knownConnection(this.runtime, found.key)?.session;
  }

  /**
   * Refuses handshakes without a session with status 401, 403 or 503, before there is a connection: pass it as the option
   * `verifyClient` of a `ws` gateway or of Mercurius. Sees no tokens that clients send after the handshake.
   */
  readonly verifyClient = (
    { req }: { readonly req: SessionRequest },
    decide: (isAllowed: boolean, status?: number, message?: string) => void,
  ): void => {
    this.#refusalOf({ handshake: req, sent: undefined }).then(
      (refusal) => {
        const status = refusal?.getStatus();
        if (status === undefined) decide(true);
        else decide(false, status, STATUS_CODES[status]);
      },
      () => decide(false, 500, STATUS_CODES[500]),
    );
  };

  /**
   * Refuses connections without a session: pass it to `server.use()` of socket.io, and to `use()` of each namespace. The
   * client's `connect_error` has the body of the refusal in `data`.
   */
  readonly middleware = (
    socket: object,
    next: (error?: Error) => void,
  ): void => {
    const { handshake, sent } = gatewayClient(socket as never);
    this.#refusalOf({ handshake: handshake!, sent }).then(
      (refusal) => next(refusal && connectError(refusal)),
      () => next(new Error('Internal server error')),
    );
  };

  /**
   * Refuses graphql-ws connections without a session with close code 4401 or 4410: pass it as the option `onConnect` of
   * Apollo's `subscriptions['graphql-ws']`. Without it, such a connection can still execute `@Public()` operations.
   *
   * @returns whether the client may connect
   */
  readonly onConnect = async (context: object): Promise<boolean> => {
    const found = findInGraphQL(context);
    const connection =
      found && 'key' in found ? connectionOf(this.runtime, found) : undefined;
    if (!connection) {
      return false;
    }
    const outcome = await connection.open();
    if (outcome.kind === 'authenticated') {
      return true;
    }
    connection.end(this.#endOf(outcome));
    return false;
  };

  /** Returns why a handshake is refused, if it is. */
  async #refusalOf(
    opened: OpenedHandshake,
  ): Promise<HttpException | undefined> {
    try {
      const outcome = await judgeHandshake(this.runtime, opened);
      return outcome.kind === 'authenticated'
        ? undefined
        : toHttpException(refusalOf(this.runtime, outcome));
    } catch (defect) {
      this.runtime.logger.log('error', 'connection', inspect(defect));
      throw defect;
    }
  }

  #endOf(outcome: Exclude<SessionOutcome, VerifiedSession>) {
    return endOfHandshake(outcome, this.runtime.options.refresh !== undefined);
  }
}

/** socket.io sends `data` to the client. */
function connectError(refusal: HttpException): Error {
  return Object.assign(new Error(refusal.message), {
    data: refusal.getResponse(),
  });
}
