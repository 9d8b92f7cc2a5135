import { describeRevocationLog } from '../../../lib/testing/describe-revocation-log.js';
import { describeSessionStore } from '../../../lib/testing/describe-session-store.js';
import {
  startRedisCluster,
  type RedisCluster,
} from '../../support/redis-server.js';
import { takingTurns } from '../contract-turns.js';
import { CLUSTER_CLIENTS, SharedClients } from './clients.js';
import { openFixture } from './fixtures.js';
import { openLogFixture } from './log-fixtures.js';

const clients = new SharedClients();
let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster(3);
});

afterAll(async () => {
  await clients.close();
  await cluster.stop();
});

for (const { name, way: connect, runner } of takingTurns(CLUSTER_CLIENTS)) {
  describeSessionStore(
    `RedisSessionStore through ${name}`,
    async () => {
      const ports = cluster.primaries.map(({ port }) => port);
      return openFixture(await clients.connectedBy(connect, ports), ports);
    },
    runner,
  );
}

for (const { name, way: connect, runner } of takingTurns(CLUSTER_CLIENTS)) {
  describeRevocationLog(
    `RedisRevocationLog through ${name}`,
    async () => {
      const ports = cluster.primaries.map(({ port }) => port);
      return openLogFixture(await clients.connectedBy(connect, ports), ports);
    },
    runner,
  );
}
