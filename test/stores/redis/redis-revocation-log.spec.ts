import { createClient } from 'redis';
import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { takingTurns } from '../contract-turns.js';
import { CLIENTS, SharedClients } from './clients.js';
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
      return openLogFixture(
        connected,
        [server.port],
        name.includes('pool') ? createFollower : undefined,
      );
    },
    runner,
  );
}
