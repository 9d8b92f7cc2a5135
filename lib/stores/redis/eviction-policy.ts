import type { RedisConnection } from './redis-client.js';
import { redisScript } from './redis-script.js';

/** A script, so that a Redis user with the rights of the store needs no others. Returns '' if INFO is forbidden. */
const MEMORY = redisScript(`
  local memory = redis.pcall('INFO', 'memory')
  return type(memory) == 'string' and memory or ''
`);

/**
 * Returns what is wrong with the `maxmemory-policy` of the server; on a cluster, of the node that holds a key.
 *
 * @param who whose warning it is
 * @param loss what an eviction costs, as the warning says it
 */
export async function evictionWarnings(
  connection: RedisConnection,
  key: string,
  who: string,
  loss: readonly [evicted: string, consequence: string],
): Promise<string[]> {
  const memory = String(await connection.run(MEMORY, [key], []));
  const policy = /^maxmemory_policy:([\w-]+)/m.exec(memory)?.[1];
  return policy === undefined ||
    policy === 'noeviction' ||
    policy.startsWith('volatile-')
    ? []
    : [
        `${who}: expected a maxmemory-policy that evicts no ${loss[0]}, got ${policy}, which ${loss[1]} when the memory of the Redis server is full; set noeviction, or a volatile policy with enough memory`,
      ];
}
