import type { Observable } from 'rxjs';
import type {
  ListenerFault,
  ReportFault,
} from '../session/guarded-observable.js';
import type { SessionEvent } from '../session/session-events.js';
import { quoteError, type RareLogger } from './rare-logger.js';

const LISTENER_FAULTS: Readonly<
  Record<ListenerFault, (error: string) => string>
> = {
  listener: (error) =>
    `A listener of SessionService.events$ failed: ${error}. It stays subscribed.`,
  operator: (error) =>
    `An operator on SessionService.events$ failed, which ended its subscription: ${error}. Catch the error inside the operator, or put retry() after it.`,
};

/** Logs what listeners of events throw, at most once a minute. */
export function logListenerFaults(logger: RareLogger): ReportFault {
  return (fault, error) =>
    logger.log(
      'error',
      `events ${fault}`,
      LISTENER_FAULTS[fault](quoteError(error)),
    );
}

/** The events that operators must hear of. */
export const LOGGED_EVENTS: ReadonlySet<SessionEvent['type']> = new Set([
  'loaderFailed',
  'storeFailed',
  'keysFailed',
  'rejected',
  'storeRolledBack',
  'clockSkewed',
  'refreshReused',
]);

/** Puts what an operator must hear of into the log, so that a silent 503 does not exist. */
export function logSessionEvents(
  events: Observable<SessionEvent>,
  logger: RareLogger,
): void {
  events.subscribe((event) => {
    switch (event.type) {
      case 'loaderFailed':
        logger.log(
          'error',
          `${event.type} ${event.code}`,
          `The data of session ${event.session} could not be loaded (${event.code}): ${quoteError(event.error)}. Nobody is logged out; old data is used for loader.maxStale, then requests get 503.`,
        );
        break;
      case 'storeFailed':
        logger.log(
          'error',
          `${event.type} ${event.operation}`,
          `The session store could not answer (${event.operation}): ${quoteError(event.error)}. Nobody is logged out; what needs the store gets 503.`,
        );
        break;
      case 'keysFailed':
        logger.log(
          'error',
          event.type,
          `The keys of the session tokens could not be loaded: ${quoteError(event.error)}. Keys that are known already stay in use.`,
        );
        break;
      case 'rejected':
        if (event.reason === 'unknown-key') {
          logger.log(
            'warn',
            event.reason,
            'A token names a key that is not configured, and is refused with KEY_UNKNOWN. A burst of these means a broken rotation: a new key must be known everywhere before it signs, an old one until its last token has expired.',
          );
        }
        break;
      case 'storeRolledBack':
        logger.log(
          'error',
          `${event.type} ${event.lost}`,
          event.lost === 'everything'
            ? 'The session store is empty and was not before: it was flushed or replaced. All sessions that it recorded have ended.'
            : `The session store has lost a rotation of session ${event.session} (a failover, a restored backup); the session goes on. Sessions that were revoked since may be alive again.`,
        );
        break;
      case 'clockSkewed':
        logger.log(
          'warn',
          event.type,
          `The clock of this process is ${Math.abs(event.aheadSeconds)} s ${event.aheadSeconds > 0 ? 'ahead of' : 'behind'} that of the session store, more than clockTolerance: other nodes may refuse its session tokens. Synchronise the clocks.`,
        );
        break;
      case 'refreshReused':
        logger.log(
          'warn',
          event.type,
          `A refresh token of session ${event.session} was used again long after it was exchanged: somebody has a copy. The session is ended.`,
        );
        break;
      default:
        break;
    }
  });
}
