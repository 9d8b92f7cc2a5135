import { attributeTests } from './store-contract/attributes.js';
import { changeTests } from './store-contract/changes.js';
import { deadlineTests } from './store-contract/deadlines.js';
import { endTests } from './store-contract/ends.js';
import type { SessionStoreFixture } from './store-contract/fixture.js';
import { limitTests } from './store-contract/limits.js';
import { listTests } from './store-contract/lists.js';
import { passiveTests } from './store-contract/passive.js';
import { recordTests } from './store-contract/records.js';
import { rotationTests } from './store-contract/rotations.js';
import { benchOf } from './store-contract/scenario.js';
import { StoreTrace } from './store-contract/store-trace.js';
import { subjectTests } from './store-contract/subjects.js';
import { timeTests } from './store-contract/times.js';
import { useTests } from './store-contract/uses.js';

/** The two functions of a test runner that {@link describeSessionStore} uses. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  /** @param timeout milliseconds */
  it(name: string, body: () => Promise<void>, timeout: number): unknown;
}

const TIMEOUT_OF_A_TEST = 600_000;

/**
 * The tests that every `SessionStore` must pass, for authors of stores:
 *
 * ```ts
 * describeSessionStore('MyStore', async () => ({ store: new MyStore(), ... }));
 * ```
 *
 * The ids in the titles are those of this library's own lists of failures, attacks and standards.
 *
 * @param create makes what one test needs. Every test uses subjects and ids of its own, so fixtures may share
 *   a server
 * @param runner default: the global `describe` and `it` (Jest; Vitest with `globals`). With `node:test`, or
 *   with Vitest without globals, give the imported ones: `{ describe, it }`
 * @throws {TypeError} where there is no runner
 */
export function describeSessionStore(
  name: string,
  create: () => Promise<SessionStoreFixture> | SessionStoreFixture,
  runner: TestRunner = globalRunner(),
): void {
  const groups = {
    'keeps what a session began with': recordTests,
    'keeps subjects apart': subjectTests,
    'limits sessions': limitTests,
    'knows when sessions end by themselves': timeTests,
    'notes when sessions are used': useTests,
    'changes attributes': attributeTests,
    'changes sessions': changeTests,
    'keeps ends without activity': passiveTests,
    'ends sessions': endTests,
    'rotates refresh tokens': rotationTests,
    'obeys deadlines': deadlineTests,
    'lists sessions': listTests,
  };
  runner.describe(name, () => {
    for (const [group, addTests] of Object.entries(groups)) {
      runner.describe(group, () => {
        addTests((title, body) => {
          const run = async (): Promise<void> => {
            const fixture = await create();
            const trace = new StoreTrace();
            try {
              await body(benchOf(fixture, trace));
            } catch (error) {
              throw trace.explain(error);
            } finally {
              await fixture.close?.();
            }
          };
          runner.it(title, run, TIMEOUT_OF_A_TEST);
        });
      });
    }
  });
}

function globalRunner(): TestRunner {
  const { describe, it } = globalThis as Partial<TestRunner>;
  if (typeof describe !== 'function' || typeof it !== 'function') {
    throw new TypeError(
      'describeSessionStore found no global describe and it: give it those of the test runner, describeSessionStore(name, create, { describe, it })',
    );
  }
  return { describe, it };
}
