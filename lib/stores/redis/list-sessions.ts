import {
  LARGEST_PAGE,
  type SessionPage,
  type SessionRecord,
} from '../../ports/session-store.js';
import { recordOf, type RecordReply } from './redis-record.js';
import type { ScriptRunner } from './script-runner.js';
import { FORGET_EVICTED, LIST } from './subject-scripts.js';

/**
 * Returns the sessions of a subject.
 *
 * @throws {Error} if the index names sessions whose records are moving to another server
 */
export async function listSessions(
  scripts: ScriptRunner,
  subject: string,
  page: SessionPage = {},
): Promise<SessionRecord[]> {
  const [sessions, unread] = await onePage(scripts, subject, page);
  if (unread.length === 0) {
    return sessions;
  }
  await forgetEvicted(scripts, subject, unread);
  const [readable, stillUnread] = await onePage(scripts, subject, page);
  if (stillUnread.length > 0) {
    throw unreadable(stillUnread);
  }
  return readable;
}

/**
 * Removes sessions without a record from the index: they have ended. Rejects if their slot is moving to another server.
 */
export async function forgetEvicted(
  scripts: ScriptRunner,
  subject: string,
  ids: readonly string[],
): Promise<void> {
  await scripts.run(FORGET_EVICTED, subject, ids, []);
}

export function unreadable(ids: readonly string[]): Error {
  return new Error(
    `the records of ${ids.length} sessions could not be read: their slot is moving to another server`,
  );
}

async function onePage(
  scripts: ScriptRunner,
  subject: string,
  { limit = LARGEST_PAGE, after = '' }: SessionPage,
): Promise<[sessions: SessionRecord[], unread: string[]]> {
  const size = String(Math.min(limit, LARGEST_PAGE));
  const reply = await scripts.run(LIST, subject, [], [size, after]);
  const [sessions, unread] = reply as [[unknown, ...RecordReply][], unknown[]];
  return [
    sessions.map(([id, ...record]) => recordOf(String(id), subject, record)),
    unread.map(String),
  ];
}
