import type { Transport } from '../ports/transport.js';
import { linkOf } from '../session/model/refresh-chain.js';
import type { SignedSession } from '../session/model/signed-session.js';
import { hashedLink } from '../session/records/presented-refresh.js';
import type { Exchange } from './exchange/exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Offers a browser to bind the session that it has just received, which is not bound yet. Nothing else may offer it: a
 * thief with a copy of the cookies could bind his key.
 */
export function offerBinding(
  { binding }: SessionRuntime,
  { session: { claims, refresh } }: SignedSession,
  carriers: readonly Transport[],
  exchange: Exchange | undefined,
): void {
  const isCookie = carriers.some(({ name }) => name === 'cookie');
  if (!binding || !exchange || !isCookie) {
    return;
  }
  const link = refresh && linkOf(refresh);
  exchange.deliver(
    binding.instructions.offer({ ...claims, link: link && hashedLink(link) }),
  );
}
