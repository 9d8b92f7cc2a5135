import { REFUSALS, refusalError } from '../errors/refusal.js';
import {
  createActiveSession,
  type AnySession,
} from '../session/model/active-session.js';
import { expandedData } from './expanded-data.js';
import type { SessionRuntime } from './session-runtime.js';

/** Verifies a token for callers that have no request. */
export async function verifyToken(
  runtime: SessionRuntime,
  token: unknown,
): Promise<AnySession> {
  const verified =
    typeof token === 'string'
      ? await runtime.inspection.inspect(token)
      : 'malformed';
  if (typeof verified === 'string') {
    runtime.events.rejected(REFUSALS[verified].code, verified);
    throw refusalError(verified);
  }
  const data = await expandedData(runtime, verified, undefined);
  return createActiveSession(
    runtime,
    verified,
    data,
    undefined,
    token as string,
  );
}
