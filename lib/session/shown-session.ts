import type { ExposedPart } from '../options/resolve-routes-options.js';
import { ActiveSession, verifiedOf } from './active-session.js';
import { dataOf } from './verified-session.js';

/** A session as its client may see it. */
export function shownSession(
  session: ActiveSession<any, any, any>,
  parts: readonly ExposedPart[],
): object {
  const { id, subject, issuedAt, authenticatedAt, loadedAt, expiresAt } =
    session;
  return {
    id,
    subject,
    ...(parts.includes('expanded') && { data: session.data as unknown }),
    // A test may put an object of its own in place of a session.
    ...(parts.includes('data') && {
      data:
        session instanceof ActiveSession
          ? dataOf(verifiedOf(session).claims)
          : (session as { data: unknown }).data,
    }),
    ...(parts.includes('attributes') && {
      attributes: session.attributes as unknown,
    }),
    issuedAt,
    authenticatedAt,
    loadedAt,
    expiresAt,
  };
}
