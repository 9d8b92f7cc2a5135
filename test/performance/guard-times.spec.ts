import {
  compareRounds,
  ratio,
  type Spread,
} from '../bench/support/statistics.mjs';
import type { GuardTimes } from './guard-times.js';
import { runProgram } from './run-program.js';

/** On a machine with six times more work than cores it was 1.9 to 3.7 in 20 runs, and 4 to 10 with a verification. */
const MAXIMUM_OVER_NO_OP = 5;
/** A verification of each token made it 1.7 to 3.6 times as much there; a memory that remembers nothing makes it 1. */
const MINIMUM_SAVING = 1.3;

describe('F-32: a request with a fresh token that was seen before', () => {
  let times: GuardTimes;

  beforeAll(async () => {
    times = await runProgram<GuardTimes>('test/performance/guard-times');
  });

  it('takes little more of the processor than with a guard that does nothing, and far less than a verification would', () => {
    const remembered = compareRounds(times.remembered, times.noOp, ratio);
    const verified = compareRounds(times.verifiedEachTime, times.noOp, ratio);
    process.stdout.write(
      `F-32: over a no-op guard, a request takes ${format(remembered)} of the processor when its token was seen before, ${format(verified)} when each is verified\n`,
    );
    expect(remembered.median).toBeLessThan(MAXIMUM_OVER_NO_OP);
    expect(verified.median / remembered.median).toBeGreaterThan(MINIMUM_SAVING);
  });
});

function format({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} times (${min.toFixed(2)} to ${max.toFixed(2)})`;
}
