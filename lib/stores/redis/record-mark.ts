import { randomBytes } from 'node:crypto';
import { MAXIMUM_LIFETIME } from '../../options/durations.js';
import type { RecordMark } from './record-loss.js';
import type { RedisConnection } from './redis-client.js';
import { redisScript } from './redis-script.js';

const LIFE = String(MAXIMUM_LIFETIME * 1_000);

/** ARGV: life of the mark in milliseconds, its value if it is missing. Returns its value. */
const KEEP = redisScript(`
  local value = redis.call('GET', KEYS[1])
  if value then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    return value
  end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
  return ARGV[2]
`);

/** ARGV: life of the claim in milliseconds. Returns 1 to the first caller. */
const CLAIM = redisScript(`
  return redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
`);

/** Returns the mark that all processes with these records share. */
export function recordMark(
  connection: RedisConnection,
  prefix: string,
): RecordMark {
  const key = `${prefix}epoch`;
  return {
    keep: async () =>
      String(
        await connection.run(
          KEEP,
          [key],
          [LIFE, randomBytes(16).toString('base64url')],
        ),
      ),
    claim: async (value) =>
      Number(await connection.run(CLAIM, [`${key}:${value}`], [LIFE])) === 1,
  };
}
