import { Redis } from 'ioredis';
import {
  startRedis,
  startReplica,
  until,
  type RedisServer,
} from '../../support/redis-server.js';
import { namedSubjects, natMapOf, type ChaosStore } from './chaos-store.js';

/** A primary with two replicas and a real Sentinel, which is told to fail over while requests run. */
export async function startSentinel(): Promise<ChaosStore> {
  const primary = await startRedis();
  const servers = [
    primary,
    await startReplica(primary),
    await startReplica(primary),
  ];
  const sentinel = await startRedis({
    sentinel: {
      configuration: `sentinel monitor primary 127.0.0.1 ${primary.port} 1
sentinel down-after-milliseconds primary 60000
sentinel failover-timeout primary 10000
sentinel parallel-syncs primary 2
`,
    },
  });
  const client = new Redis(sentinel.port, '127.0.0.1');
  client.on('error', () => undefined);
  const ask = (...words: string[]): Promise<unknown> =>
    client.call('SENTINEL', ...words);
  await until(async () => (await replicasOf(ask)) === 2);
  let isLossy = false;
  return {
    upstreams: servers.map(({ port }) => port),
    shared: [],
    storeTimeout: '400ms',
    subjects: namedSubjects(8),
    listsDuringEvent: 0,
    get isLossy() {
      return isLossy;
    },
    settingsFor: (portOf) => ({
      kind: 'sentinel',
      sentinel: sentinel.port,
      natMap: natMapOf(
        servers.map(({ port }) => port),
        portOf,
      ),
    }),
    async happen() {
      const before = await addressOf(ask);
      isLossy = true;
      try {
        await replicate(Number(before.split(',')[1]));
        await ask('FAILOVER', 'primary');
        await until(async () => (await addressOf(ask)) !== before);
        await until(async () => isSettled(servers, await addressOf(ask)));
      } finally {
        isLossy = false;
      }
    },
    async stop() {
      client.disconnect();
      await sentinel.stop();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

type Ask = (...words: string[]) => Promise<unknown>;

async function replicasOf(ask: Ask): Promise<number> {
  return ((await ask('REPLICAS', 'primary')) as unknown[]).length;
}

async function addressOf(ask: Ask): Promise<string> {
  return String(await ask('GET-MASTER-ADDR-BY-NAME', 'primary'));
}

/** Fulfilled when both replicas have all that the primary has confirmed until now. */
async function replicate(port: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  try {
    await client.set('replicated', '1');
    await client.wait(2, 0);
  } finally {
    client.disconnect();
  }
}

/** Whether one server is the primary, and all others have all that it has. */
async function isSettled(
  servers: readonly RedisServer[],
  address: string,
): Promise<boolean> {
  const port = Number(address.split(',')[1]);
  const infos = await Promise.all(
    servers.map(async (server) => ({
      isPrimary: server.port === port,
      text: await server.command('INFO replication'),
    })),
  );
  return infos.every(({ isPrimary, text }) =>
    isPrimary
      ? text.includes('role:master') &&
        text.includes(`connected_slaves:${servers.length - 1}`)
      : text.includes(`master_port:${port}`) &&
        text.includes('master_link_status:up'),
  );
}
