import type { Refusal } from '../../errors/refusal.js';
import type { SessionErrorCode } from '../../errors/session-error.js';

/**
 * What the events of one session contain.
 *
 * @inline
 */
export interface OfSession {
  readonly at: Date;
  /** Keyed hash of the session id: names a session in logs, but opens nothing. */
  readonly session: string;
  readonly subject: string;
}

/** Why a session ended. */
export type SessionEndReason =
  'revoked' | 'loader' | 'replaced' | 'limit' | 'reused' | 'conflict';

/** Where a session has ended: in this process, in the store, or on every node by the revocation log as well. */
export type SessionEndReach = 'process' | 'store' | 'log';

/** What happens to sessions. No event carries a token, a secret, a cookie or a session id. */
export type SessionEvent =
  | (OfSession & { readonly type: 'created' })
  | (OfSession & { readonly type: 'reloaded' })
  | (OfSession & {
      /** The user has proved again who they are: `reauthenticated` was called. */
      readonly type: 'reauthenticated';
    })
  | (OfSession & {
      readonly type: 'ended';
      /**
       * `revoked` by the application, ended by the `loader`, `replaced` by a new sign-in, ended to make room under
       * `maxSessions` (`limit`), ended because a refresh token was `reused`, or because a second device was to be bound
       * (`conflict`).
       */
      readonly reason: SessionEndReason;
      /** The loader's explanation. */
      readonly detail?: string;
      readonly reach: SessionEndReach;
    })
  | {
      readonly type: 'allEnded';
      readonly at: Date;
      readonly subject: string;
      /** The number of sessions that the store ended; `0` without one. */
      readonly count: number;
    }
  | {
      /** `revokeEverything` was called: every session that began before has ended. */
      readonly type: 'everythingEnded';
      readonly at: Date;
    }
  | (OfSession & {
      readonly type: 'refreshed';
      /** A token exchanged a moment ago was presented again, and returned the same replacement. */
      readonly repeated: boolean;
    })
  | (OfSession & {
      /**
       * The response to a refresh was lost, and the client came back after `refreshToken.grace`. It received the same
       * tokens again, because they were unused.
       */
      readonly type: 'recovered';
    })
  | (OfSession & {
      /** A refresh token was presented again long after its exchange: someone has a copy. The session has ended. */
      readonly type: 'refreshReused';
    })
  | (OfSession & {
      /** The browser has bound the session to its device: only that device can refresh it. See `deviceBinding`. */
      readonly type: 'bound';
    })
  | (OfSession & {
      /**
       * A bound session was used without its device: a refresh token came with `no-proof`, or with a proof by an
       * `other-key`, or a key was presented for an `other-session`. Someone may have a copy of the cookies. The session
       * goes on, except after a second key for it.
       */
      readonly type: 'boundRefused';
      readonly reason: 'no-proof' | 'other-key' | 'other-session';
    })
  | (OfSession & {
      /** The store has lost writes: the `rotation` of one session, or `everything`. Not treated as theft. */
      readonly type: 'storeRolledBack';
      readonly lost: 'rotation' | 'everything';
    })
  | {
      /** The clocks of this process and of the store differ by more than `clockTolerance`. Emitted once. */
      readonly type: 'clockSkewed';
      readonly at: Date;
      /** How far ahead this process is; negative if it is behind. */
      readonly aheadSeconds: number;
    }
  | {
      /** The function or the JWKS that provides the keys has failed. The keys stay unchanged. */
      readonly type: 'keysFailed';
      readonly at: Date;
      readonly error: unknown;
    }
  | {
      readonly type: 'storeFailed';
      readonly at: Date;
      readonly operation: string;
      readonly error: unknown;
    }
  | {
      /** The store answers again after a failure. */
      readonly type: 'storeRecovered';
      readonly at: Date;
      /** Seconds from the first noticed failure to the first answer, by a clock that never goes back. */
      readonly awaySeconds: number;
    }
  | {
      /**
       * This process may miss revocations. It was `silent`: nothing was heard of the log for `maxLag`. It cannot read an
       * entry of a newer version (`unreadable`), has no room for more (`full`), or entries were removed from the log
       * before their time (`gap`). See `revocations.whenLagging`.
       */
      readonly type: 'revocationsLagging';
      readonly at: Date;
      readonly reason: 'silent' | 'unreadable' | 'full' | 'gap';
    }
  | {
      /** This process knows every revocation again. */
      readonly type: 'revocationsCaughtUp';
      readonly at: Date;
      readonly awaySeconds: number;
    }
  | {
      /** The live revocations take up 80 % of `revocations.maxEntries`. */
      readonly type: 'revocationsFilling';
      readonly at: Date;
      readonly entries: number;
      readonly maxEntries: number;
    }
  | {
      /** The revocation log could not answer. What should be appended is tried again. */
      readonly type: 'revocationsFailed';
      readonly at: Date;
      readonly operation: 'append' | 'follow';
      readonly error: unknown;
    }
  | {
      /** A sign-in was refused: the subject has as many sessions as `maxSessions` allows. */
      readonly type: 'limitReached';
      readonly at: Date;
      readonly subject: string;
      readonly max: number;
    }
  | (OfSession & {
      /** This process dropped the end of a session, to make room: a copied token may be accepted again. */
      readonly type: 'endEvicted';
      readonly how: 'ended' | 'replaced';
    })
  | (OfSession & {
      /** A new token could not be delivered: no response is known, or its head was already sent. */
      readonly type: 'undelivered';
    })
  | (OfSession & {
      readonly type: 'loaderFailed';
      /** `undefined` for a defect: the requests of the session get 500. */
      readonly code: SessionErrorCode | undefined;
      readonly error: unknown;
    })
  | {
      readonly type: 'rejected';
      readonly at: Date;
      readonly code: SessionErrorCode;
      /** Finer than the code; never sent to the client. */
      readonly reason: Refusal;
    };
