import { createHash } from 'node:crypto';
import type { OptionReader } from '../../options/option-reader.js';
import { nameFor, readSchemaOptions, readTable } from './postgres-schema.js';

/** The tables of a revocation log. */
export interface PostgresRevocationTable {
  /**
   * Name of the table of entries. A second table with one row has the same name with the suffix `_state`.
   *
   * @default 'session_revocations'
   */
  table?: string;
  /**
   * Name of an existing schema.
   *
   * @default the first of the connection's `search_path`
   */
  schema?: string;
}

/** Checked names, as they appear in statements. */
export interface RevocationNames {
  readonly entries: string;
  readonly state: string;
  /** The channel of notifications. */
  readonly channel: string;
}

const TABLE = 'session_revocations';

/** Reads the names and reports every fault to the reader. */
export function readRevocationNames(
  reader: OptionReader,
  options: Readonly<Record<string, unknown>>,
): RevocationNames {
  return namesOf(readTable(reader, options, TABLE));
}

/**
 * Returns the SQL that creates the tables of a `PostgresRevocationLog` if they are missing, for a migration. Requires
 * PostgreSQL 12 or newer. Unlike `PostgresRevocationLog.ensureSchema()`, it may fail if it runs twice in parallel.
 *
 * @throws {SessionConfigError} for an invalid name
 */
export function postgresRevocationSchema(
  options: PostgresRevocationTable = {},
): string {
  const names = readSchemaOptions('postgresRevocationSchema', options, TABLE);
  return revocationSchemaOf(namesOf(names));
}

/** As {@link postgresRevocationSchema}, for checked names. */
export function revocationSchemaOf({
  entries,
  state,
}: RevocationNames): string {
  return `CREATE TABLE IF NOT EXISTS ${entries} (
  -- Without gaps, in the order of commits.
  number bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  -- Written as inside a JSON string.
  entry text NOT NULL
);
-- One row, whose lock puts all who append in one order. Updates stay within its page.
CREATE TABLE IF NOT EXISTS ${state} (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  -- Random. Another one shows that the row was lost.
  generation text NOT NULL,
  -- The last entry, and up to which one entries may be gone because their retention has ended.
  last_number bigint NOT NULL,
  last_at timestamptz NOT NULL,
  trimmed bigint NOT NULL DEFAULT 0,
  -- The last entry or proof of life. Never goes back.
  at timestamptz NOT NULL,
  proof text,
  proof_number bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
`;
}

function namesOf({
  table,
  qualified,
}: ReturnType<typeof readTable>): RevocationNames {
  const state = nameFor(table, '_state');
  const hash = createHash('sha256').update(qualified).digest('hex');
  return {
    entries: qualified,
    state: `${qualified.slice(0, -table.length - 2)}"${state}"`,
    channel: `revocations_${hash.slice(0, 32)}`,
  };
}
