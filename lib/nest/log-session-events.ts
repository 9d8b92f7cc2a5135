import type { Observable } from 'rxjs';
import type { SessionEvent } from '../session/session-events.js';
import { quoteError, type RareLogger } from './rare-logger.js';

/** Puts what an operator must hear of into the log, so that a silent 503 does not exist. */
export function logSessionEvents(
  events: Observable<SessionEvent>,
  logger: RareLogger,
): void {
  events.subscribe((event) => {
    if (event.type === 'loaderFailed') {
      logger.log(
        'error',
        `${event.type} ${event.code}`,
        `The data of session ${event.session} could not be loaded (${event.code}): ${quoteError(event.error)}. Nobody is logged out; old data is used for loader.maxStale, then requests get 503.`,
      );
    }
  });
}
