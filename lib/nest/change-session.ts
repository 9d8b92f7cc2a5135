import type { Refusal } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import {
  verifiedOf,
  type AnySession,
} from '../session/model/active-session.js';
import type { IssuedSession } from '../session/model/issued-session.js';
import { Exchange } from './exchange/exchange.js';
import { handOver, refusedWith } from './hand-over.js';
import type { DeliverOptions } from './session-service-options.js';
import { issuingOf, type SessionRuntime } from './session-runtime.js';

/** Reloads the data of a session now, and delivers its new token. */
export async function reloadSession(
  runtime: SessionRuntime,
  session: AnySession,
  options: DeliverOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { reload } = issuingOf(runtime);
  const verified = verifiedOf(session, runtime);
  const exchange = Exchange.ofSession(session, options.response);
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
  const verified = verifiedOf(session, runtime);
  const exchange = Exchange.ofSession(session, options.response);
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
