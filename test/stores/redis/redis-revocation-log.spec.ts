import { createClient } from 'redis';
import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import {
  startRedis,
  until,
  type RedisServer,
} from '../../support/redis-server.js';
import { takingTurns } from '../contract-turns.js';
import { CLIENTS, connectIoredis, SharedClients } from './clients.js';
import { openLogFixture } from './log-fixtures.js';

const clients = new SharedClients();
let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(async () => {
  await clients.close();
  await server.stop();
});

for (const { name, way: connect, runner } of takingTurns(CLIENTS)) {
  describeRevocationLog(
    `RedisRevocationLog through ${name}`,
    async () => {
      const connected = await clients.connectedBy(connect, [server.port]);
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
        const listed = String(await run('CLIENT', 'LIST'));
        const blocked = /^id=(\d+) .*cmd=xread/m.exec(listed);
        if (blocked) await run('CLIENT', 'KILL', 'ID', blocked[1]!);
        return blocked !== null;
      };
      return {
        ...fixture,
        lose: () =>
          run('XTRIM', fixture.keys[0]!, 'MAXLEN', '0').then(() => {}),
        // A follower blocks soon after it has caught up.
        cut: () => until(killOne),
        async close() {
          await administrator.close();
        },
      };
    },
    runner,
  );
}
