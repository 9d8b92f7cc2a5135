import {
  endOfUse,
  epoch,
  isInTime,
  lateAt,
  NOW,
  RECORD,
  timedAfter,
} from './sql.js';

/** The statements on the sessions of a subject. */
export interface SubjectStatements {
  /**
   * `$3` id, `$4` ids that it replaces, `$5` to `$10` columns, `$11` idle and `$12` absolute seconds, `$13` deadline,
   * `$15` creates nothing if the subject already has this many, or null.
   */
  readonly create: string;
  /** Makes other sign-ins of the subject wait until the transaction ends. */
  readonly lockSubject: string;
  /** `$3` id of one that does not count, `$4` maximum number. */
  readonly aliveByAge: string;
  /** `$3` spares sessions created after this time, `$4` deadline. */
  readonly endAll: string;
  /** `$3` id of the session to spare; as `endAll` from `$4` on. Returns no row if that session has ended. */
  readonly endOthers: string;
  /** `$3` maximum number, `$4` id of the session before the first one, or null. */
  readonly list: string;
  /** Removes a batch of expired records, at most `$2`. */
  readonly sweep: string;
}

/**
 * @param table as it appears in statements
 * @param row the columns that they return of a record
 */
export function subjectStatements(
  table: string,
  row: string,
): SubjectStatements {
  const alive = `subject = $2 AND expires_at > ${NOW}`;
  const removeExpired = `removed AS (DELETE FROM ${table} WHERE subject = $2 AND expires_at <= ${NOW})`;
  // Two statements that end many records of a subject would otherwise deadlock.
  const alone = `alone AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(hashtextextended($2 || ' ends in ${table}', 0))
)`;
  const counted = `count(*) FILTER (WHERE alive)::text AS count`;
  const begunUntil = (parameter: number): string =>
    `created_at <= coalesce($${parameter}::timestamptz, 'infinity')`;

  return {
    create: `
WITH held AS MATERIALIZED (
  SELECT FROM ${table} WHERE subject = $2 AND id = ANY($4::text[]) FOR UPDATE
), ${timedAfter('held')}, begins AS MATERIALIZED (
  SELECT FROM timed WHERE ${isInTime(13)} AND (
    $15::integer IS NULL
    OR (SELECT count(*) FROM (SELECT FROM ${table} WHERE subject = $2 LIMIT $15::integer) AS others) < $15::integer
  )
), replaced AS (
  DELETE FROM ${table} USING begins WHERE subject = $2 AND id = ANY($4::text[])
), created AS (
  INSERT INTO ${table} (subject, id, params, metadata, attributes, data, data_loaded_at, hash,
    created_at, last_seen_at, rotated_at, used_at, expires_at)
  SELECT $2, $3, $5, $6, $7::jsonb, $8, $9::float8, $10, ${NOW}, ${NOW}, ${NOW}, NULL::timestamptz, ${endOfUse(NOW, 11, 12)}
  FROM begins
  RETURNING 1
)
SELECT (SELECT count(*) FROM created)::text AS count, ${lateAt(13)} FROM timed`,

    lockSubject: `
SELECT pg_advisory_xact_lock(hashtextextended($2 || ' begins in ${table}', 0)) WHERE $1::interval IS NOT NULL`,

    aliveByAge: `
WITH ${removeExpired}
SELECT id, ${epoch('created_at')}, generation::text AS generation, hash, ${epoch('used_at')}, ${epoch(NOW, 'as_of')}
FROM ${table} WHERE ${alive} AND id IS DISTINCT FROM $3::text
ORDER BY created_at, id LIMIT $4::integer`,

    endAll: `
WITH ${alone}, ${timedAfter('alone')}, ended AS (
  DELETE FROM ${table} USING timed WHERE subject = $2 AND ${begunUntil(3)} AND ${isInTime(4)}
  RETURNING expires_at > ${NOW} AS alive
)
SELECT ${counted}, ${lateAt(4)} FROM timed LEFT JOIN ended ON true GROUP BY at`,

    // The lock on the spared row detects an end that came first, and makes a later one wait.
    endOthers: `
WITH ${removeExpired}, ${alone}, kept AS MATERIALIZED (
  SELECT FROM ${table} AS own, alone WHERE ${RECORD} AND expires_at > ${NOW} FOR UPDATE OF own
), ${timedAfter('kept')}, ended AS (
  DELETE FROM ${table} USING timed
  WHERE subject = $2 AND id <> $3 AND ${begunUntil(4)} AND ${isInTime(5)} AND EXISTS (SELECT FROM kept)
  RETURNING expires_at > ${NOW} AS alive
)
SELECT ${counted}, ${lateAt(5)} FROM timed LEFT JOIN ended ON true GROUP BY at HAVING EXISTS (SELECT FROM kept)`,

    list: `
WITH ${removeExpired}
SELECT ${row} FROM ${table} WHERE ${alive} AND coalesce(
  (expires_at, id) < (SELECT expires_at, id FROM ${table} WHERE ${alive} AND id = $4), true)
ORDER BY ${table}.expires_at DESC, id DESC LIMIT $3::integer`,

    sweep: `
WITH removed AS (
  DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM ${table}
    WHERE expiry_hour <= (${NOW} AT TIME ZONE 'UTC') AND expires_at <= ${NOW}
    ORDER BY expiry_hour LIMIT $2::integer FOR UPDATE SKIP LOCKED
  ))
  RETURNING 1
)
SELECT count(*)::text AS count FROM removed`,
  };
}
