import {
  inTransaction,
  type PostgresPool,
  type PostgresQuery,
  type PostgresResult,
} from './postgres-pool.js';
import { retryConflicts } from './retry-conflicts.js';
import type { SessionStatements } from './session-statements.js';

/** Runs statements by their names, on whichever connection is free or on that of a transaction. */
export class StatementRunner {
  readonly #pool: PostgresPool;
  readonly #statements: SessionStatements;
  readonly #clockOffset: () => number;

  /** @param clockOffset milliseconds, the first parameter of every statement */
  constructor(
    pool: PostgresPool,
    statements: SessionStatements,
    clockOffset: () => number,
  ) {
    this.#pool = pool;
    this.#statements = statements;
    this.#clockOffset = clockOffset;
  }

  /** The rows that a statement answers. Tried again after a conflict. */
  run<Row>(
    name: keyof SessionStatements,
    ...values: unknown[]
  ): Promise<readonly Row[]> {
    return retryConflicts(() => this.#runOn(this.#pool, name, values));
  }

  /** The number that a statement answers. */
  async count(name: 'endAll' | 'sweep', ...values: unknown[]): Promise<number> {
    const [row] = await this.run<{ count: string }>(name, ...values);
    return Number(row?.count);
  }

  /** All or nothing. The whole of it is tried again after a conflict. */
  transaction<T>(
    work: (statements: Pick<StatementRunner, 'run'>) => Promise<T>,
  ): Promise<T> {
    return retryConflicts(() =>
      inTransaction(this.#pool, (client) =>
        work({ run: (name, ...values) => this.#runOn(client, name, values) }),
      ),
    );
  }

  async #runOn<Row>(
    connection: { query(query: PostgresQuery): Promise<PostgresResult> },
    name: keyof SessionStatements,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    const { rows } = await connection.query({
      text: this.#statements[name],
      values: [this.#clockOffset(), ...values],
    });
    return rows as readonly Row[];
  }
}
