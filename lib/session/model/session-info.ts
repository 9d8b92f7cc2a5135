import type {
  SessionMetadata,
  SessionRecord,
} from '../../ports/session-store.js';

/** A session of a subject, for a list of devices. */
export interface SessionInfo {
  readonly id: string;
  readonly subject: string;
  readonly createdAt: Date;
  /**
   * The last reload or refresh. If the store is queried on each request, the last use, to within a minute. Passive
   * requests do not count as use.
   */
  readonly lastSeenAt: Date;
  /** When the session ends if it is not used before. */
  readonly expiresAt: Date;
  readonly metadata: SessionMetadata;
  /** Whether the session is bound to a device, as the option `deviceBinding` offers to browsers. */
  readonly isBound: boolean;
}

/** Returns what may be shown of a record: nothing that opens the session, and none of its contents. */
export function sessionInfo(record: SessionRecord): SessionInfo {
  const { id, subject, createdAt, lastSeenAt, expiresAt, metadata } = record;
  const isBound = record.deviceKey !== undefined;
  return { id, subject, createdAt, lastSeenAt, expiresAt, metadata, isBound };
}
