import { REFUSALS } from '../../errors/refusal.js';
import type { SessionOutcome } from '../model/session-outcome.js';
import type { VerifiedSession } from '../model/verified-session.js';
import type { ConnectionEnd } from './connection-times.js';

/** Error codes after which the client may still have a session that it can refresh. */
const MAY_REFRESH: ReadonlySet<string> = new Set([
  'TOKEN_MISSING',
  'TOKEN_EXPIRED',
  'KEY_UNKNOWN',
  'PROOF_REQUIRED',
]);

/**
 * Returns why a connection without a valid session is closed. With refresh tokens, a handshake often lacks only a fresh
 * session token: browsers drop the expired cookie, and send the refresh token to other paths. Such a client must not
 * take itself for signed out.
 */
export function endOfHandshake(
  outcome: Exclude<SessionOutcome, VerifiedSession>,
  hasRefreshTokens: boolean,
): ConnectionEnd {
  switch (outcome.kind) {
    case 'unavailable':
      return 'uncertain';
    case 'anonymous':
      return hasRefreshTokens ? 'uncertain' : 'ended';
    case 'rejected': {
      const { code } = REFUSALS[outcome.refusal];
      return (hasRefreshTokens && MAY_REFRESH.has(code)) ||
        code === 'TOKEN_NOT_YET_VALID'
        ? 'uncertain'
        : 'ended';
    }
  }
}
