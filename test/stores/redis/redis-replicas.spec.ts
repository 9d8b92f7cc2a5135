import { Redis } from 'ioredis';
import type { SessionRecord } from '../../../lib/ports/session-store.js';
import {
  RedisSessionStore,
  type RedisClient,
} from '../../../lib/stores/redis/index.js';
import {
  startRedis,
  startRedisCluster,
  startReplica,
  until,
  type RedisServer,
} from '../../support/redis-server.js';
import { CLIENTS, CLUSTER_CLIENTS, connectIoredis } from './clients.js';
import { operations } from './operations.js';
import { newRecord, presentedOf } from './records.js';

type Session = Pick<SessionRecord, 'id' | 'subject'>;

let primary: RedisServer;
let replica: RedisServer;
let toPrimary: Redis;
let toReplica: Redis;

beforeEach(async () => {
  primary = await startRedis();
  replica = await startReplica(primary);
  toPrimary = connectIoredis(primary.port).client;
  toReplica = connectIoredis(replica.port).client;
});

afterEach(async () => {
  toPrimary.disconnect();
  toReplica.disconnect();
  await primary.stop();
  await replica.stop();
});

/** Sessions of as many subjects, all of them on the replica too. */
async function beginSessions(
  store: RedisSessionStore,
  count: number,
): Promise<Session[]> {
  const records = Array.from({ length: count }, (_, i) =>
    newRecord({ subject: `user-${i}` }),
  );
  await Promise.all(records.map((record) => store.create(record)));
  expect(await toPrimary.wait(1, 5_000)).toBe(1);
  return records;
}

async function countAlive(
  client: RedisClient,
  sessions: Session[],
): Promise<number> {
  const store = new RedisSessionStore({ client });
  const records = await Promise.all(
    sessions.map(({ id, subject }) => store.read(id, subject)),
  );
  return records.filter(Boolean).length;
}

/** Whether it answers nothing for a while. */
function isAsleep(server: RedisServer): Promise<boolean> {
  return Promise.race([
    server.command('PING').then(() => false),
    new Promise<boolean>((resolve) => setTimeout(resolve, 50, true)),
  ]);
}

/** The keys of sessions, each the only one of its subject. */
function keysOf(sessions: Session[]): string[] {
  return sessions
    .flatMap(({ id, subject }) => {
      const index = `session:{${Buffer.from(subject).toString('base64url')}}`;
      return [index, `${index}:${id}`];
    })
    .toSorted();
}

