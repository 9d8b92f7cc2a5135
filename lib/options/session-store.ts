import type { SessionClock } from '../clock.js';

/** Where and on what a session was begun, for the user's list of devices. Not used for any decision. */
export interface SessionMetadata {
  readonly ip?: string;
  readonly userAgent?: string;
  /** A name that the user or the application gave the device. */
  readonly label?: string;
}

/** How long a session lives. Seconds. */
export interface SessionLifetime {
  /** From the last reload or refresh that was activity of the user. */
  readonly idleSeconds: number;
  /** From its sign-in; the idle end never lies beyond it. */
  readonly absoluteSeconds: number;
}

/**
 * Data of a session, where the store keeps it. Where tokens hold the data, a reload that the application asked for
 * notes here when it loaded: data that is older than that is out of date on every node.
 */
export interface StoredData {
  /** What the loader returned, a JSON value; `null` where tokens hold the data. */
  readonly value: unknown;
  /** When it was loaded, in seconds since the Unix epoch, by the clock of the node that loaded it. */
  readonly loadedAt: number;
}

/** What a store is given of a session that begins. */
export interface NewSessionRecord {
  readonly id: string;
  readonly subject: string;
  /** A JSON value. */
  readonly params: unknown;
  /** JSON values by name. Any string is a name, `__proto__` and the empty one too. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly metadata: SessionMetadata;
  readonly lifetime: SessionLifetime;
  readonly data?: StoredData;
  /** SHA-256 of the secret part of the first refresh token (generation 0), where the session has one. */
  readonly refreshHash?: string;
}

/** What a store tells of a session. All times are those of the store's own clock. */
export interface SessionRecord {
  readonly id: string;
  readonly subject: string;
  readonly params: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Counts the changes of the attributes, and the reloads that the application asked for; 0 at the beginning. */
  readonly revision: number;
  readonly metadata: SessionMetadata;
  readonly data?: StoredData;
  readonly createdAt: Date;
  /**
   * Moved by reloads, refreshes and updates that are activity of the user, and by {@link SessionStore.read} at most once a
   * minute.
   */
  readonly lastSeenAt: Date;
  /** When it ends unless it is used before. */
  readonly expiresAt: Date;
  /** When the store answered this. */
  readonly asOf: Date;
}

/** How many sessions one subject may have. */
export interface SessionLimit {
  readonly max: number;
  /** At the limit a sign-in is refused, or ends the session that was begun first. */
  readonly policy: 'refuse' | 'end-oldest';
}

/** What else happens in the step that creates a record. */
export interface CreateOptions {
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

/** What changes in a record. */
export interface SessionChange {
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
export interface PresentedRefresh {
  /** Its place in the chain; the first refresh token of a session has 0. */
  readonly generation: number;
  /** SHA-256 of its secret part. */
  readonly secretHash: string;
  /** SHA-256 of the secret part of its child. */
  readonly nextHash: string;
  /** The parent of the current token is repeated while now < rotation + grace; at that instant it is reused. */
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
   * @param use `'seen'` also notes that the session is in use, at most once a minute
   */
  abstract read(
    id: string,
    subject: string,
    use?: 'seen',
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
  ): Promise<Date | SessionRecord | undefined>;

  /** Judges a refresh token and moves the chain on. */
  abstract rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict>;

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
  ): Promise<number | undefined>;

  /** The sessions of a subject that have not ended, in any order. */
  abstract list(subject: string): Promise<SessionRecord[]>;

  /**
   * Whether all records are gone, as after a flush. Queried when a record is missing that a valid token promises, at any
   * method; reports each loss once, to one caller of all processes. For stores that can notice it.
   */
  hasLostAll?(): Promise<boolean>;

  /**
   * What is wrong with the server, for the log: a setting that may cost sessions. Queried once when the application starts,
   * and not waited for.
   */
  warnings?(): Promise<readonly string[]>;

  /** The module hands its clock to stores that have none of their own. */
  useClock?(clock: SessionClock): void;
}
