import { sessionContext } from '../session/model/session-context.js';
import { isThenable } from '../session/model/thenable.js';
import {
  dataOf,
  type VerifiedSession,
} from '../session/model/verified-session.js';
import type { Exchange } from './exchange/exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Returns the data that handlers see: the loader's, or the result of its `expand` (a native promise if that is
 * asynchronous). Expands once per request.
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
  const made: unknown = loader.expand(data, sessionContext(session.claims));
  const value = isThenable(made) ? Promise.resolve(made) : made;
  if (exchange) {
    exchange.expansion = { sid: session.claims.sid, of: data, value };
  }
  return value;
}
