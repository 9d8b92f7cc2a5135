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
  return isParent && now < state.rotatedAt + presented.graceSeconds * 1000
    ? 'repeated'
    : 'reused';
}
