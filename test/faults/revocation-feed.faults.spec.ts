import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { MemorySessionStore, type RevocationLog } from '../../lib/index.js';
import { SystemSessionClock } from '../../lib/ports/clock.js';
import { PostgresRevocationLog } from '../../lib/stores/postgres/index.js';
import { RedisRevocationLog } from '../../lib/stores/redis/index.js';
import { until } from '../support/asynchrony.js';
import { printFigures } from '../support/figures.js';
import { claimsIn } from '../support/session-claims.js';
import { openNode, type SessionNode } from './nodes.js';
import { startSilentProxy, type SilentProxy } from './silent-proxy.js';
import { StoreServers } from './stores.js';

/** The real time for which a node may hear nothing. Tests wait for what happens, not for this. */
const MAX_LAG = '300ms';

const servers = new StoreServers();

beforeAll(async () => {
  await Promise.all([servers.redis(), servers.postgres()]);
});

afterAll(() => servers.stop());

/** A log on a real server, reached directly and through a line that can go dead. */
interface LogServer {
  readonly proxy: SilentProxy;
  logAt(port: 'direct' | 'proxy'): RevocationLog;
  /** Removes every entry that ends a session, as an operator might. */
  trim(): Promise<void>;
  close(): Promise<void>;
}

let opened = 0;

async function openRedis(): Promise<LogServer> {
  const { port } = await servers.redis();
  const proxy = await startSilentProxy(port);
  opened += 1;
  const prefix = `feed-${opened}:`;
  const own = new Redis(port, '127.0.0.1');
  const clients = [own];
  return {
    proxy,
    logAt(place) {
      const client = new Redis(
        place === 'proxy' ? proxy.port : port,
        '127.0.0.1',
        place === 'direct'
          ? {}
          : {
              enableOfflineQueue: false,
              maxRetriesPerRequest: 0,
              // As docs/stores.md tells applications: a connection without answers is replaced.
              socketTimeout: 500,
              lazyConnect: false,
              retryStrategy: () => 50,
            },
      );
      client.on('error', () => undefined);
      clients.push(client);
      return new RedisRevocationLog({ client, prefix });
    },
    async trim() {
      for (const key of await own.keys(`${prefix}*`)) {
        if (!key.endsWith(':proof')) await own.xtrim(key, 'MAXLEN', 0);
      }
    },
    async close() {
      for (const client of clients) client.disconnect();
      await proxy.close();
    },
  };
}

async function openPostgres(): Promise<LogServer> {
  const server = await servers.postgres();
  const schema = await server.createSchema();
  const proxy = await startSilentProxy(server.port);
  const settings = {
    host: '127.0.0.1',
    user: 'postgres',
    password: 'postgres',
    database: 'postgres',
    options: `-c search_path=${schema}`,
    max: 4,
  };
  /** As docs/stores.md tells applications. What must succeed has none: a machine can be slower. */
  const limits = { query_timeout: 500, connectionTimeoutMillis: 500 };
  const pools: Pool[] = [];
  const poolAt = (port: number): Pool => {
    const pool = new Pool({
      ...settings,
      ...(port === proxy.port && limits),
      port,
    });
    pool.on('error', () => undefined);
    pools.push(pool);
    return pool;
  };
  const own = poolAt(server.port);
  await new PostgresRevocationLog({ pool: own }).ensureSchema();
  return {
    proxy,
    logAt: (place) =>
      new PostgresRevocationLog({
        pool: poolAt(place === 'proxy' ? proxy.port : server.port),
      }),
    async trim() {
      await own.query('DELETE FROM session_revocations');
    },
    async close() {
      // A connection that is silent never says goodbye.
      await proxy.close();
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

describe.each([
  ['redis', openRedis],
  ['postgres', openPostgres],
] as const)('a node whose line to %s goes dead', (name, openLog) => {
  let server: LogServer;
  let writer: SessionNode;
  let follower: SessionNode;

  beforeEach(async () => {
    server = await openLog();
    const store = new MemorySessionStore();
    const open = async (place: 'direct' | 'proxy'): Promise<SessionNode> => {
      const node = await openNode(store, new SystemSessionClock(), {
        revocations: { log: server.logAt(place), maxLag: MAX_LAG },
        storeTimeout: '2s',
      });
      const { journal } = node.revocations!;
      await until(() => !journal.standing.isBehind, 'it follows the log');
      return node;
    };
    writer = await open('direct');
    follower = await open('proxy');
    // It has followed until now.
    const { token, claims } = await signIn(writer, 'before');
    await writer.sessions.revoke(claims);
    await until(
      () => hasHeard(follower, claims),
      'the follower hears of a revocation',
    );
    expect(await isAccepted(follower, token)).toBe(false);
  });

  afterEach(async () => {
    await Promise.all([writer.close(), follower.close()]);
    await server.close();
  });

  it('knows that it may miss revocations, asks the store, and catches up over a new line (F-14)', async () => {
    const ended = await signIn(writer, 'ada');
    const other = await signIn(writer, 'eve');
    expect(await isAccepted(follower, ended.token)).toBe(true);
    server.proxy.silenceConnections();
    server.proxy.isSilent = true;
    await writer.sessions.revoke(ended.claims);
    await until(
      () => follower.revocations!.journal.standing.isBehind,
      'it knows',
    );
    const start = performance.now();
    // From here on, nothing that the contract does not allow: the store is asked.
    expect(await isAccepted(follower, ended.token)).toBe(false);
    expect(await isAccepted(follower, other.token)).toBe(true);
    expect(await isAccepted(writer, other.token)).toBe(true);
    server.proxy.isSilent = false;
    await until(
      () => !follower.revocations!.journal.standing.isBehind,
      'it is back',
    );
    printFigures(
      'F-14',
      `log on ${name}, maxLag ${MAX_LAG}: a node without a connection refuses by a query of the store, and has caught up ${Math.round(performance.now() - start)} ms later over a new one`,
    );
    expect(hasHeard(follower, ended.claims)).toBe(true);
    expect(await isAccepted(follower, ended.token)).toBe(false);
    expect(follower.count('revocationsLagging')).toBeGreaterThan(0);
  });

  it('while the log is trimmed asks the store about what began before (F-14)', async () => {
    const ended = await signIn(writer, 'ada');
    const other = await signIn(writer, 'eve');
    server.proxy.silenceConnections();
    server.proxy.isSilent = true;
    await writer.sessions.revoke(ended.claims);
    await server.trim();
    await until(
      () => follower.revocations!.journal.standing.isBehind,
      'it knows',
    );
    server.proxy.isSilent = false;
    await until(
      () =>
        follower.events.some(
          (event) =>
            event.type === 'revocationsLagging' && event.reason === 'gap',
        ),
      'it notices that entries are missing',
    );
    expect(hasHeard(follower, ended.claims)).toBe(false);
    expect(await isAccepted(follower, ended.token)).toBe(false);
    expect(await isAccepted(follower, other.token)).toBe(true);
  });
});

async function signIn(node: SessionNode, subject: string) {
  const { token } = await node.sessions.generate(subject);
  const { sid, sub } = claimsIn(token) as { sid: string; sub: string };
  return { token, claims: { id: sid, subject: sub } };
}

function hasHeard(
  { revocations }: SessionNode,
  { id, subject }: { id: string; subject: string },
): boolean {
  // Later than every cut-off.
  const claims = { sid: id, sub: subject, oiat: Infinity };
  return revocations!.endOf(claims) !== undefined;
}

async function isAccepted(node: SessionNode, token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  return (await node.sessions.authenticate({ headers })) !== null;
}
