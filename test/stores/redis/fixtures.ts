import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import type { SessionStoreFixture } from '../../../lib/testing/store-contract/fixture.js';
import type { ConnectedClient } from './clients.js';
import { newId } from './records.js';

/** Two stores on one client, of which nothing else on these servers is a part. */
export async function openFixture(
  { client }: Pick<ConnectedClient, 'client'>,
  ports: number[],
): Promise<SessionStoreFixture> {
  let offset = 0;
  const prefix = `test-${newId().slice(0, 8)}:`;
  const options = {
    client,
    prefix,
    clockOffset: () => offset,
  };
  return {
    store: new RedisSessionStore(options),
    another: new RedisSessionStore(options),
    advance(seconds) {
      offset += seconds * 1000;
    },
    dump: () => dumpOf(ports, prefix),
  };
}

/** Every key that begins so, with all that it holds, as text. */
export async function dumpOf(ports: number[], prefix: string): Promise<string> {
  const lines: string[] = [];
  for (const port of ports) {
    const client = new Redis(port, '127.0.0.1');
    try {
      for (const key of await client.keys(`${prefix}*`)) {
        const type = await client.type(key);
        const held =
          type === 'hash'
            ? await client.hgetall(key)
            : type === 'zset'
              ? await client.zrangebyscore(key, '-inf', '+inf', 'WITHSCORES')
              : await client.get(key);
        lines.push(`${key} ${JSON.stringify(held)}`);
      }
    } finally {
      client.disconnect();
    }
  }
  return lines.join('\n');
}
