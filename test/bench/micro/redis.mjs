/** Rotations in Redis against a bare EVALSHA of one key. */
import { register } from 'node:module';
import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../dist/stores/redis/index.js';
import { compareRotations, idAt, NEW_HASH } from './rotations.mjs';

register('../typescript-hooks.mjs', import.meta.url);
const { startRedis } = await import('../../support/redis-server.ts');

const SCRIPT = `redis.call('HSET', KEYS[1], 'hash', ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'generation', 1)`;

export async function measure(settings) {
  const server = await startRedis();
  const client = new Redis(server.port, '127.0.0.1');
  try {
    const script = await client.script('LOAD', SCRIPT);
    return await compareRotations(
      'Redis',
      'a bare EVALSHA of one key',
      new RedisSessionStore({ client }),
      (i) => client.evalsha(script, 1, `bare:${idAt(i)}`, NEW_HASH),
      settings,
    );
  } finally {
    client.disconnect();
    await server.stop();
  }
}
