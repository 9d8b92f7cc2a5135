import type { RevocationNames } from './revocation-schema.js';
import { CAN_WRITE, CLOCK, microseconds, NOW, seconds } from './sql.js';

/**
 * The statements of a revocation log. `$1` is what a test adds to the clock.
 *
 * Each statement that appends first updates the row of the state, and holds its lock until it commits. So numbers and
 * times have the order of commits, and a reader who sees one of them sees every smaller one.
 */
export interface RevocationStatements {
  /** `$2` a generation, if there is none yet, `$3` texts. Returns the time, `at`. */
  readonly append: string;
  /** `$2` a generation, if there is none yet, `$3` the text. Returns the time, `at`. */
  readonly prove: string;
  /** `$1` number of the last entry that was read, `$2` how many entries to return. */
  readonly read: string;
  /** Removes the oldest entries. `$2` retention in seconds, `$3` how many at most. Returns `count`. */
  readonly sweep: string;
}

export function revocationStatements({
  entries,
  state,
  channel,
}: RevocationNames): RevocationStatements {
  const count = 'cardinality($3::text[])';
  const later = (time: string): string =>
    `greatest(${time} + interval '1 microsecond', ${CLOCK})`;
  /** What the state begins with, if its row was lost: the last entry of the table. */
  const remaining = `(VALUES (1)) AS one LEFT JOIN
    (SELECT number, at FROM ${entries} ORDER BY number DESC LIMIT 1) AS remaining ON true`;
  const returned = `SELECT ${microseconds('at')}::text AS at, pg_notify('${channel}', '') AS notified FROM state`;
  return {
    append: `WITH state AS (
  INSERT INTO ${state} AS old (generation, last_number, last_at, at)
  SELECT $2::text, number + ${count}, time, time FROM (
    SELECT coalesce(number, 0) AS number, ${later('at')} AS time FROM ${remaining}
  ) AS new
  ON CONFLICT (id) DO UPDATE SET
    last_number = old.last_number + ${count},
    (last_at, at) = (SELECT time, time FROM (SELECT ${later('old.at')} AS time) AS new)
  RETURNING last_number, at
), added AS (
  INSERT INTO ${entries} (number, at, entry)
  SELECT last_number - ${count} + position, at, text
  FROM state, unnest($3::text[]) WITH ORDINALITY AS new (text, position)
)
${returned}`,
    prove: `WITH state AS (
  INSERT INTO ${state} AS old (generation, last_number, last_at, at, proof, proof_number)
  SELECT $2::text, coalesce(number, 0), coalesce(at, 'epoch'), ${later('at')}, $3::text, 1 FROM ${remaining}
  ON CONFLICT (id) DO UPDATE SET
    at = ${later('old.at')}, proof = $3::text, proof_number = old.proof_number + 1
  RETURNING at
)
${returned}`,
    read: `SELECT ${CAN_WRITE} AS can_write, generation,
  last_number::text AS last_number, ${microseconds('last_at')}::text AS last_at, trimmed::text AS trimmed,
  ${microseconds('at')}::text AS at, proof, proof_number::text AS proof_number,
  (SELECT ${microseconds('at')}::text FROM ${entries} WHERE number = $1::bigint) AS read_at,
  (SELECT json_agg(json_build_array(number, ${microseconds('at')}, entry) ORDER BY number)::text FROM (
    SELECT number, at, entry FROM ${entries} WHERE number > $1::bigint ORDER BY number LIMIT $2::integer
  ) AS page) AS entries
FROM (VALUES (1)) AS one LEFT JOIN ${state} ON true`,
    sweep: `WITH gone AS (
  DELETE FROM ${entries} WHERE number IN (
    SELECT number FROM (SELECT number, at FROM ${entries} ORDER BY number LIMIT $3::integer) AS oldest
    WHERE at < ${NOW} - ${seconds(2)}
  ) RETURNING number
), moved AS (
  UPDATE ${state} SET trimmed = greatest(
    trimmed,
    (SELECT max(number) FROM gone),
    CASE WHEN last_at < ${NOW} - ${seconds(2)} THEN last_number END
  )
  WHERE EXISTS (SELECT FROM gone) OR (last_at < ${NOW} - ${seconds(2)} AND trimmed < last_number)
)
SELECT count(*)::text AS count FROM gone`,
  };
}
