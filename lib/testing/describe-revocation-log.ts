import { breakTests } from './log-contract/breaks.js';
import { deliveryTests } from './log-contract/deliveries.js';
import { followerEndTests } from './log-contract/follower-ends.js';
import type { RevocationLogFixture } from './log-contract/fixture.js';
import { runLogTest } from './log-contract/follower.js';
import { logTimeTests } from './log-contract/log-times.js';
import { positionTests } from './log-contract/positions.js';
import { proofTests } from './log-contract/proofs.js';
import { retentionTests } from './log-contract/retention.js';
import {
  globalRunner,
  TIMEOUT_OF_A_TEST,
  type TestRunner,
} from './test-runner.js';

/**
 * Adds the tests that every `RevocationLog` must pass, for authors of logs:
 *
 * ```ts
 * describeRevocationLog('MyLog', async () => ({ log: new MyLog(), ... }));
 * ```
 *
 * @param create creates the fixture of one test, with a log that is empty
 * @param runner default: the global `describe` and `it` (Jest; Vitest with `globals`). With `node:test`, or with Vitest
 *   without globals, pass the imported functions: `{ describe, it }`
 * @throws {TypeError} if there is no runner
 */
export function describeRevocationLog(
  name: string,
  create: () => Promise<RevocationLogFixture> | RevocationLogFixture,
  runner: TestRunner = globalRunner('describeRevocationLog'),
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
  runner.describe(name, () => {
    for (const [group, addTests] of Object.entries(groups)) {
      runner.describe(group, () => {
        addTests((title, body) => {
          const run = async (): Promise<void> =>
            runLogTest(await create(), body);
          runner.it(title, run, TIMEOUT_OF_A_TEST);
        });
      });
    }
  });
}
