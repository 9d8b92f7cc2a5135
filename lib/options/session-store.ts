import type { SessionClock } from '../clock.js';
import type { SessionPage } from './session-page.js';
import type {
  NewSessionRecord,
  SessionLifetime,
  SessionRecord,
  StoredData,
} from './session-record.js';

export { LARGEST_PAGE, type SessionPage } from './session-page.js';
export type {
  NewSessionRecord,
  SessionLifetime,
  SessionMetadata,
  SessionRecord,
  StoredData,
} from './session-record.js';

/**
 * When a store may still carry out a call, by its own clock. A call whose caller has given up may reach the store all the
 * same, when others have gone on: outside these bounds the store changes nothing and rejects with a {@link LateCallError}.
 * It compares them with its clock after it has waited for its own locks.
 */
export interface WriteDeadline {
  /** From this instant on it is too late. */
  readonly notAfter?: Date;
  /** Before this instant the store's clock has gone back since the bounds were set: too late as well. */
  readonly notBefore?: Date;
}

/** How many sessions one subject may have. */
export interface SessionLimit {
  readonly max: number;
  /**
   * At the limit a sign-in is refused, or ends other sessions: first those with refresh tokens of which no token was ever
   * used, the answer of their sign-in was lost; then the session that was begun first.
   */
  readonly policy: 'refuse' | 'end-oldest';
  /**
   * How long the answer of a sign-in may be on its way: a session that is younger counts as used.
   *
   * @default no session counts as never used
   */
  readonly graceSeconds?: number;
}

/** What else happens in the step that creates a record. */
export interface CreateOptions extends WriteDeadline {
  readonly limit?: SessionLimit;
  /**
   * Id of a session of the same subject that the new one replaces: it ends, and does not count towards the limit. A
   * refused `create` changes nothing: the session that it would replace goes on.
   */
  readonly replaces?: string;
}

/** What came of {@link SessionStore.create}: `ended` names the sessions that had to make room. */
export type CreateVerdict =
  | { readonly kind: 'created'; readonly ended: readonly string[] }
  | { readonly kind: 'refused' };

/** What else {@link SessionStore.endAll} obeys. */
export interface EndAllOptions extends WriteDeadline {
  /** Sessions that began after this instant, by the store's clock, go on. */
  readonly begunUntil?: Date;
}

/** What changes in a record. */
export interface SessionChange extends WriteDeadline {
  /**
   * Attributes to set; `null` removes one. Merged by the store in one step, so that concurrent changes of
   * different attributes both survive. Raises the revision by one, even for an empty object.
   */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Replaces the data, unless the record holds data that was loaded later. */
  readonly data?: StoredData;
  /** Moves the idle end to now + idle, never past the sign-in + absolute. */
  readonly extend?: SessionLifetime;
  /**
   * `true`: it is no activity of the user, and not noted as use: {@link SessionRecord.lastSeenAt} stays.
   *
   * @default false
   */
  readonly isPassive?: boolean;
}

/** A refresh token as a store sees it: hashes only, so that no record holds a usable token. */
export interface PresentedRefresh extends WriteDeadline {
  /** Its place in the chain; the first refresh token of a session has 0. */
  readonly generation: number;
  /** SHA-256 of its secret part. */
  readonly secretHash: string;
  /** SHA-256 of the secret part of its child. */
  readonly nextHash: string;
  /**
   * The parent of the current token is repeated while now < start + grace. It starts at the rotation or, where the
   * current token was first used later, then.
   */
  readonly graceSeconds: number;
  /** For the idle end after the rotation. */
  readonly lifetime: SessionLifetime;
  /**
   * `true`: it is no activity of the user, so neither the idle end nor {@link SessionRecord.lastSeenAt} moves. `lifetime`
   * then says how long the session has left, for stores that do not know this.
   *
   * @default false
   */
  readonly isPassive?: boolean;
}

/**
 * What {@link SessionStore.rotate} decided:
 *
 * - `rotated`: the current token was presented; its child is the current one now.
 * - `repeated`: the parent of the current token was presented again within the grace time; nothing changed.
 * - `recovered`: the parent was presented after the grace time, and nobody has ever used the current token or a session
 *   token that was issued with it: its answer was lost. The current token stays; the record notes that it was recovered.
 *   Never where the parent is a recovered token itself: a thief who uses nothing would not be noticed. Optional, as
 *   {@link SessionStore.confirmUse}.
 * - `rolled-forward`: the token is ahead of the record, so the store lost writes (a failover, a restored
 *   backup); its child is the current token now.
 * - `reused`: an older token, one of another chain, or the parent after the grace time; the session is ended.
 * - `expired`: the session is past its idle end, its absolute end, or the absolute end that the presented
 *   `lifetime` gives it now, which may be shorter than the one it began with; the record is gone.
 * - `unknown`: there is no such record: it was ended, or expired and was removed.
 * - `lost`: as `unknown`, and the store found that all its records are gone. Reported once. Optional: a store that
 *   cannot notice this answers `unknown`, and one that has {@link SessionStore.hasLostAll} says so there.
 */
