/** The statements of a store. Parameters: `$1` seconds that a test adds to the clock, `$2` the subject. */
export interface SessionStatements {
  /** `$3` id, `$4` ids that it replaces, `$5` to `$10` columns, `$11` idle and `$12` absolute seconds. */
  readonly create: string;
  /** Holds other sign-ins of the subject up until the transaction ends. `$3` names the table. */
  readonly lockSubject: string;
  /** `$3` id of one that does not count. */
  readonly aliveByAge: string;
  /** `$3` id. */
  readonly read: string;
  /** As `read`, and notes that the session is in use; `$4` how many seconds one note is enough for. */
  readonly readSeen: string;
  /** As `readSeen`, but finds nothing where that would change anything. */
  readonly readNoted: string;
  /** As `readNoted`; `$5` the newest revision that is known. Only the time, and nothing where there is a newer one. */
  readonly confirmNoted: string;
  /**
   * The current refresh token. `$3` id, `$4` generation, `$5` hash, `$6` next hash, `$7` idle and `$8`
   * absolute seconds, `$9` whether that is no activity.
   */
  readonly rotate: string;
  /** Every other refresh token. As `rotate`; `$10` grace seconds. */
  readonly judge: string;
  /**
   * `$3` id, `$4` names of attributes to remove, `$5` attributes to set, `$6` whether there are any, `$7`
   * data, `$8` when they were loaded, `$9` idle and `$10` absolute seconds or nulls, `$11` whether that is
   * no activity.
   */
  readonly update: string;
  /** `$3` id. */
  readonly end: string;
  readonly endAll: string;
  /** `$3` id of the one that stays. No row where that has ended. */
  readonly endOthers: string;
  readonly list: string;
  /** A batch of expired records, but no more than `$2`. */
  readonly sweep: string;
}

/**
 * When the statement reached the server: one that has to wait for another is judged by when it was asked,
 * and each statement of a transaction has a time of its own.
 */
const NOW = `(statement_timestamp() + ${seconds(1)})`;

const AS_OF = epoch(NOW, 'as_of');
const ROW = `id, params, metadata, attributes::text AS attributes, revision::text AS revision,
  data, data_loaded_at::text AS data_loaded_at, ${epoch('created_at')},
  ${epoch('last_seen_at')}, ${epoch('expires_at')}, ${AS_OF}`;

/** A standby would answer from the past; `readSeen` is refused there, with the right error. */
const CAN_WRITE = `current_setting('transaction_read_only') = 'off'`;

