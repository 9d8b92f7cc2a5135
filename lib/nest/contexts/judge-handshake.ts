import { handlingOf, mustAskStore } from '../../session/model/handling.js';
import type { SessionOutcome } from '../../session/model/session-outcome.js';
import type { SessionRequest } from '../exchange/raw-exchange.js';
import type { SessionRuntime } from '../session-runtime.js';
import { handshakeFacts, type SentCredentials } from './handshake.js';

/** Decides on the handshake of a connection. Exchanges and re-issues nothing: no response could deliver it. */
export async function judgeHandshake(
  { authenticator, options }: SessionRuntime,
  handshake: SessionRequest,
  sent: SentCredentials | undefined,
): Promise<SessionOutcome> {
  return authenticator.authenticate(
    handshakeFacts(handshake as never, sent, options.header),
    handlingOf({
      canDeliver: false,
      asksStore: mustAskStore(options.store),
      // A page reconnects by itself: that is no activity of its user.
      isPassive: true,
    }),
  );
}
