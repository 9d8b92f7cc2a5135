import { REFUSALS } from '../../errors/refusal.js';
import type { SessionError } from '../../errors/session-error.js';
import { handlingOf, mustAskStore } from '../../session/model/handling.js';
import type { SessionOutcome } from '../../session/model/session-outcome.js';
import type { VerifiedSession } from '../../session/model/verified-session.js';
import type { SessionRequest } from '../exchange/raw-exchange.js';
import type { SessionRuntime } from '../session-runtime.js';
import { errorOf } from './context-errors.js';
import { handshakeFacts, type SentCredentials } from './handshake.js';

/** The request that opened a connection, and what its client sent in place of headers. */
export interface OpenedHandshake {
  readonly handshake: SessionRequest;
  readonly sent: SentCredentials | undefined;
}

/** Decides on the handshake of a connection. Exchanges and re-issues nothing: no response could deliver it. */
export async function judgeHandshake(
  { authenticator, options }: SessionRuntime,
  { handshake, sent }: OpenedHandshake,
): Promise<SessionOutcome> {
  return authenticator.authenticate(
    handshakeFacts(handshake, sent, options.header),
    handlingOf({
      canDeliver: false,
      asksStore: mustAskStore(options.store),
      // A page reconnects by itself: that is no activity of its user.
      isPassive: true,
    }),
  );
}

/** Returns the error of a handshake or a message without a session, and reports it if nothing else does. */
export function refusalOf(
  { events }: SessionRuntime,
  outcome: Exclude<SessionOutcome, VerifiedSession>,
): SessionError {
  if (outcome.kind === 'anonymous') {
    events.rejected(REFUSALS.missing.code, 'missing');
  }
  return errorOf(outcome);
}
