import { isFull } from './effort.js';

/** `it` for what another test shows at modest effort too, or another case of the same: defined at full effort only. */
export const atFullEffort = (
  isFull ? it : Object.assign(nothing, { each: () => nothing })
) as jest.It;

/** `describe` for several such tests. */
export const describeAtFullEffort = (
  isFull ? describe : Object.assign(nothing, { each: () => nothing })
) as jest.Describe;

function nothing(): void {
  // It is not even counted as skipped, like the other rounds and combinations of full effort.
}
