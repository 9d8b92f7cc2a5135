import { REFUSALS, type Refusal } from '../errors/refusal.js';
import type { SessionEvents } from './session-events.js';
import type { SessionOutcome } from './session-outcome.js';
import type { SessionTransports } from './session-transports.js';

interface Parts {
  readonly events: SessionEvents;
  readonly transports: SessionTransports;
}

/** The outcome of a refusal, which the application hears of. */
export function refused(
  { events, transports }: Parts,
  refusal: Refusal,
): SessionOutcome {
  events.rejected(REFUSALS[refusal].code, refusal);
  return transports.rejected(refusal);
}

/** An outcome of which the application hears if it is a refusal. */
export function reported(
  parts: Parts,
  outcome: SessionOutcome | Promise<SessionOutcome>,
): SessionOutcome | Promise<SessionOutcome> {
  if (outcome instanceof Promise) {
    return outcome.then((settled) => reported(parts, settled));
  }
  if (outcome.kind === 'rejected') {
    parts.events.rejected(REFUSALS[outcome.refusal].code, outcome.refusal);
  }
  return outcome;
}
