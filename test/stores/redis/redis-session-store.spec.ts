import { describeSessionStore } from '../../../lib/testing/describe-session-store.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { CLIENTS } from './clients.js';
import { openFixture } from './fixtures.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

for (const [name, connect] of Object.entries(CLIENTS)) {
  describeSessionStore(`RedisSessionStore through ${name}`, async () => {
    const ports = [server.port];
    return openFixture(await connect(ports), ports);
  });
}
