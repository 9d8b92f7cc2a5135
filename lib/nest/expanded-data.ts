import { sessionContext } from '../session/session-context.js';
import { dataOf, type VerifiedSession } from '../session/verified-session.js';
import type { Exchange } from './exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * What handlers see as the data of a session: the loader's, or what its `expand` makes of it, once for each
 * request.
 */
export function expandedData(
  { loader }: SessionRuntime,
  session: VerifiedSession,
  exchange: Exchange | undefined,
): unknown {
  const data = dataOf(session.claims);
  if (!loader?.expand) {
    return data;
  }
  const known = exchange?.expansion;
  if (known && known.of === data && known.sid === session.claims.sid) {
    return known.value;
  }
  const value: unknown = loader.expand(data, sessionContext(session.claims));
  if (exchange) {
    exchange.expansion = { sid: session.claims.sid, of: data, value };
  }
  return value;
}
