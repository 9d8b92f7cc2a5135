import {
  createActiveSession,
  type ActiveSession,
} from '../session/active-session.js';
import { Exchange, type SessionRequest } from './exchange.js';
import { expandedData } from './expanded-data.js';
import { judge, mustAskStore } from './judge.js';
import type { AuthenticateOptions } from './session-service-options.js';
import type { SessionRuntime } from './session-runtime.js';

/** The session of a request outside of the guard; with a response the verdict is the guard's too. */
export async function authenticateRequest(
  runtime: SessionRuntime,
  request: SessionRequest,
  { response, checkRevocation }: AuthenticateOptions,
): Promise<ActiveSession<any, any, any> | null> {
  const exchange = Exchange.of(request, response, runtime);
  if (response) exchange.requirePlace(runtime);
  const asksStore = mustAskStore(runtime, checkRevocation);
  if (exchange.session && (!asksStore || exchange.hasAskedStore)) {
    return exchange.session;
  }
  const outcome = await (response
    ? judge(runtime, exchange, asksStore)
    : runtime.authenticator.authenticate(exchange, false, asksStore));
  if (outcome.kind === 'unavailable') {
    throw outcome.error;
  }
  if (outcome.kind !== 'anonymous' && outcome.dispatch) {
    exchange.deliver(outcome.dispatch);
  }
  if (outcome.kind !== 'authenticated') {
    if (response) exchange.attach(undefined, runtime);
    return null;
  }
  const data = await expandedData(runtime, outcome, exchange);
  const session = createActiveSession(runtime, outcome, data, exchange);
  if (response) {
    exchange.attach(session, runtime);
  }
  return session;
}
