import type { Observable } from 'rxjs';
import type {
  ListenerFault,
  ReportFault,
} from '../session/model/guarded-observable.js';
import type { SessionEvent } from '../session/model/session-event.js';
import { quoteError, quoteText, type RareLogger } from './rare-logger.js';

const LISTENER_FAULTS: Readonly<
  Record<ListenerFault, (error: string) => string>
> = {
  listener: (error) =>
    `A listener of SessionService.events$ failed: ${error}. It stays subscribed.`,
  operator: (error) =>
    `An operator on SessionService.events$ failed and ended its subscription: ${error}. Catch the error inside the operator, or put retry() after it.`,
};

/** Logs the errors of event listeners, at most once a minute. */
export function logListenerFaults(logger: RareLogger): ReportFault {
  return (fault, error) =>
    logger.log(
      'error',
      `events ${fault}`,
      LISTENER_FAULTS[fault](quoteError(error)),
    );
}

/** The events that operators must know about. */
export const LOGGED_EVENTS: ReadonlySet<SessionEvent['type']> = new Set([
  'loaderFailed',
  'storeFailed',
  'storeRecovered',
  'keysFailed',
  'rejected',
  'storeRolledBack',
  'clockSkewed',
  'refreshReused',
  'boundRefused',
  'ended',
  'endEvicted',
  'limitReached',
  'everythingEnded',
  'revocationsLagging',
  'revocationsCaughtUp',
  'revocationsFilling',
  'revocationsFailed',
]);

const LAG_REASONS: Readonly<
  Record<
    Extract<SessionEvent, { type: 'revocationsLagging' }>['reason'],
    string
  >
> = {
  silent: 'it has heard nothing of the revocation log for revocations.maxLag',
  unreadable: 'the log has entries of a newer version of this library',
  full: 'revocations.maxEntries is reached',
  gap: 'entries were removed from the log before their time',
};

/** Logs what operators must know about, so that no 503 is silent. */
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
          event.code
            ? `The data of session ${event.session} could not be loaded (${event.code}): ${quoteError(event.error)}. Users stay signed in; stale data is used for loader.maxStale, then requests get 503.`
            : `A defect keeps session ${event.session} from being brought up to date: ${quoteError(event.error)}. Users stay signed in; requests that need new data or tokens get 500.`,
        );
        break;
      case 'storeFailed':
        logger.log(
          'error',
          `${event.type} ${event.operation}`,
          `The session store could not answer (${event.operation}): ${quoteError(event.error)}. Users stay signed in; requests that need the store get 503.`,
        );
        break;
      case 'storeRecovered':
        logger.log(
          'warn',
          event.type,
          `The session store answers again, ${event.awaySeconds} s after its first failure.`,
        );
        break;
      case 'keysFailed':
        logger.log(
          'error',
          event.type,
          `The keys of the session tokens could not be loaded: ${quoteError(event.error)}. Known keys stay in use.`,
        );
        break;
      case 'rejected':
        logRejection(event, logger);
        break;
      case 'storeRolledBack':
        logger.log(
          'error',
          `${event.type} ${event.lost}`,
          event.lost === 'everything'
            ? 'The session store was emptied: it was flushed or replaced. All sessions that it recorded have ended.'
            : `The session store lost a rotation of session ${event.session}, for example in a failover or by a restored backup. The session continues. Sessions revoked since may be active again.`,
        );
        break;
      case 'clockSkewed':
        logger.log(
          'warn',
          event.type,
          `The clock of this process is ${Math.abs(event.aheadSeconds)} s ${event.aheadSeconds > 0 ? 'ahead of' : 'behind'} the clock of the session store, more than clockTolerance: other nodes may refuse its session tokens. Synchronise the clocks.`,
        );
        break;
      case 'refreshReused':
        // Every one: it is theft, and each ends a session, so there can be no flood.
        logger.always(
          'warn',
          `A refresh token of session ${event.session} (subject ${quoteText(event.subject)}) was reused after its grace period: someone has a copy. The session has ended.`,
        );
        break;
      case 'boundRefused':
        logger.log(
          'warn',
          `${event.type} ${event.reason}`,
          `Session ${event.session} (subject ${quoteText(event.subject)}) is bound to a device, but was used without it (${event.reason}): someone may have a copy of its cookies.`,
          event.reason,
        );
        break;
      case 'ended':
        if (event.reason === 'limit') {
          logger.log(
            'warn',
            `${event.type} ${event.reason}`,
            `Session ${event.session} (subject ${quoteText(event.subject)}) was ended to make room for a new sign-in: maxSessions was reached.`,
          );
        }
        break;
      case 'limitReached':
        logger.log(
          'warn',
          event.type,
          `A sign-in of subject ${quoteText(event.subject)} was refused with SESSION_LIMIT: the subject has ${event.max} sessions, the limit set by maxSessions.`,
        );
        break;
      case 'endEvicted':
        logger.log(
          'warn',
          event.type,
          `This process no longer remembers that session ${event.session} (subject ${quoteText(event.subject)}) ended, to make room for newer ends: a copied token may be accepted again. Use a store to end sessions permanently.`,
          event.how,
        );
        break;
      case 'everythingEnded':
        logger.always(
          'warn',
          'revokeEverything was called: every session that began before has ended.',
        );
        break;
      case 'revocationsLagging':
        logger.log(
          'error',
          `${event.type} ${event.reason}`,
          `This process may miss revocations: ${LAG_REASONS[event.reason]}. Until it has caught up, revocations.whenLagging applies.`,
        );
        break;
      case 'revocationsCaughtUp':
        logger.log(
          'warn',
          event.type,
          `This process knows every revocation again, after ${event.awaySeconds} s.`,
        );
        break;
      case 'revocationsFilling':
        logger.log(
          'warn',
          event.type,
          `${event.entries} revocations are live, of at most ${event.maxEntries}. A process with no room for more accepts no session unconfirmed: raise revocations.maxEntries.`,
        );
        break;
      case 'revocationsFailed':
        logger.log(
          'error',
          `${event.type} ${event.operation}`,
          `The revocation log could not answer (${event.operation}): ${quoteError(event.error)}. It is tried again.`,
        );
        break;
      default:
        break;
    }
  });
}

/** Logs the refusals that an ordinary client does not cause. */
function logRejection(
  { code, reason }: Extract<SessionEvent, { type: 'rejected' }>,
  logger: RareLogger,
): void {
  switch (code) {
    case 'KEY_UNKNOWN':
      logger.log(
        'warn',
        reason,
        'A token was refused with KEY_UNKNOWN: it names a key that is not configured. A burst means a broken rotation: configure a new key on every node before it signs, and keep an old one until its last token has expired.',
      );
      break;
    case 'TOKEN_INVALID':
      logger.log(
        'warn',
        code,
        `A token was refused with TOKEN_INVALID (${reason}): it is forged, damaged, or from another application.`,
        reason,
      );
      break;
    case 'SESSION_UNKNOWN':
      logger.log(
        'warn',
        code,
        'A valid token was refused with SESSION_UNKNOWN: the store has no record of its session, which was ended elsewhere, has expired or was evicted.',
      );
      break;
    default:
      break;
  }
}
