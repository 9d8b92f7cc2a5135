import { startRedis } from '../../support/redis-server.js';
import { namedSubjects, type ChaosStore } from './chaos-store.js';

/** One Redis. Half of the processes speak to it through each of the two client libraries. */
export async function startSingleRedis(): Promise<ChaosStore> {
  const server = await startRedis();
  let nodes = 0;
  return {
    upstreams: [server.port],
    shared: [],
    storeTimeout: '250ms',
    subjects: namedSubjects(8),
    listsDuringEvent: 0,
    isLossy: false,
    settingsFor(portOf) {
      nodes += 1;
      return {
        kind: 'redis',
        port: portOf(server.port),
        client: nodes % 2 === 1 ? 'ioredis' : 'redis',
      };
    },
    stop: () => server.stop(),
  };
}
