import { sessionContext } from './session-context.js';
import type { SessionDataLoader } from './session-data-loader.js';
import { dataOf, type VerifiedSession } from './verified-session.js';

/** What handlers see as the data of a session: the loader's, or what its `expand` makes of it. */
export function expandData(
  loader: SessionDataLoader<unknown, unknown> | undefined,
  session: VerifiedSession,
): unknown {
  const data = dataOf(session.claims);
  return loader?.expand
    ? loader.expand(data, sessionContext(session.claims))
    : data;
}
