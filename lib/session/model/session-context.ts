import type { SessionClaims } from '../../tokens/session-claims.js';
import type { SessionContext } from './session-data-loader.js';

/** What a loader may know of a session. */
export type SessionInContext = Pick<
  SessionClaims,
  'sid' | 'sub' | 'oiat' | 'attrs'
>;

/** Returns what a loader receives about the session whose data it loads or expands. */
export function sessionContext(claims: SessionInContext): SessionContext {
  return {
    sessionId: claims.sid,
    subject: claims.sub,
    issuedAt: new Date(claims.oiat * 1000),
    attributes: claims.attrs,
    issuedBefore: (instant) =>
      instant != null && claims.oiat < Math.floor(instant.getTime() / 1000),
  };
}
