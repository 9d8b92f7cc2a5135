import type { Redis } from 'ioredis';
import { RedisRevocationLog } from '../../../lib/stores/redis/index.js';
import {
  append,
  Follower,
  RETENTION,
  texts,
} from '../../../lib/testing/log-contract/follower.js';
import {
  startRedis,
  startReplica,
  type RedisServer,
} from '../../support/redis-server.js';
import { connectIoredis } from './clients.js';

const ENTRIES = 'session:revocations:{log}';
const PROOF = 'session:revocations:{log}:proof';

let server: RedisServer;
let client: Redis;
let followers: Follower[];

beforeAll(async () => {
  server = await startRedis();
  client = connectIoredis(server.port).client;
});

beforeEach(async () => {
  followers = [];
  await client.flushall();
});

afterEach(async () => {
  await Promise.all(followers.map((follower) => follower.stop()));
});

afterAll(async () => {
  client.disconnect();
  await server.stop();
});

function follow(log: RedisRevocationLog, from?: string): Follower {
  const follower = new Follower(log, from);
  followers.push(follower);
  return follower;
}

function gapsOf({ batches }: Follower): number {
  return batches.filter(({ hasGap = false }) => hasGap).length;
}

/** A log with entries and a proof, and the position of a follower that has them all. */
async function someLog(): Promise<{
  log: RedisRevocationLog;
  position: string;
}> {
  const log = new RedisRevocationLog({ client });
  await append(log, texts('received', 10));
  await append(log, ['proof'], { isProof: true });
  const follower = await follow(log).untilCaughtUp();
  await follower.stop();
  return { log, position: follower.position! };
}

async function idsIn(key: string): Promise<string[]> {
  return (await client.xrange(key, '-', '+')).map(([id]) => id);
}

describe('a follower that comes back to a Redis which has lost entries', () => {
  it.each([
    [
      'deleted one by one',
      async () => {
        const [, , , , , , , , , , , second] = await idsIn(ENTRIES);
        await client.xdel(ENTRIES, second!);
      },
    ],
    [
      'trimmed',
      async () => {
        await client.xtrim(ENTRIES, 'MAXLEN', 1);
      },
    ],
    [
      'trimmed to nothing',
      async () => {
        await client.xtrim(ENTRIES, 'MAXLEN', 0);
      },
    ],
    [
      'flushed',
      async () => {
        await client.flushall();
      },
    ],
    [
      'evicted without their proof',
      async () => {
        await client.unlink(ENTRIES);
      },
    ],
  ] as const)('learns of it once: %s', async (_how, lose) => {
    const { log, position } = await someLog();
    await append(log, texts('missed', 3));
    await lose();
    const entries = texts('new', 15);
    for (const text of entries) await append(log, [text]);
    await append(log, ['last proof'], { isProof: true });
    const back = await follow(log, position).untilAll(entries);
    await back.untilAll(['last proof']);
    expect(gapsOf(back)).toBe(1);
    const left = (await client.xlen(ENTRIES)) + 1;
    expect(back.received.length).toBeGreaterThanOrEqual(left - 10);

    await append(log, ['later']);
    await back.untilAll(['later']);
    const next = await follow(log, back.position).untilCaughtUp();
    expect([gapsOf(back), gapsOf(next)]).toEqual([1, 0]);
  });

  it('learns of nothing if the lost entries were past their retention', async () => {
    const { position } = await someLog();
    let offset = 0;
    const log = new RedisRevocationLog({ client, clockOffset: () => offset });
    await append(log, texts('missed', 3));
    offset = (RETENTION + 1) * 1000;
    await append(log, ['proof'], { isProof: true });
    await client.xtrim(ENTRIES, 'MAXLEN', 0);
    for (const from of [undefined, position]) {
      const back = await follow(log, from).untilAll(['proof']);
      expect(gapsOf(back)).toBe(0);
    }
  });

  it('is not the only one: a new follower learns of entries that are missing before the first', async () => {
    const { log } = await someLog();
    await client.xtrim(ENTRIES, 'MAXLEN', 3);
    const begun = await follow(log).untilCaughtUp();
    expect(gapsOf(begun)).toBe(1);
    await client.xtrim(ENTRIES, 'MAXLEN', 0);
    const later = await follow(log).untilCaughtUp();
    expect(gapsOf(later)).toBe(1);
    await client.unlink(ENTRIES);
    const last = await follow(log).untilCaughtUp();
    expect(gapsOf(last)).toBe(1);
  });

  it('learns of it before anything new is appended', async () => {
    const { log, position } = await someLog();
    await append(log, texts('missed', 3));
    const missed = (await idsIn(ENTRIES)).slice(-3);
    await client.xdel(ENTRIES, ...missed);
    const back = await follow(log, position).untilCaughtUp();
    expect(gapsOf(back)).toBe(1);
    const next = await follow(log, back.position).untilCaughtUp();
    expect(gapsOf(next)).toBe(0);
  });

  it('learns of it with a position of another kind of log', async () => {
    const { log } = await someLog();
    const back = await follow(log, '17').untilCaughtUp();
    expect(gapsOf(back)).toBe(1);
    expect(back.received).toEqual([...texts('received', 10), 'proof']);
  });
});

