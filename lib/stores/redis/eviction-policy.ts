import type { RedisConnection } from './redis-client.js';
import { redisScript } from './redis-script.js';

/** A script, so that a user who may run those of the store needs no more for it. Empty where INFO is forbidden. */
const MEMORY = redisScript(`
  local memory = redis.pcall('INFO', 'memory')
  return type(memory) == 'string' and memory or ''
`);

/** What is wrong with the `maxmemory-policy` of the server; on a cluster, of the node that holds a key. */
export async function evictionWarnings(
  connection: RedisConnection,
  key: string,
): Promise<string[]> {
  const memory = String(await connection.run(MEMORY, [key], []));
  const policy = /^maxmemory_policy:([\w-]+)/m.exec(memory)?.[1];
  return policy === undefined ||
    policy === 'noeviction' ||
    policy.startsWith('volatile-')
    ? []
    : [
        `The Redis server of the sessions has the maxmemory-policy ${policy}: it evicts sessions when its memory is full, which ends them. Set noeviction, or a volatile policy with enough memory.`,
      ];
}
