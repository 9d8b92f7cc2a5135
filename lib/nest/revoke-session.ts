import { ActiveSession, verifiedOf } from '../session/active-session.js';
import type { FoundSessions } from '../session/carried-sessions.js';
import { Exchange, type SessionRequest } from './exchange.js';
import { refreshTokenInBody } from './refresh-session.js';
import type { DeliverOptions } from './session-service-options.js';
import type { SessionRuntime } from './session-runtime.js';

/** Ends a session, the ones that a request carries, or one that is named; `true` when a store ended one. */
export async function revokeSession(
  runtime: SessionRuntime,
  target:
    | ActiveSession<any, any, any>
    | SessionRequest
    | { id: string; subject: string },
  options: DeliverOptions & { crossSite?: boolean },
): Promise<boolean> {
  const { revocation } = runtime;
  if (target instanceof ActiveSession) {
    const exchange = Exchange.ofSession(target, options.response);
    const found = { sessions: [verifiedOf(target).claims], isComplete: true };
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

/** Clears the client first: a store that is down must not keep anybody signed in. */
async function endAndClear(
  { revocation, transports, options }: SessionRuntime,
  { sessions, isComplete }: FoundSessions,
  exchange: Exchange | undefined,
): Promise<boolean> {
  exchange?.deliver(transports.clearing(exchange));
  exchange?.detach(options.requestProperty);
  const ended = await Promise.all(
    sessions.map((session) => revocation.end(session)),
  );
  return isComplete && ended.some(Boolean);
}
