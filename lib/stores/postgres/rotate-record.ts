import type {
  PresentedRefresh,
  RotationVerdict,
} from '../../ports/session-store.js';
import { toDeadline, toKey } from './session-row.js';
import { isFailed } from './sql.js';
import type { StatementRunner } from './statement-runner.js';

/**
 * Exchanges a refresh token for the next one. Almost every token is the current one of its session, which takes one
 * short statement. Another statement decides on the rest under a lock.
 */
export async function rotateRecord(
  statements: StatementRunner,
  id: string,
  subject: string,
  presented: PresentedRefresh,
): Promise<RotationVerdict> {
  const { generation, secretHash, nextHash, lifetime } = presented;
  const values = [
    toKey(subject),
    toKey(id),
    generation,
    secretHash,
    nextHash,
    lifetime.idleSeconds,
    lifetime.absoluteSeconds,
    presented.isPassive === true,
    ...toDeadline(presented),
  ];
  if (await rotatesCurrent(statements, values)) {
    return 'rotated';
  }
  const decided = await statements.runInTime<{
    verdict: RotationVerdict;
    affected: string;
  }>('rotate', ...values, presented.graceSeconds);
  if (!decided) {
    return 'unknown';
  }
  const { verdict, affected } = decided;
  const expected = verdict === 'repeated' ? 0 : 1;
  if (Number(affected) !== expected) {
    throw new Error(
      `rotate: expected ${verdict} to change ${expected} records, got ${affected}`,
    );
  }
  return verdict;
}

async function rotatesCurrent(
  statements: StatementRunner,
  values: readonly unknown[],
): Promise<boolean> {
  try {
    const rotated = await statements.run('rotateCurrent', ...values);
    return rotated.length > 0;
  } catch (error) {
    if (isFailed(error)) {
      return false;
    }
    throw error;
  }
}
