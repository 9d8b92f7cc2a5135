import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './library-sources.js';

/** The major version of Nest that the tests run on: 12, or 11 with `NEST=11 npm test`. */
export const NEST = Number.parseInt(
  (
    JSON.parse(
      readFileSync(
        join(ROOT, 'node_modules/@nestjs/core/package.json'),
        'utf8',
      ),
    ) as { version: string }
  ).version,
  10,
);

/** How `npm test` finds the tests that were skipped for this reason. */
const NEEDS_NEST_12 = '(needs Nest 12)';

/** The title of a test of what Nest 11 does not have. */
export function needingNest12(title: string): string {
  return `${title} ${NEEDS_NEST_12}`;
}

/** `it`, or `it.skip` on Nest 11 where the title says that the test needs Nest 12. */
export function itOnNest(title: string, run: () => Promise<void>): void {
  const isSkipped = NEST < 12 && title.includes(NEEDS_NEST_12);
  (isSkipped ? it.skip : it)(title, run);
}

/** `it.each`, with rows whose first cell may say that they need Nest 12. */
export function eachOnNest<Row extends [what: string, ...unknown[]]>(
  rows: readonly Row[],
): (title: string, run: (...row: Row) => Promise<void>) => void {
  return (title, run) => {
    for (const row of rows) {
      itOnNest(title.replace('%s', row[0]), () => run(...row));
    }
  };
}
