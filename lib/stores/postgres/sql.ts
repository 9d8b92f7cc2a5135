/** The pieces of which statements are made. `$1` is what a test adds to the clock, `$2` the subject, `$3` mostly an id. */

/**
 * When the statement reached the server: one that has to wait for another is judged by when it was asked,
 * and each statement of a transaction has a time of its own.
 */
export const NOW = `(statement_timestamp() + ${seconds(1)})`;

/** The time now, after a statement has waited for its locks. */
export const CLOCK = `(clock_timestamp() + ${seconds(1)})`;

export const AS_OF = epoch(NOW, 'as_of');

/** A standby would answer from the past; statements that write are refused there, with the right error. */
export const CAN_WRITE = `current_setting('transaction_read_only') = 'off'`;

export const RECORD = 'subject = $2 AND id = $3';

/** Seconds since the Unix epoch, with microseconds. */
export function epoch(time: string, column = time): string {
  return `extract(epoch FROM ${time})::text AS ${column}`;
}

export function seconds(parameter: number): string {
  return `$${parameter}::interval`;
}

/** When a session ends that is used now; the numbers are those of parameters. */
export function endOfUse(
  createdAt: string,
  idle: number,
  absolute: number,
): string {
  return `least(${NOW} + ${seconds(idle)}, ${createdAt} + ${seconds(absolute)})`;
}

/** Whether a time lies within a deadline, which is two parameters: this one and the next. */
export function isInTime(notBefore: number, time = 'at'): string {
  return `(${time} >= $${notBefore}::timestamptz AND ${isBefore(notBefore + 1, time)})`;
}

/** Whether a time lies before the end of a deadline. */
export function isBefore(notAfter: number, time: string): string {
  return `(${time} < $${notAfter}::timestamptz)`;
}

/** An expression that undoes its statement where a condition does not hold, with the error {@link isFailed} tells. */
export function failUnless(condition: string): string {
  return `1 / ${condition}::integer`;
}

/** Whether {@link failUnless} made a statement fail: a division by zero, by its SQLSTATE. */
export function isFailed(error: unknown): boolean {
  return sqlStateOf(error) === '22012';
}

/** The SQLSTATE of an error of the database. */
export function sqlStateOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}

/** The column that tells the time where that lies outside of a deadline. */
export function lateAt(notBefore: number): string {
  return `CASE WHEN NOT ${isInTime(notBefore)} THEN extract(epoch FROM at)::text END AS late_at`;
}

/** A `WITH` query of one row, the time when another one, which may wait for locks, has come to its end. */
export function timedAfter(query: string): string {
  return `timed AS MATERIALIZED (
  SELECT ${CLOCK} AS at FROM (SELECT count(*) FROM ${query}) AS waited
)`;
}
