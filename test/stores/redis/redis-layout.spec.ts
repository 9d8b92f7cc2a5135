import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { CLIENTS, connectIoredis } from './clients.js';
import { dumpOf } from './fixtures.js';
import { operations } from './operations.js';
import { LIFETIME, hashOf, newId, newRecord, presentedOf } from './records.js';

const PREFIX = 'session:';

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

const index = (): string => `${PREFIX}{YWRh}`;
const recordOf = (id: string): string => `${index()}:${id}`;

/** The milliseconds that each key has left. */
async function timesToLive(keys: string[]): Promise<number[]> {
  const pipeline = redis.pipeline(keys.map((key) => ['pttl', key]));
  return ((await pipeline.exec()) ?? []).map(([, left]) => Number(left));
}

describe('the keys of RedisSessionStore', () => {
  it('are the index of the subject and one record a session, in one slot, and the mark', async () => {
    const store = new RedisSessionStore({ client: redis });
    const subject = 'ada {lovelace}';
    const ids = [newId(), newId()];
    for (const id of ids) await store.create(newRecord({ id, subject }));
    const tag = Buffer.from(subject).toString('base64url');
    const own = [
      `session:{${tag}}`,
      ...ids.map((id) => `session:{${tag}}:${id}`),
    ];
    expect((await redis.keys('*')).toSorted()).toEqual(
      [...own, `session:{${tag}}.begun`, 'session:epoch'].toSorted(),
    );
    const cluster = await startRedis({
      arguments: ['--cluster-enabled', 'yes'],
    });
    try {
      const slots = await Promise.all(
        own.map((key) =>
          cluster.command(`CLUSTER KEYSLOT ${JSON.stringify(key)}`),
        ),
      );
      expect(slots[0]).toMatch(/^:\d+$/);
      expect(new Set(slots).size).toBe(1);
    } finally {
      await cluster.stop();
    }
  });

  it('hold no token that could be used: the hashes of secrets only (S-053)', async () => {
    const store = new RedisSessionStore({ client: redis });
    const record = newRecord();
    await store.create(record);
    await store.rotate(record.id, record.subject, presentedOf(0));
    const dump = await dumpOf([server.port], PREFIX);
    expect(dump).toContain(hashOf('secret-1'));
    expect(dump).toContain(hashOf('secret-0'));
    expect(dump).not.toContain('secret-');
  });

  it('all expire, at most a sixteenth of the idle time after their session, whatever was done to it (F-30)', async () => {
    const store = new RedisSessionStore({ client: redis });
    let checked = 0;
    for (const [name, act] of Object.entries(operations(store))) {
      await act();
      const keys = await redis.keys(`${PREFIX}{*`);
      for (const left of await timesToLive(keys)) {
        expect([name, left > 0]).toEqual([name, true]);
        expect(left).toBeLessThanOrEqual(
          (LIFETIME.idleSeconds * 1000 * 17) / 16,
        );
        checked += 1;
      }
    }
    expect(checked).toBeGreaterThan(15);
    expect(await redis.pttl('session:epoch')).toBeGreaterThan(399 * 86_400_000);
  });

  it('an index lives as long as the longest session, and not longer', async () => {
    const store = new RedisSessionStore({ client: redis });
    const long = newRecord();
    const short = newRecord({
      lifetime: { idleSeconds: 60, absoluteSeconds: 60 },
    });
    await store.create(long);
    await store.create(short);
    expect(await redis.pttl(index())).toBeGreaterThan(6 * 86_400_000);
    await store.end(long.id, long.subject);
    expect(await redis.pttl(index())).toBeLessThanOrEqual(60_000);
    await store.end(short.id, short.subject);
    expect(await redis.keys('session:{*')).toEqual([]);
  });

  it('keep an expired session ended when the clock goes back after it was met (F-16)', async () => {
    let offset = 0;
    const store = new RedisSessionStore({
      client: redis,
      clockOffset: () => offset,
    });
    const meet: Record<string, (id: string) => Promise<unknown>> = {
      read: (id) => store.read(id, 'ada'),
      rotate: (id) => store.rotate(id, 'ada', presentedOf(0)),
      update: (id) => store.update(id, 'ada', { extend: LIFETIME }),
      bind: (id) => store.bind(id, 'ada', 'key'),
      end: (id) => store.end(id, 'ada'),
      endAll: () => store.endAll('ada'),
      list: () => store.list('ada'),
      create: () =>
        store.create(newRecord(), { limit: { max: 1, policy: 'refuse' } }),
    };
    for (const [name, act] of Object.entries(meet)) {
      const record = newRecord();
      offset = 0;
      await store.create(record);
      expect([name, await store.read(record.id, 'ada')]).toEqual([
        name,
        expect.objectContaining({ id: record.id }),
      ]);
      offset = LIFETIME.idleSeconds * 1000;
      await act(record.id);
      offset = -3_600_000;
      expect([name, await store.read(record.id, 'ada')]).toEqual([
        name,
        undefined,
      ]);
      expect(await redis.exists(recordOf(record.id))).toBe(0);
    }
  });

  it('that were evicted end the session: without its index or its record there is none (F-10)', async () => {
    const store = new RedisSessionStore({ client: redis });
    const answers: [(id: string) => Promise<unknown>, unknown][] = [
      [(id) => store.rotate(id, 'ada', presentedOf(0)), 'unknown'],
      [(id) => store.read(id, 'ada'), undefined],
      [(id) => store.confirm(id, 'ada', 0), undefined],
      [(id) => store.update(id, 'ada', { extend: LIFETIME }), undefined],
      [(id) => store.bind(id, 'ada', 'key'), 'unknown'],
      [(id) => store.end(id, 'ada'), false],
    ];
    for (const [act, answer] of answers) {
      for (const evicted of [index, recordOf]) {
        const { id, subject } = newRecord();
        await store.create(newRecord({ id, subject }));
        await redis.del(evicted(id));
        expect(await act(id)).toBe(answer);
        expect(await store.list(subject)).toEqual([]);
        expect(await store.endAll(subject)).toBe(0);
        expect(await redis.exists(index())).toBe(0);
        await redis.flushall();
      }
    }
  });

  it('that disappear one after the other make a list and a sign-in at the limit reject (F-10)', async () => {
    // Each time that the store has found out, another record goes.
    const vanishing = (ids: string[]) =>
      new Proxy(redis, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          return name === 'evalsha' || name === 'eval'
            ? async (script: string, count: number, ...rest: string[]) => {
                const answer = await (
                  value as (...call: unknown[]) => unknown
                ).call(target, script, count, ...rest);
                // What takes the evicted ones out of the index names their records.
                if (answer === 1 && ids.length > 0) {
                  await redis.del(recordOf(ids.shift()!));
                }
                return answer;
              }
            : value;
        },
      });
    const limit = { max: 2, policy: 'end-oldest' } as const;
    for (const act of [
      (store: RedisSessionStore) => store.list('ada'),
      (store: RedisSessionStore) => store.create(newRecord(), { limit }),
    ]) {
      const ids: string[] = [];
      for (let i = 0; i < 3; i += 1) {
        const record = newRecord();
        ids.push(record.id);
        await new RedisSessionStore({ client: redis }).create(record);
      }
      await redis.del(recordOf(ids.shift()!));
      const store = new RedisSessionStore({ client: vanishing(ids) });
      await expect(act(store)).rejects.toThrow('could not be read');
      await redis.flushall();
    }
  });

  it('evicted from an index count for no limit (F-10)', async () => {
    const store = new RedisSessionStore({ client: redis });
    const limit = { max: 1, policy: 'refuse' } as const;
    const old = newRecord();
    await store.create(old, { limit });
    expect(await store.create(newRecord(), { limit })).toEqual({
      kind: 'refused',
    });
    await redis.del(recordOf(old.id));
    expect(await store.create(newRecord(), { limit })).toEqual({
      kind: 'created',
      ended: [],
    });
  });
});

