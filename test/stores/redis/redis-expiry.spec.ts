import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import { rounds } from '../../support/effort.js';
import { printFigures } from '../../support/figures.js';
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
  it('of many sessions all expire, a sixteenth of the idle time after the last session that they are about (F-30)', async () => {
    let offset = 0;
    const store = new RedisSessionStore({
      client: redis,
      clockOffset: () => offset,
    });
    const batches = rounds(100, 10);
    const sessions = batches * 1_000;
    const longest = (LIFETIME.idleSeconds * 1000 * 17) / 16;
    const shorter = { ...LIFETIME, idleSeconds: LIFETIME.idleSeconds / 2 };
    const begin = performance.now();
    for (let batch = 0; batch < batches; batch += 1) {
      await Promise.all(
        Array.from({ length: 1_000 }, (_, i) =>
          store.create(
            newRecord({
              id: `${batch}-${i}`,
              subject: `user-${batch}-${i % 500}`,
              // One of the two sessions of each subject goes before the other.
              lifetime: i < 500 ? LIFETIME : shorter,
            }),
          ),
        ),
      );
    }
    const created = performance.now();
    const all = await redis.keys('session:{*');
    // What notes the last sign-in of a subject goes within minutes.
    const keys = all.filter((key) => !key.endsWith('.begun'));
    const isLong = (key: string): boolean => {
      const [, id] = key.split('}:');
      return id === undefined || Number(id.split('-')[1]) < 500;
    };
    const [long, short] = await Promise.all([
      timesToLive(keys.filter(isLong)),
      timesToLive(keys.filter((key) => !isLong(key))),
    ]);
    printFigures(
      'F-30',
      `Redis: ${sessions} sessions created in ${Math.round(created - begin)} ms: ${keys.length} keys, 0 without a TTL`,
    );
    expect([long.length, short.length]).toEqual([sessions, sessions / 2]);
    expect(Math.min(...short)).toBeGreaterThan(0);
    expect(Math.max(...short)).toBeLessThanOrEqual(longest / 2);
    expect(Math.min(...long)).toBeGreaterThan(longest / 2);
    expect(Math.max(...long)).toBeLessThanOrEqual(longest);
    offset = LIFETIME.idleSeconds * 1000;
    expect(await store.list(`user-${batches - 1}-0`)).toEqual([]);
    // Two records and their index.
    const left = await redis.keys('session:{*');
    expect(left.filter((key) => !key.endsWith('.begun'))).toHaveLength(
      1.5 * sessions - 3,
    );
  });
});
