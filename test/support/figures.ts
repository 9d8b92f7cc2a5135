import type { FailureId } from '../faults/report/failures.js';

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints what a test measured of these failures: `npm run test:faults` collects it. */
export function printFigures(
  ids: FailureId | readonly FailureId[],
  figures: string,
): void {
  printLine(`${[ids].flat().join(' ')} ${figures}`);
}
