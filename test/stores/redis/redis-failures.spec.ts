import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import { combinations, rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
import {
  startRedis,
  startRedisCluster,
  startReplica,
  until,
  type RedisServer,
} from '../../support/redis-server.js';
import { connectIoredis, LIBRARIES } from './clients.js';
import { newRecord, presentedOf } from './records.js';

/** Of each method, at a server that refuses. */
const CALLS = rounds(100, 10);

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({ arguments: ['--enable-debug-command', 'local'] });
  redis = connectIoredis(server.port).client;
});

beforeEach(async () => {
  await redis.flushall();
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** How often each kind of answer was given: the first word of an error, or `answered`. */
async function answersOf(
  calls: Promise<unknown>[],
): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (const { status, ...result } of await Promise.allSettled(calls)) {
    const answer =
      status === 'fulfilled'
        ? 'answered'
        : String((result as PromiseRejectedResult).reason.message).split(
            ' ',
          )[0]!;
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
  return answers;
}

function times(
  count: number,
  call: () => Promise<unknown>,
): Promise<unknown>[] {
  return Array.from({ length: count }, call);
}

describe('a server that refuses', () => {
  it.each(combinations(LIBRARIES, 2))(
    'as a read-only replica is heard through %s, and ends nothing (F-12)',
    async (_, connect) => {
      const record = newRecord();
      const { id, subject } = record;
      const primary = new RedisSessionStore({ client: redis });
      await primary.create(record);
      const rotated = newRecord();
      await primary.create(rotated);
      await primary.rotate(rotated.id, rotated.subject, presentedOf(0));
      const replica = await startReplica(server);
      const { client, close } = await connect([replica.port]);
      try {
        const store = new RedisSessionStore({ client });
        const calls: Record<string, () => Promise<unknown>> = {
          create: () => store.create(newRecord()),
          rotate: () => store.rotate(id, subject, presentedOf(0)),
          'rotate an unknown one': () => store.rotate('x', 'y', presentedOf(0)),
          update: () => store.update(id, subject, { attributes: { a: 1 } }),
          end: () => store.end(id, subject),
          endAll: () => store.endAll(subject),
          'endAll of one that has not arrived': () => store.endAll('y'),
          // Its primary may have ended what it still has.
          read: () => store.read(id, subject),
          'read of one in use': () => store.read(id, subject, 'seen'),
          'read one that has not arrived': () => store.read('x', subject),
          confirm: () => store.confirm(id, subject, 0),
          confirmUse: () => store.confirmUse(id, subject, 0),
          'rotate again': () =>
            store.rotate(rotated.id, subject, presentedOf(0)),
          list: () => store.list(subject),
        };
        for (const [name, call] of Object.entries(calls)) {
          expect([name, await answersOf(times(CALLS, call))]).toEqual([
            name,
            { READONLY: CALLS },
          ]);
        }
      } finally {
        await close();
        await replica.stop();
      }
    },
  );

  it.each(combinations(LIBRARIES, 2))(
    'for lack of memory is heard through %s, changes nothing, and still ends sessions (F-12)',
    async (_, connect) => {
      const { client, close } = await connect([server.port]);
      try {
        const store = new RedisSessionStore({ client });
        const record = newRecord({ attributes: { kept: 1 } });
        const other = newRecord({ subject: 'bob' });
        const { id, subject } = record;
        const limit = { max: 1, policy: 'end-oldest' } as const;
        await store.create(record);
        await store.create(other);
        const before = await store.read(id, subject);
        await redis.config('SET', 'maxmemory', '1');
        const calls: Record<string, () => Promise<unknown>> = {
          create: () => store.create(newRecord()),
          'create in the place of another': () =>
            store.create(newRecord(), { limit, replaces: id }),
          rotate: () => store.rotate(id, subject, presentedOf(0)),
          update: () =>
            store.update(id, subject, { attributes: { a: 1, kept: null } }),
        };
        for (const [name, call] of Object.entries(calls)) {
          expect([name, await answersOf(times(CALLS, call))]).toEqual([
            name,
            { OOM: CALLS },
          ]);
        }
        expect(await store.end(other.id, other.subject)).toBe(true);
        await redis.config('SET', 'maxmemory', '0');
        expect(await store.list(subject)).toEqual([
          { ...before, asOf: expect.any(Date) },
        ]);
        expect(await store.rotate(id, subject, presentedOf(0))).toBe('rotated');
      } finally {
        await redis.config('SET', 'maxmemory', '0');
        await close();
      }
    },
  );

  it.each(combinations(LIBRARIES, 2))(
    'because it is loading its records is heard through %s, and ends nothing (F-12)',
    async (_, connect) => {
      const { client, close } = await connect([server.port]);
      try {
        const store = new RedisSessionStore({ client });
        const record = newRecord();
        const { id, subject } = record;
        await store.create(record);
        await Promise.all(
          Array.from({ length: 100 }, (__, i) =>
            store.create(newRecord({ subject: `user-${i}` })),
          ),
        );
        await redis.config(
          'SET',
          'loading-process-events-interval-bytes',
          '1024',
        );
        await redis.config('SET', 'key-load-delay', '2000');
        const reloading = redis.call('DEBUG', 'RELOAD');
        let answers: Record<string, number> = {};
        await until(async () => {
          answers = await answersOf(
            times(100, () => store.rotate(id, subject, presentedOf(0))),
          );
          return answers['LOADING'] !== undefined;
        });
        await reloading;
        const { LOADING: _refused, answered: _answered, ...others } = answers;
        expect(others).toEqual({});
        expect(['rotated', 'repeated']).toContain(
          await store.rotate(id, subject, presentedOf(0)),
        );
      } finally {
        await redis.config('SET', 'key-load-delay', '0');
        await close();
      }
    },
  );

  it('because another node of the cluster holds the slot is heard by a client that knows no cluster (F-12)', async () => {
    const cluster = await startRedisCluster(3);
    const { client, close } = connectIoredis(cluster.primaries[0]!.port);
    try {
      const store = new RedisSessionStore({ client });
      const calls = Array.from({ length: 300 }, (_, i) =>
        store.create(newRecord({ subject: `user-${i}` })),
      );
      const answers = await answersOf(calls);
      printFigures(
        'F-12',
        `300 subjects at one node of three: ${JSON.stringify(answers)}`,
      );
      expect(Object.keys(answers).toSorted()).toEqual(['MOVED', 'answered']);
      expect(answers['MOVED']).toBeGreaterThan(100);
    } finally {
      await close();
      await cluster.stop();
    }
  });

  it('to run a script for another reason than not having it is not asked again with its source', async () => {
    let asked = 0;
    const store = new RedisSessionStore({
      client: {
        evalsha: () => Promise.reject(new Error('ERR no NOSCRIPT')),
        eval: () => {
          asked += 1;
          return Promise.resolve([]);
        },
        pipeline: (commands) => redis.pipeline(commands),
      },
    });
    await expect(store.list('ada')).rejects.toThrow('ERR no NOSCRIPT');
    expect(asked).toBe(0);
  });
});

describe('a server that has forgotten everything', () => {
  it('is told of once, by one of two processes, of many refreshes that find no record (F-11)', async () => {
    const stores = [1, 2].map(() => new RedisSessionStore({ client: redis }));
    const sessions = Array.from({ length: rounds(10_000, 500) }, (_, i) =>
      newRecord({ subject: `user-${i}` }),
    );
    for (let first = 0; first < sessions.length; first += 1_000) {
      await Promise.all(
        sessions
          .slice(first, first + 1_000)
          .map((record, i) => stores[i % 2]!.create(record)),
      );
    }
    await redis.flushall();
    const verdicts: Record<string, number> = {};
    await Promise.all(
      sessions.map(async ({ id, subject }, i) => {
        const verdict = await stores[i % 2]!.rotate(
          id,
          subject,
          presentedOf(0),
        );
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
      }),
    );
    printFigures(
      'F-11',
      `refreshes at 2 stores after a flush: ${JSON.stringify(verdicts)}`,
    );
    expect(verdicts).toEqual({ lost: 1, unknown: sessions.length - 1 });
  });

  it('is not what a server looks like that is new, or that misses one record (F-11)', async () => {
    const store = new RedisSessionStore({ client: redis });
    const rotate = (through: RedisSessionStore): Promise<string> =>
      through.rotate('x', 'y', presentedOf(0));
    expect(await rotate(store)).toBe('unknown');
    const other = new RedisSessionStore({ client: redis });
    expect(await rotate(other)).toBe('unknown');
    expect(await rotate(other)).toBe('unknown');
  });
});
