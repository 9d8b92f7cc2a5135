/** A statement with its bound parameters, in the form of `pg`. */
export interface PostgresQuery {
  text: string;
  /** Prepares the statement under this name, once per connection. */
  name?: string;
  values?: unknown[];
}

/** The result of a statement, in the form of `pg`. */
export interface PostgresResult {
  readonly rows: readonly unknown[];
  /** How many rows it changed or returned. */
  readonly rowCount: number | null;
}

/** One connection of a {@link PostgresPool}, for a transaction. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<PostgresResult>;
  /** @param error if present, closes the connection instead of reusing it */
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** The methods that the store uses of a `Pool` of the package `pg`. */
export interface PostgresPool {
  query(query: PostgresQuery): Promise<PostgresResult>;
  connect(): Promise<PostgresClient>;
}

/**
 * Runs some work in a transaction on one connection. Anything other than a commit leaves nothing behind.
 *
 * Names the isolation level, because a database may have another default: after it has waited for a lock, the work must
 * see what was committed in the meantime.
 */
export async function inTransaction<T>(
  pool: PostgresPool,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  // A broken connection emits an error, which would end the process if there were no listener.
  const ignore = (): void => undefined;
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' });
    const result = await work(client);
    await client.query({ text: 'COMMIT' });
    return result;
  } catch (error) {
    await client.query({ text: 'ROLLBACK' }).catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.removeListener('error', ignore);
    client.release(broken);
  }
}