describe('waitForReplicas', () => {
  it.each(Object.entries(CLIENTS))(
    'confirms ends through %s, and rejects when no replica has them',
    async (_, connect) => {
      const { client, close } = await connect([primary.port]);
      try {
        const store = new RedisSessionStore({
          client,
          waitForReplicas: { count: 1, timeout: '60s' },
        });
        const [a, b, c, d] = await beginSessions(store, 4);
        expect(await store.end(a!.id, a!.subject)).toBe(true);
        expect(await store.endAll(b!.subject)).toBe(1);
        const keys = await toReplica.keys('session:{*');
        expect(
          keys.filter((key) => !/\.(replicated|begun)$/.test(key)).toSorted(),
        ).toEqual(keysOf([c!, d!]));
        await replica.stop();
        await until(async () =>
          (await primary.command('INFO replication')).includes(
            'connected_slaves:0',
          ),
        );
        const hasty = new RedisSessionStore({
          client,
          waitForReplicas: { count: 1, timeout: '10ms' },
        });
        await expect(hasty.end(c!.id, c!.subject)).rejects.toThrow(
          'only 0 of 1 replicas',
        );
        await expect(hasty.endAll(d!.subject)).rejects.toThrow(
          'only 0 of 1 replicas',
        );
        expect(await countAlive(client, [c!, d!])).toBe(0);
      } finally {
        await close();
      }
    },
  );

  it('asks nothing of replicas but at ends and at a reuse, which is told whatever they say', async () => {
    const store = new RedisSessionStore({
      client: toPrimary,
      waitForReplicas: { count: 1, timeout: '10ms' },
    });
    await replica.stop();
    const waits = async (): Promise<number> =>
      Number(
        /cmdstat_wait:calls=(\d+)/.exec(
          await toPrimary.info('commandstats'),
        )?.[1] ?? 0,
      );
    for (const [name, act] of Object.entries(operations(store))) {
      const before = await waits();
      await act().catch(() => undefined);
      expect([name, (await waits()) - before]).toEqual([
        name,
        name.startsWith('end') ? 1 : 0,
      ]);
    }
    const { id, subject } = newRecord();
    await store.create(newRecord({ id }));
    const before = await waits();
    expect(await store.rotate(id, subject, presentedOf(1))).toBe(
      'rolled-forward',
    );
    expect(await waits()).toBe(before);
    expect(await store.rotate(id, subject, presentedOf(0))).toBe('reused');
    expect(await waits()).toBe(before + 1);
    expect(await store.read(id, subject)).toBeUndefined();
  });

  it('does not take an end for confirmed that an earlier call left unconfirmed', async () => {
    const slow = await startRedis({
      arguments: [
        '--replicaof',
        '127.0.0.1',
        String(primary.port),
        '--enable-debug-command',
        'local',
      ],
    });
    try {
      await until(async () =>
        (await primary.command('INFO replication')).includes(
          'connected_slaves:2',
        ),
      );
      const store = new RedisSessionStore({
        client: toPrimary,
        waitForReplicas: { count: 2, timeout: '50ms' },
      });
      const { id, subject } = newRecord();
      await store.create(newRecord({ id }));
      expect(await toPrimary.wait(2, 5_000)).toBe(2);
      const sleep = slow.command('DEBUG SLEEP 1.5');
      await until(() => isAsleep(slow));
      for (let attempt = 0; attempt < 3; attempt += 1) {
        await expect(store.end(id, subject)).rejects.toThrow(
          'only 1 of 2 replicas',
        );
      }
      expect(await sleep).toBe('+OK');
      await until(() => store.end(id, subject).then((wasThere) => !wasThere));
    } finally {
      await slow.stop();
    }
  });
});

describe('waitForReplicas on a cluster', () => {
  it('asks the replicas of the node that holds the subject, through both clients', async () => {
    const cluster = await startRedisCluster(2, 1);
    try {
      const stores = await Promise.all(
        Object.values(CLUSTER_CLIENTS).map(async (connect) => {
          const { client, close } = await connect(
            cluster.primaries.map(({ port }) => port),
          );
          const storeWithin = (timeout: string) =>
            new RedisSessionStore({
              client,
              waitForReplicas: { count: 1, timeout },
            });
          return {
            // Only one that is not there takes so long.
            patient: storeWithin('1m'),
            store: storeWithin('1s'),
            close,
          };
        }),
      );
      const end = async (store: RedisSessionStore): Promise<boolean[]> => {
        const records = Array.from({ length: 8 }, (_, i) =>
          newRecord({ subject: `user-${i}` }),
        );
        const done: boolean[] = [];
        for (const record of records) {
          await store.create(record);
          done.push(
            await store.end(record.id, record.subject).catch((error) => {
              expect(error.message).toContain('only 0 of 1 replicas');
              return false;
            }),
          );
        }
        return done;
      };
      for (const { patient } of stores) {
        expect(await end(patient)).toEqual(
          Array.from({ length: 8 }, () => true),
        );
      }
      await cluster.replicas[0]![0]!.stop();
      await until(async () =>
        (await cluster.primaries[0]!.command('INFO replication')).includes(
          'connected_slaves:0',
        ),
      );
      const [first, second] = await Promise.all(
        stores.map(({ store }) => end(store)),
      );
      expect(first).toEqual(second);
      process.stdout.write(
        `of 8 subjects on two nodes, ${first!.filter(Boolean).length} on the node whose replica is there\n`,
      );
      expect(new Set(first)).toEqual(new Set([true, false]));
      await Promise.all(stores.map(({ close }) => close()));
    } finally {
      await cluster.stop();
    }
  });
});
