import type { LogPage, LogReader } from '../follow-log.js';
import { PAGE } from '../follow-log.js';
import type { PostgresClient, PostgresPool } from './postgres-pool.js';
import { retryConflicts } from './retry-conflicts.js';
import {
  readUntil,
  revocationPage,
  type RevocationRow,
} from './revocation-page.js';

/** What a follower uses of a client of `pg`, besides statements. */
type ListeningClient = PostgresClient & {
  on(event: string, listener: (error?: Error) => void): unknown;
  /** Not documented: the only way to close a connection whose other end does not answer. */
  readonly connection?: { readonly stream?: { destroy?(): void } };
};

export interface FollowerSettings {
  readonly pool: PostgresPool;
  readonly channel: string;
  /** The statement that reads. */
  readonly read: string;
  /** Milliseconds between two reads without a notification. */
  readonly pollInterval: number;
}

/** One follower with a connection that listens, and that nothing else uses. */
export class PostgresFollower implements LogReader {
  readonly #settings: FollowerSettings;
  #client: ListeningClient | undefined;
  #isClosed = false;
  /** Whether a notification has arrived since the last read began. */
  #isNotified = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(settings: FollowerSettings) {
    this.#settings = settings;
  }

  async open(): Promise<void> {
    const { pool, channel } = this.#settings;
    const client = (await pool.connect()) as ListeningClient;
    const fail = (error?: Error): void => {
      this.#failure ??= error ?? new Error('the connection has ended');
      this.#wake();
    };
    client.on('error', fail);
    client.on('end', () => fail());
    client.on('notification', () => {
      this.#isNotified = true;
      this.#wake();
    });
    this.#client = client;
    if (this.#isClosed) {
      this.#release();
    } else {
      await client.query({ text: `LISTEN ${channel}` });
    }
  }

  async read(position: string | undefined): Promise<LogPage | 'lost'> {
    this.#isNotified = false;
    const values = [readUntil(position)?.number ?? 0, PAGE];
    const { rows } = await retryConflicts(() =>
      this.#client!.query({ text: this.#settings.read, values }),
    );
    const row = rows[0] as RevocationRow;
    if (!row.can_write) {
      throw new Error(
        'PostgresRevocationLog: expected a server that accepts writes, got a standby or a read-only server; connect to the primary',
      );
    }
    return revocationPage(position, row);
  }

  async wait(): Promise<void> {
    if (!this.#isNotified && !this.#failure && !this.#isClosed) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, this.#settings.pollInterval);
      });
      clearTimeout(timer);
    }
    if (this.#failure) {
      throw this.#failure;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
    this.#release();
  }

  /** Destroys the connection, which still listens. */
  #release(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.release(true);
    client?.connection?.stream?.destroy?.();
  }
}
