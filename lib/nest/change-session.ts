import type { Refusal } from '../errors/refusal.js';
import { SessionError } from '../errors/session-error.js';
import {
  belongsTo,
  originOf,
  verifiedOf,
  type AnySession,
} from '../session/model/active-session.js';
import type { IssuedSession } from '../session/model/issued-session.js';
import type { VerifiedSession } from '../session/model/verified-session.js';
import { Exchange } from './exchange/exchange.js';
import type { SessionResponse } from './exchange/raw-exchange.js';
import { handOver, refusedWith } from './hand-over.js';
import { offerBinding } from './offer-binding.js';
import { refreshTokenInBody } from './refresh-session.js';
import type {
  DeliverOptions,
  ReauthenticationOptions,
} from './session-service-options.js';
import { issuingOf, type SessionRuntime } from './session-runtime.js';

/** Reloads the data of a session now, and delivers its new token. */
export async function reloadSession(
  runtime: SessionRuntime,
  session: AnySession,
  options: DeliverOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { reload } = issuingOf(runtime);
  const { verified, exchange } = newestOf(runtime, session, options.response);
  exchange?.requirePlace(runtime);
  const carriers = runtime.transports.carriersOf(exchange);
  const reloaded = await reload.reloadNow(
    verified,
    carriers,
    exchange?.isPassive ?? false,
  );
  if ('refusal' in reloaded) {
    throw refusedSession(runtime, reloaded.refusal, exchange, session);
  }
  return handOver(runtime, reloaded, carriers, exchange);
}

/** Merges attributes into a session, and delivers its new tokens. */
export async function updateSession(
  runtime: SessionRuntime,
  session: AnySession,
  attributes: object,
  options: DeliverOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { issuer, refresh, reload } = issuingOf(runtime);
  const { verified, exchange } = newestOf(runtime, session, options.response);
  exchange?.requirePlace(runtime);
  const carriers = runtime.transports.carriersOf(exchange);
  const updated = await issuer.update(
    reload.newestOf(verified),
    attributes,
    carriers,
    refresh.statelessOf(verified, exchange),
    exchange?.isPassive ?? false,
  );
  if ('refusal' in updated) {
    throw refusedSession(runtime, updated.refusal, exchange, session);
  }
  return handOver(runtime, updated, carriers, exchange);
}

/** Delivers new tokens of the current session, after its user has proved again who they are. */
export async function reauthenticateSession(
  runtime: SessionRuntime,
  session: AnySession,
  { response, ...given }: ReauthenticationOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { reauthentication } = issuingOf(runtime);
  const { verified, exchange } = newestOf(runtime, session, response);
  if (
    !exchange ||
    originOf(session) !== exchange ||
    (exchange.session ?? session).id !== session.id
  ) {
    throw notCurrent();
  }
  exchange.requirePlace(runtime);
  const carriers = runtime.transports.carriersOf(exchange);
  const proved = await reauthentication.reauthenticate(verified, given, {
    facts: exchange,
    tokenInBody: refreshTokenInBody(runtime, exchange),
    carriers,
    isPassive: exchange.isPassive,
  });
  if ('refusal' in proved) {
    throw proved.carriers
      ? refusedWith(runtime, proved.refusal, exchange, proved.carriers)
      : refusedSession(runtime, proved.refusal, exchange, session);
  }
  const issued = await handOver(runtime, proved, carriers, exchange);
  // Browsers create another key for each offer, which would end a session that is bound.
  if (!proved.isBound) offerBinding(runtime, proved, carriers, exchange);
  return issued;
}

function notCurrent(): SessionError {
  return new SessionError(
    'SESSION_FOREIGN',
    'reauthenticated: expected the session of the current HTTP request, got one of another request, of a connection, or from verify(); call it in the request in which the user proved who they are, with the session that @Session() injects there',
  );
}

/** Returns a session as an earlier step of its request has issued it, and that request. */
function newestOf(
  runtime: SessionRuntime,
  session: AnySession,
  response: SessionResponse | undefined,
): { verified: VerifiedSession; exchange: Exchange | undefined } {
  const verified = verifiedOf(session, runtime);
  const exchange = Exchange.ofSession(session, response);
  const attached = exchange?.session;
  const isNewest = attached?.id === session.id && belongsTo(attached, runtime);
  return {
    exchange,
    verified: isNewest ? verifiedOf(attached, runtime) : verified,
  };
}

/** Returns the error of a refused session. A request that carries a different session keeps its tokens. */
function refusedSession(
  runtime: SessionRuntime,
  refusal: Refusal,
  exchange: Exchange | undefined,
  session: AnySession,
): SessionError {
  const carriers = exchange
    ? runtime.carried.carriersOf(exchange, session.id)
    : [];
  return refusedWith(runtime, refusal, exchange, carriers);
}
