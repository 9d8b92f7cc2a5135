import {
  AS_OF,
  CAN_WRITE,
  CLOCK,
  endOfUse,
  epoch,
  failUnless,
  isBefore,
  isInTime,
  lateAt,
  NOW,
  RECORD,
  seconds,
  timedAfter,
} from './sql.js';
import {
  subjectStatements,
  type SubjectStatements,
} from './subject-statements.js';

/**
 * The statements of a store. Parameters: `$1` seconds that a test adds to the clock, `$2` the subject. A deadline is
 * two parameters, the start and the end of the time in which the statement may write.
 */
export interface SessionStatements extends SubjectStatements {
  /** The time of the server. */
  readonly now: string;
  /** `$3` id. */
  readonly read: string;
  /**
   * As `read`, and notes that the session is in use. `$4` how many seconds one note covers, or null; `$5` generation of
   * a presented token, or null.
   */
  readonly readSeen: string;
  /** As `readSeen`, but returns nothing if that would change anything. */
  readonly readNoted: string;
  /** As `readNoted`, but returns only the time, and nothing if there is a newer revision than `$6`. */
  readonly confirmNoted: string;
  /** `$3` id, `$4` generation of a presented token. */
  readonly confirmUse: string;
  /**
   * For the current refresh token only; returns nothing for any other. `$3` id, `$4` generation, `$5` hash, `$6` next
   * hash, `$7` idle and `$8` absolute seconds, `$9` whether it is passive, `$10` deadline, `$12` device key or null.
   */
  readonly rotateCurrent: string;
  /** For every refresh token. As `rotateCurrent`; `$13` grace seconds. */
  readonly rotate: string;
  /** `$3` id, `$4` device key, `$5` deadline, `$7` generation and `$8` hash of the token to continue from, or nulls. */
  readonly bind: string;
  /**
   * `$3` id, `$4` names of attributes to remove, `$5` attributes to set, `$6` whether there are any, `$7`
   * data, `$8` when it was loaded, `$9` idle and `$10` absolute seconds or nulls, `$11` whether it is passive, `$12`
   * deadline.
   */
  readonly update: string;
  /** `$3` id. */
  readonly end: string;
}

const ROW = `id, params, metadata, attributes::text AS attributes, revision::text AS revision,
  data, data_loaded_at::text AS data_loaded_at, device_key, ${epoch('created_at')},
  ${epoch('last_seen_at')}, ${epoch('expires_at')}, ${AS_OF}`;

