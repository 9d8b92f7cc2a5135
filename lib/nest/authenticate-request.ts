import { saysPassive } from '../ports/request-facts.js';
import {
  createActiveSession,
  verifiedOf,
  type AnySession,
} from '../session/model/active-session.js';
import { handlingOf, mustAskStore } from '../session/model/handling.js';
import { Exchange } from './exchange/exchange.js';
import type { SessionRequest } from './exchange/raw-exchange.js';
import { expandedData } from './expanded-data.js';
import { attachedTo, evaluate, evaluateAnew } from './request-outcome.js';
import type { AuthenticateOptions } from './session-service-options.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Authenticates a request outside the guard. With a response that can still deliver tokens, the outcome is shared with
 * the guard. Without one, every call checks anew, for what outlives a request: a stream, a socket.
 */
export async function authenticateRequest(
  runtime: SessionRuntime,
  request: SessionRequest,
  { response, checkRevocation, passive }: AuthenticateOptions,
): Promise<AnySession | null> {
  const exchange = Exchange.of(request, response, runtime);
  if (response) exchange.requirePlace(runtime);
  const asksStore = mustAskStore(runtime.options.store, checkRevocation);
  const isPassive = passive === true || saysPassive(exchange);
  const isShared = response !== undefined && exchange.canDeliver;
  const handling = handlingOf({ canDeliver: isShared, asksStore, isPassive });
  const attached = isShared ? attachedTo(exchange, handling) : undefined;
  if (attached) {
    return attached;
  }
  const outcome = await (isShared
    ? evaluate(runtime, exchange, handling)
    : evaluateAnew(runtime, exchange, handling));
  if (outcome.kind === 'unavailable') {
    throw outcome.error;
  }
  if (isShared && outcome.kind !== 'anonymous' && outcome.dispatch) {
    exchange.deliver(outcome.dispatch);
  }
  if (outcome.kind !== 'authenticated') {
    if (isShared) exchange.attach(undefined, runtime);
    return null;
  }
  if (exchange.session && verifiedOf(exchange.session, runtime) === outcome) {
    return exchange.session;
  }
  const data = await expandedData(runtime, outcome, exchange);
  const session = createActiveSession(runtime, outcome, data, exchange);
  if (isShared) {
    exchange.attach(session, runtime);
  }
  return session;
}
