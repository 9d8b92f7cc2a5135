/** Summarizes rounds of measurements. */

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values) {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/**
 * Compares two series round by round, because both values of a round were taken within seconds of each other. Returns
 * the spread of the results.
 */
export function compareRounds(values, base, compare) {
  if (values.length !== base.length || values.length === 0) {
    throw new Error(`${values.length} rounds against ${base.length}`);
  }
  return spread(values.map((value, i) => compare(value, base[i])));
}

export const ratio = (value, base) => value / base;
export const difference = (value, base) => value - base;

/** Measures every item once a round, in reversed order every other round, so that neighbours vary. */
export async function interleave(items, rounds, measure) {
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? items : items.toReversed();
    for (const item of order) {
      await measure(item, round);
    }
  }
}
