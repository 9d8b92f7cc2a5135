import { createClient } from 'redis';
import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import {
  startRedis,
  until,
  type RedisServer,
} from '../../support/redis-server.js';
import { CLIENTS, connectIoredis } from './clients.js';
import { openLogFixture } from './log-fixtures.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

for (const [name, connect] of Object.entries(CLIENTS)) {
  describeRevocationLog(`RedisRevocationLog through ${name}`, async () => {
    const connected = await connect([server.port]);
    const createFollower = (): never =>
      createClient({
        url: server.url,
        socket: { reconnectStrategy: false },
      }) as never;
    const fixture = openLogFixture(
      connected,
      name.includes('pool') ? createFollower : undefined,
    );
    const administrator = connectIoredis(server.port);
    const run = (...words: [string, ...string[]]): Promise<unknown> =>
      administrator.client.call(...words);
    const killOne = async (): Promise<boolean> => {
      const clients = String(await run('CLIENT', 'LIST'));
      const blocked = /^id=(\d+) .*cmd=xread/m.exec(clients);
      if (blocked) await run('CLIENT', 'KILL', 'ID', blocked[1]!);
      return blocked !== null;
    };
    return {
      ...fixture,
      lose: () => run('XTRIM', fixture.keys[0]!, 'MAXLEN', '0').then(() => {}),
      // A follower blocks soon after it has caught up.
      cut: () => until(killOne),
      async close() {
        await administrator.close();
        await fixture.close?.();
      },
    };
  });
}
