import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import {
  startRedisCluster,
  type RedisCluster,
} from '../../support/redis-server.js';
import { CLUSTER_CLIENTS } from './clients.js';
import { openLogFixture } from './log-fixtures.js';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster(3);
});

afterAll(() => cluster.stop());

for (const [name, connect] of Object.entries(CLUSTER_CLIENTS)) {
  describeRevocationLog(`RedisRevocationLog through ${name}`, async () =>
    openLogFixture(await connect(cluster.primaries.map(({ port }) => port))),
  );
}
