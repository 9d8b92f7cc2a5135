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
import { CLUSTER_CLIENTS, connectIoredis, LIBRARIES } from './clients.js';
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
  it.each(LIBRARIES)(
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

  it('asks nothing of replicas but at ends, at a reuse and at a conflict of keys, which are told whatever they say', async () => {
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
    await store.create(newRecord({ id }));
    expect(await store.bind(id, subject, 'key')).toBe('bound');
    expect(await store.rotate(id, subject, presentedOf(0))).toBe('unproven');
    expect(await waits()).toBe(before + 1);
    expect(await store.bind(id, subject, 'another')).toBe('conflict');
    expect(await waits()).toBe(before + 2);
    expect(await store.read(id, subject)).toBeUndefined();
  });

  it('does not take an end for confirmed that an earlier call left unconfirmed', async () => {
    const slow = await startRedis({
      arguments: ['--replicaof', '127.0.0.1', String(primary.port)],
    });
    const info = await slow.command('INFO server');
    const pid = Number(/process_id:(\d+)/.exec(info)![1]);
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
      process.kill(pid, 'SIGSTOP');
      for (let attempt = 0; attempt < 3; attempt += 1) {
        // On a busy machine, neither of them.
        await expect(store.end(id, subject)).rejects.toThrow(
          /only [01] of 2 replicas/,
        );
      }
      process.kill(pid, 'SIGCONT');
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
          const within = (timeout: string) =>
            new RedisSessionStore({
              client,
              waitForReplicas: { count: 1, timeout },
            });
          return { patient: within('1m'), hasty: within('10ms'), close };
        }),
      );
      const records = Array.from({ length: 8 }, (_, i) =>
        newRecord({ subject: `user-${i}` }),
      );
      /** Whether each is on the second of the two nodes. */
      const onSecond = await Promise.all(
        records.map(async (record) => {
          const [index] = keysOf([record]);
          const slot = await cluster.primaries[0]!.command(
            `CLUSTER KEYSLOT ${index}`,
          );
          return Number(slot.slice(1)) >= 8_192;
        }),
      );
      expect(new Set(onSecond)).toEqual(new Set([true, false]));
      const end = async (
        storeFor: (i: number) => RedisSessionStore,
      ): Promise<boolean[]> => {
        const done: boolean[] = [];
        for (const [i, { id, subject }] of records.entries()) {
          const store = storeFor(i);
          await store.create(newRecord({ id, subject }));
          done.push(
            await store.end(id, subject).catch((error) => {
              expect(error.message).toContain('only 0 of 1 replicas');
              return false;
            }),
          );
        }
        return done;
      };
      for (const { patient } of stores) {
        expect(await end(() => patient)).toEqual(records.map(() => true));
      }
      await cluster.replicas[0]![0]!.stop();
      await until(async () =>
        (await cluster.primaries[0]!.command('INFO replication')).includes(
          'connected_slaves:0',
        ),
      );
      for (const { patient, hasty } of stores) {
        expect(await end((i) => (onSecond[i] ? patient : hasty))).toEqual(
          onSecond,
        );
      }
      await Promise.all(stores.map(({ close }) => close()));
    } finally {
      await cluster.stop();
    }
  });
});
