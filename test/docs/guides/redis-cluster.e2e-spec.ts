import { once } from 'node:events';
import { Cluster } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis-5';
import { createCluster } from 'redis';
import {
  RedisSessionStore,
  type RedisClient,
} from '../../../lib/stores/redis/index.js';
import { createTestSession } from '../../../lib/testing/index.js';
import { boot, closeBooted } from '../../support/nest-app.js';
import {
  startRedisCluster,
  until,
  type RedisCluster,
  type RedisServer,
} from '../../support/redis-server.js';
import { SECRET } from '../../support/secrets.js';
import { newRecord } from '../../stores/redis/records.js';
import { Guide, type GuideFolder } from '../guide.js';

const guide = new Guide('docs/guides/redis-cluster.md');
const USERS = Array.from({ length: 60 }, (_, i) => `user-${i}`);
const GROUP_ERROR =
  'All keys in the pipeline should belong to the same slots allocation group';

let folder: GuideFolder;
let cluster: RedisCluster;
let connectRedis: (nodes: string[]) => Cluster;
let subjects = 0;

const closings: (() => unknown)[] = [];

beforeAll(async () => {
  folder = guide.write();
  ({ connectRedis } = await import(folder.pathOf('src/redis.ts')));
  cluster = await startRedisCluster(3, 1);
});
afterAll(async () => {
  await cluster.stop();
  folder.remove();
});
afterEach(async () => {
  await closeBooted();
  for (const close of closings.splice(0)) await close();
});

const nodes = () => cluster.primaries.map(({ port }) => `127.0.0.1:${port}`);

/** A client that knows the slots. */
async function ready<Client extends Cluster | Cluster5>(
  client: Client,
): Promise<Client> {
  closings.push(() => client.disconnect());
  client.on('error', () => undefined);
  if (client.status !== 'ready') await once(client, 'ready');
  return client;
}

/** The options of the page. */
function optionsOfPage() {
  const client = connectRedis(nodes());
  client.disconnect();
  return client.options;
}

function withOptions(changes: object): Cluster {
  const options: object = { ...optionsOfPage(), ...changes };
  return new Cluster(nodes(), options);
}

async function nodeRedis(): Promise<RedisClient> {
  const client = createCluster({
    rootNodes: cluster.primaries.map(({ url }) => ({ url })),
  });
  client.on('error', () => undefined);
  await client.connect();
  closings.push(() => client.close());
  return client;
}

/** A command's answer, without the framing of the protocol. */
async function ask(server: RedisServer, command: string): Promise<string> {
  const reply = await server.command(command);
  if (reply.startsWith('-')) throw new Error(`${command}: ${reply}`);
  return reply.replace(/^\$.*\r\n|^[:+]/, '');
}

const slotOf = (subject: string): Promise<string> => {
  const tag = Buffer.from(subject).toString('base64url');
  return ask(cluster.primaries[0]!, `CLUSTER KEYSLOT session:{${tag}}`);
};

async function ownerOf(subject: string): Promise<number> {
  const slot = Number(await slotOf(subject));
  return Math.floor((slot * cluster.primaries.length) / 16_384);
}

/** Waits until the nodes have told one another of these ports of the primaries. */
async function everyNodeKnows(ports: readonly number[]): Promise<void> {
  for (const { command } of [
    ...cluster.primaries,
    ...cluster.replicas.flat(),
  ]) {
    await until(async () => {
      const known = await command('CLUSTER NODES');
      return ports.every((port) => known.includes(`127.0.0.1:${port}@`));
    });
  }
}

/** So many subjects without sessions whose slots are on the first primary. */
async function newSubjects(count: number): Promise<string[]> {
  const found: string[] = [];
  while (found.length < count) {
    const subject = `new-${(subjects += 1)}`;
    if ((await ownerOf(subject)) === 0) found.push(subject);
  }
  return found;
}

/** Moves an empty slot from the first primary to the second. */
async function moveSlotOf(subject: string): Promise<void> {
  const [from, to] = cluster.primaries as [RedisServer, RedisServer];
  const [slot, id] = [await slotOf(subject), await ask(to, 'CLUSTER MYID')];
  await ask(to, `CLUSTER SETSLOT ${slot} NODE ${id}`);
  await ask(from, `CLUSTER SETSLOT ${slot} NODE ${id}`);
}

/** What creating a session for each of these in one tick comes to. */
async function createForAll(
  client: RedisClient,
  users: readonly string[],
): Promise<string[]> {
  const store = new RedisSessionStore({ client });
  const results = await Promise.allSettled(
    users.map((subject) => store.create(newRecord({ subject }))),
  );
  return results.map((result) =>
    result.status === 'fulfilled' ? 'created' : String(result.reason.message),
  );
}

const all = (count: number, outcome: string): string[] =>
  Array<string>(count).fill(outcome);

describe('sessions of many users', () => {
  it('are spread over all primaries, those of a user in one slot', async () => {
    const store = new RedisSessionStore({
      client: await ready(connectRedis(nodes())),
    });
    await Promise.all(
      [...USERS, ...USERS].map((subject) =>
        store.create(newRecord({ subject })),
      ),
    );
    for (const primary of cluster.primaries) {
      expect(Number(await ask(primary, 'DBSIZE'))).toBeGreaterThan(0);
    }
    const lists = await Promise.all(USERS.map((user) => store.list(user)));
    expect(lists.map(({ length }) => length)).toEqual(USERS.map(() => 2));
    const ended = await Promise.all(USERS.map((user) => store.endAll(user)));
    expect(ended).toEqual(USERS.map(() => 2));
  });

  it('are created in the application of the page', async () => {
    process.env['SESSION_SECRET'] = SECRET;
    process.env['REDIS_NODES'] = nodes().join(',');
    const { redis, SessionModule } = await import(
      folder.pathOf('src/session.module.ts')
    );
    await ready(redis);
    const app = await boot({ imports: [SessionModule] });
    await until(async () => {
      const { cookie } = await createTestSession(app.app, 'ada');
      const path = '/session/devices';
      return (await app.send({ path, headers: { cookie } })).status === 200;
    });
  });
});

