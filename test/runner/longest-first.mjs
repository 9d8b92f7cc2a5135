import Sequencer from '@jest/test-sequencer';

/** What starts processes and browsers, or is large, and must not be what all the others have to wait for. */
const LONG = [
  '/test/package/scaffolds',
  '/test/faults/rolling-deploy',
  '/test/binding/stolen-cookies',
  '/test/docs/site/site',
  '/test/sample/',
  '/test/package/consumer',
  '/test/client/tabs',
  '/test/e2e/browser-cookies',
  '/test/attacks/',
  '/test/faults/',
  '/test/performance/',
];

/** Jest runs first what took longest the last time; in a fresh checkout it knows only how large the files are. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    // No array's method: it gives a new list.
    // oxlint-disable-next-line unicorn/no-array-sort
    const sorted = super.sort(tests);
    const isKnown = sorted.some(({ duration }) => duration !== undefined);
    // The times of a run at modest effort say little of full effort.
    if (isKnown && process.env.TEST_EFFORT !== 'full') {
      return sorted;
    }
    const rankOf = ({ path }) => {
      const rank = LONG.findIndex((part) => path.includes(part));
      return rank === -1 ? LONG.length : rank;
    };
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
