import type { LogPage, LogReader } from '../follow-log.js';
import { PAGE } from '../follow-log.js';
import { logPage, readIds, type LogReply } from './log-page.js';
import { READ_LOG } from './log-scripts.js';
import {
  connectionOf,
  type RedisClient,
  type RedisConnection,
} from './redis-client.js';

/** Milliseconds for which a follower waits before it looks at the log again, in case the log was flushed meanwhile. */
const LONGEST_WAIT = 1_000;

/** What a follower uses of a client of either library, besides scripts. */
type FollowerClient = RedisClient & {
  /** ioredis: 'wait' before it connects. */
  readonly status?: string;
  /** node-redis. */
  readonly isOpen?: boolean;
  on(event: 'error', listener: () => void): unknown;
  connect?(): Promise<unknown>;
  /** ioredis. */
  xread?(...words: (string | number)[]): Promise<unknown>;
  /** node-redis. */
  xRead?(
    streams: { key: string; id: string }[],
    options: { BLOCK: number; COUNT: number },
  ): Promise<unknown>;
  /** ioredis; closes without waiting for anything. */
  disconnect?(): unknown;
  /** node-redis; closes without waiting for anything. */
  destroy?(): unknown;
};

/** The streams of entries and of proofs. */
export type LogKeys = readonly [entries: string, proofs: string];

/** Opens the connection of one follower. */
export type OpenFollower = () => RedisClient | Promise<RedisClient>;

/** One follower with a connection that blocks, and that nothing else uses. */
export class RedisFollower implements LogReader {
  readonly #create: OpenFollower;
  readonly #keys: LogKeys;
  #client: FollowerClient | undefined;
  #connection: RedisConnection | undefined;
  #isClosed = false;

  constructor(create: OpenFollower, keys: LogKeys) {
    this.#create = create;
    this.#keys = keys;
  }

  async open(): Promise<void> {
    const client = (await this.#create()) as FollowerClient;
    this.#client = client;
    // What breaks also rejects a command; an event without a listener would end the process.
    client.on('error', () => undefined);
    this.#connection = connectionOf(client);
    if (this.#isClosed) {
      this.close();
    } else if (client.status === 'wait' || client.isOpen === false) {
      await client.connect?.();
      // A client may not notice that it is closed while it connects.
      if (this.#isClosed) this.close();
    }
  }

  async read(position: string | undefined): Promise<LogPage | 'lost'> {
    const { entry = '' } = readIds(position) ?? {};
    const reply = await this.#connection!.run(
      READ_LOG,
      [...this.#keys],
      [entry, String(PAGE)],
    );
    return logPage(position, reply as LogReply);
  }

  async wait(position: string): Promise<void> {
    const client = this.#client!;
    const { entry, proof } = readIds(position)!;
    const [entries, proofs] = this.#keys;
    if (client.xread) {
      await client.xread(
        'COUNT',
        1,
        'BLOCK',
        LONGEST_WAIT,
        'STREAMS',
        entries,
        proofs,
        entry,
        proof,
      );
    } else {
      await client.xRead?.(
        [
          { key: entries, id: entry },
          { key: proofs, id: proof },
        ],
        { BLOCK: LONGEST_WAIT, COUNT: 1 },
      );
    }
  }

  close(): void {
    this.#isClosed = true;
    const client = this.#client;
    if (client) {
      void closing(client);
    }
  }
}

/** node-redis throws or rejects if a client is closed already. */
async function closing(client: FollowerClient): Promise<void> {
  try {
    await (client.destroy ? client.destroy() : client.disconnect?.());
  } catch {
    // It is closed.
  }
}

/**
 * Options of a connection that only follows. It does not reconnect or wait for replies longer than it blocks: its caller
 * follows again. It never reads from replicas.
 */
const IOREDIS = {
  lazyConnect: true,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
};
const IOREDIS_CLUSTER = {
  lazyConnect: true,
  clusterRetryStrategy: () => null,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  scaleReads: 'master',
  redisOptions: {
    commandTimeout: undefined,
    blockingTimeout: undefined,
    socketTimeout: undefined,
  },
};
const NODE_REDIS_SOCKET = {
  reconnectStrategy: false,
  socketTimeout: undefined,
};
const NODE_REDIS = {
  // Without the type mapping of the application.
  commandOptions: {},
  pingInterval: undefined,
  disableOfflineQueue: false,
  clientSideCache: undefined,
  // Of clusters and sentinels.
  useReplicas: false,
  replicaPoolSize: 0,
};

/** Returns how to open connections like that of a client, or `undefined` if the client has no `duplicate`. */
export function duplicating(client: unknown): OpenFollower | undefined {
  const { duplicate, isCluster, evalsha, options } = (client ?? {}) as {
    duplicate?: unknown;
    isCluster?: boolean;
    evalsha?: unknown;
    options?: { socket?: object };
  };
  if (typeof duplicate !== 'function') {
    return undefined;
  }
  const copy = (...overrides: unknown[]): RedisClient =>
    duplicate.apply(client, overrides) as RedisClient;
  if (evalsha) {
    return () => (isCluster ? copy([], IOREDIS_CLUSTER) : copy(IOREDIS));
  }
  const socket = options && { ...options.socket, ...NODE_REDIS_SOCKET };
  return () => copy({ ...NODE_REDIS, ...(socket && { socket }) });
}
