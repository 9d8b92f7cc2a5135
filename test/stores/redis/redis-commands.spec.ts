import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import { rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { connectIoredis, LIBRARIES } from './clients.js';
import { operations } from './operations.js';
import { LIFETIME, newRecord, presentedOf } from './records.js';

/** Sessions of one subject, more than a page and more than a script deletes. */
const MANY = rounds(10_000, 2_000);

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = connectIoredis(server.port).client;
});

beforeEach(async () => {
  await redis.flushall();
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** How often the server has run each command. */
async function commandCounts(): Promise<Map<string, number>> {
  const text = await redis.info('commandstats');
  return new Map(
    [...text.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(
      ([, name, calls]) => [name!, Number(calls)],
    ),
  );
}

/** Milliseconds for which the server has had the processor. */
async function processorTime(): Promise<number> {
  const text = await redis.info('cpu');
  const parts = text.matchAll(/used_cpu_(?:user|sys)_main_thread:([\d.]+)/g);
  return [...parts].reduce((sum, [, time]) => sum + Number(time) * 1000, 0);
}

/** What the server ran, the calls of scripts included. */
async function ranDuring(
  act: () => Promise<unknown>,
): Promise<Record<string, number>> {
  await redis.config('RESETSTAT');
  await act();
  const ran = await commandCounts();
  ran.delete('config|resetstat');
  return Object.fromEntries(ran);
}

/** A script's own calls are counted too, so only those that a client can have sent are asked for. */
async function sentDuring(
  act: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const before = await commandCounts();
  await act();
  const after = await commandCounts();
  const sent = ['evalsha', 'eval', 'script|load', 'wait', 'multi', 'get'];
  return Object.fromEntries(
    sent
      .map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)])
      .filter(([, count]) => count !== 0),
  ) as Record<string, number>;
}

describe('the commands of RedisSessionStore', () => {
  it.each(LIBRARIES)(
    'are one an operation through %s, and the source again after SCRIPT FLUSH (F-05, F-12, F-32)',
    async (_, connect) => {
      const { client, close } = await connect([server.port]);
      try {
        const store = new RedisSessionStore({ client });
        for (const act of Object.values(operations(store))) await act();
        for (const [name, act] of Object.entries(operations(store))) {
          expect([name, await sentDuring(act)]).toEqual([name, { evalsha: 1 }]);
        }
        let reloaded = 0;
        for (const [name, act] of Object.entries(operations(store))) {
          await redis.script('FLUSH');
          expect([name, await sentDuring(act)]).toEqual([
            name,
            { evalsha: 1, eval: 1 },
          ]);
          expect([name, await sentDuring(act)]).toEqual([name, { evalsha: 1 }]);
          reloaded += 1;
        }
        expect(reloaded).toBe(10);
      } finally {
        await close();
      }
    },
  );

  it('are few within a script on one session, since most extensions leave the index alone', async () => {
    const store = new RedisSessionStore({ client: redis });
    const { id, subject } = newRecord();
    const other = newRecord().id;
    const continuesFrom = presentedOf(0);
    await store.create(newRecord({ id }));
    const all = Object.values(operations(store));
    for (const act of all) await act();
    await store.create(newRecord({ id: other }));
    await store.create(newRecord({ id }));
    const one = { evalsha: 1, time: 1, zscore: 1, hmget: 1 };
    // A command that changes nothing, and that a server which cannot write refuses.
    const read = { ...one, zrem: 1 };
    const expected: [() => Promise<unknown>, Record<string, number>][] = [
      [() => store.confirm(id, subject, 0), read],
      [() => store.read(id, subject, 'seen'), { ...read, hgetall: 1 }],
      [() => store.rotate(id, subject, presentedOf(0)), { ...one, hset: 1 }],
      [() => store.rotate(id, subject, presentedOf(0)), read],
      [
        () => store.update(id, subject, { extend: LIFETIME }),
        { ...one, hset: 2, hgetall: 1 },
      ],
      [() => store.bind(id, subject, 'key'), { ...one, hset: 1 }],
      [() => store.bind(id, subject, 'key'), read],
      [() => store.rotate(id, subject, presentedOf(1)), read],
      [
        () => store.bind(other, subject, 'key', { continuesFrom }),
        { ...one, hset: 1, hdel: 1 },
      ],
      [() => store.bind(other, subject, 'key', { continuesFrom }), read],
    ];
    for (const [act, commands] of expected) {
      expect(await ranDuring(act)).toEqual(commands);
    }
  });

  it('are two at the first use of a store, which sets the mark', async () => {
    const store = new RedisSessionStore({ client: redis });
    await store.list('nobody');
    await redis.flushall();
    const other = new RedisSessionStore({ client: redis });
    expect(await sentDuring(() => other.list('nobody'))).toEqual({
      evalsha: 2,
      get: 1,
    });
    expect(await redis.keys('*')).toEqual(['session:epoch']);
  });

  it(`end ${MANY.toLocaleString('en')} sessions of one subject in one round trip and at most a thousand deletions (F-31)`, async () => {
    const store = new RedisSessionStore({ client: redis });
    await store.endAll('ada');
    const kept = newRecord();
    await store.create(kept);
    for (let batch = 0; batch < MANY / 1_000; batch += 1) {
      await Promise.all(
        Array.from({ length: 1_000 }, () => store.create(newRecord())),
      );
    }
    let [elapsed, ofServer] = [0, 0];
    const ran = await ranDuring(async () => {
      const before = await processorTime();
      const start = performance.now();
      expect(await store.endAll('ada', kept.id)).toBe(MANY);
      elapsed = performance.now() - start;
      ofServer = (await processorTime()) - before;
    });
    printFigures(
      'F-31',
      `Redis: ${MANY} sessions ended in ${elapsed.toFixed(1)} ms, of which the server worked ${ofServer.toFixed(1)}; it ran ${JSON.stringify(ran)}`,
    );
    expect(ran['evalsha']).toBe(1);
    const { info: _, ...steps } = ran;
    expect(
      Object.values(steps).reduce((sum, count) => sum + count),
    ).toBeLessThan(1_050);
    expect((await store.list('ada')).map(({ id }) => id)).toEqual([kept.id]);
    // The records beyond the first thousand expire by themselves, and open nothing until then.
    const left = await redis.keys('session:{*}:*');
    expect(left).toHaveLength(MANY - 999);
    for (const key of left.slice(0, rounds(300, 100))) {
      const id = key.slice(key.lastIndexOf(':') + 1);
      expect((await store.read(id, 'ada')) !== undefined).toBe(id === kept.id);
      expect(await redis.pttl(key)).toBeGreaterThan(0);
    }
  });

  it(`lists a page of ${MANY.toLocaleString('en')} sessions in one round trip, which reads no other record`, async () => {
    const store = new RedisSessionStore({ client: redis });
    await store.list('ada');
    for (let batch = 0; batch < MANY / 1_000; batch += 1) {
      await Promise.all(
        Array.from({ length: 1_000 }, () => store.create(newRecord())),
      );
    }
    const ran = await ranDuring(async () => {
      expect(await store.list('ada')).toHaveLength(1_000);
    });
    expect(ran).toMatchObject({ evalsha: 1, hget: 1_000, hgetall: 1_000 });
  });
});