describe('auto-pipelining', () => {
  it('of scripts fails with ioredis 5.10, and works with the options of the page', async () => {
    const options = { enableAutoPipelining: true };
    const broken = await ready(new Cluster5(nodes(), options));
    expect(await createForAll(broken, USERS)).toContain(GROUP_ERROR);
    const { autoPipeliningIgnoredCommands } = optionsOfPage();
    const good = await ready(
      new Cluster5(nodes(), { ...options, autoPipeliningIgnoredCommands }),
    );
    expect(await createForAll(good, USERS)).toEqual(all(60, 'created'));
  });

  it('of scripts fails for users whose slot has moved, with ioredis 6, too', async () => {
    const [moved, ...others] = await newSubjects(5);
    const client = await ready(
      withOptions({ autoPipeliningIgnoredCommands: [] }),
    );
    // Every node has the scripts, so that nothing else fails in a pipeline.
    expect(await createForAll(client, USERS)).toEqual(all(60, 'created'));
    await moveSlotOf(moved!);
    const outcomes = await createForAll(client, [moved!, ...others]);
    expect(outcomes[0]).toMatch(/^MOVED /);
    expect(outcomes.slice(1)).toEqual(all(4, 'created'));
  });

  it.each<[string, () => Promise<RedisClient>]>([
    ['the options of the page', () => ready(connectRedis(nodes()))],
    ['node-redis', nodeRedis],
  ])('is no problem for a slot that moves, with %s', async (_name, connect) => {
    const [moved, ...others] = await newSubjects(5);
    const client = await connect();
    await moveSlotOf(moved!);
    const outcomes = await createForAll(client, [moved!, ...others]);
    expect(outcomes).toEqual(all(5, 'created'));
  });
});

describe('options', () => {
  it('scaleReads sends no script to a replica', async () => {
    const client = await ready(withOptions({ scaleReads: 'slave' }));
    const store = new RedisSessionStore({ client });
    const subjectsOfAll = await newSubjects(10);
    for (const subject of subjectsOfAll) {
      await store.create(newRecord({ subject }));
      expect(await store.list(subject)).toHaveLength(1);
    }
    for (const replica of cluster.replicas.flat()) {
      const stats = await ask(replica, 'INFO commandstats');
      expect(stats).not.toContain('cmdstat_eval');
    }
  });

  it('enableOfflineQueue: false fails until the client knows the slots', async () => {
    const client = connectRedis(nodes());
    const [first] = await createForAll(client, ['ada']);
    expect(first).toContain('enableOfflineQueue');
    await ready(client);
    expect(await createForAll(client, ['ada'])).toEqual(['created']);
  });

  it('natMap leads to nodes that announce other addresses', async () => {
    const natMap: Record<string, { host: string; port: number }> = {};
    for (const [i, { port, command }] of cluster.primaries.entries()) {
      await command(`CONFIG SET cluster-announce-port ${i + 1}`);
      natMap[`127.0.0.1:${i + 1}`] = { host: '127.0.0.1', port };
    }
    try {
      await everyNodeKnows(cluster.primaries.map((_, i) => i + 1));
      const client = await ready(withOptions({ natMap }));
      // ioredis follows a MOVED to the announced address only once it has read the slots again.
      await until(async () =>
        (await createForAll(client, USERS)).every((each) => each === 'created'),
      );
    } finally {
      for (const { command } of cluster.primaries) {
        await command('CONFIG SET cluster-announce-port 0');
      }
    }
    await everyNodeKnows(cluster.primaries.map(({ port }) => port));
  });
});

it('a primary that dies takes its users with it, until its replica takes over', async () => {
  const client = await ready(connectRedis(nodes()));
  const store = new RedisSessionStore({ client });
  const records = USERS.map((subject) => newRecord({ subject }));
  await Promise.all(records.map((record) => store.create(record)));
  const owners = await Promise.all(USERS.map(ownerOf));
  const [dead, replica] = [cluster.primaries[0]!, cluster.replicas[0]![0]!];
  const offset = async (server: RedisServer) =>
    /(?:master|slave)_repl_offset:(\d+)/.exec(
      await server.command('INFO replication'),
    )?.[1];
  await until(async () => (await offset(dead)) === (await offset(replica)));
  await dead.stop();

  const readable = async (index: number) => {
    const { id, subject } = records[index]!;
    const found = await store.read(id, subject).catch(String);
    return typeof found === 'string' ? found : found !== undefined;
  };
  const lost = USERS.map((_, i) => i).filter((i) => owners[i] === 0);
  const kept = USERS.map((_, i) => i).filter((i) => owners[i] !== 0);
  expect(lost.length).toBeGreaterThan(0);
  expect(await readable(lost[0]!)).toMatch(/Error/);
  expect(await Promise.all(kept.map(readable))).toEqual(kept.map(() => true));

  await ask(replica, 'CLUSTER FAILOVER TAKEOVER');
  await until(async () => (await readable(lost[0]!)) === true);
  expect(await Promise.all(lost.map(readable))).toEqual(lost.map(() => true));
});
