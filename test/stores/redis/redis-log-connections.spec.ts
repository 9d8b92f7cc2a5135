import { Redis } from 'ioredis';
import { createClient, createSentinel } from 'redis';
import {
  RedisRevocationLog,
  type RedisClient,
} from '../../../lib/stores/redis/index.js';
import {
  append,
  Follower,
  texts,
} from '../../../lib/testing/log-contract/follower.js';
import { FaultyProxy } from '../../faults/chaos/faulty-proxy.js';
import { startSentinel } from '../../faults/chaos/redis-sentinel.js';
import {
  startRedis,
  startReplica,
  until,
  type RedisServer,
} from '../../support/redis-server.js';
import { UnhandledErrors } from '../../support/unhandled.js';
import {
  connectIoredis,
  type ConnectedClient,
  type ConnectedIoredis,
} from './clients.js';

const unhandled = new UnhandledErrors();

beforeAll(() => unhandled.start());

afterAll(() => unhandled.stop());

type Connect = (port: number) => Promise<ConnectedClient>;

/** Clients with settings that a connection which only follows must not inherit. */
const IMPATIENT: Readonly<Record<string, Connect>> = {
  ioredis: async (port) => {
    const client = new Redis(port, '127.0.0.1', {
      commandTimeout: 200,
      socketTimeout: 300,
      enableOfflineQueue: true,
      enableAutoPipelining: true,
    });
    client.on('error', () => undefined);
    return {
      client,
      async close() {
        client.disconnect();
      },
    };
  },
  'node-redis': async (port) => {
    const client = createClient({
      url: `redis://127.0.0.1:${port}`,
      commandOptions: { timeout: 200 },
      disableOfflineQueue: true,
    });
    client.on('error', () => undefined);
    await client.connect();
    return {
      client,
      async close() {
        client.destroy();
      },
    };
  },
};

describe.each(Object.entries(IMPATIENT))(
  'a follower through %s',
  (_name, connect) => {
    let server: RedisServer;
    let proxy: FaultyProxy;
    let connected: ConnectedClient;
    let direct: ConnectedIoredis;
    let log: RedisRevocationLog;
    let writer: RedisRevocationLog;

    beforeAll(async () => {
      server = await startRedis();
    });

    afterAll(() => server.stop());

    beforeEach(async () => {
      proxy = await FaultyProxy.start(server.port);
      connected = await connect(proxy.port);
      direct = connectIoredis(server.port);
      await direct.client.flushall();
      await direct.client.config('RESETSTAT');
      log = new RedisRevocationLog({ client: connected.client });
      writer = new RedisRevocationLog({ client: direct.client });
      // Not by the impatient client: a machine can be slower.
      await append(writer, ['first']);
    });

    afterEach(async () => {
      await connected.close();
      await direct.close();
      await proxy.stop();
      expect(await unhandled.settled()).toEqual([]);
    });

    const untilBlocked = (): Promise<void> =>
      until(async () => (await clientsOf(direct)).includes('cmd=xread'));

    it.each(['fin', 'rst'] as const)(
      'rejects when its connection is cut (%s), and continues',
      async (how) => {
        const first = await new Follower(log).untilCaughtUp();
        await untilBlocked();
        proxy.cut(how);
        await first.untilRejected();
        await append(writer, texts('meanwhile', 5));
        const second = new Follower(log, first.position);
        await second.untilAll(texts('meanwhile', 5));
        await second.stop();
        expect(gapsOf(second)).toBe(0);
      },
    );

    it('goes on for longer than the timeouts of the application', async () => {
      const follower = await new Follower(log).untilCaughtUp();
      await until(async () => {
        const stats = await direct.client.info('commandstats');
        return Number(/cmdstat_xread:calls=(\d+)/.exec(stats)?.[1]) > 2;
      });
      await append(writer, ['later']);
      await follower.untilAll(['later']);
      await follower.stop();
    });

    it('is aborted and closed although its connection is silent', async () => {
      const follower = await new Follower(log).untilCaughtUp();
      await untilBlocked();
      const { connections } = proxy;
      proxy.disturb('toStore', { stall: { afterChunks: 0 } });
      proxy.disturb('fromStore', { stall: { afterChunks: 0 } });
      await append(writer, ['unheard']);
      await follower.stop();
      expect(follower.received).toEqual(['first']);
      // What is held back only arrives when the faults are over; a FIN among it.
      proxy.heal();
      await until(async () => proxy.connections < connections);
    });

    it('is aborted while it connects to a server that does not answer', async () => {
      proxy.disturb('fromStore', { stall: { afterChunks: 0 } });
      const follower = new Follower(log);
      await until(async () => proxy.connections > 1);
      await follower.stop();
      expect(follower.batches).toEqual([]);
      proxy.heal();
      await until(async () => proxy.connections === 1);
    });

    it('rejects when the server restarts, and again while it is away', async () => {
      const first = await new Follower(log).untilCaughtUp();
      await untilBlocked();
      await server.stop();
      await first.untilRejected();
      await new Follower(log, first.position).untilRejected();
      server = await startRedis();
    });

    it('leaves no connection behind, however it ends', async () => {
      await until(async () => proxy.connections === 1);
      for (const end of ['abort', 'abort while opening', 'kill'] as const) {
        const followers = Array.from({ length: 5 }, () => new Follower(log));
        if (end !== 'abort while opening') {
          for (const follower of followers) await follower.untilCaughtUp();
        }
        if (end === 'kill') {
          await until(async () => {
            const clients = await clientsOf(direct);
            return clients.split('cmd=xread').length > followers.length;
          });
          proxy.cut('rst');
          await Promise.all(
            followers.map((follower) => follower.untilRejected()),
          );
        }
        await Promise.all(followers.map((follower) => follower.stop()));
        // The client of the application reconnects by itself.
        await until(async () => proxy.connections <= 1);
      }
    });
  },
);

