/** The pieces of statements. `$1` is what a test adds to the clock, `$2` the subject, `$3` mostly an id. */

/**
 * When the statement reached the server. A statement that waits for another one decides by the time of its arrival, and
 * each statement of a transaction has a separate time.
 */
export const NOW = `(statement_timestamp() + ${seconds(1)})`;

/** The current time, after a statement has waited for its locks. */
export const CLOCK = `(clock_timestamp() + ${seconds(1)})`;

export const AS_OF = epoch(NOW, 'as_of');

/** False on a standby, which would answer from the past. It refuses statements that write, with the right error. */
export const CAN_WRITE = `current_setting('transaction_read_only') = 'off'`;

export const RECORD = 'subject = $2 AND id = $3';

/** Seconds since the Unix epoch, with microseconds. */
export function epoch(time: string, column = time): string {
  return `extract(epoch FROM ${time})::text AS ${column}`;
}

export function seconds(parameter: number): string {
  return `$${parameter}::interval`;
}

/** Microseconds since the Unix epoch, as a whole number. */
export function microseconds(time: string): string {
  return `round(extract(epoch FROM ${time}) * 1000000)::bigint`;
}

/** Returns when a session that is used now ends. The numbers are those of parameters. */
export function endOfUse(
  createdAt: string,
  idle: number,
  absolute: number,
): string {
  return `least(${NOW} + ${seconds(idle)}, ${createdAt} + ${seconds(absolute)})`;
}

/** Tests whether a time lies within a deadline, which is two parameters: this one and the next. */
export function isInTime(notBefore: number, time = 'at'): string {
  return `(${time} >= $${notBefore}::timestamptz AND ${isBefore(notBefore + 1, time)})`;
}

/** Whether a time lies before the end of a deadline. */
export function isBefore(notAfter: number, time: string): string {
  return `(${time} < $${notAfter}::timestamptz)`;
}

/** Returns an expression that fails its statement unless a condition holds, with the error of {@link isFailed}. */
export function failUnless(condition: string): string {
  return `1 / ${condition}::integer`;
}

/** Returns whether {@link failUnless} made a statement fail: a division by zero, by its SQLSTATE. */
export function isFailed(error: unknown): boolean {
  return sqlStateOf(error) === '22012';
}

/** Returns the SQLSTATE of a database error. */
export function sqlStateOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}

/** Returns a column that contains the time if it lies outside of a deadline. */
export function lateAt(notBefore: number): string {
  return `CASE WHEN NOT ${isInTime(notBefore)} THEN extract(epoch FROM at)::text END AS late_at`;
}

/** Returns a `WITH` query of one row: the time at which another query, which may wait for locks, has finished. */
export function timedAfter(query: string): string {
  return `timed AS MATERIALIZED (
  SELECT ${CLOCK} AS at FROM (SELECT count(*) FROM ${query}) AS waited
)`;
}