describe('what RedisSessionStore keeps', () => {
  it('comes back to the last character through every client', async () => {
    const record = newRecord({
      subject: 'ünï {cøde} 🦊\u0000\r\n"',
      params: { empty: [], object: {}, text: '\ud800', big: 2 ** 53 - 1 },
      attributes: {
        ['__proto__']: 1,
        ['\ud800']: [],
        'a:b': {},
        '': null,
        float: 0.1,
      },
      metadata: { ip: '::1', userAgent: 'ü"\\', label: '🦊' },
      data: { value: { list: [], nested: { none: {} } }, loadedAt: 1.5 },
    });
    const { id, subject, params, attributes, metadata, data } = record;
    let compared = 0;
    for (const connect of Object.values(CLIENTS)) {
      const { client, close } = await connect([server.port]);
      const store = new RedisSessionStore({ client });
      await store.create(record);
      const expected = { id, subject, params, attributes, metadata, data };
      expect(await store.read(id, subject)).toMatchObject(expected);
      expect(await store.list(subject)).toMatchObject([expected]);
      expect(
        Object.hasOwn((await store.read(id, subject))!.attributes, '__proto__'),
      ).toBe(true);
      await close();
      compared += 1;
    }
    expect(compared).toBe(4);
  });

  it('survives two changes of different attributes at once, each of which raises the revision', async () => {
    const store = new RedisSessionStore({ client: redis });
    const record = newRecord({ attributes: { gone: 1 } });
    await store.create(record);
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        store.update(record.id, 'ada', {
          attributes: { [`name-${i}`]: i, gone: null },
        }),
      ),
    );
    const { attributes, revision } = (await store.read(record.id, 'ada'))!;
    expect(revision).toBe(100);
    expect(attributes).toEqual(
      Object.fromEntries(
        Array.from({ length: 100 }, (_, i) => [`name-${i}`, i]),
      ),
    );
  });

  it('orders sign-ins of one millisecond by their microseconds, so that the first makes room', async () => {
    const store = new RedisSessionStore({ client: redis });
    const ids = Array.from({ length: 50 }, newId);
    const limit = { max: 50, policy: 'end-oldest' } as const;
    await Promise.all(
      ids.map((id) => store.create(newRecord({ id }), { limit })),
    );
    const created = (await store.list('ada')).map(({ createdAt }) =>
      createdAt.getTime(),
    );
    expect(new Set(created).size).toBeLessThan(50);
    for (const id of ids) {
      expect(await store.create(newRecord(), { limit })).toEqual({
        kind: 'created',
        ended: [id],
      });
    }
  });
});
