import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { connectIoredis } from './clients.js';
import { clientAt } from './frozen-clock.js';
import { newRecord, presentedOf } from './records.js';

const BEGIN = 1_900_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const IDLE = 16 * HOUR;
const LIFETIME = { idleSeconds: IDLE / 1000, absoluteSeconds: 30 * 86_400 };
const INDEX = 'session:{YWRh}';

let server: RedisServer;
let redis: Redis;
let now: number;
let store: RedisSessionStore;

beforeAll(async () => {
  server = await startRedis();
  redis = connectIoredis(server.port).client;
});

beforeEach(async () => {
  await redis.flushall();
  now = BEGIN;
  store = new RedisSessionStore({ client: clientAt(redis, () => now) });
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function begin(
  changes: Parameters<typeof newRecord>[0] = {},
): Promise<string> {
  const record = newRecord({ lifetime: LIFETIME, ...changes });
  await store.create(record);
  return record.id;
}

async function rotate(
  id: string,
  generation: number,
  lifetime = LIFETIME,
): Promise<void> {
  const presented = presentedOf(generation, { lifetime });
  expect(await store.rotate(id, 'ada', presented)).toBe('rotated');
}

/** For how many milliseconds the keys of a session will be there, and how many of them after its end. */
async function stayOf(id: string): Promise<{ kept: number; surplus: number }> {
  const last = Number(await redis.zscore(INDEX, id));
  const { expiresAt } = (await store.read(id, 'ada'))!;
  return { kept: last - now, surplus: last - expiresAt.getTime() };
}

async function expectExpiry(id: string, milliseconds: number): Promise<void> {
  for (const key of [INDEX, `${INDEX}:${id}`]) {
    const left = await redis.pttl(key);
    expect(left).toBeLessThanOrEqual(milliseconds);
    expect(left).toBeGreaterThan(milliseconds - MINUTE);
  }
}

async function countOf(command: string): Promise<number> {
  const text = await redis.info('commandstats');
  const calls = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1];
  return Number(calls ?? 0);
}

describe('the end of a session in Redis', () => {
  it.each<[string, (id: string, i: number) => Promise<unknown>]>([
    ['rotations', (id, i) => rotate(id, i)],
    ['reloads', (id) => store.update(id, 'ada', { extend: LIFETIME })],
  ])(
    'is moved by %s in the record alone, and once in a sixteenth of the idle time in its index and expiries',
    async (_, extend) => {
      const id = await begin();
      const before = {
        zadd: await countOf('zadd'),
        pexpire: await countOf('pexpire'),
      };
      for (let i = 0; i < 100; i += 1) {
        now += 15 * MINUTE;
        await extend(id, i);
        const record = await store.read(id, 'ada');
        expect(record?.expiresAt.getTime()).toBe(now + IDLE);
        const { surplus } = await stayOf(id);
        expect(surplus).toBeGreaterThanOrEqual(0);
        expect(surplus).toBeLessThanOrEqual(HOUR);
      }
      // Four go by within the hour, and the fifth moves it.
      expect((await countOf('zadd')) - before.zadd).toBe(20);
      expect((await countOf('pexpire')) - before.pexpire).toBe(40);
      await expectExpiry(id, IDLE + HOUR);
    },
  );

  const acts: [
    name: string,
    act: (id: string) => Promise<unknown>,
    alive: unknown,
    ended: unknown,
  ][] = [
    [
      'read',
      (id) => store.read(id, 'ada'),
      expect.objectContaining({ subject: 'ada' }),
      undefined,
    ],
    [
      'confirm',
      (id) => store.confirm(id, 'ada', 0),
      expect.any(Date),
      undefined,
    ],
    [
      'rotate',
      (id) => store.rotate(id, 'ada', presentedOf(0)),
      'rotated',
      'expired',
    ],
    [
      'update',
      (id) => store.update(id, 'ada', { attributes: { a: 1 } }),
      expect.objectContaining({ attributes: { a: 1 } }),
      undefined,
    ],
    [
      'update that extends it',
      (id) => store.update(id, 'ada', { extend: LIFETIME }),
      expect.objectContaining({ subject: 'ada' }),
      undefined,
    ],
    ['list', () => store.list('ada'), [expect.anything()], []],
    ['end', (id) => store.end(id, 'ada'), true, false],
    ['endAll', () => store.endAll('ada'), 1, 0],
    [
      'endAll but for it',
      async (id) => [
        await store.endAll('ada', id),
        await redis.exists(INDEX, `${INDEX}:${id}`),
      ],
      [0, 2],
      [undefined, 0],
    ],
    [
      'a limit',
      () =>
        store.create(newRecord(), { limit: { max: 1, policy: 'end-oldest' } }),
      { kind: 'created', ended: [expect.any(String)] },
      { kind: 'created', ended: [] },
    ],
  ];

  it.each(acts)(
    'is exact for %s, although its keys stay longer',
    async (_, act, alive, ended) => {
      const early = await begin();
      now += IDLE - 1;
      expect(await act(early)).toEqual(alive);
      await redis.flushall();
      const late = await begin();
      now += IDLE;
      expect(Number(await redis.zscore(INDEX, late))).toBe(now + HOUR);
      expect(await act(late)).toEqual(ended);
    },
  );

  it('is exact in the count of what endAll ended, of sessions that ended before and of others', async () => {
    for (let i = 0; i < 3; i += 1) await begin();
    now += IDLE / 2;
    for (let i = 0; i < 5; i += 1) await begin();
    const kept = await begin();
    now += IDLE / 2;
    expect(await store.endAll('ada', kept)).toBe(5);
    expect((await store.list('ada')).map(({ id }) => id)).toEqual([kept]);
    const { kept: milliseconds } = await stayOf(kept);
    expect(milliseconds).toBe(IDLE / 2 + HOUR);
    await expectExpiry(kept, milliseconds);
  });

  it('is spared by endAll for every set of sessions that began later, wherever they are in the index', async () => {
    const COUNT = 5;
    for (let spared = 0; spared < 2 ** COUNT; spared += 1) {
      const isSpared = (i: number) => (spared & (1 << i)) !== 0;
      const order = Array.from({ length: COUNT }, (_, i) => i).toSorted(
        (a, b) => Number(isSpared(a)) - Number(isSpared(b)),
      );
      const ids: string[] = [];
      let begunUntil = new Date(now);
      for (const i of order) {
        if (isSpared(i)) now += 1;
        else begunUntil = new Date(now);
        const idleSeconds = LIFETIME.idleSeconds - i * 60;
        ids[i] = await begin({ lifetime: { ...LIFETIME, idleSeconds } });
      }
      const staying = ids.filter((_, i) => isSpared(i));
      const ended = await store.endAll('ada', undefined, { begunUntil });
      expect([spared, ended]).toEqual([spared, COUNT - staying.length]);
      expect((await store.list('ada')).map(({ id }) => id).toSorted()).toEqual(
        staying.toSorted(),
      );
      now += 1;
      expect(await store.endAll('ada')).toBe(staying.length);
    }
  });

  it('lies behind more sessions than endAll looks at, and it counts none of them', async () => {
    await Promise.all(Array.from({ length: 1_001 }, () => begin()));
    now += IDLE + HOUR;
    expect(await store.endAll('ada')).toBe(0);
  });

  it('takes the keys away at the next sign-in, once they are kept no longer', async () => {
    const ended = await begin();
    now += IDLE + HOUR - 1;
    const next = await begin();
    expect(await redis.zrange(INDEX, '0', '-1')).toEqual([ended, next]);
    now += 1;
    const last = await begin();
    expect((await redis.zrange(INDEX, '0', '-1')).toSorted()).toEqual(
      [next, last].toSorted(),
    );
    expect(await redis.exists(`${INDEX}:${ended}`)).toBe(0);
  });

  it.each<[string, typeof rotate]>([
    ['rotations', rotate],
    [
      'reloads',
      async (id, _, extend) => {
        await store.update(id, 'ada', extend ? { extend } : {});
      },
    ],
  ])(
    'comes and goes with the idle time that %s ask for, and its index and expiries too',
    async (_, extend) => {
      const id = await begin();
      const idles = [HOUR, 2 * HOUR, 10 * IDLE, IDLE];
      for (const [i, idle] of idles.entries()) {
        now += 1;
        await extend(id, i, { ...LIFETIME, idleSeconds: idle / 1000 });
        const record = await store.read(id, 'ada');
        expect(record?.expiresAt.getTime()).toBe(now + idle);
        const { kept, surplus } = await stayOf(id);
        expect(surplus).toBeGreaterThan(0);
        expect(surplus).toBeLessThanOrEqual(idle / 16);
        await expectExpiry(id, kept);
      }
    },
  );

  it('goes back with the clock of the server, and its index and expiries too', async () => {
    const id = await begin();
    now -= 5 * HOUR;
    await rotate(id, 0);
    const record = await store.read(id, 'ada');
    expect(record?.expiresAt.getTime()).toBe(now + IDLE);
    expect(await stayOf(id)).toEqual({ kept: IDLE + HOUR, surplus: HOUR });
    await expectExpiry(id, IDLE + HOUR);
  });

  it('is that of its keys too where it is the absolute one', async () => {
    const lifetime = {
      idleSeconds: LIFETIME.idleSeconds,
      absoluteSeconds: LIFETIME.idleSeconds + 60,
    };
    const id = await begin({ lifetime });
    expect(await stayOf(id)).toEqual({ kept: IDLE + MINUTE, surplus: MINUTE });
    now += 5 * MINUTE;
    await rotate(id, 0, lifetime);
    expect(await stayOf(id)).toEqual({ kept: IDLE - 4 * MINUTE, surplus: 0 });
    now = BEGIN + IDLE + MINUTE - 1;
    await store.update(id, 'ada', { extend: lifetime });
    expect(await stayOf(id)).toEqual({ kept: 1, surplus: 0 });
    now += 1;
    expect(await store.update(id, 'ada', { extend: lifetime })).toBeUndefined();
  });
});
