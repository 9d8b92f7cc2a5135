import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { connectIoredis } from './clients.js';
import { LIFETIME, newRecord } from './records.js';

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

/** The milliseconds that each key has left. */
async function timesToLive(keys: string[]): Promise<number[]> {
  const pipeline = redis.pipeline(keys.map((key) => ['pttl', key]));
  return ((await pipeline.exec()) ?? []).map(([, left]) => Number(left));
}

describe('the keys of RedisSessionStore', () => {
  it('of 100,000 sessions all expire, and none is left when they have (F-30)', async () => {
    let offset = 0;
    const store = new RedisSessionStore({
      client: redis,
      clockOffset: () => offset,
    });
    const lifetime = { idleSeconds: 2, absoluteSeconds: 3_600 };
    const begin = performance.now();
    for (let batch = 0; batch < 100; batch += 1) {
      await Promise.all(
        Array.from({ length: 1_000 }, (_, i) =>
          store.create(
            newRecord({
              id: `${batch}-${i}`,
              subject: `user-${batch}-${i % 500}`,
              // The last batches live on, to show that the others are not gone with them.
              lifetime: batch < 98 ? lifetime : LIFETIME,
            }),
          ),
        ),
      );
    }
    const created = performance.now();
    // The hard way: expiry is by the server's own clock, which no test moves.
    let expired: number;
    do {
      await new Promise((resolve) => setTimeout(resolve, 100));
      expired = 100 * 1_500 + 1 - (await redis.dbsize());
    } while (expired < 98 * 1_500 && performance.now() < created + 12_000);
    const keys = await redis.keys('session:{*');
    const left = await timesToLive(keys);
    process.stdout.write(
      `100,000 sessions created in ${Math.round(created - begin)} ms, ${expired} keys expired by themselves, ${keys.length} left that live on\n`,
    );
    expect(keys).toHaveLength(2 * 1_500);
    expect(Math.min(...left)).toBeGreaterThan(0);
    expect(Math.max(...left)).toBeLessThanOrEqual(LIFETIME.idleSeconds * 1000);
    offset = LIFETIME.idleSeconds * 1000;
    expect(await store.list('user-99-0')).toEqual([]);
    expect(await redis.keys('session:{*')).toHaveLength(2 * 1_500 - 3);
  }, 60_000);
});
