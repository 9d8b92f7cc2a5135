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
  return {
    log: new RedisRevocationLog(options),
    another: new RedisRevocationLog(options),
    advance(seconds) {
      offset += seconds * 1000;
    },
    async lose() {
      // One server of a cluster has the stream.
      await Promise.any(
        administrators.map(({ client: each }) =>
          each.xtrim(`${prefix}revocations:{log}`, 'MAXLEN', 0),
        ),
      );
    },
    // A follower blocks soon after it has caught up.
    cut: () =>
      until(async () => {
        const cuts = administrators.map(async ({ client: each }) => {
          const listed = String(await each.client('LIST'));
          const blocked = /^id=(\d+) .*cmd=xread/m.exec(listed);
          // An id names another connection at another server.
          if (blocked) await each.client('KILL', 'ID', blocked[1]!);
          return blocked !== null;
        });
        return (await Promise.all(cuts)).includes(true);
      }),
    async close() {
      await Promise.all(administrators.map((each) => each.close()));
    },
  };
}
