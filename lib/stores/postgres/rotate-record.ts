import type {
  PresentedRefresh,
  RotationVerdict,
} from '../../options/session-store.js';
import { toDeadline, toKey } from './session-row.js';
import { isFailed } from './sql.js';
import type { StatementRunner } from './statement-runner.js';

/**
 * Exchanges a refresh token for the next one. Almost every one is the current one of its session, which is one short
 * statement; what that does not find in time, another one judges under a lock.
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
  const judged = await statements.runInTime<{
    verdict: RotationVerdict;
    affected: string;
  }>('rotate', ...values, presented.graceSeconds);
  if (!judged) {
    return 'unknown';
  }
  const { verdict, affected } = judged;
  if (Number(affected) !== (verdict === 'repeated' ? 0 : 1)) {
    throw new Error(`rotate: ${verdict} changed ${affected} records`);
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
