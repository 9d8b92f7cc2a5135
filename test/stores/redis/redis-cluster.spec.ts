import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import { describeSessionStore } from '../../../lib/testing/describe-session-store.js';
import {
  startRedisCluster,
  type RedisCluster,
} from '../../support/redis-server.js';
import { CLUSTER_CLIENTS } from './clients.js';
import { openFixture } from './fixtures.js';
import { openLogFixture } from './log-fixtures.js';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster(3);
});

afterAll(() => cluster.stop());

for (const [name, connect] of Object.entries(CLUSTER_CLIENTS)) {
  describeSessionStore(`RedisSessionStore through ${name}`, async () => {
    const ports = cluster.primaries.map(({ port }) => port);
    return openFixture(await connect(ports), ports);
  });

  describeRevocationLog(`RedisRevocationLog through ${name}`, async () => {
    const ports = cluster.primaries.map(({ port }) => port);
    return openLogFixture(await connect(ports));
  });
}
