import { SessionConfigError } from '../../errors/session-config-error.js';
import { OptionReader } from '../../options/option-reader.js';
import type { PostgresPool } from './postgres-pool.js';
import {
  readTable,
  type PostgresTable,
  type TableNames,
} from './postgres-schema.js';

/** Options of {@link PostgresSessionStore}. */
export interface PostgresSessionStoreOptions extends PostgresTable {
  /**
   * A `Pool` of the package `pg`. The application owns it: the store never closes it. Sign-ins with `maxSessions` hold
   * one connection for a transaction; everything else is single statements.
   */
  pool: PostgresPool;
  /**
   * Prepares each statement by name, once per connection, so that the server does not parse and plan it every time. A
   * connection then keeps up to 16 of them. Names are derived from the text, so that other tables and other versions of
   * the library may share the connections.
   *
   * A pooler in front of the database that may give each transaction another connection must support prepared
   * statements: PgBouncer 1.21 or newer with `max_prepared_statements` above 0. With other poolers, or if something
   * else deallocates the statements, methods reject with SQLSTATE 26000 or 42P05. Postgres keeps a plan until the table
   * is analyzed, so leave autovacuum on: a plan made when the table was small may read all of it.
   *
   * @default false, which works through any pooler
   */
  prepareStatements?: boolean;
  /**
   * Milliseconds to add to the clock of the server.
   *
   * @internal
   */
  clockOffset?: () => number;
}

/** The options with defaults applied. */
export interface PostgresSettings {
  readonly pool: PostgresPool;
  readonly names: TableNames;
  readonly prepareStatements: boolean;
  readonly clockOffset: () => number;
}

/**
 * Reads and checks the options.
 *
 * @throws {SessionConfigError} that names every fault
 */
export function readPostgresOptions(
  options: PostgresSessionStoreOptions,
): PostgresSettings {
  const { clockOffset = () => 0, ...rest } = options ?? {};
  const reader = new OptionReader();
  const given = reader.group('options', rest, [
    'pool',
    'table',
    'schema',
    'prepareStatements',
  ]);
  const names = readTable(reader, given);
  const prepareStatements = reader.boolean(
    'prepareStatements',
    given['prepareStatements'],
    false,
  );
  if (!isPool(given['pool'])) {
    reader.fault('pool', "expected a Pool of the package 'pg'");
  }
  if (reader.faults.length > 0) {
    throw new SessionConfigError(
      reader.faults.map((fault) => `PostgresSessionStore: ${fault}`),
    );
  }
  return { pool: options.pool, names, prepareStatements, clockOffset };
}

/** Returns whether a value looks like a `Pool` of `pg`. */
export function isPool(value: unknown): boolean {
  const pool = value as Partial<PostgresPool> | null | undefined;
  return (
    typeof pool?.query === 'function' && typeof pool.connect === 'function'
  );
}