/** @param table as it appears in statements */
export function sessionStatements(table: string): SessionStatements {
  // A record found expired is gone for good, whatever the clock says later.
  const removeExpired = `removed AS (DELETE FROM ${table} WHERE ${RECORD} AND expires_at <= ${NOW})`;
  const isFirstUse = `coalesce(generation = $5::bigint AND used_at IS NULL, false)`;
  const isNews = `coalesce(last_seen_at <= ${NOW} - ${seconds(4)}, false)`;
  const noted = `${RECORD} AND expires_at > ${NOW} AND NOT ${isNews} AND NOT ${isFirstUse} AND ${CAN_WRITE}`;

  const moveOn = `generation = $4::bigint + 1, hash = $6, previous_hash = $5, rotated_at = ${NOW}, used_at = NULL,
    last_seen_at = CASE WHEN $9::boolean THEN last_seen_at ELSE ${NOW} END,
    expires_at = CASE WHEN $9::boolean THEN expires_at ELSE ${endOfUse('created_at', 7, 8)} END`;

  // The lock makes the row the newest version, and keeps it so until the end.
  const held = `found AS MATERIALIZED (
  SELECT * FROM ${table} WHERE ${RECORD} FOR UPDATE
), timed AS MATERIALIZED (
  SELECT *, ${CLOCK} AS at FROM found
)`;

  return {
    ...subjectStatements(table, ROW),

    now: `SELECT ${epoch(CLOCK, 'as_of')}`,

    read: `
WITH ${removeExpired}
SELECT ${ROW} FROM ${table} WHERE ${RECORD} AND expires_at > ${NOW}`,

    readSeen: `
WITH ${removeExpired}, seen AS (
  UPDATE ${table} SET
    last_seen_at = CASE WHEN ${isNews} THEN ${NOW} ELSE last_seen_at END,
    used_at = CASE WHEN ${isFirstUse} THEN ${NOW} ELSE used_at END
  WHERE ${RECORD} AND expires_at > ${NOW} AND (${isNews} OR ${isFirstUse})
  RETURNING last_seen_at AS seen_at
)
SELECT ${ROW}
FROM (
  SELECT id, params, metadata, attributes, revision, data, data_loaded_at, device_key, created_at, expires_at,
    coalesce((SELECT seen_at FROM seen), last_seen_at) AS last_seen_at
  FROM ${table} WHERE ${RECORD} AND expires_at > ${NOW}
) AS found`,

    readNoted: `
SELECT ${ROW} FROM ${table} WHERE ${noted}`,

    confirmNoted: `
SELECT ${AS_OF} FROM ${table} WHERE ${noted} AND revision <= $6::bigint`,

    confirmUse: `
UPDATE ${table} SET used_at = ${NOW}
WHERE ${RECORD} AND expires_at > ${NOW} AND generation = $4::bigint AND used_at IS NULL`,

    // Takes no separate lock, which would cost a third more. Fails after waiting for another lock past the deadline.
    rotateCurrent: `
UPDATE ${table} SET ${moveOn}
WHERE ${RECORD} AND generation = $4::bigint AND hash = $5 AND (device_key IS NULL OR device_key = $12)
  AND expires_at > ${NOW} AND created_at + ${seconds(8)} > ${NOW} AND ${isInTime(10, CLOCK)}
RETURNING ${failUnless(isBefore(11, CLOCK))}`,

    // `decideRotation` in SQL.
    rotate: `
WITH ${held}, decided AS MATERIALIZED (
  SELECT at, CASE
    WHEN NOT ${isInTime(10)} THEN 'late'
    WHEN expires_at <= ${NOW} OR created_at + ${seconds(8)} <= ${NOW} THEN 'expired'
    WHEN device_key IS NOT NULL AND device_key IS DISTINCT FROM $12 THEN 'unproven'
    WHEN $4::bigint > generation THEN 'rolled-forward'
    WHEN $4::bigint = generation AND hash = $5 THEN 'rotated'
    WHEN $4::bigint <> generation - 1 OR previous_hash IS DISTINCT FROM $5 THEN 'reused'
    WHEN greatest(rotated_at, used_at) + ${seconds(13)} > ${NOW} THEN 'repeated'
    WHEN used_at IS NULL AND recovered IS DISTINCT FROM $4::bigint THEN 'recovered'
    ELSE 'reused'
  END AS verdict FROM timed
), moved AS (
  UPDATE ${table} SET ${moveOn}
  WHERE ${RECORD} AND (SELECT verdict FROM decided) IN ('rotated', 'rolled-forward')
  RETURNING 1
), noted AS (
  UPDATE ${table} SET recovered = generation
  WHERE ${RECORD} AND (SELECT verdict FROM decided) = 'recovered'
  RETURNING 1
), removed AS (
  DELETE FROM ${table}
  WHERE ${RECORD} AND (SELECT verdict FROM decided) IN ('reused', 'expired')
  RETURNING 1
)
SELECT verdict, ${lateAt(10)},
  ((SELECT count(*) FROM moved) + (SELECT count(*) FROM noted) + (SELECT count(*) FROM removed))::text AS affected
FROM decided`,

    bind: `
WITH ${held}, decided AS MATERIALIZED (
  SELECT at, CASE
    WHEN NOT ${isInTime(5)} THEN 'late'
    WHEN expires_at <= ${NOW} THEN 'expired'
    WHEN device_key IS NULL THEN 'bound'
    WHEN device_key = $4 THEN 'same'
    ELSE 'conflict'
  END AS outcome FROM timed
), bound AS (
  UPDATE ${table} SET device_key = $4,
    generation = coalesce($7::bigint, generation),
    hash = coalesce($8, hash),
    previous_hash = CASE WHEN $7::bigint IS NULL THEN previous_hash END,
    rotated_at = CASE WHEN $7::bigint IS NULL THEN rotated_at ELSE ${NOW} END,
    used_at = CASE WHEN $7::bigint IS NULL THEN used_at ELSE ${NOW} END,
    recovered = CASE WHEN $7::bigint IS NULL THEN recovered END
  WHERE ${RECORD} AND (SELECT outcome FROM decided) = 'bound'
  RETURNING 1
), removed AS (
  DELETE FROM ${table} WHERE ${RECORD} AND (SELECT outcome FROM decided) IN ('conflict', 'expired')
  RETURNING 1
)
SELECT outcome, ${lateAt(5)}, ((SELECT count(*) FROM bound) + (SELECT count(*) FROM removed))::text AS affected
FROM decided`,

    update: `
WITH ${removeExpired}, held AS MATERIALIZED (
  SELECT FROM ${table} WHERE ${RECORD} AND expires_at > ${NOW} FOR UPDATE
), ${timedAfter('held')}, changed AS (
  UPDATE ${table} SET
    attributes = (attributes - $4::text[]) || $5::jsonb,
    revision = revision + $6::boolean::integer,
    data = CASE WHEN $8::float8 >= coalesce(data_loaded_at, '-infinity') THEN $7 ELSE data END,
    data_loaded_at = greatest(data_loaded_at, $8::float8),
    last_seen_at = CASE WHEN $11::boolean THEN last_seen_at ELSE ${NOW} END,
    expires_at = coalesce(${endOfUse('created_at', 9, 10)}, expires_at)
  WHERE ${RECORD} AND expires_at > ${NOW} AND (SELECT ${isInTime(12)} FROM timed)
  RETURNING ${ROW}
)
SELECT changed.*, ${lateAt(12)} FROM timed LEFT JOIN changed ON true`,

    end: `
DELETE FROM ${table} WHERE ${RECORD} RETURNING (expires_at > ${NOW})::text AS alive`,
  };
}
