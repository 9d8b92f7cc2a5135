import type { SessionJwtModuleOptions } from '../../lib/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { CLIENTS, CLUSTER_CLIENTS } from '../stores/redis/clients.js';
import type { ConnectedClient } from '../stores/redis/clients.js';
import { printFigures } from '../support/figures.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  startRedis,
  startRedisCluster,
  until,
  type RedisServer,
} from '../support/redis-server.js';
import { bothAdapters as adapters, type TestApp } from '../support/test-app.js';

const PROFILES: [name: string, options: Partial<SessionJwtModuleOptions>][] = [
  ['without refresh tokens', {}],
  ['with refresh tokens', { refreshToken: {} }],
  ["with keepDataIn: 'store'", { keepDataIn: 'store' }],
  ["with revocationCheck: 'always'", { revocationCheck: 'always' }],
];

describe.each([
  ['one server', 1, CLIENTS],
  ['a cluster', 3, CLUSTER_CLIENTS],
] as const)('F-11: Redis as %s that is flushed', (what, size, clients) => {
  const connectAll = Object.values(clients);
  let primaries: RedisServer[];
  let stop: () => Promise<void>;
  const connected: ConnectedClient[] = [];

  beforeAll(async () => {
    if (size === 1) {
      const server = await startRedis();
      primaries = [server];
      stop = () => server.stop();
    } else {
      const cluster = await startRedisCluster(size);
      primaries = cluster.primaries;
      stop = () => cluster.stop();
    }
  });
  afterEach(async () => {
    await Promise.all(connected.splice(0).map((each) => each.close()));
  });
  afterAll(() => stop());

  /** One of several processes, with a client of its own of one library or the other. */
  async function openProcess(
    adapter: 'express' | 'fastify',
    session: Partial<SessionJwtModuleOptions>,
  ): Promise<TestApp> {
    const connect = connectAll[connected.length % connectAll.length]!;
    const ports = primaries.map(({ port }) => port);
    const each = await connect(ports);
    connected.push(each);
    return openTestApp(adapter, {
      session: {
        ...session,
        store: new RedisSessionStore({ client: each.client }),
        storeTimeout: '20s',
      },
    });
  }

  async function flush(): Promise<void> {
    for (const primary of primaries) await primary.command('FLUSHALL');
  }

  /** Waits until the processes know the mark of now, as they do after their first call. */
  async function untilMarked(): Promise<void> {
    await until(async () => {
      const replies = await Promise.all(
        primaries.map((primary) => primary.command('EXISTS session:epoch')),
      );
      return replies.includes(':1');
    });
  }

  it.each(PROFILES)(
    'is reported once by all processes together, also when a new one has signed a user in before: %s',
    async (name, session) => {
      await flush();
      const [adapter] = adapters[connected.length % 2]!;
      const processes = [
        await openProcess(adapter, session),
        await openProcess(adapter, session),
      ];
      const browsers = [];
      for (const app of processes) {
        browsers.push(await app.signIn('ada'), await app.signIn('bob'));
      }
      await untilMarked();
      // Both have known it since their first call: another one is answered after it.
      for (const app of processes) await app.sessions.list('ada');
      await flush();
      const young = await openProcess(adapter, session);
      const survivor = await young.signIn('ada');
      await untilMarked();

      for (const app of processes) app.clock.advance('20m');
      for (const browser of browsers) {
        expect((await browser.get('/me')).status).toBe(401);
      }
      expect((await survivor.get('/me')).status).toBe(200);
      const events = [...processes, young].flatMap((app) =>
        app.eventsOf('storeRolledBack'),
      );
      expect(events.map(({ lost }) => lost)).toEqual(['everything']);
      printFigures(
        'F-11',
        `${what}, ${name}: ${events.length} event from 3 processes for ${browsers.length} refused sessions`,
      );
    },
  );
});
