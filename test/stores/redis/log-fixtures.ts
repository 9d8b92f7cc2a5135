import {
  RedisRevocationLog,
  type RedisRevocationLogOptions,
} from '../../../lib/stores/redis/index.js';
import type { RevocationLogFixture } from '../../../lib/testing/log-contract/fixture.js';
import { until } from '../../support/redis-server.js';
import { connectIoredis, type ConnectedClient } from './clients.js';
import { newId } from './records.js';

/** Two logs on one client, with streams that nothing else on the servers at these ports has. */
export function openLogFixture(
  { client }: Pick<ConnectedClient, 'client'>,
  ports: readonly number[],
  createFollower?: RedisRevocationLogOptions['createFollower'],
): RevocationLogFixture {
  let offset = 0;
  const prefix = `test-${newId().slice(0, 8)}:`;
  const options = {
    client,
    prefix,
    clockOffset: () => offset,
    ...(createFollower && { createFollower }),
  };
  const administrators = ports.map((port) => connectIoredis(port));
  /** What each server answers; one of a cluster that does not have the stream, nothing. */
  const run = async (...words: [string, ...string[]]): Promise<unknown[]> => {
    const answers = administrators.map((each) => each.client.call(...words));
    const settled = await Promise.allSettled(answers);
    return settled.map((each) =>
      each.status === 'fulfilled' ? each.value : undefined,
    );
  };
  return {
    log: new RedisRevocationLog(options),
    another: new RedisRevocationLog(options),
    advance(seconds) {
      offset += seconds * 1000;
    },
    async lose() {
      await run('XTRIM', `${prefix}revocations:{log}`, 'MAXLEN', '0');
    },
    // A follower blocks soon after it has caught up.
    cut: () =>
      until(async () => {
        const listed = (await run('CLIENT', 'LIST')).join('\n');
        const blocked = /^id=(\d+) .*cmd=xread/m.exec(listed);
        if (blocked) await run('CLIENT', 'KILL', 'ID', blocked[1]!);
        return blocked !== null;
      }),
    async close() {
      await Promise.all(administrators.map((each) => each.close()));
    },
  };
}
