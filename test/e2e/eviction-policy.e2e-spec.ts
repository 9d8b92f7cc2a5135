import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { CLIENTS, CLUSTER_CLIENTS } from '../stores/redis/clients.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  startRedis,
  startRedisCluster,
  until,
  type RedisServer,
} from '../support/redis-server.js';
import { ofThisSpec, platforms } from '../support/effort.js';
import type { AdapterName, TestApp } from '../support/test-app.js';

const adapters = platforms('express');

describe('the maxmemory-policy of Redis (F-10)', () => {
  let server: RedisServer;
  let logs: CapturedLogs;

  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(() => {
    logs = new CapturedLogs();
  });
  afterAll(() => server.stop());

  function openApp(
    store: RedisSessionStore,
    adapter: AdapterName = 'express',
  ): Promise<TestApp> {
    return openTestApp(adapter, {
      session: { store, storeTimeout: '20s' },
      configure: (nest) => nest.useLogger(logs),
    });
  }

  const warnings = () => logs.matching('maxmemory-policy', 'warn');

  /** Lets the application start and work, and waits for what it says. */
  async function warningsOf(
    store: RedisSessionStore,
    adapter: AdapterName = 'express',
  ): Promise<string[]> {
    const app = await openApp(store, adapter);
    await store.warnings();
    await app.signIn('ada');
    await app.signIn('bob');
    return warnings();
  }

  it.each(Object.entries(CLIENTS))(
    'is a warning where it evicts sessions, once: %s',
    async (_client, connect) => {
      await server.command('CONFIG SET maxmemory-policy allkeys-lru');
      const { client, close } = await connect([server.port]);
      const store = new RedisSessionStore({ client });
      const lines = await warningsOf(store);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain('allkeys-lru');
      await close();
    },
  );

  it.each(adapters)('is a warning on %s', async (adapter) => {
    await server.command('CONFIG SET maxmemory-policy allkeys-random');
    const client = new Redis(server.port, '127.0.0.1');
    const store = new RedisSessionStore({ client });
    expect(await warningsOf(store, adapter)).toHaveLength(1);
    client.disconnect();
  });

  it.each(['noeviction', 'volatile-lru', 'volatile-ttl'])(
    'is none where sessions are safe: %s',
    async (policy) => {
      await server.command(`CONFIG SET maxmemory-policy ${policy}`);
      const client = new Redis(server.port, '127.0.0.1');
      const store = new RedisSessionStore({ client });
      expect(await warningsOf(store)).toEqual([]);
      client.disconnect();
    },
  );

  it.each(ofThisSpec(Object.entries(CLUSTER_CLIENTS)))(
    'is checked on a cluster: %s',
    async (_client, connect) => {
      const cluster = await startRedisCluster(3);
      try {
        for (const each of cluster.primaries) {
          await each.command('CONFIG SET maxmemory-policy allkeys-lfu');
        }
        const ports = cluster.primaries.map(({ port }) => port);
        const { client, close } = await connect(ports);
        const store = new RedisSessionStore({ client });
        expect(await warningsOf(store)).toHaveLength(1);
        await close();
      } finally {
        await cluster.stop();
      }
    },
  );

  it('breaks nothing where INFO and CONFIG are forbidden', async () => {
    await server.command('CONFIG SET maxmemory-policy allkeys-lru');
    await server.command('ACL SETUSER app on >pass ~* +@all -info -config');
    const client = new Redis(server.port, '127.0.0.1', {
      username: 'app',
      password: 'pass',
      enableReadyCheck: false,
    });
    const store = new RedisSessionStore({ client });
    expect(await warningsOf(store)).toEqual([]);
    expect(logs.matching('', 'error')).toEqual([]);
    client.disconnect();
  });

  it('is checked once the application has connected its lazy client', async () => {
    await server.command('CONFIG SET maxmemory-policy allkeys-lru');
    const client = new Redis(server.port, '127.0.0.1', {
      lazyConnect: true,
      enableOfflineQueue: false,
    });
    class Connection {
      async onModuleInit(): Promise<void> {
        await client.connect();
      }
    }
    const app = await openTestApp('express', {
      session: {
        store: new RedisSessionStore({ client }),
        storeTimeout: '20s',
      },
      providers: [Connection],
      configure: (nest) => nest.useLogger(logs),
    });
    await until(async () => warnings().length > 0);
    await app.signIn('ada');
    expect(warnings()).toHaveLength(1);
    client.disconnect();
  });

  it('is checked after the first answer where the client connects later', async () => {
    await server.command('CONFIG SET maxmemory-policy allkeys-lru');
    const client = createClient({
      url: server.url,
      disableOfflineQueue: true,
    });
    client.on('error', () => undefined);
    const store = new RedisSessionStore({ client });
    const app = await openApp(store);
    await expect(store.warnings()).rejects.toThrow();
    expect(warnings()).toEqual([]);
    await client.connect();
    await app.signIn('ada');
    await until(async () => warnings().length > 0);
    await app.signIn('bob');
    expect(warnings()).toHaveLength(1);
    await client.close();
  });
});
