import assert from 'node:assert/strict';

/** The two functions of a test runner that the contract suites use. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  /** @param timeout milliseconds */
  it(name: string, body: () => Promise<void>, timeout: number): unknown;
}

/**
 * How a contract suite runs. `describe` and `it` default to the global functions (Jest; Vitest with `globals`). With
 * `node:test`, or with Vitest without globals, pass the imported ones.
 */
export interface ContractSuiteOptions<
  Ability extends string,
> extends Partial<TestRunner> {
  /**
   * Optional methods that are missing. The suite leaves out the tests that need them; without this option, those tests
   * fail.
   *
   * @default []
   */
  readonly without?: readonly Ability[];
}

/** Adds a test to a suite, and names the optional methods that it needs. */
export type AddTest<Bench, Ability extends string> = (
  title: string,
  body: (bench: Bench) => Promise<void>,
  ...needs: Ability[]
) => void;

/** Adds tests that need optional methods. */
export function needing<Bench, Ability extends string, Needed extends Ability>(
  test: AddTest<Bench, Ability>,
  ...needs: Needed[]
): AddTest<Bench, Ability> {
  return (title, body, ...others) => test(title, body, ...needs, ...others);
}

interface Contract<Bench, Ability extends string> {
  /** The exported function. */
  readonly suite: string;
  readonly groups: Readonly<
    Record<string, (test: AddTest<Bench, Ability>) => void>
  >;
  readonly has: (bench: Bench, ability: Ability) => boolean;
  /** Runs the body of a test on a fixture made for it. */
  readonly run: (body: (bench: Bench) => Promise<void>) => Promise<void>;
}

const TIMEOUT_OF_A_TEST = 600_000;

/**
 * Adds the tests of a contract.
 *
 * @throws {TypeError} if there is no test runner
 */
export function describeContract<Bench, Ability extends string>(
  name: string,
  { suite, groups, has, run }: Contract<Bench, Ability>,
  options: ContractSuiteOptions<Ability>,
): void {
  const runner = runnerOf(suite, options);
  const { without = [] } = options;
  const add: AddTest<Bench, never> = (title, body) =>
    runner.it(title, () => run(body), TIMEOUT_OF_A_TEST);
  runner.describe(name, () => {
    for (const [group, addTests] of Object.entries(groups)) {
      const tests: Parameters<AddTest<Bench, Ability>>[] = [];
      addTests((title, body, ...needs) => {
        if (!needs.some((ability) => without.includes(ability))) {
          tests.push([title, body, ...needs]);
        }
      });
      // Vitest takes an empty group for a failure.
      if (tests.length === 0) continue;
      runner.describe(group, () => {
        for (const [title, body, ...needs] of tests) {
          add(title, async (bench) => {
            for (const ability of needs) {
              assert.ok(
                has(bench, ability),
                `expected ${ability}(), got none; to leave out the tests that need it, pass \`without: ['${ability}']\` to ${suite}`,
              );
            }
            await body(bench);
          });
        }
      });
    }
    for (const ability of without) {
      add(`has no ${ability}()`, async (bench) =>
        assert.ok(
          !has(bench, ability),
          `expected no ${ability}(), because ${suite} runs without it`,
        ),
      );
    }
  });
}

function runnerOf(suite: string, options: Partial<TestRunner>): TestRunner {
  const globals = globalThis as Partial<TestRunner>;
  const { describe = globals.describe, it = globals.it } = options;
  if (typeof describe !== 'function' || typeof it !== 'function') {
    throw new TypeError(
      `${suite}: expected a global describe and it, got none; pass those of the test runner: ${suite}(name, create, { describe, it })`,
    );
  }
  return { describe, it };
}
