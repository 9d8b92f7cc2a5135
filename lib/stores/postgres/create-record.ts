import type {
  CreateOptions,
  CreateVerdict,
  NewSessionRecord,
  SessionLimit,
} from '../../options/session-store.js';
import { whoMakesRoom, type LimitedSession } from '../session-limit.js';
import {
  fromKey,
  timeOf,
  toColumns,
  toDeadline,
  toKey,
} from './session-row.js';
import { refuseLate, type StatementRunner } from './statement-runner.js';

/** A subject that has fewer sessions than this part of a large limit is far from it, however many sign in at once. */
const FAR_FROM_LIMIT = 0.5;
const LARGE_LIMIT = 100;
/** More sessions than this a subject has only where no limit was set: then several sign-ins make room. */
const MOST_COUNTED = 10_001;

interface OtherRow {
  readonly id: string;
  readonly created_at: string;
  readonly generation: string;
  readonly hash: string | null;
  readonly used_at: string | null;
  readonly as_of: string;
}

/** Begins a record, within the limit if there is one. */
export async function createRecord(
  statements: StatementRunner,
  record: NewSessionRecord,
  options: CreateOptions,
): Promise<CreateVerdict> {
  const { limit } = options;
  if (!limit) {
    await begins(statements, record, [], options);
    return { kind: 'created', ended: [] };
  }
  const { max, policy } = limit;
  const isLarge = policy === 'end-oldest' && max >= LARGE_LIMIT;
  const few = Math.floor(max * FAR_FROM_LIMIT);
  if (isLarge && (await begins(statements, record, [], options, few))) {
    return { kind: 'created', ended: [] };
  }
  return createWithin(statements, record, options, limit);
}

/** One after the other for each subject: a single statement would not count those made at the same time. */
function createWithin(
  runner: StatementRunner,
  record: NewSessionRecord,
  options: CreateOptions,
  limit: SessionLimit,
): Promise<CreateVerdict> {
  const subject = toKey(record.subject);
  const { replaces } = options;
  return runner.transaction(async (statements) => {
    await statements.run('lockSubject', subject);
    const others = await statements.run<OtherRow>(
      'aliveByAge',
      subject,
      replaces === undefined ? null : toKey(replaces),
      MOST_COUNTED,
    );
    const now = others[0] ? timeOf(others[0].as_of).getTime() : 0;
    const ended = whoMakesRoom(others.map(toLimited), limit, now);
    if (ended === 'refused') {
      return { kind: 'refused' };
    }
    await begins(statements, record, ended, options);
    return { kind: 'created', ended };
  });
}

/**
 * Whether the record has begun.
 *
 * @param unless how many other sessions of the subject there must not be
 * @throws {LateCallError} outside of the deadline
 */
async function begins(
  statements: Pick<StatementRunner, 'run'>,
  record: NewSessionRecord,
  ended: readonly string[],
  options: CreateOptions,
  unless?: number,
): Promise<boolean> {
  const [row] = await statements.run<{ count: string; late_at: string | null }>(
    'create',
    ...toColumns(record, [...ended, options.replaces]),
    ...toDeadline(options),
    unless,
  );
  refuseLate(row);
  return row?.count === '1';
}

function toLimited(row: OtherRow): LimitedSession {
  return {
    id: fromKey(row.id),
    createdAt: timeOf(row.created_at).getTime(),
    generation: Number(row.generation),
    hash: row.hash ?? undefined,
    // What is not null was used, lately or by an older version at an unknown time.
    usedAt: row.used_at === null ? null : Number(row.used_at),
  };
}
