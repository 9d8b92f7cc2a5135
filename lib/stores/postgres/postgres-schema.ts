import { SessionConfigError } from '../../errors/session-config-error.js';
import { OptionReader } from '../../options/option-reader.js';

/** The table that holds the records. */
export interface PostgresTable {
  /**
   * Name of the table.
   *
   * @default 'user_sessions'
   */
  table?: string;
  /**
   * Name of an existing schema.
   *
   * @default the first of the connection's `search_path`
   */
  schema?: string;
}

/** Checked names. */
export interface TableNames {
  readonly table: string;
  /** The table as it appears in statements. */
  readonly qualified: string;
}

/** Postgres truncates longer names, and the rest may be the name of something else. */
const LONGEST_NAME = 63;
/** Names become part of statements, so they contain nothing that could be read as anything else. */
const NAME = {
  pattern: /^[a-z_][a-z0-9_]{0,62}$/,
  expected: `a name of 1 to ${LONGEST_NAME} lower-case letters, digits and _, not starting with a digit`,
};

/** Reads the names and reports every fault to the reader. */
export function readTable(
  reader: OptionReader,
  options: Readonly<Record<string, unknown>>,
  defaultTable = 'user_sessions',
): TableNames {
  const table = reader.text('table', options['table'], defaultTable, NAME);
  const schema = reader.text('schema', options['schema'], '', NAME);
  return { table, qualified: schema ? `"${schema}"."${table}"` : `"${table}"` };
}

/**
 * Reads the names for a function that returns SQL.
 *
 * @throws {SessionConfigError} for an invalid name
 */
export function readSchemaOptions(
  caller: string,
  options: Readonly<PostgresTable>,
  defaultTable?: string,
): TableNames {
  const reader = new OptionReader();
  const given = reader.group('options', options, ['table', 'schema']);
  const names = readTable(reader, given, defaultTable);
  if (reader.faults.length > 0) {
    throw new SessionConfigError(
      reader.faults.map((fault) => `${caller}: ${fault}`),
    );
  }
  return names;
}

/** Returns a name that belongs to a table. */
export function nameFor(table: string, suffix: string): string {
  return table.slice(0, LONGEST_NAME - suffix.length) + suffix;
}

/**
 * Returns the SQL that creates the table and its index if they are missing, for a migration. Requires PostgreSQL 12 or
 * newer. Unlike `PostgresSessionStore.ensureSchema()`, it may fail if it runs twice in parallel.
 *
 * @throws {SessionConfigError} for an invalid name
 */
export function postgresSessionSchema(options: PostgresTable = {}): string {
  return schemaOf(readSchemaOptions('postgresSessionSchema', options));
}

/** As {@link postgresSessionSchema}, for checked names. */
export function schemaOf({ table, qualified }: TableNames): string {
  const index = nameFor(table, '_expiry_hour_idx');
  return `CREATE TABLE IF NOT EXISTS ${qualified} (
  -- Written as inside a JSON string. "C" compares bytes, whatever the language of the database.
  subject text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  -- JSON as text: jsonb refuses some strings and changes some numbers.
  params text NOT NULL,
  metadata text NOT NULL,
  -- Names and values are strings that contain JSON.
  attributes jsonb NOT NULL,
  revision integer NOT NULL DEFAULT 0,
  data text,
  data_loaded_at double precision,
  created_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  -- Indexed instead of expires_at: using a session changes no index until the hour changes. So most updates
  -- stay within their page, which reserves some room for them.
  expiry_hour timestamp NOT NULL
    GENERATED ALWAYS AS (date_trunc('hour', expires_at AT TIME ZONE 'UTC')) STORED,
  generation bigint NOT NULL DEFAULT 0,
  hash text,
  previous_hash text,
  rotated_at timestamptz NOT NULL,
  -- When a token of the current generation was first presented. Unknown for records of older versions.
  used_at timestamptz DEFAULT '-infinity',
  recovered bigint,
  -- Written as inside a JSON string.
  device_key text COLLATE "C",
  PRIMARY KEY (subject, id)
) WITH (fillfactor = 80);
ALTER TABLE ${qualified}
  ADD COLUMN IF NOT EXISTS used_at timestamptz DEFAULT '-infinity',
  ADD COLUMN IF NOT EXISTS recovered bigint,
  ADD COLUMN IF NOT EXISTS device_key text COLLATE "C";
CREATE INDEX IF NOT EXISTS "${index}" ON ${qualified} (expiry_hour);
`;
}
