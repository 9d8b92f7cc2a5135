import type { TestRunner } from '../../lib/testing/contract-suite.js';
import { rounds } from '../support/effort.js';

const RUNNER: TestRunner = { describe, it };

/**
 * A runner of a contract for each of several ways to reach the same server. At full effort, every test runs with each
 * of them; at modest effort, they take turns, so that every test runs with one.
 */
export function takingTurns<Way>(
  ways: Readonly<Record<string, Way>>,
): { name: string; way: Way; runner: TestRunner }[] {
  const entries = Object.entries(ways);
  const count = rounds(1, entries.length);
  return entries.map(([name, way], turn) => {
    let tests = 0;
    return {
      name,
      way,
      runner: {
        describe: RUNNER.describe,
        it(title, body, timeout) {
          tests += 1;
          if (tests % count === turn % count) RUNNER.it(title, body, timeout);
        },
      },
    };
  });
}
