import type { SessionRecord, SessionStore } from '../ports/session-store.js';

/** Calls a store, which may throw instead of rejecting and may return something other than a promise. */
export function answerOf<T, Store = SessionStore>(
  ask: (store: Store) => Promise<T>,
  store: Store,
): Promise<T> {
  try {
    return Promise.resolve(ask(store));
  } catch (thrown) {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors
    return Promise.reject(thrown);
  }
}

/**
 * Copies an error without its details: database clients may attach the command with its arguments, or the values of a
 * row. These contain session ids and hashes, which must not be logged.
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
    return new Error('the store threw an error that cannot be read');
  }
}

/** Checks that a store returned a record: the store may be part of the application, so it is not trusted. */
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
    throw new TypeError('the store returned something other than a record');
  }
  return record;
}

/** Returns the time of the store that an answer contains, if any. */
export function timeIn(answer: unknown): Date | undefined {
  const first: unknown = Array.isArray(answer) ? answer[0] : answer;
  return first instanceof Date ? first : timeOf(first, () => true);
}

/** Returns the time of a store that refused a late call; `undefined` for every other error. */
export function timeOfLateCall(error: unknown): Date | undefined {
  // Recognised by name: the class may come from another copy of this package.
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
    // A store may return or throw anything.
    return undefined;
  }
}
