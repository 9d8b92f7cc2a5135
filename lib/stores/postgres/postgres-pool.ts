/** A statement with its bound parameters, as `pg` takes it. */
export interface PostgresQuery {
  text: string;
  /** Present when the statement is to be prepared by that name, once for each connection. */
  name?: string;
  values?: unknown[];
}

/** What a statement answered, as `pg` gives it. */
export interface PostgresResult {
  readonly rows: readonly unknown[];
  /** How many rows it changed, or answered. */
  readonly rowCount: number | null;
}

/** One connection of a {@link PostgresPool}, for a transaction. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<PostgresResult>;
  /** @param error when given, the connection is closed instead of used again */
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** What the store needs of a `Pool` of the package `pg`. */
export interface PostgresPool {
  query(query: PostgresQuery): Promise<PostgresResult>;
  connect(): Promise<PostgresClient>;
}

/**
 * Does some work in a transaction on one connection. Anything but a commit leaves nothing behind.
 *
 * The isolation is named because the work counts on seeing, after it has waited for a lock, what was
 * committed meanwhile; a database may have another default.
 */
export async function inTransaction<T>(
  pool: PostgresPool,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  // A connection that breaks emits an error, which would end the process if nobody listened.
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