/** @param table as statements name it */
export function sessionStatements(table: string): SessionStatements {
  const record = `subject = $2 AND id = $3`;
  // What was found expired is gone for good, whatever the clock says later.
  const removeExpired = `removed AS (DELETE FROM ${table} WHERE ${record} AND expires_at <= ${NOW})`;
  const removeExpiredOfSubject = `removed AS (DELETE FROM ${table} WHERE subject = $2 AND expires_at <= ${NOW})`;
  // Two that end many records of a subject would wait for each other.
  const alone = `alone AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(hashtextextended($2 || ' ends in ${table}', 0))
)`;
  const noted = `${record} AND expires_at > ${NOW} AND last_seen_at > ${NOW} - ${seconds(4)} AND ${CAN_WRITE}`;
  const moveOn = `generation = $4::bigint + 1, hash = $6, previous_hash = $5, rotated_at = ${NOW},
  last_seen_at = CASE WHEN $9::boolean THEN last_seen_at ELSE ${NOW} END,
  expires_at = CASE WHEN $9::boolean THEN expires_at ELSE ${endOfUse('created_at', 7, 8)} END`;

  return {
    create: `
WITH replaced AS (DELETE FROM ${table} WHERE subject = $2 AND id = ANY($4::text[]))
INSERT INTO ${table} (subject, id, params, metadata, attributes, data, data_loaded_at, hash,
  created_at, last_seen_at, rotated_at, expires_at)
VALUES ($2, $3, $5, $6, $7, $8, $9, $10, ${NOW}, ${NOW}, ${NOW}, ${endOfUse(NOW, 11, 12)})`,

    lockSubject: `
SELECT pg_advisory_xact_lock(hashtextextended($2 || $3, 0)) WHERE $1::interval IS NOT NULL`,

    aliveByAge: `
WITH ${removeExpiredOfSubject}
SELECT id FROM ${table}
WHERE subject = $2 AND id IS DISTINCT FROM $3::text AND expires_at > ${NOW}
ORDER BY created_at, id`,

    read: `
WITH ${removeExpired}
SELECT ${ROW} FROM ${table} WHERE ${record} AND expires_at > ${NOW}`,

    readSeen: `
WITH ${removeExpired}, seen AS (
  UPDATE ${table} SET last_seen_at = ${NOW}
  WHERE ${record} AND expires_at > ${NOW} AND last_seen_at <= ${NOW} - ${seconds(4)}
  RETURNING last_seen_at AS seen_at
)
SELECT ${ROW}
FROM (
  SELECT id, params, metadata, attributes, revision, data, data_loaded_at, created_at, expires_at,
    coalesce((SELECT seen_at FROM seen), last_seen_at) AS last_seen_at
  FROM ${table} WHERE ${record} AND expires_at > ${NOW}
) AS found`,

    readNoted: `
SELECT ${ROW} FROM ${table} WHERE ${noted}`,

    confirmNoted: `
SELECT ${AS_OF} FROM ${table} WHERE ${noted} AND revision <= $5::bigint`,

    rotate: `
UPDATE ${table} SET ${moveOn}
WHERE ${record} AND generation = $4::bigint AND hash = $5
  AND expires_at > ${NOW} AND created_at + ${seconds(8)} > ${NOW}`,

    // judgeRotation in SQL. The lock makes the row the newest one, and keeps it so until the end.
    judge: `
WITH found AS MATERIALIZED (
  SELECT * FROM ${table} WHERE ${record} FOR UPDATE
), judged AS MATERIALIZED (
  SELECT CASE
    WHEN expires_at <= ${NOW} OR created_at + ${seconds(8)} <= ${NOW} THEN 'expired'
    WHEN $4::bigint > generation THEN 'rolled-forward'
    WHEN $4::bigint = generation AND hash = $5 THEN 'rotated'
    WHEN $4::bigint = generation - 1 AND previous_hash = $5
      AND rotated_at + ${seconds(10)} > ${NOW} THEN 'repeated'
    ELSE 'reused'
  END AS verdict FROM found
), moved AS (
  UPDATE ${table} SET ${moveOn}
  WHERE ${record} AND (SELECT verdict FROM judged) IN ('rotated', 'rolled-forward')
  RETURNING 1
), removed AS (
  DELETE FROM ${table}
  WHERE ${record} AND (SELECT verdict FROM judged) IN ('reused', 'expired')
  RETURNING 1
)
SELECT verdict,
  ((SELECT count(*) FROM moved) + (SELECT count(*) FROM removed))::text AS affected
FROM judged`,

    update: `
WITH ${removeExpired}
UPDATE ${table} SET
  attributes = (attributes - $4::text[]) || $5::jsonb,
  revision = revision + $6::boolean::integer,
  data = CASE WHEN $8::float8 >= coalesce(data_loaded_at, '-infinity') THEN $7 ELSE data END,
  data_loaded_at = greatest(data_loaded_at, $8::float8),
  last_seen_at = CASE WHEN $11::boolean THEN last_seen_at ELSE ${NOW} END,
  expires_at = coalesce(${endOfUse('created_at', 9, 10)}, expires_at)
WHERE ${record} AND expires_at > ${NOW}
RETURNING ${ROW}`,

    end: `
DELETE FROM ${table} WHERE ${record} RETURNING (expires_at > ${NOW})::text AS alive`,

    endAll: `
WITH ${alone}, ended AS (
  DELETE FROM ${table} USING alone WHERE subject = $2
  RETURNING expires_at > ${NOW} AS alive
)
SELECT count(*) FILTER (WHERE alive)::text AS count FROM ended`,

    // The lock on the row that stays sees an end that came first, and holds up one that comes later.
    endOthers: `
WITH ${removeExpired}, ${alone}, kept AS MATERIALIZED (
  SELECT FROM ${table} AS own, alone WHERE ${record} AND expires_at > ${NOW} FOR UPDATE OF own
), ended AS (
  DELETE FROM ${table} WHERE subject = $2 AND id <> $3 AND EXISTS (SELECT FROM kept)
  RETURNING expires_at > ${NOW} AS alive
)
SELECT count(*) FILTER (WHERE alive)::text AS count FROM ended HAVING EXISTS (SELECT FROM kept)`,

    list: `
WITH ${removeExpiredOfSubject}
SELECT ${ROW} FROM ${table} WHERE subject = $2 AND expires_at > ${NOW}`,

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

/** Seconds since the Unix epoch, with microseconds. */
function epoch(time: string, column = time): string {
  return `extract(epoch FROM ${time})::text AS ${column}`;
}

function seconds(parameter: number): string {
  return `$${parameter}::interval`;
}

/** When a session ends that is used now; the numbers are those of parameters. */
function endOfUse(createdAt: string, idle: number, absolute: number): string {
  return `least(${NOW} + ${seconds(idle)}, ${createdAt} + ${seconds(absolute)})`;
}
