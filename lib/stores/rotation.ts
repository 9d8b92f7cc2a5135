import type {
  HashedRefreshLink,
  PresentedRefresh,
  RotationVerdict,
} from '../ports/session-store.js';

/** The state of a chain of refresh tokens in its record. Times are in milliseconds since the Unix epoch. */
export interface RotationState {
  readonly generation: number;
  readonly hash: string | undefined;
  readonly previousHash: string | undefined;
  readonly rotatedAt: number;
  /**
   * When a token of the current generation was first presented; `null` if none has been. `undefined` if unknown, in a
   * record of an older version.
   */
  readonly usedAt: number | null | undefined;
  /** The generation that was recovered last. */
  readonly recovered: number | undefined;
  /** The key that the session is bound to. */
  readonly deviceKey: string | undefined;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/**
 * Decides on a refresh token by the record of its session (RFC 9700, section 4.14.2).
 *
 * The parent of the current token stays valid for the grace period, because its owner may never have received the
 * response. It yields the same child again, so that there is only ever one chain. On it, a thief and the owner collide
 * as soon as their first uses are more than the grace period apart. A replay does not extend the grace period. A token
 * ahead of the record proves that the store lost writes, not that a token was stolen.
 *
 * As long as the child is unused, its response may have been lost, however late the parent comes: the parent is
 * recovered. This never happens twice in a row, since a thief who refreshes and uses nothing would go unnoticed.
 *
 * In a bound session, only its device is answered any of this: a thief without the key must not end it.
 *
 * The Redis and Postgres stores contain translations of this function. One table of tests covers all three.
 */
export function decideRotation(
  state: RotationState,
  presented: PresentedRefresh,
  now: number,
): Exclude<RotationVerdict, 'unknown' | 'lost'> {
  const absoluteEnd =
    state.createdAt + presented.lifetime.absoluteSeconds * 1000;
  if (now >= state.expiresAt || now >= absoluteEnd) {
    return 'expired';
  }
  if (
    state.deviceKey !== undefined &&
    state.deviceKey !== presented.deviceKey
  ) {
    return 'unproven';
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

/** Returns the state of a chain that continues from a refresh token which its owner has just presented. */
export function continuedFrom(
  { generation, secretHash }: HashedRefreshLink,
  now: number,
) {
  return {
    generation,
    hash: secretHash,
    previousHash: undefined,
    rotatedAt: now,
    usedAt: now,
    recovered: undefined,
  } satisfies Partial<RotationState>;
}
