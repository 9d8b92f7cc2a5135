/**
 * The time in which a store may carry out a write, by its own clock. A call may reach the store after its caller has
 * given up and others have moved on. Outside these bounds, the store changes nothing and rejects with a
 * {@link LateCallError}. It checks the bounds after it has waited for its own locks.
 */
export interface WriteDeadline {
  /** From this instant on, the call is late. */
  readonly notAfter?: Date;
  /** Before this instant, the call is late as well: the store's clock has gone back since the bounds were set. */
  readonly notBefore?: Date;
}

/** How many sessions one subject may have. */
export interface SessionLimit {
  readonly max: number;
  /**
   * At the limit, a sign-in is refused or ends other sessions. Sessions whose refresh tokens were never used make room
   * first, because the response to their sign-in was lost. The oldest session comes next.
   */
  readonly policy: 'refuse' | 'end-oldest';
  /**
   * Seconds that the response to a sign-in may take to arrive. A younger session counts as used.
   *
   * @default every session counts as used
   */
  readonly graceSeconds?: number;
}

/** Options of {@link SessionStore.create}, which take effect in the step that creates the record. */
export interface CreateOptions extends WriteDeadline {
  readonly limit?: SessionLimit;
  /**
   * Id of a session of the same subject that the new one replaces. It ends, and does not count towards the limit. A
   * refused `create` changes nothing: the session that it would have replaced goes on.
   */
  readonly replaces?: string;
}

/** A refresh token's position in the chain of its session, and the hash of its secret part. */
export interface HashedRefreshLink {
  /** The first refresh token of a session has 0. */
  readonly generation: number;
  /** SHA-256 of the secret part. */
  readonly secretHash: string;
}

/** Options of {@link SessionStore.bind}. */
export interface BindOptions extends WriteDeadline {
  /**
   * The refresh token that the browser holds. With the first binding it becomes the current one, without a parent, and
   * counts as used. Tokens that others exchanged for a copy of it lead nowhere from then on, since they require a proof.
   *
   * @default the chain stays as it is: a browser that holds an older token than a copy ends the session with it
   */
  readonly continuesFrom?: HashedRefreshLink;
}

/** Options of {@link SessionStore.endAll}. */
export interface EndAllOptions extends WriteDeadline {
  /** Spares sessions created after this instant, by the store's clock. */
  readonly begunUntil?: Date;
}
