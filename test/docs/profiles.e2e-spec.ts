import {
  MemoryRevocationLog,
  MemorySessionStore,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { openTestApp } from '../support/opened-apps.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { profiles, transitions } from './profiles-page.js';
import { SnippetFiles } from './snippets/page.js';

type Options = Partial<SessionJwtModuleOptions>;

let redis: RedisServer;
let client: { disconnect(): void };
let files: SnippetFiles;

beforeAll(async () => {
  redis = await startRedis();
  process.env['REDIS_URL'] = redis.url;
  const application = await import('./snippets/application.js');
  await application.redis.connect();
  client = application.redis;
  files = new SnippetFiles(profiles);
});

afterAll(async () => {
  client.disconnect();
  await redis.stop();
  files.remove();
});

async function optionsOf(profile: string): Promise<Options> {
  const title = profiles.find(
    ([each]) => each.toLowerCase() === profile.toLowerCase(),
  )![0];
  return ((await import(files.pathOf(title))) as { options: Options }).options;
}

/** Of the page's options, what a test clock can move. */
async function movableOptionsOf(profile: string): Promise<Options> {
  const { store, revocations, ...options } = await optionsOf(profile);
  return {
    ...options,
    ...(store && { store: new MemorySessionStore() }),
    ...(revocations && { revocations: new MemoryRevocationLog() }),
  };
}

it.each(
  profiles
    .map(([title]) => title)
    .filter((title) => title !== 'Resource server'),
)('starts, signs in and signs out: %s', async (profile) => {
  const options = await optionsOf(profile);
  // Redis has the time of this machine.
  const clock = new TestSessionClock(new Date());
  const app = await openTestApp('fastify', { session: options, clock });
  const browser = app.browser();
  const { json } = await browser.post('/login', { user: 'ada' });
  const headers: Record<string, string> = json.token
    ? { authorization: `Bearer ${json.token}` }
    : {};
  expect((await browser.get('/me', headers)).status).toBe(200);
  expect((await browser.post('/logout', {}, headers)).status).toBe(204);
  expect((await browser.get('/me', headers)).status).toBe(401);
});

it.each(transitions)(
  'a deploy that changes $from to $to: $sessions',
  async ({ from, to, sessions }) => {
    const clock = new TestSessionClock();
    const before = await openTestApp('fastify', {
      session: await movableOptionsOf(from),
      clock,
    });
    const browser = before.browser();
    await browser.post('/login', { user: 'ada' });
    const after = await openTestApp('fastify', {
      session: await movableOptionsOf(to),
      clock,
    });
    const there = browser.at(after);
    const statuses: number[] = [];
    for (const pause of ['0s', '16m', '16m', '16m']) {
      clock.advance(pause);
      statuses.push((await there.get('/me')).status);
    }
    expect(sessions).toBe(
      statuses.every((status) => status === 200)
        ? 'continue'
        : 'users sign in again',
    );
    expect(
      statuses.filter((status) => status !== 200 && status !== 401),
    ).toEqual([]);
    const { status } = await there.post('/login', { user: 'ada' });
    expect(status).toBe(200);
  },
);
