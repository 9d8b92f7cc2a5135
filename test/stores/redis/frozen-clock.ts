import type { Redis } from 'ioredis';
import type { IoredisClient } from '../../../lib/stores/redis/index.js';

/**
 * The scripts as they are, but for the one call that asks for the time: so the last millisecond can be tested.
 *
 * @param milliseconds since the Unix epoch
 */
export function clientAt(
  redis: Redis,
  milliseconds: () => number,
): IoredisClient {
  return {
    evalsha: () => Promise.reject(new Error('NOSCRIPT')),
    eval(source, ...rest) {
      const now = milliseconds();
      const frozen = source.replace(
        `redis.call('TIME')`,
        `{ '${Math.floor(now / 1000)}', '${(now % 1000) * 1000}' }`,
      );
      return redis.eval(frozen, ...rest);
    },
    pipeline: (commands) => redis.pipeline(commands),
  };
}
