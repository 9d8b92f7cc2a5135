import type {
  CreateOptions,
  CreateVerdict,
  NewSessionRecord,
} from '../../ports/session-store.js';
import { forgetEvicted, unreadable } from './list-sessions.js';
import { newFields } from './redis-record.js';
import { millisecondsOf, type ScriptRunner } from './script-runner.js';
import { CREATE } from './subject-scripts.js';

/**
 * Creates a record, within the limit if there is one.
 *
 * @throws {LateCallError} outside of the deadline
 * @throws {Error} if the limit depends on sessions whose records are moving to another server
 */
export async function createRecord(
  scripts: ScriptRunner,
  record: NewSessionRecord,
  options: CreateOptions,
): Promise<CreateVerdict> {
  const { id, subject, lifetime } = record;
  const { limit, replaces } = options;
  const grace = limit?.graceSeconds;
  const ids = replaces === undefined ? [id] : [id, replaces];
  const parameters = [
    limit ? String(limit.max) : '',
    limit?.policy ?? '',
    grace === undefined ? '' : String(grace * 1000),
    ...millisecondsOf(lifetime),
    ...newFields(record),
  ];
  const attempt = async (): Promise<string[]> => {
    const reply = await scripts.runInTime(
      CREATE,
      subject,
      ids,
      parameters,
      options,
    );
    return (reply as unknown[]).map(String);
  };
  let [kind, ...named] = await attempt();
  if (kind === 'unread') {
    await forgetEvicted(scripts, subject, named);
    [kind, ...named] = await attempt();
  }
  switch (kind) {
    case 'created':
      return { kind, ended: named };
    case 'refused':
      return { kind };
    default:
      throw unreadable(named);
  }
}
