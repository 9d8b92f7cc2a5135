import { handlingOf } from '../session/handling.js';
import type { SessionOutcome } from '../session/session-outcome.js';
import type { Exchange } from './exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * The one verdict on a request that has a response, however often it is asked for. A request is activity of the user as
 * soon as one that asks says so: what has moved an idle end cannot take it back.
 *
 * @param asksStore whether the store must have been asked if the session is still alive
 * @param isPassive whether the request is no activity of the user
 */
export function judge(
  { authenticator, transports }: SessionRuntime,
  exchange: Exchange,
  asksStore: boolean,
  isPassive: boolean,
): SessionOutcome | Promise<SessionOutcome> {
  if (exchange.outcome === undefined) {
    if (transports.varyBy !== undefined) exchange.varyBy(transports.varyBy);
    exchange.outcome = authenticator.authenticate(
      exchange,
      true,
      asksStore,
      isPassive,
    );
    exchange.hasAskedStore = asksStore;
    exchange.isPassive = isPassive;
  } else if (exchange.isPassive && !isPassive) {
    exchange.hasAskedStore ||= asksStore;
    exchange.isPassive = false;
    exchange.outcome = Promise.resolve(exchange.outcome).then(() =>
      authenticator.authenticate(exchange, true, exchange.hasAskedStore, false),
    );
  } else if (asksStore && !exchange.hasAskedStore) {
    exchange.hasAskedStore = true;
    exchange.outcome = Promise.resolve(exchange.outcome).then((outcome) =>
      outcome.kind === 'authenticated'
        ? authenticator.confirm(
            outcome,
            exchange,
            handlingOf(true, true, exchange.isPassive),
          )
        : outcome,
    );
  }
  return exchange.outcome;
}

/** Whether a verdict that was found before is enough for who asks now. */
export function isEnough(
  exchange: Exchange,
  asksStore: boolean,
  isPassive: boolean,
): boolean {
  return (
    (!asksStore || exchange.hasAskedStore) && (isPassive || !exchange.isPassive)
  );
}

/** Whether the store has a say in every verdict, or in this one. */
export function mustAskStore(
  { options }: SessionRuntime,
  isAsked = false,
): boolean {
  return isAsked || options.store?.isAlwaysAsked === true;
}
