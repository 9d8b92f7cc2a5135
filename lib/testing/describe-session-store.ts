import {
  describeContract,
  type ContractSuiteOptions,
} from './contract-suite.js';
import { attributeTests } from './store-contract/attributes.js';
import { bindingTests } from './store-contract/binding.js';
import { changeTests } from './store-contract/changes.js';
import { deadlineTests } from './store-contract/deadlines.js';
import { endTests } from './store-contract/ends.js';
import type { SessionStoreFixture } from './store-contract/fixture.js';
import { limitTests } from './store-contract/limits.js';
import { listTests } from './store-contract/lists.js';
import { passiveTests } from './store-contract/passive.js';
import { recordTests } from './store-contract/records.js';
import { rotationTests } from './store-contract/rotations.js';
import { benchOf, type StoreAbility } from './store-contract/scenario.js';
import { StoreTrace } from './store-contract/store-trace.js';
import { subjectTests } from './store-contract/subjects.js';
import { timeTests } from './store-contract/times.js';
import { useTests } from './store-contract/uses.js';

/**
 * Adds the tests that every `SessionStore` must pass, for authors of stores:
 *
 * ```ts
 * describeSessionStore('MyStore', async () => ({ store: new MyStore(), ... }));
 * ```
 *
 * @param create creates the fixture of one test. Every test uses unique subjects and ids, so fixtures may share a
 *   server
 * @param options the functions of the test runner, and the optional methods that the store does not have:
 *   `without: ['bind', 'now']`
 * @throws {TypeError} if there is no test runner
 */
export function describeSessionStore(
  name: string,
  create: () => Promise<SessionStoreFixture> | SessionStoreFixture,
  options: ContractSuiteOptions<StoreAbility> = {},
): void {
  const groups = {
    'session records': recordTests,
    'isolation of subjects': subjectTests,
    'session limits': limitTests,
    expiry: timeTests,
    'session use': useTests,
    'attribute changes': attributeTests,
    'session changes': changeTests,
    'passive changes': passiveTests,
    revocation: endTests,
    'refresh token rotation': rotationTests,
    'device binding': bindingTests,
    'call deadlines': deadlineTests,
    'session lists': listTests,
  };
  describeContract(
    name,
    {
      suite: 'describeSessionStore',
      groups,
      has: ({ store }, ability) => store[ability] !== undefined,
      async run(body) {
        const fixture = await create();
        const trace = new StoreTrace();
        try {
          await body(benchOf(fixture, trace));
        } catch (error) {
          throw trace.explain(error);
        } finally {
          await fixture.close?.();
        }
      },
    },
    options,
  );
}
