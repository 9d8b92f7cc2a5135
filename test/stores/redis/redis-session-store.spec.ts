import { describeSessionStore } from '../../../lib/testing/describe-session-store.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { takingTurns } from '../contract-turns.js';
import { CLIENTS, SharedClients } from './clients.js';
import { openFixture } from './fixtures.js';

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
  describeSessionStore(
    `RedisSessionStore through ${name}`,
    async () => {
      const ports = [server.port];
      return openFixture(await clients.connectedBy(connect, ports), ports);
    },
    runner,
  );
}