describe('a follower of a Redis that loses entries meanwhile', () => {
  it.each([ENTRIES, PROOF, 'both'])(
    'never goes on silently: %s',
    async (key) => {
      const { log, position } = await someLog();
      const following = await follow(log, position).untilCaughtUp();
      const { asOf } = following;
      await (key === 'both' ? client.flushall() : client.unlink(key));
      await append(log, ['new']);
      await expect(following.untilAll(['new'])).rejects.toThrow(
        'has lost entries',
      );
      expect(following.asOf).toBe(asOf);
      const back = await follow(log, following.position).untilAll(['new']);
      expect(gapsOf(back)).toBe(1);
    },
  );

  it('learns of a flush without any new entry', async () => {
    const { log, position } = await someLog();
    const following = await follow(log, position).untilCaughtUp();
    await client.flushall();
    await expect(following.ended).rejects.toThrow('has lost entries');
  });
});

describe('a failover to a replica that lacks entries', () => {
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

  it.each([
    ['has the same time', 0, 3],
    ['is behind', -60_000, 3],
    ['is behind, and gets as many entries as were lost', -60_000, 5],
    ['is ahead', 60_000, 1],
  ])(
    'is a gap, and costs no entry of the new primary, whose clock %s',
    async (_how, offset, count) => {
      const before = new RedisRevocationLog({ client: toPrimary });
      await append(before, texts('common', 5));
      await append(before, ['common proof'], { isProof: true });
      expect(await toPrimary.wait(1, 5_000)).toBe(1);
      await toReplica.replicaof('NO', 'ONE');
      await append(before, texts('lost', 5));
      const old = await follow(before).untilAll(['lost 4']);
      const { asOf } = old;

      const after = new RedisRevocationLog({
        client: toReplica,
        clockOffset: () => offset,
      });
      const entries = texts('new', count);
      for (const text of entries) await append(after, [text]);
      const proof = await append(after, ['new proof'], { isProof: true });
      const back = await follow(after, old.position).untilAll([
        ...entries,
        'new proof',
      ]);
      expect(gapsOf(back)).toBe(1);
      expect(back.asOf).toBe(proof.getTime());

      // Followers of the old primary hear of nothing, and do not believe that there was nothing.
      expect(old.asOf).toBe(asOf);
      expect(old.has('new 0') || old.has('new proof')).toBe(false);
    },
  );

  it('is a gap even if only a proof was lost', async () => {
    const before = new RedisRevocationLog({ client: toPrimary });
    await append(before, ['common']);
    await append(before, ['common proof'], { isProof: true });
    expect(await toPrimary.wait(1, 5_000)).toBe(1);
    await toReplica.replicaof('NO', 'ONE');
    await append(before, ['lost proof'], { isProof: true });
    const old = await follow(before).untilAll(['lost proof']);
    const after = new RedisRevocationLog({ client: toReplica });
    const back = await follow(after, old.position).untilCaughtUp();
    expect(gapsOf(back)).toBe(1);
    await append(after, ['new']);
    await back.untilAll(['new']);
    expect(gapsOf(back)).toBe(1);
  });

  it('is none if the replica had everything', async () => {
    const before = new RedisRevocationLog({ client: toPrimary });
    await append(before, texts('common', 5));
    await append(before, ['proof'], { isProof: true });
    const old = await follow(before).untilAll(['proof']);
    expect(await toPrimary.wait(1, 5_000)).toBe(1);
    await toReplica.replicaof('NO', 'ONE');
    const after = new RedisRevocationLog({
      client: toReplica,
      clockOffset: () => -60_000,
    });
    const back = await follow(after, old.position).untilCaughtUp();
    const time = await append(after, ['new']);
    await back.untilAll(['new']);
    expect(gapsOf(back)).toBe(0);
    // The time of the log does not go back with that of the server.
    expect(time.getTime()).toBeGreaterThanOrEqual(old.asOf);
  });

  it('loses nothing that replicas have confirmed, and `append` rejects what they have not', async () => {
    const log = new RedisRevocationLog({
      client: toPrimary,
      waitForReplicas: { count: 1, timeout: '5s' },
    });
    await append(log, ['confirmed']);
    await replica.stop();
    const hasty = new RedisRevocationLog({
      client: toPrimary,
      waitForReplicas: { count: 1, timeout: '10ms' },
    });
    await expect(append(hasty, ['unconfirmed'])).rejects.toThrow(
      'the entries were appended, but only 0 of 1 replicas confirmed it, so a failover may lose them',
    );
  });

  it('leaves followers of a replica with an error instead of with the past', async () => {
    const log = new RedisRevocationLog({
      client: toPrimary,
      createFollower: () => connectIoredis(replica.port).client,
    });
    await append(log, ['first']);
    expect(await toPrimary.wait(1, 5_000)).toBe(1);
    const follower = follow(log);
    await expect(follower.ended).rejects.toThrow('READONLY');
    expect(follower.batches).toEqual([]);
  });
});

