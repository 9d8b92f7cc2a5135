import type { SessionClock } from './clock.js';
import type { SessionPage } from './session-page.js';
import type {
  NewSessionRecord,
  SessionLifetime,
  SessionRecord,
  StoredData,
} from './session-record.js';
import type {
  BindOptions,
  CreateOptions,
  EndAllOptions,
  HashedRefreshLink,
  WriteDeadline,
} from './store-options.js';
import type {
  BindVerdict,
  CreateVerdict,
  RotationVerdict,
} from './store-verdicts.js';

export { LARGEST_PAGE, type SessionPage } from './session-page.js';
export type {
  NewSessionRecord,
  SessionLifetime,
  SessionMetadata,
  SessionRecord,
  StoredData,
} from './session-record.js';
export type {
  BindOptions,
  CreateOptions,
  EndAllOptions,
  HashedRefreshLink,
  SessionLimit,
  WriteDeadline,
} from './store-options.js';
export type {
  BindVerdict,
  CreateVerdict,
  RotationVerdict,
} from './store-verdicts.js';

/** A change to a record. */
export interface SessionChange extends WriteDeadline {
  /**
   * Attributes to set; `null` removes one. The store merges them in one step, so that concurrent changes to different
   * attributes all survive. Raises the revision by one, even for an empty object.
   */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Replaces the data, unless the record holds data that was loaded later. */
  readonly data?: StoredData;
  /** Moves the idle end to now + idle, but never past sign-in + absolute. */
  readonly extend?: SessionLifetime;
  /**
   * `true` if the user was not active. The change then does not count as use: {@link SessionRecord.lastSeenAt} stays.
   *
   * @default false
   */
  readonly isPassive?: boolean;
}

/** A refresh token as a store sees it: hashes only, so that no record holds a usable token. */
export interface PresentedRefresh extends HashedRefreshLink, WriteDeadline {
  /** SHA-256 of the secret part of its child. */
  readonly nextHash: string;
  /**
   * Grace period: the parent of the current token is `repeated` while now < start + grace. It starts at the rotation,
   * or at the first use of the current token if that came later.
   */
  readonly graceSeconds: number;
  /** Determines the idle end after the rotation. */
  readonly lifetime: SessionLifetime;
  /**
   * `true` if the user was not active. Neither the idle end nor {@link SessionRecord.lastSeenAt} moves. `lifetime` then
   * contains the time that the session has left, for stores that do not support this flag.
   *
   * @default false
   */
  readonly isPassive?: boolean;
  /** The device key whose proof came with the token. Compared only if the record is bound; see {@link SessionStore.bind}. */
  readonly deviceKey?: string;
}

/**
 * Keeps the records of sessions on the server, and is the injection token of the store in use.
 *
 * Every method is one atomic step on the store's own clock, and rejects when the store cannot answer. No method revives
 * an ended session. Records expire by themselves: from `expiresAt` on, a record counts as gone. Every method that finds
 * an expired record deletes it, so that a clock that goes back cannot revive it. Every implementation must pass the
 * tests of `describeSessionStore` from `nestjs-session-jwt/testing`.
 */
export abstract class SessionStore {
  /** Creates a record. The check of the limit and the creation are one step. */
  abstract create(
    record: NewSessionRecord,
    options?: CreateOptions,
  ): Promise<CreateVerdict>;

  /**
   * Returns the record of a session that has not ended.
   *
   * Deletes a record only if its own fields show that it has expired: a missing record may be moving to another server.
   *
   * @param use `'seen'` also notes that the session is in use, at most once a minute
   * @param generation of a presented token; also does what {@link confirmUse} does
   */
  abstract read(
    id: string,
    subject: string,
    use?: 'seen',
    generation?: number,
  ): Promise<SessionRecord | undefined>;

  /**
   * Does what `read(id, subject, 'seen')` does, for a caller that knows the attributes of a revision. Returns only the
   * time of the store while the session has not ended and there are no newer attributes. For stores where this is less
   * work than reading a whole record.
   */
  confirm?(
    id: string,
    subject: string,
    revision: number,
    generation?: number,
  ): Promise<Date | SessionRecord | undefined>;

  /** Decides on a refresh token and moves the chain on. */
  abstract rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict>;

  /**
   * Notes that the current refresh token of a session, or a session token issued with it, was presented: its owner has
   * received it. Only the first presentation counts. Any other generation changes nothing.
   *
   * Without this method, a refresh token that comes back after the grace period is always `reused`.
   *
   * @param generation of the token
   */
  confirmUse?(id: string, subject: string, generation: number): Promise<void>;

  /**
   * Binds a session to a key of the user's device, if it is not bound to another one: one compare-and-set. Every refresh
   * token of the session, including those issued before, then requires {@link PresentedRefresh.deviceKey}. Does not count
   * as use of the session, moves no end, and raises no revision.
   *
   * The first binding also moves the chain to {@link BindOptions.continuesFrom}. Any other call leaves the chain as it
   * is: the same key again, with whatever token, another key, and a late call.
   *
   * @param key any well-formed text of 1 to 1,024 bytes, compared character by character
   * @throws {LateCallError} outside of the deadline, in a store with {@link now}
   */
  bind?(
    id: string,
    subject: string,
    key: string,
    options?: BindOptions,
  ): Promise<BindVerdict>;

  /**
   * Changes a record and returns it, or `undefined` if the session has ended. Notes use unless the change is passive.
   */
  abstract update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined>;

  /** Ends a session. Returns `false` if there was none. */
  abstract end(id: string, subject: string): Promise<boolean>;

  /**
   * Ends all sessions of a subject in one round trip, however many there are.
   *
   * With `except`, ends the others only if that session has not ended, checked in the same step: an ended session must
   * not end the sessions of its owner. Of two concurrent calls that spare different sessions, one ends nothing.
   *
   * @param except id of the session to spare; any string, even one that was never an id
   * @returns how many it ended; `undefined` if the subject has no such session to spare, so that nothing ended
   */
  abstract endAll(
    subject: string,
    except?: string,
    options?: EndAllOptions,
  ): Promise<number | undefined>;

  /**
   * Returns the sessions of a subject that have not ended, at most 1,000, those that end last first. Rejects if the
   * store knows of sessions that it cannot read.
   */
  abstract list(subject: string, page?: SessionPage): Promise<SessionRecord[]>;

  /**
   * Returns the time of the store. A store with this method receives a {@link WriteDeadline} with each call that writes
   * and rejects with a `LateCallError` outside of it.
   *
   * @param subject whose sessions are concerned: of several servers, the one that holds them answers
   */
  now?(subject: string): Promise<Date>;

  /**
   * Returns whether all records are gone, as after a flush. Called whenever a method does not find the record of a
   * valid token. Reports each loss once, to one caller across all processes. For stores that can detect it.
   */
  hasLostAll?(): Promise<boolean>;

  /** Returns what is wrong with the server, for the log, such as a setting that may cost sessions. Called after startup. */
  warnings?(): Promise<readonly string[]>;

  /** Receives the clock of the module, for stores that have none. */
  useClock?(clock: SessionClock): void;
}
