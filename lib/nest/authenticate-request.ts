import { saysPassive } from '../request-facts.js';
import {
  createActiveSession,
  type ActiveSession,
} from '../session/active-session.js';
import { Exchange, type SessionRequest } from './exchange.js';
import { expandedData } from './expanded-data.js';
import { isEnough, judge, mustAskStore } from './judge.js';
import type { AuthenticateOptions } from './session-service-options.js';
import type { SessionRuntime } from './session-runtime.js';

/** The session of a request outside of the guard; with a response the verdict is the guard's too. */
export async function authenticateRequest(
  runtime: SessionRuntime,
  request: SessionRequest,
  { response, checkRevocation, passive }: AuthenticateOptions,
): Promise<ActiveSession<any, any, any> | null> {
  const exchange = Exchange.of(request, response, runtime);
  const asksStore = mustAskStore(runtime, checkRevocation);
  const isPassive = passive === true || saysPassive(exchange);
  if (exchange.session && isEnough(exchange, asksStore, isPassive)) {
    return exchange.session;
  }
  const outcome = await (response
    ? judge(runtime, exchange, asksStore, isPassive)
    : runtime.authenticator.authenticate(
        exchange,
        false,
        asksStore,
        isPassive,
      ));
  if (outcome.kind === 'unavailable') {
    throw outcome.error;
  }
  if (outcome.kind !== 'anonymous' && outcome.dispatch) {
    exchange.deliver(outcome.dispatch);
  }
  if (outcome.kind !== 'authenticated') {
    if (response) exchange.attach(undefined, runtime.options.requestProperty);
    return null;
  }
  const data = await expandedData(runtime, outcome, exchange);
  const session = createActiveSession(outcome, data, exchange);
  if (response) {
    exchange.attach(session, runtime.options.requestProperty);
  }
  return session;
}
