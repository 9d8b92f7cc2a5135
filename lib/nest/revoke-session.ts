import {
  isActiveSession,
  verifiedOf,
  type AnySession,
} from '../session/model/active-session.js';
import type { FoundSessions } from '../session/request/carried-sessions.js';
import { Exchange } from './exchange/exchange.js';
import type { SessionRequest } from './exchange/raw-exchange.js';
import { refreshTokenInBody } from './refresh-session.js';
import type { DeliverOptions } from './session-service-options.js';
import type { SessionRuntime } from './session-runtime.js';

/** Ends a session: the given one, those of a request, or one named by id. Returns `true` if a store ended one. */
export async function revokeSession(
  runtime: SessionRuntime,
  target: AnySession | SessionRequest | { id: string; subject: string },
  options: DeliverOptions & { crossSite?: boolean },
): Promise<boolean> {
  const { revocation } = runtime;
  if (isActiveSession(target)) {
    const { claims } = verifiedOf(target, runtime);
    const exchange = Exchange.ofSession(target, options.response);
    const found = { sessions: [claims], isComplete: true };
    return endAndClear(runtime, found, exchange);
  }
  if (!('headers' in target)) {
    return revocation.endNamed(target.id, target.subject);
  }
  const exchange = Exchange.of(target, options.response);
  const carried = await revocation.carriedBy(
    exchange,
    refreshTokenInBody(runtime, exchange),
    options.crossSite,
  );
  return endAndClear(runtime, carried, exchange);
}

/** Clears the client first: an unavailable store must not keep anyone signed in. */
async function endAndClear(
  runtime: SessionRuntime,
  { sessions, isComplete }: FoundSessions,
  exchange: Exchange | undefined,
): Promise<boolean> {
  const { revocation, transports } = runtime;
  exchange?.deliver(transports.clearing(exchange));
  exchange?.detach(runtime);
  const ended = await Promise.all(
    sessions.map((session) => revocation.end(session)),
  );
  return isComplete && ended.some(Boolean);
}
