import ms from 'ms';

/** Seconds as a number, or a string with a unit that the `ms` package reads: `900`, `'15m'`, `'7 days'`. */
export type Duration = number | string;

const WITH_UNIT = /^(?:\d+|\d*\.\d+) ?[a-z]+$/i;

/**
 * The seconds of a duration; `undefined` when it cannot be read. A string without a unit is refused:
 * `ms('900')` means milliseconds, `900` means seconds, and the difference is a session that never ends.
 */
export function readDurationSeconds(value: unknown): number | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  }
  if (typeof value !== 'string' || !WITH_UNIT.test(value)) {
    return undefined;
  }
  const milliseconds: number | undefined = ms(value as ms.StringValue);
  return milliseconds === undefined || !Number.isFinite(milliseconds)
    ? undefined
    : Math.round(milliseconds) / 1000;
}
