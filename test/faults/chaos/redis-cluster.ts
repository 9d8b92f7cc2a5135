import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Cluster } from 'ioredis';
import {
  startRedisCluster,
  type RedisServer,
} from '../../support/redis-server.js';
import { natMapOf, type ChaosStore } from './chaos-store.js';

const run = promisify(execFile);

/** How many slots move at a time: the lowest of their server, in which all the subjects are. */
const MOVED_SLOTS = 12;
const SUBJECTS = 8;
const OTHER_KEYS = 150;
const HOST = '127.0.0.1';
const REDIS_CLI = (process.env['REDIS_SERVER_PATH'] || 'redis-server').replace(
  /server$/,
  'cli',
);

/** Three primaries between which `redis-cli --cluster reshard` moves the slots of the subjects while requests run. */
export async function startCluster(): Promise<ChaosStore> {
  const cluster = await startRedisCluster(3);
  const ports = cluster.primaries.map(({ port }) => port);
  const subjects = subjectsInSlots(MOVED_SLOTS);
  await fillSlots(ports, subjects);
  let owner = 0;
  return {
    upstreams: ports,
    shared: [],
    storeTimeout: '250ms',
    subjects,
    listsDuringEvent: 8,
    isLossy: false,
    settingsFor: (portOf) => ({
      kind: 'cluster',
      ports: ports.map(portOf),
      natMap: natMapOf(ports, portOf),
    }),
    async happen(random) {
      const target = (owner + (random() < 0.5 ? 1 : 2)) % ports.length;
      await reshard(cluster.primaries[owner]!, cluster.primaries[target]!);
      owner = target;
    },
    stop: () => cluster.stop(),
  };
}

/** Other keys in the slots of the subjects, so that a slot takes a while to move, as those of real applications do. */
async function fillSlots(
  ports: readonly number[],
  subjects: readonly string[],
): Promise<void> {
  const client = new Cluster(ports.map((port) => ({ host: HOST, port })));
  client.on('error', () => undefined);
  for (const subject of subjects) {
    for (let i = 0; i < OTHER_KEYS; i += 1) {
      await client.set(`other:{${tagOf(subject)}}:${i}`, String(i));
    }
  }
  client.disconnect();
}

/** One key at a time, so that requests find subjects of which one part has moved. */
async function reshard(from: RedisServer, to: RedisServer): Promise<void> {
  const [source, target] = await Promise.all([from, to].map(idOf));
  await run(REDIS_CLI, [
    '--cluster',
    'reshard',
    `${HOST}:${from.port}`,
    '--cluster-from',
    source!,
    '--cluster-to',
    target!,
    '--cluster-slots',
    String(MOVED_SLOTS),
    '--cluster-pipeline',
    '1',
    '--cluster-yes',
  ]);
}

async function idOf(server: RedisServer): Promise<string> {
  return (await server.command('CLUSTER MYID')).split('\r\n')[1]!;
}

/** Names of users whose keys lie in the lowest slots. */
function subjectsInSlots(slots: number): string[] {
  const subjects: string[] = [];
  for (let i = 0; subjects.length < SUBJECTS; i += 1) {
    const subject = `user-${i}`;
    if (slotOf(tagOf(subject)) < slots) subjects.push(subject);
  }
  return subjects;
}

function tagOf(subject: string): string {
  return Buffer.from(subject).toString('base64url');
}

/** The slot of a hash tag: its CRC-16, as the specification of Redis Cluster has it. */
function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    }
  }
  return crc % 16_384;
}
