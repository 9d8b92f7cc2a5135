import type {
  SessionMetadata,
  SessionRecord,
} from '../options/session-store.js';

/** One of a subject's sessions, for a list of devices. */
export interface SessionInfo {
  readonly id: string;
  readonly subject: string;
  readonly createdAt: Date;
  /**
   * The last reload or refresh; within a minute the last use where the store is asked at each request. Passive requests
   * are no use.
   */
  readonly lastSeenAt: Date;
  /** When it ends unless it is used before. */
  readonly expiresAt: Date;
  readonly metadata: SessionMetadata;
}

/** What may be shown of a record: nothing that opens the session, and not what it is about. */
export function sessionInfo(record: SessionRecord): SessionInfo {
  const { id, subject, createdAt, lastSeenAt, expiresAt, metadata } = record;
  return { id, subject, createdAt, lastSeenAt, expiresAt, metadata };
}
