import { createHash } from 'node:crypto';
import { LateCallError } from '../../errors/late-call-error.js';
import {
  inTransaction,
  type PostgresClient,
  type PostgresPool,
  type PostgresQuery,
  type PostgresResult,
} from './postgres-pool.js';
import type { PostgresSettings } from './postgres-options.js';
import { retryConflicts } from './retry-conflicts.js';
import { timeOf } from './session-row.js';
import {
  sessionStatements,
  type SessionStatements,
} from './session-statements.js';

type StatementName = keyof SessionStatements;

/** Runs statements by name, on any free connection or on that of a transaction. */
export class StatementRunner {
  readonly #pool: PostgresPool;
  readonly #queries: ReadonlyMap<StatementName, PostgresQuery>;
  readonly #clockOffset: () => number;

  constructor({
    pool,
    names,
    prepareStatements,
    clockOffset,
  }: PostgresSettings) {
    this.#pool = pool;
    this.#clockOffset = clockOffset;
    const statements = Object.entries(sessionStatements(names.qualified));
    this.#queries = new Map(
      statements.map(([name, text]) => [
        name as StatementName,
        // A plan for sweeps that was made when the table was small would read all of it.
        prepareStatements && name !== 'sweep'
          ? { name: preparedName(text), text }
          : { text },
      ]),
    );
  }

  /** Returns the rows of a statement. Retries it after a conflict. */
  run<Row>(name: StatementName, ...values: unknown[]): Promise<readonly Row[]> {
    return retryConflicts(() => this.#rows<Row>(this.#pool, name, values));
  }

  /**
   * Returns the only row of a statement, if any.
   *
   * @throws {LateCallError} if the statement reports that it came too late
   */
  async runInTime<Row extends object>(
    name: StatementName,
    ...values: unknown[]
  ): Promise<Row | undefined> {
    const [row] = await this.run<Row & { late_at: string | null }>(
      name,
      ...values,
    );
    refuseLate(row);
    return row;
  }

  /** Runs statements as one transaction. Retries the whole transaction after a conflict. */
  transaction<T>(
    work: (statements: Pick<StatementRunner, 'run'>) => Promise<T>,
  ): Promise<T> {
    return retryConflicts(() =>
      inTransaction(this.#pool, (client) =>
        work({ run: (name, ...values) => this.#rows(client, name, values) }),
      ),
    );
  }

  async #rows<Row>(
    connection: Pick<PostgresClient, 'query'>,
    name: StatementName,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    const { rows } = await this.#ask(connection, name, values);
    return rows as readonly Row[];
  }

  #ask(
    connection: Pick<PostgresClient, 'query'>,
    name: StatementName,
    values: readonly unknown[],
  ): Promise<PostgresResult> {
    return connection.query({
      ...this.#queries.get(name)!,
      values: [this.#clockOffset() / 1000, ...values],
    });
  }
}

/** @throws {LateCallError} if a row reports that its statement came too late */
export function refuseLate(row: { late_at: string | null } | undefined): void {
  if (typeof row?.late_at === 'string') {
    throw new LateCallError(timeOf(row.late_at));
  }
}

/** Derives a name from the text alone: other versions of the library and other tables may share the connections. */
function preparedName(text: string): string {
  const hash = createHash('sha256').update(text).digest('base64url');
  return `session_${hash.slice(0, 22)}`;
}