/** Clients that find the primary by a Sentinel. */
const SENTINEL_CLIENTS: Readonly<Record<string, Connect>> = {
  ioredis: async (port) => {
    const client = new Redis({
      sentinels: [{ host: '127.0.0.1', port }],
      name: 'primary',
    });
    client.on('error', () => undefined);
    return {
      client,
      async close() {
        client.disconnect();
      },
    };
  },
  'node-redis': async (port) => {
    const client = createSentinel({
      name: 'primary',
      sentinelRootNodes: [{ host: '127.0.0.1', port }],
    });
    client.on('error', () => undefined);
    await client.connect();
    return {
      client: client as unknown as RedisClient,
      async close() {
        await client.destroy();
      },
    };
  },
};

/** Follows as the feed does: again from the last position, whenever that fails. */
async function followAll(
  log: RedisRevocationLog,
  last: string,
): Promise<Follower[]> {
  const followers = [new Follower(log)];
  for (;;) {
    const follower = followers.at(-1)!;
    const isDone = await follower.untilAll([last]).then(
      () => true,
      () => false,
    );
    if (isDone) return followers;
    followers.push(new Follower(log, follower.position));
  }
}

describe('a Sentinel failover', () => {
  it('costs no replicated entry and is no gap, through either library', async () => {
    const store = await startSentinel();
    const { sentinel } = store.settingsFor((port) => port) as {
      sentinel: number;
    };
    const connected = await Promise.all(
      Object.values(SENTINEL_CLIENTS).map((connect) => connect(sentinel)),
    );
    const logs = connected.map(
      ({ client }) => new RedisRevocationLog({ client }),
    );
    const entries = texts('before', 5);
    for (const text of entries) await append(logs[0]!, [text]);
    const following = logs.map((log) => followAll(log, 'last'));
    await store.happen!(() => 0.5);
    for (const [i, log] of logs.entries()) {
      entries.push(...texts(`after ${i}`, 5));
      for (const text of texts(`after ${i}`, 5)) {
        await until(() => append(log, [text]).then(() => true));
      }
    }
    await append(logs[0]!, ['last']);
    for (const followers of await Promise.all(following)) {
      const received = followers.flatMap((each) => each.received);
      expect(received).toEqual(expect.arrayContaining(entries));
      expect(followers.map(gapsOf)).toEqual(followers.map(() => 0));
      await Promise.all(followers.map((each) => each.stop()));
    }
    await Promise.all(connected.map(({ close }) => close()));
    await store.stop();
    expect(await unhandled.settled()).toEqual([]);
  });
});

describe('a follower of an old primary', () => {
  it('believes nothing after the failover', async () => {
    const primary = await startRedis();
    const replica = await startReplica(primary);
    const old = connectIoredis(primary.port);
    const promoted = connectIoredis(replica.port);
    const before = new RedisRevocationLog({ client: old.client });
    const after = new RedisRevocationLog({ client: promoted.client });
    await append(before, ['proof'], { isProof: true });
    const follower = await new Follower(before).untilAll(['proof']);
    expect(await old.client.wait(1, 5_000)).toBe(1);
    await promoted.client.replicaof('NO', 'ONE');
    const { asOf } = follower;
    await append(after, ['new']);
    await append(after, ['new proof'], { isProof: true });
    // The old primary then learns of its demotion.
    await old.client.replicaof('127.0.0.1', replica.port);
    await follower.untilRejected();
    expect(follower.asOf).toBe(asOf);
    await expect(new Follower(before).ended).rejects.toThrow();
    await Promise.all([old.close(), promoted.close()]);
    for (const server of [primary, replica]) await server.stop();
  });
});

function gapsOf({ batches }: Follower): number {
  return batches.filter(({ hasGap = false }) => hasGap).length;
}

async function clientsOf({ client }: ConnectedIoredis): Promise<string> {
  return String(await client.client('LIST'));
}
