import { refusalError } from '../errors/refusal.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import {
  belongsTo,
  givenTokenOf,
  originOf,
  verifiedOf,
  type AnySession,
} from '../session/model/active-session.js';
import { signedTokenOf } from '../session/model/verified-session.js';
import type { Exchange } from './exchange/exchange.js';
import type { SessionRuntime } from './session-runtime.js';

/** Returns the newest token of a session that its request knows: one issued on the way, or the one that it carried. */
export function currentToken(
  runtime: SessionRuntime,
  session: AnySession,
): string {
  const verified = verifiedOf(session, runtime);
  const exchange = originOf(session) as Exchange | undefined;
  const newest = exchange?.session;
  const token =
    (newest && newest.id === session.id && belongsTo(newest, runtime)
      ? signedTokenOf(verifiedOf(newest, runtime))
      : undefined) ??
    signedTokenOf(verified) ??
    givenTokenOf(session) ??
    (exchange && runtime.transports.tokenIn(exchange));
  if (token === undefined) {
    throw refusalError('missing');
  }
  return token;
}

/** Issues a CSRF token for a session. */
export function csrfTokenOf(
  runtime: SessionRuntime,
  session: AnySession,
): string {
  if (!runtime.options.csrf.token) {
    throw new SessionConfigError([
      'csrfToken: expected the option csrf.token, got none; set it',
    ]);
  }
  return runtime.csrfTokens.issue(verifiedOf(session, runtime).claims.sid);
}
