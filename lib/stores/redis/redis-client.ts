import type { RedisScript } from './redis-script.js';

/** The methods that the store uses of an `ioredis` client or `Cluster`. */
export interface IoredisClient {
  evalsha(
    sha1: string,
    keyCount: number,
    ...keysAndArguments: string[]
  ): Promise<unknown>;
  eval(
    script: string,
    keyCount: number,
    ...keysAndArguments: string[]
  ): Promise<unknown>;
  pipeline(commands: unknown[][]): {
    exec(): Promise<[error: Error | null, reply: unknown][] | null>;
  };
}

/** The keys and arguments of a script, in the form of node-redis. */
export interface NodeRedisCall {
  keys: string[];
  arguments: string[];
}

/** The methods that the store uses of a `redis` (node-redis) client, pool, sentinel or cluster. */
export interface NodeRedisClient {
  evalSha(sha1: string, call: NodeRedisCall): Promise<unknown>;
  eval(script: string, call: NodeRedisCall): Promise<unknown>;
  /** Used only with `waitForReplicas`. */
  multi(): unknown;
}

/** A client that the application creates, connects and closes. */
export type RedisClient = IoredisClient | NodeRedisClient;

/** How many replicas must confirm a write, and within how many milliseconds. */
export interface AwaitedReplicas {
  readonly count: number;
  readonly timeout: number;
  /** What the error says that the write has done, and what a failover may do. */
  readonly outcome: readonly [done: string, risk: string];
}

/** A common interface to both kinds of clients. */
export interface RedisConnection {
  /** Runs a script by its SHA-1. Sends the source to a server that does not have the script yet. */
  run(
    script: RedisScript,
    keys: string[],
    parameters: string[],
  ): Promise<unknown>;
  /**
   * Runs a script and WAITs in one pipeline. The two must share a connection, since WAIT covers only the writes of the
   * connection that sent it, and a pool or a cluster would send it over another.
   *
   * @throws {Error} if fewer replicas than requested confirm in time
   */
  runAndWait(
    script: RedisScript,
    keys: string[],
    parameters: string[],
    replicas: AwaitedReplicas,
  ): Promise<unknown>;
}

/** Returns `undefined` for anything other than a client of either library. */
export function connectionOf(client: unknown): RedisConnection | undefined {
  const methods = (client ?? {}) as Record<string, unknown>;
  const hasMethods = (...names: string[]): boolean =>
    names.every((name) => typeof methods[name] === 'function');
  if (hasMethods('evalsha', 'eval', 'pipeline')) {
    return ioredisConnection(client as IoredisClient);
  }
  return hasMethods('evalSha', 'eval', 'multi')
    ? nodeRedisConnection(client as NodeRedisClient)
    : undefined;
}

function ioredisConnection(client: IoredisClient): RedisConnection {
  return {
    run: ({ sha1, source }, keys, parameters) =>
      withSource(
        () => client.evalsha(sha1, keys.length, ...keys, ...parameters),
        () => client.eval(source, keys.length, ...keys, ...parameters),
      ),
    async runAndWait({ source }, keys, parameters, replicas) {
      const { count, timeout } = replicas;
      const replies = await client
        .pipeline([
          ['eval', source, keys.length, ...keys, ...parameters],
          ['wait', count, timeout],
        ])
        .exec();
      for (const [error] of replies ?? []) {
        if (error) throw error;
      }
      assertReplicated(replies?.[1]?.[1], replicas);
      return replies?.[0]?.[1];
    },
  };
}

/** The part of a node-redis pipeline whose types do not depend on the modules of its client. */
interface NodeRedisPipeline {
  eval(script: string, call: NodeRedisCall): NodeRedisPipeline;
  wait(count: number, timeout: number): NodeRedisPipeline;
  execAsPipeline(): Promise<unknown[]>;
}

function nodeRedisConnection(client: NodeRedisClient): RedisConnection {
  return {
    run: ({ sha1, source }, keys, parameters) =>
      withSource(
        () => client.evalSha(sha1, { keys, arguments: parameters }),
        () => client.eval(source, { keys, arguments: parameters }),
      ),
    async runAndWait({ source }, keys, parameters, replicas) {
      const { count, timeout } = replicas;
      const pipeline = client.multi() as NodeRedisPipeline;
      const [reply, replicated] = await pipeline
        .eval(source, { keys, arguments: parameters })
        .wait(count, timeout)
        .execAsPipeline();
      assertReplicated(replicated, replicas);
      return reply;
    },
  };
}

async function withSource(
  bySha1: () => Promise<unknown>,
  bySource: () => Promise<unknown>,
): Promise<unknown> {
  try {
    return await bySha1();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOSCRIPT')) {
      return bySource();
    }
    throw error;
  }
}

function assertReplicated(
  replicated: unknown,
  { count, outcome: [done, risk] }: AwaitedReplicas,
): void {
  if (!(Number(replicated) >= count)) {
    throw new Error(
      `${done}, but only ${Number(replicated)} of ${count} replicas confirmed it, so a failover may ${risk}`,
    );
  }
}
