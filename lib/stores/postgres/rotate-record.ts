import type {
  BindOptions,
  BindVerdict,
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
    presented.deviceKey === undefined ? null : toKey(presented.deviceKey),
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
  const isUnchanged = verdict === 'repeated' || verdict === 'unproven';
  assertAffected('rotate', verdict, isUnchanged ? 0 : 1, affected);
  return verdict;
}

/** Binds a session to a device key. */
export async function bindRecord(
  statements: StatementRunner,
  id: string,
  subject: string,
  key: string,
  options: BindOptions,
): Promise<BindVerdict> {
  const decided = await statements.runInTime<{
    outcome: 'bound' | 'same' | 'conflict' | 'expired';
    affected: string;
  }>(
    'bind',
    toKey(subject),
    toKey(id),
    toKey(key),
    ...toDeadline(options),
    options.continuesFrom?.generation,
    options.continuesFrom?.secretHash,
  );
  if (!decided) {
    return 'unknown';
  }
  const { outcome, affected } = decided;
  assertAffected('bind', outcome, outcome === 'same' ? 0 : 1, affected);
  switch (outcome) {
    case 'same':
      return 'bound';
    case 'expired':
      return 'unknown';
    default:
      return outcome;
  }
}

/** Fails if a statement changed other records than it decided to. */
function assertAffected(
  name: string,
  outcome: string,
  expected: number,
  affected: string,
): void {
  if (Number(affected) !== expected) {
    throw new Error(
      `${name}: expected ${outcome} to change ${expected} records, got ${affected}`,
    );
  }
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
