import type { SessionOutcome } from '../session/session-outcome.js';
import type { Exchange } from './exchange.js';
import type { RevocationCheck } from './route-access.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * The one verdict on a request that has a response, however often it is asked for.
 *
 * @param asksStore whether the store must have been asked if the session is still alive
 */
export function judge(
  { authenticator, transports }: SessionRuntime,
  exchange: Exchange,
  asksStore: boolean,
): SessionOutcome | Promise<SessionOutcome> {
  if (exchange.outcome === undefined) {
    if (transports.varyBy !== undefined) exchange.varyBy(transports.varyBy);
    exchange.outcome = authenticator.authenticate(exchange, true, asksStore);
    exchange.hasAskedStore = asksStore;
  } else if (asksStore && !exchange.hasAskedStore) {
    exchange.hasAskedStore = true;
    exchange.outcome = Promise.resolve(exchange.outcome).then((outcome) =>
      outcome.kind === 'authenticated'
        ? authenticator.confirm(outcome, exchange, true)
        : outcome,
    );
  }
  return exchange.outcome;
}

/** Whether the store has a say in every verdict, or in this one. */
export function mustAskStore(
  { options }: SessionRuntime,
  check: RevocationCheck = false,
): boolean {
  return (
    check === true ||
    (options.store !== undefined &&
      (check === 'in-store' || options.store.isAlwaysAsked))
  );
}
