import { createClient } from 'redis';
import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
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
    const run = async (...words: [string, ...string[]]): Promise<void> => {
      await administrator.client.call(...words);
    };
    return {
      ...fixture,
      lose: () => run('XTRIM', fixture.keys[0]!, 'MAXLEN', '0'),
      cut: async () => {
        const clients = String(await administrator.client.client('LIST'));
        for (const line of clients.split('\n')) {
          if (line.includes('cmd=xread')) {
            await run('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(line)![1]!);
          }
        }
      },
      async close() {
        await administrator.close();
        await fixture.close?.();
      },
    };
  });
}