describe('what a log keeps in Redis', () => {
  it('is one proof, and hardly more entries than matter, and nothing for ever', async () => {
    let offset = 0;
    const log = new RedisRevocationLog({ client, clockOffset: () => offset });
    for (let i = 0; i < 50; i += 1) {
      await append(log, texts(`step ${i}, entry`, 100));
      await append(log, ['proof'], { isProof: true });
      offset += (RETENTION / 5) * 1000;
    }
    // 500 are not older than the retention. Redis removes whole nodes, of at most 100 entries each.
    expect(await client.xlen(ENTRIES)).toBeLessThanOrEqual(600);
    expect(await client.xlen(ENTRIES)).toBeGreaterThanOrEqual(500);
    expect(await client.xlen(PROOF)).toBe(1);
    expect((await client.keys('*')).toSorted()).toEqual([ENTRIES, PROOF]);
    for (const key of [ENTRIES, PROOF]) {
      const life = await client.pttl(key);
      expect(life).toBeGreaterThan(RETENTION * 1000);
      expect(life).toBeLessThanOrEqual((RETENTION + 86_400) * 1000);
    }
  });

  it('keeps its order at the end of the numbers of one millisecond', async () => {
    const log = new RedisRevocationLog({
      client,
      clockOffset: () => -1_000_000,
    });
    const ahead = Date.now();
    await client.xadd(
      ENTRIES,
      `${ahead}-4503599627370495`,
      'e',
      'first',
      'p',
      '0-0',
      'c',
      '0',
    );
    const entries = texts('entry', 20);
    for (const text of entries) await append(log, [text]);
    const follower = await follow(log).untilAll(['first', ...entries]);
    expect(follower.received).toEqual(['first', ...entries]);
    expect(gapsOf(follower)).toBe(0);
  });
});
