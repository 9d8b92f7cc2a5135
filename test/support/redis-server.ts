import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

/** A server of a test: on 127.0.0.1, nothing on disk that outlives it. */
export interface RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:port` */
  readonly url: string;
  /** Sends one command as a line of words, and gives the raw reply: `+OK`, `-ERR …`. For short replies. */
  command(line: string): Promise<string>;
  /** Kills it, as a crash would. */
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** Further arguments of `redis-server`: `['--maxmemory', '5mb']`. */
  arguments?: string[];
  /** A Sentinel with this configuration, which it rewrites. */
  sentinel?: { configuration: string };
}

/** The server waits for its end of input, so that it ends with its parent, however that ends. */
export const WITH_PARENT =
  '"$@" & server=$!; read _; kill -9 $server; wait $server';
/** Nothing on disk, and replicas that need not wait. */
const DATA_ARGUMENTS = '--save,,--appendonly,no,--repl-diskless-sync-delay,0';
const CLUSTER_SLOTS = 16_384;
const LINKED = 'master_link_status:up';

/** Starts `REDIS_SERVER_PATH`, or the `redis-server` of the PATH, and waits until it answers. */
export async function startRedis(
  options: RedisServerOptions = {},
): Promise<RedisServer> {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'session-redis-'));
  const log = join(directory, 'log');
  const sentinelFile = options.sentinel && join(directory, 'sentinel.conf');
  if (sentinelFile) {
    await writeFile(sentinelFile, options.sentinel!.configuration);
  }
  const child = spawn(
    'sh',
    [
      '-c',
      WITH_PARENT,
      'sh',
      process.env.REDIS_SERVER_PATH || 'redis-server',
      ...(sentinelFile ? [sentinelFile, '--sentinel'] : []),
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--logfile',
      log,
      ...(sentinelFile ? [] : DATA_ARGUMENTS.split(',')),
      ...(options.arguments ?? []),
    ],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    command: (line) => sendLine(port, line),
    async stop() {
      child.stdin.destroy();
      await ended;
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await Promise.race([
      until(async () => (await server.command('PING')) === '+PONG'),
      ended.then(() => Promise.reject(new Error('it has ended'))),
    ]);
    return server;
  } catch (error) {
    const text = await readFile(log, 'utf8').catch(() => 'no log');
    await server.stop();
    throw new Error(`redis-server did not start: ${text}`, { cause: error });
  }
}

/** A replica that has all that its primary has. */
export async function startReplica(primary: RedisServer): Promise<RedisServer> {
  const replica = await startRedis({
    arguments: ['--replicaof', '127.0.0.1', String(primary.port)],
  });
  await untilAll([replica], 'INFO replication', LINKED);
  return replica;
}

export interface RedisCluster {
  readonly primaries: RedisServer[];
  /** Those of `primaries[i]` at `i`. */
  readonly replicas: RedisServer[][];
  stop(): Promise<void>;
}

/** A cluster that is ready: so many primaries, each with so many replicas. */
export async function startRedisCluster(
  size = 3,
  replicasEach = 0,
): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: size * (1 + replicasEach) }, startClusterNode),
  );
  const primaries = nodes.slice(0, size);
  const firstSlot = (i: number): number =>
    Math.ceil((i * CLUSTER_SLOTS) / size);
  for (const [i, node] of nodes.entries()) {
    if (i < size) {
      const slots = `${firstSlot(i)} ${firstSlot(i + 1) - 1}`;
      await node.command(`CLUSTER ADDSLOTSRANGE ${slots}`);
    }
    await node.command(`CLUSTER SET-CONFIG-EPOCH ${i + 1}`);
    await primaries[0]!.command(
      `CLUSTER MEET 127.0.0.1 ${node.port} ${node.busPort}`,
    );
  }
  await untilAll(nodes, 'CLUSTER INFO', `cluster_known_nodes:${nodes.length}`);
  const replicas = primaries.map((_, i) =>
    nodes.slice(size).filter((__, j) => j % size === i),
  );
  for (const [i, primary] of primaries.entries()) {
    const id = (await primary.command('CLUSTER MYID')).split('\r\n')[1];
    for (const replica of replicas[i]!) {
      await replica.command(`CLUSTER REPLICATE ${id}`);
    }
  }
  await untilAll(nodes, 'CLUSTER INFO', 'cluster_state:ok');
  await untilAll(replicas.flat(), 'INFO replication', LINKED);
  return {
    primaries,
    replicas,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function startClusterNode(): Promise<
  RedisServer & { readonly busPort: number }
> {
  const busPort = await freePort();
  const server = await startRedis({
    arguments: [
      '--cluster-enabled',
      'yes',
      '--cluster-port',
      String(busPort),
      '--cluster-node-timeout',
      '5000',
    ],
  });
  return { ...server, busPort };
}

async function untilAll(
  servers: RedisServer[],
  command: string,
  text: string,
): Promise<void> {
  for (const server of servers) {
    await until(async () => (await server.command(command)).includes(text));
  }
}

/** Asks again until the answer is true; an error counts as false. */
export async function until(
  ask: () => Promise<boolean>,
  seconds = 300,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await ask().catch(() => false))) {
    if (performance.now() > deadline) {
      throw new Error(`not true within ${seconds} s: ${String(ask)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function sendLine(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${line}\r\n`),
    );
    socket.setEncoding('utf8');
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed without an answer')));
    socket.once('data', (reply: string) => {
      resolve(reply.trim());
      socket.destroy();
    });
  });
}
