import type { SessionLimit } from '../ports/session-store.js';

/** What matters about a session when another session of its subject begins. Times are in milliseconds. */
export interface LimitedSession {
  readonly id: string;
  readonly createdAt: number;
  readonly generation: number;
  /** SHA-256 of its refresh token, if it has one. */
  readonly hash: string | undefined;
  /** When a token of the current generation was first presented; `null` if none has been. */
  readonly usedAt: number | null | undefined;
}

/**
 * Returns the sessions of a subject that make room for one more, or `'refused'`.
 *
 * A sign-in whose response was lost leaves an unusable session. Such sessions go first, so that a client that retries
 * does not sign out another device. The Redis and Postgres stores do the same.
 *
 * @param others the sessions of the subject that have not ended, oldest first
 */
export function whoMakesRoom(
  others: readonly LimitedSession[],
  { max, policy, graceSeconds }: SessionLimit,
  now: number,
): readonly string[] | 'refused' {
  const surplus = others.length + 1 - max;
  if (surplus <= 0) {
    return [];
  }
  const isNeverUsed = (session: LimitedSession): boolean =>
    graceSeconds !== undefined &&
    session.hash !== undefined &&
    session.generation === 0 &&
    session.usedAt === null &&
    now >= session.createdAt + graceSeconds * 1000;
  const unused = others.filter(isNeverUsed);
  const used = others.filter((session) => !isNeverUsed(session));
  if (policy === 'refuse' && used.length + 1 > max) {
    return 'refused';
  }
  return [...unused, ...used].slice(0, surplus).map(({ id }) => id);
}
