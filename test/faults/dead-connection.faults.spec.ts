import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { createClient } from 'redis';
import type { SessionStore } from '../../lib/index.js';
import { DeadlineSessionStore } from '../../lib/stores/deadline-session-store.js';
import { PostgresSessionStore } from '../../lib/stores/postgres/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { printFigures } from '../support/figures.js';
import {
  sharedPostgres,
  type PostgresServer,
} from '../support/postgres-server.js';
import {
  startRedis,
  startReplica,
  until,
  type RedisServer,
} from '../support/redis-server.js';
import { startSilentProxy, type SilentProxy } from './silent-proxy.js';

const LIFETIME = { idleSeconds: 3_600, absoluteSeconds: 86_400 };

/** A store whose client has the options that are on trial, and how to close it. */
interface OnTrial {
  readonly store: SessionStore;
  close(): unknown;
}

/** The options of each client that `docs/stores.md` names. */
const REDIS_CLIENTS: Readonly<
  Record<string, (port: number) => Promise<OnTrial>>
> = {
  ioredis: async (port) => {
    const client = new Redis(port, '127.0.0.1', {
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      socketTimeout: 1_000,
      reconnectOnError: ({ message }) => message.includes('READONLY'),
    });
    client.on('error', () => undefined);
    await until(async () => client.status === 'ready');
    return {
      store: new RedisSessionStore({ client }),
      close: () => client.disconnect(),
    };
  },
  'node-redis': async (port) => {
    const client = createClient({
      url: `redis://127.0.0.1:${port}`,
      disableOfflineQueue: true,
      pingInterval: 500,
      socket: {
        socketTimeout: 1_000,
        // The default strategy gives up after a socket timeout.
        reconnectStrategy: (attempt) => Math.min(attempt * 50, 1_000),
      },
    });
    client.on('error', () => undefined);
    await client.connect();
    return {
      store: new RedisSessionStore({ client }),
      close: () => client.destroy(),
    };
  },
};

/** A store that has one session, with what the library puts in front of it. */
async function withSession({ store }: OnTrial) {
  let failures = 0;
  const deadline = new DeadlineSessionStore(store, 0.25, {
    onFailure: () => (failures += 1),
    onAnswer: () => undefined,
    onLateAnswer: () => undefined,
  });
  await until(async () => {
    const { kind } = await deadline.create({
      id: 'a',
      subject: 'ada',
      lifetime: LIFETIME,
      attributes: {},
      params: 'ada',
      metadata: {},
    });
    return kind === 'created';
  });
  const isWriting = () =>
    deadline
      .update('a', 'ada', { attributes: { theme: 'dark' } })
      .then((record) => record !== undefined);
  return {
    isWriting,
    /** Asks until the store takes a write again. */
    recovery: async () => {
      const begin = performance.now();
      failures = 0;
      await until(isWriting);
      return `${failures} failed calls, first success after ${Math.round(performance.now() - begin)} ms`;
    },
  };
}

describe.each(Object.entries(REDIS_CLIENTS))(
  'a Redis behind %s',
  (name, open) => {
    let server: RedisServer;
    let proxy: SilentProxy;
    let onTrial: OnTrial;
    beforeEach(async () => {
      server = await startRedis();
      proxy = await startSilentProxy(server.port);
      onTrial = await open(proxy.port);
    });
    afterEach(async () => {
      await onTrial.close();
      await proxy.close();
      await server.stop();
    });

    it('is back after its connection went dead without a reset (F-07)', async () => {
      const { recovery } = await withSession(onTrial);
      const before = proxy.connections;
      proxy.silenceConnections();
      printFigures('F-07', `${name}, dead connection: ${await recovery()}`);
      expect(proxy.connections).toBeGreaterThan(before);
    });

    it('is back after its primary was demoted and kept its connections (F-09)', async () => {
      const { isWriting, recovery } = await withSession(onTrial);
      const promoted = await startReplica(server);
      try {
        await promoted.command('REPLICAOF NO ONE');
        await server.command(`REPLICAOF 127.0.0.1 ${promoted.port}`);
        proxy.target = promoted.port;
        await expect(isWriting()).rejects.toMatchObject({
          code: 'STORE_UNAVAILABLE',
        });
        if (name === 'node-redis') {
          // It has no option for that: what demotes a primary must end its connections, as Sentinel does.
          await server.command('CLIENT KILL TYPE normal');
        }
        printFigures('F-09', `${name}, demoted primary: ${await recovery()}`);
      } finally {
        await promoted.stop();
      }
    });
  },
);

describe('a Postgres behind pg', () => {
  let server: PostgresServer;
  let proxy: SilentProxy;
  let pool: Pool;
  let onTrial: OnTrial;
  beforeAll(async () => {
    server = await sharedPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    proxy = await startSilentProxy(server.port);
    pool = server.pool(await server.createSchema(), {
      port: proxy.port,
      max: 1,
      query_timeout: 1_000,
      connectionTimeoutMillis: 1_000,
    });
    const store = new PostgresSessionStore({ pool });
    await store.ensureSchema();
    onTrial = { store, close: () => undefined };
  });
  afterEach(async () => {
    await server.endPools();
    await proxy.close();
  });

  it('is back after its connections went dead without a reset (query_timeout, F-13)', async () => {
    const { recovery } = await withSession(onTrial);
    proxy.silenceConnections();
    printFigures('F-13', `pg, dead connections: ${await recovery()}`);
  });

  it('is back after new connections were silent too (connectionTimeoutMillis, F-13)', async () => {
    const { isWriting, recovery } = await withSession(onTrial);
    proxy.silenceConnections();
    proxy.isSilent = true;
    const before = proxy.connections;
    // Until the pool has dropped its dead connections and tried others.
    await until(async () => {
      await isWriting().catch(() => undefined);
      return proxy.connections > before;
    });
    proxy.isSilent = false;
    printFigures('F-13', `pg, no connections: ${await recovery()}`);
  });

  it('is back after its primary was demoted and kept its connections: the pool drops a connection whose query failed (F-13)', async () => {
    const { isWriting, recovery } = await withSession(onTrial);
    // The one connection is to a server that has become read-only, the next one to its successor.
    await pool.query('SET default_transaction_read_only = on');
    await expect(isWriting()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    printFigures('F-13', `pg, demoted primary: ${await recovery()}`);
  });
});

it('commandTimeout of ioredis settles calls on a dead connection, and keeps the connection', async () => {
  const server = await startRedis();
  const proxy = await startSilentProxy(server.port);
  const client = new Redis(proxy.port, '127.0.0.1', { commandTimeout: 100 });
  client.on('error', () => undefined);
  try {
    // A busy machine may be slower than that.
    while (!(await client.ping().catch(() => false)));
    const before = proxy.connections;
    proxy.silenceConnections();
    for (let i = 0; i < 3; i += 1) {
      await expect(client.ping()).rejects.toThrow('timed out');
    }
    expect(client.status).toBe('ready');
    expect(proxy.connections).toBe(before);
  } finally {
    client.disconnect();
    await proxy.close();
    await server.stop();
  }
});
