import { Cluster, Redis } from 'ioredis';
import { createClient, createClientPool, createCluster } from 'redis';
import type { RedisClient } from '../../../lib/stores/redis/index.js';
import { isFull } from '../../support/effort.js';

/** A connected client of one of the libraries. */
export interface ConnectedClient {
  readonly client: RedisClient;
  close(): Promise<void>;
}

export type Connect = (ports: number[]) => Promise<ConnectedClient>;

/** Clients of one server, by the names that test titles give them. */
export const CLIENTS: Readonly<Record<string, Connect>> = {
  ioredis: async ([port]) => connectIoredis(port!),
  'node-redis with RESP2': ([port]) => connectNodeRedis(port!, 2),
  'node-redis with RESP3': ([port]) => connectNodeRedis(port!, 3),
  'a node-redis pool': async ([port]) => {
    // On a busy machine, a call may wait for its connection longer than the 3 s of the library.
    const client = createClientPool(
      { url: urlOf(port!) },
      { acquireTimeout: 60_000 },
    );
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.close() };
  },
};

/** For what depends on the library alone: RESP2 is shown by the contract, and everywhere at full effort. */
export const LIBRARIES: [name: string, connect: Connect][] = Object.entries(
  CLIENTS,
).filter(([name]) => isFull || !name.endsWith('RESP2'));

/** Clients of a cluster. */
export const CLUSTER_CLIENTS: Readonly<Record<string, Connect>> = {
  'a Cluster of ioredis': async (ports) => {
    const client = new Cluster(
      ports.map((port) => ({ host: '127.0.0.1', port })),
    );
    client.on('error', () => undefined);
    return {
      client,
      async close() {
        client.disconnect();
      },
    };
  },
  'a cluster of node-redis': async (ports) => {
    const client = createCluster({
      rootNodes: ports.map((port) => ({ url: urlOf(port) })),
    });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.close() };
  },
};

/** Clients that all tests of a spec share. */
export class SharedClients {
  readonly #connected = new Map<Connect, Promise<ConnectedClient>>();

  /** Connects at the first call. */
  connectedBy(connect: Connect, ports: number[]): Promise<ConnectedClient> {
    const connected = this.#connected.get(connect) ?? connect(ports);
    this.#connected.set(connect, connected);
    return connected;
  }

  async close(): Promise<void> {
    const all = await Promise.all(this.#connected.values());
    await Promise.all(all.map((each) => each.close()));
  }
}

export interface ConnectedIoredis extends ConnectedClient {
  readonly client: Redis;
}

export function connectIoredis(port: number): ConnectedIoredis {
  const client = new Redis(port, '127.0.0.1');
  // Without a listener, ioredis writes lost connections to the console.
  client.on('error', () => undefined);
  return {
    client,
    async close() {
      client.disconnect();
    },
  };
}

async function connectNodeRedis(
  port: number,
  RESP: 2 | 3,
): Promise<ConnectedClient> {
  const client = createClient({ url: urlOf(port), RESP });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.close() };
}

function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`;
}
