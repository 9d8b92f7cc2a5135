/** What one process held at a moment. */
export interface HeapReading {
  readonly minutes: number;
  readonly bytes: number;
}

/** Bytes per minute, by least squares over the second half of the time: by then the caches are full. */
export function slopeOf(readings: readonly HeapReading[]): number {
  const half = (readings.at(-1)?.minutes ?? 0) / 2;
  const late = readings.filter(({ minutes }) => minutes >= half);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, each) => sum + each, 0) / values.length;
  const minutes = mean(late.map((each) => each.minutes));
  const bytes = mean(late.map((each) => each.bytes));
  let [products, squares] = [0, 0];
  for (const each of late) {
    products += (each.minutes - minutes) * (each.bytes - bytes);
    squares += (each.minutes - minutes) ** 2;
  }
  return products / squares;
}
