import type { SessionOutcome } from '../session/session-outcome.js';
import type { Exchange } from './exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/** The one verdict on a request that has a response, however often it is asked for. */
export function judge(
  { authenticator, transports }: SessionRuntime,
  exchange: Exchange,
): SessionOutcome | Promise<SessionOutcome> {
  if (exchange.outcome === undefined) {
    for (const { varyBy } of transports.all) {
      if (varyBy !== undefined) exchange.varyBy(varyBy);
    }
    exchange.outcome = authenticator.authenticate(exchange.facts, true);
  }
  return exchange.outcome;
}
