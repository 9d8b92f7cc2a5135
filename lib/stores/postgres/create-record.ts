import type {
  CreateOptions,
  CreateVerdict,
  NewSessionRecord,
  SessionLimit,
} from '../../ports/session-store.js';
import { whoMakesRoom, type LimitedSession } from '../session-limit.js';
import {
  fromKey,
  timeOf,
  toColumns,
  toDeadline,
  toKey,
} from './session-row.js';
import { refuseLate, type StatementRunner } from './statement-runner.js';

/**
 * A subject with fewer sessions than this part of a large limit is far from it, however many sign-ins are concurrent.
 */
const FAR_FROM_LIMIT = 0.5;
const LARGE_LIMIT = 100;
/** A subject has more sessions than this only if no limit was set. Then several sign-ins make room. */
const MOST_COUNTED = 10_001;

interface OtherRow {
  readonly id: string;
  readonly created_at: string;
  readonly generation: string;
  readonly hash: string | null;
  readonly used_at: string | null;
  readonly as_of: string;
}

/** Creates a record, within the limit if there is one. */
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

/** Creates the records of a subject one after the other: a single statement would not count concurrent ones. */
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
 * Creates a record and returns whether it did.
 *
 * @param unless creates nothing if the subject already has this many sessions
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
    // Not null: used recently, or at an unknown time under an older version.
    usedAt: row.used_at === null ? null : Number(row.used_at),
  };
}
