import type { SessionLimit } from '../options/session-store.js';

/** What counts of a session when another one of its subject begins. Times in milliseconds. */
export interface LimitedSession {
  readonly id: string;
  readonly createdAt: number;
  readonly generation: number;
  /** SHA-256 of its refresh token, where it has one. */
  readonly hash: string | undefined;
  /** When a token of the current generation was first presented; `null` where none was yet. */
  readonly usedAt: number | null | undefined;
}

/**
 * Which sessions of a subject make room for one more, or that it is refused.
 *
 * A sign-in whose answer was lost leaves a session that nobody can use: those go first, so that a client which tries
 * again signs out no device. The scripts of the Redis and Postgres stores do the same.
 *
 * @param others its living sessions, in the order in which they began
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
