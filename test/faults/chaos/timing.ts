/** The times of the application under test, in seconds. */
export const TIMING = {
  accessSeconds: 300,
  intervalSeconds: 120,
  graceSeconds: 30,
  idleSeconds: 12 * 3_600,
} as const;

/** How long the library serves old data when the reload has failed: one interval by default. */
export const MAX_STALE_SECONDS = TIMING.intervalSeconds;

/** The longest pause after a failed load, in which old data are served without another. */
export const BACK_OFF_SECONDS = 30;

/** Whole seconds on one side, fractions on the other. */
export const ROUNDING_SECONDS = 2;
