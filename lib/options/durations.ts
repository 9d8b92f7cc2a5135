import ms from 'ms';

/** The longest time that browsers keep a cookie (RFC 6265bis, section 5.5), and therefore the longest session: 400 days. */
export const MAXIMUM_LIFETIME = 400 * 86_400;

/** A number of seconds, or a string with a unit in the syntax of the `ms` package: `900`, `'15m'`, `'7 days'`. */
export type Duration = number | string;

const WITH_UNIT = /^(?:\d+|\d*\.\d+) ?[a-z]+$/i;

/**
 * Converts a duration to seconds; `undefined` if it is invalid. Refuses a string without a unit: `ms('900')` means
 * milliseconds and `900` means seconds, and confusing them makes a session that never ends.
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
