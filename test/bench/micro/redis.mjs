/** Compares rotations in Redis with a bare EVALSHA of one key, and with the minimum that checks a refresh token. */
import { register } from 'node:module';
import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../dist/stores/redis/index.js';
import {
  assertRotated,
  chains,
  compareRotations,
  FIRST_HASH,
  idAt,
  LIFETIME,
  NEW_HASH,
  SESSIONS,
} from './rotations.mjs';

register('../../runner/typescript-hooks.mjs', import.meta.url);
const { startRedis } = await import('../../support/redis-server.ts');

const BARE = `redis.call('HSET', KEYS[1], 'hash', ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'generation', 1)`;

/** A minimal script for one key per session, without a list of sessions, a grace period or an absolute end. */
const BY_HAND = `local state = redis.call('HMGET', KEYS[1], 'generation', 'hash')
if state[1] ~= ARGV[1] or state[2] ~= ARGV[2] then
  return 'reused'
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1] + 1, 'hash', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'rotated'`;

export async function measure(settings) {
  const server = await startRedis();
  const client = new Redis(server.port, '127.0.0.1');
  try {
    const bare = await client.script('LOAD', BARE);
    return await compareRotations(
      'Redis',
      'a bare EVALSHA of one key',
      new RedisSessionStore({ client }),
      (i) => client.evalsha(bare, 1, `bare:${idAt(i)}`, NEW_HASH),
      settings,
      {
        others: { 'a hand-written rotation of one key': await byHand(client) },
        serverTime: () => scriptTime(client),
      },
    );
  } finally {
    client.disconnect();
    await server.stop();
  }
}

async function byHand(client) {
  const script = await client.script('LOAD', BY_HAND);
  const nextOf = chains();
  const idle = String(LIFETIME.idleSeconds * 1_000);
  for (let i = 0; i < SESSIONS; i += 1) {
    await client.hset(keyAt(i), { generation: 0, hash: FIRST_HASH });
  }
  return async (i) => {
    const { generation, secretHash, nextHash } = nextOf(i);
    assertRotated(
      await client.evalsha(
        script,
        1,
        keyAt(i),
        String(generation),
        secretHash,
        nextHash,
        idle,
      ),
    );
  };
}

const keyAt = (i) => `by-hand:${idAt(i)}`;

async function scriptTime(client) {
  const text = await client.info('commandstats');
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(text)?.[1] ?? 0);
}