export type RotationVerdict =
  | 'rotated'
  | 'repeated'
  | 'recovered'
  | 'rolled-forward'
  | 'reused'
  | 'expired'
  | 'unknown'
  | 'lost';

/**
 * Server-side record of sessions, and the injection token of the one in use. Every method is one atomic
 * step on the store's own clock, and rejects when the store cannot answer; no method brings an ended
 * session back. A record expires by itself: from `expiresAt` on it is as if it were gone, and every method that finds
 * it then deletes it, so that no clock that goes back revives it. `describeSessionStore` of `nestjs-session-jwt/testing` holds
 * the tests that every implementation must pass.
 */
export abstract class SessionStore {
  /** Begins a record; the check of the limit and the creation are one step. */
  abstract create(
    record: NewSessionRecord,
    options?: CreateOptions,
  ): Promise<CreateVerdict>;

  /**
   * The record of a session that has not ended.
   *
   * A read deletes only a record whose own fields say that it has expired: one that cannot be found may be on its way to
   * another server.
   *
   * @param use `'seen'` also notes that the session is in use, at most once a minute
   * @param generation that of a token which was presented: also does what {@link confirmUse} does
   */
  abstract read(
    id: string,
    subject: string,
    use?: 'seen',
    generation?: number,
  ): Promise<SessionRecord | undefined>;

  /**
   * As `read(id, subject, 'seen')`, for a caller that knows the attributes of a revision: while the session has not
   * ended and has none that are newer, only the time of the store. For stores to which that is less work than a
   * whole record.
   */
  confirm?(
    id: string,
    subject: string,
    revision: number,
    generation?: number,
  ): Promise<Date | SessionRecord | undefined>;

  /** Judges a refresh token and moves the chain on. */
  abstract rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict>;

  /**
   * Notes that the current refresh token of a session, or a session token that was issued with it, was presented: its
   * owner has it. Only the first time counts, and any other generation changes nothing.
   *
   * Without this method a refresh token that comes back after the grace time is always `reused`.
   *
   * @param generation that of the token
   */
  confirmUse?(id: string, subject: string, generation: number): Promise<void>;

  /** The record after a change, `undefined` when the session has ended. Also notes that it is in use, unless it is passive. */
  abstract update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined>;

  /** Ends a session; `false` when there was none. */
  abstract end(id: string, subject: string): Promise<boolean>;

  /**
   * Ends all sessions of a subject in one round trip, however many there are.
   *
   * With `except` it ends the others only while that session is alive, checked in the same step: an ended session
   * must not end the sessions of its owner. Of two concurrent calls that each spare a different session, one ends nothing.
   *
   * @param except id of the session that stays; any string, also one that was never an id
   * @returns how many it ended; `undefined` when `except` names no living session of the subject, and nothing ended
   */
  abstract endAll(
    subject: string,
    except?: string,
    options?: EndAllOptions,
  ): Promise<number | undefined>;

  /**
   * The sessions of a subject that have not ended, those that end last first; 1,000 at most. Rejects where the store knows
   * of more than it can read.
   */
  abstract list(subject: string, page?: SessionPage): Promise<SessionRecord[]>;

  /**
   * The time of the store. A store that has this method is given a {@link WriteDeadline} with each call that writes, and
   * rejects with a {@link LateCallError} outside of it.
   *
   * @param subject whose sessions are concerned: of several servers, the one that has them answers
   */
  now?(subject: string): Promise<Date>;

  /**
   * Whether all records are gone, as after a flush. Queried when a record is missing that a valid token promises, at any
   * method; reports each loss once, to one caller of all processes. For stores that can notice it.
   */
  hasLostAll?(): Promise<boolean>;

  /**
   * What is wrong with the server, for the log: a setting that may cost sessions. Queried when the application starts.
   */
  warnings?(): Promise<readonly string[]>;

  /** The module hands its clock to stores that have none of their own. */
  useClock?(clock: SessionClock): void;
}
