import type {
  PresentedRefresh,
  RotationVerdict,
} from '../options/session-store.js';

/** What a record knows of its chain of refresh tokens. Times in milliseconds since the Unix epoch. */
export interface RotationState {
  readonly generation: number;
  readonly hash: string | undefined;
  readonly previousHash: string | undefined;
  readonly rotatedAt: number;
  /**
   * When a token of the current generation was first presented, `null` where none was yet. `undefined`: not known, in a
   * record of an older version.
   */
  readonly usedAt: number | null | undefined;
  /** The last generation that was recovered. */
  readonly recovered: number | undefined;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/**
 * Judges a refresh token against the record of its session (RFC 9700, section 4.14.2).
 *
 * The parent of the current token stays good for the grace time, because its owner may never have seen the
 * answer, and is answered with the same child again, so that there is only ever one chain: a thief and the
 * owner collide on it at their first uses more than the grace time apart. A replay does not extend the grace
 * time. A token ahead of the record proves that the store lost writes, not that anybody stole something.
 *
 * While nobody has used the child, its answer may still be lost, however late the parent comes: it is recovered.
 * Never twice in a row: a thief who refreshes and uses nothing would otherwise go unnoticed.
 *
 * The scripts of the Redis and Postgres stores are translations of this function, held to it by one table.
 */
export function judgeRotation(
  state: RotationState,
  presented: PresentedRefresh,
  now: number,
): Exclude<RotationVerdict, 'unknown' | 'lost'> {
  const absoluteEnd =
    state.createdAt + presented.lifetime.absoluteSeconds * 1000;
  if (now >= state.expiresAt || now >= absoluteEnd) {
    return 'expired';
  }
  if (presented.generation > state.generation) {
    return 'rolled-forward';
  }
  if (presented.generation === state.generation) {
    return presented.secretHash === state.hash ? 'rotated' : 'reused';
  }
  const isParent =
    presented.generation === state.generation - 1 &&
    presented.secretHash === state.previousHash;
  if (!isParent) {
    return 'reused';
  }
  const graceStart = Math.max(state.rotatedAt, state.usedAt ?? 0);
  if (now < graceStart + presented.graceSeconds * 1000) {
    return 'repeated';
  }
  return state.usedAt === null && state.recovered !== presented.generation
    ? 'recovered'
    : 'reused';
}
