import type { SessionRecord, SessionStore } from '../options/session-store.js';

/** Asks a store, which may throw instead of rejecting, and may answer something that is no promise. */
export function answerOf<T>(
  ask: (store: SessionStore) => Promise<T>,
  store: SessionStore,
): Promise<T> {
  try {
    return Promise.resolve(ask(store));
  } catch (thrown) {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors
    return Promise.reject(thrown);
  }
}

/**
 * What clients of databases throw may carry the command with its arguments, or the values of a row: session
 * ids and hashes, which belong into no log.
 */
export function withoutDetails(thrown: unknown): Error {
  if (!(thrown instanceof Error)) {
    return new Error(`the store threw ${typeof thrown}`);
  }
  try {
    const { name, message, stack, code } = thrown as Error & {
      code?: unknown;
    };
    return Object.assign(new Error(message), {
      name,
      stack,
      ...(typeof code === 'string' && { code }),
    });
  } catch {
    return new Error('the store threw what cannot be read');
  }
}

/** What a store answers is not trusted to be a record: its authors may be those of the application. */
export function checkedRecord(
  record: SessionRecord | null | undefined,
): SessionRecord | undefined {
  if (record === null || record === undefined) {
    return undefined;
  }
  const isRecord =
    typeof record.attributes === 'object' &&
    record.attributes !== null &&
    Number.isSafeInteger(record.revision) &&
    record.asOf instanceof Date;
  if (!isRecord) {
    throw new TypeError('the store answered something that is no record');
  }
  return record;
}

/** The time of the store that an answer tells, if it does. */
export function timeIn(answer: unknown): Date | undefined {
  const first: unknown = Array.isArray(answer) ? answer[0] : answer;
  return first instanceof Date ? first : timeOf(first, () => true);
}

/** The time of a store that refused a call because it came too late; `undefined` for every other error. */
export function timeOfLateCall(error: unknown): Date | undefined {
  // By its name: the class may come from another copy of this package.
  return timeOf(error, ({ name }) => name === 'LateCallError');
}

function timeOf(
  value: unknown,
  isMeant: (value: { name?: unknown }) => boolean,
): Date | undefined {
  try {
    const { asOf } = value as { asOf?: unknown };
    return asOf instanceof Date && isMeant(value as object) ? asOf : undefined;
  } catch {
    // What a store answers or throws may be anything.
    return undefined;
  }
}
