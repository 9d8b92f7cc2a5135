import {
  describeContract,
  type ContractSuiteOptions,
} from './contract-suite.js';
import { breakTests } from './log-contract/breaks.js';
import { deliveryTests } from './log-contract/deliveries.js';
import { followerEndTests } from './log-contract/follower-ends.js';
import type { RevocationLogFixture } from './log-contract/fixture.js';
import { runLogTest, type LogAbility } from './log-contract/follower.js';
import { logTimeTests } from './log-contract/log-times.js';
import { positionTests } from './log-contract/positions.js';
import { proofTests } from './log-contract/proofs.js';
import { retentionTests } from './log-contract/retention.js';

/**
 * Adds the tests that every `RevocationLog` must pass, for authors of logs:
 *
 * ```ts
 * describeRevocationLog('MyLog', async () => ({ log: new MyLog(), ... }));
 * ```
 *
 * @param create creates the fixture of one test, with a log that is empty
 * @param options the functions of the test runner, and what the fixture cannot do: `without: ['cut', 'lose']`
 * @throws {TypeError} if there is no test runner
 */
export function describeRevocationLog(
  name: string,
  create: () => Promise<RevocationLogFixture> | RevocationLogFixture,
  options: ContractSuiteOptions<LogAbility> = {},
): void {
  const groups = {
    delivery: deliveryTests,
    'times of the log': logTimeTests,
    positions: positionTests,
    'proofs of life': proofTests,
    retention: retentionTests,
    'ends of followers': followerEndTests,
    'broken connections and lost entries': breakTests,
  };
  describeContract(
    name,
    {
      suite: 'describeRevocationLog',
      groups,
      has: (bench, ability) => bench[ability] !== undefined,
      run: async (body) => runLogTest(await create(), body),
    },
    options,
  );
}
