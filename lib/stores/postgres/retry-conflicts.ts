import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { sqlStateOf } from './sql.js';

const RETRIES = 2;
/** Milliseconds. Two pauses and three attempts stay well within the session layer's deadline. */
const LONGEST_PAUSE = 30;

/**
 * Retries, up to twice, an attempt that the database aborted because of other transactions. Such an attempt leaves
 * nothing behind. Every other error is passed on.
 */
export async function retryConflicts<T>(attempt: () => Promise<T>): Promise<T> {
  for (let retried = 0; ; retried += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (retried === RETRIES || !isConflict(error)) {
        throw error;
      }
    }
    await pause(randomInt(1, LONGEST_PAUSE + 1));
  }
}

/** Recognises a serialisation failure or a deadlock by its SQLSTATE. */
function isConflict(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === '40001' || code === '40P01';
}
