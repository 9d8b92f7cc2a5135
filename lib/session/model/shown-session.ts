import type { ExposedPart } from '../../options/resolve-routes-options.js';
import { verifiedOf, type AnySession } from './active-session.js';
import { dataOf } from './verified-session.js';

/**
 * Returns a session as its client may see it.
 *
 * @param owner the module that created it
 * @throws {SessionError} `SESSION_FOREIGN`
 */
export function shownSession(
  session: AnySession,
  owner: object,
  parts: readonly ExposedPart[],
): object {
  const { id, subject, issuedAt, authenticatedAt, loadedAt, expiresAt } =
    session;
  return {
    id,
    subject,
    ...(parts.includes('expanded') && { data: session.data as unknown }),
    ...(parts.includes('data') && {
      data: dataOf(verifiedOf(session, owner).claims),
    }),
    ...(parts.includes('attributes') && {
      attributes: session.attributes as unknown,
    }),
    issuedAt,
    authenticatedAt,
    loadedAt,
    expiresAt,
    isBound: session.isBound,
  };
}
