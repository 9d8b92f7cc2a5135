/** Short, so that one can watch it. The default is 15 minutes. */
export const DATA_REFRESH_INTERVAL_SECONDS = 15;

/** How long old data may be served past that while the database is down. */
export const MAX_STALE_SECONDS = 20;
