/** The two functions of a test runner that the contract suites use. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  /** @param timeout milliseconds */
  it(name: string, body: () => Promise<void>, timeout: number): unknown;
}

export const TIMEOUT_OF_A_TEST = 600_000;

/**
 * Returns the global functions of the test runner.
 *
 * @param suite the function that needs them
 * @throws {TypeError} if there are none
 */
export function globalRunner(suite: string): TestRunner {
  const { describe, it } = globalThis as Partial<TestRunner>;
  if (typeof describe !== 'function' || typeof it !== 'function') {
    throw new TypeError(
      `${suite}: expected a global describe and it, got none; pass those of the test runner: ${suite}(name, create, { describe, it })`,
    );
  }
  return { describe, it };
}
