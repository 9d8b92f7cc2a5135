import { verifiedOf, type ActiveSession } from '../session/active-session.js';
import type { IssuedSession } from '../session/issued-session.js';
import { Exchange } from './exchange.js';
import { handOver, refusedWith } from './hand-over.js';
import type { DeliverOptions } from './session-service-options.js';
import { issuingOf, type SessionRuntime } from './session-runtime.js';

/** Loads the data of a session now, and hands its new token over. */
export async function reloadSession(
  runtime: SessionRuntime,
  session: ActiveSession<any, any, any>,
  options: DeliverOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { reload } = issuingOf(runtime);
  const exchange = Exchange.ofSession(session, options.response);
  const carriers = runtime.transports.carriersOf(exchange);
  const reloaded = await reload.reloadNow(
    verifiedOf(session),
    carriers,
    exchange?.isPassive ?? false,
  );
  if ('refusal' in reloaded) {
    throw refusedWith(runtime, reloaded.refusal, exchange);
  }
  return handOver(runtime, reloaded, carriers, exchange);
}

/** Merges attributes into a session, and hands its new tokens over. */
export async function updateSession(
  runtime: SessionRuntime,
  session: ActiveSession<any, any, any>,
  attributes: object,
  options: DeliverOptions,
): Promise<IssuedSession<any, any, any, any>> {
  const { issuer, refresh } = issuingOf(runtime);
  const exchange = Exchange.ofSession(session, options.response);
  const carriers = runtime.transports.carriersOf(exchange);
  const verified = verifiedOf(session);
  const updated = await issuer.update(
    verified,
    attributes,
    carriers,
    refresh.statelessOf(verified, exchange),
    exchange?.isPassive ?? false,
  );
  if ('refusal' in updated) {
    throw refusedWith(runtime, updated.refusal, exchange);
  }
  return handOver(runtime, updated, carriers, exchange);
}
