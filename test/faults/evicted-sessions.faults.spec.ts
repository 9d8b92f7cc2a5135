import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { SystemSessionClock } from '../../lib/ports/clock.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { startRedis } from '../support/redis-server.js';
import {
  claimsOfRefresh,
  inBatches,
  openNode,
  refresh,
  signIn,
  tally,
} from './nodes.js';

const SESSIONS = rounds(10_000, 300);
const AT_ONCE = 50;
/** Of the keys: a session needs its record and the index of its subject, so that 30 % of the sessions go. */
const KEPT = 0.84;

it(`a Redis that evicts some of ${SESSIONS} sessions ends exactly those, and raises no alarm (F-10)`, async () => {
  const server = await startRedis();
  const client = new Redis(server.port, '127.0.0.1');
  const store = new RedisSessionStore({ client });
  const node = await openNode(store, new SystemSessionClock());
  const usedMemory = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
  try {
    const tokens = await inBatches(
      Array.from({ length: SESSIONS }, (_, i) => `user-${i}`),
      AT_ONCE,
      (subject) => signIn(node, subject),
    );
    const keys = await client.dbsize();
    await client.config('SET', 'maxmemory-policy', 'allkeys-random');
    while ((await client.dbsize()) > KEPT * keys) {
      await client.config('SET', 'maxmemory', (await usedMemory()) - 4_096);
    }
    await client.config('SET', 'maxmemory', 0);

    const held = await inBatches(tokens, AT_ONCE, async (token) => {
      const { sid, sub } = claimsOfRefresh(token);
      return (await store.read(sid, sub)) !== undefined;
    });
    const outcomes = await inBatches(
      tokens,
      AT_ONCE,
      async (token) => (await refresh(node, token)).code ?? 'refreshed',
    );
    const counts = tally(outcomes);
    const alarms = node.count('refreshReused');
    printFigures(
      'F-10',
      `${tally(held.map(String))['false']} of ${SESSIONS} sessions evicted: ${JSON.stringify(counts)}, ${alarms} alarms`,
    );
    expect(outcomes).toEqual(
      held.map((isHeld) => (isHeld ? 'refreshed' : 'SESSION_UNKNOWN')),
    );
    expect(Object.keys(counts)).toHaveLength(2);
    expect(alarms).toBe(0);
  } finally {
    await node.close();
    client.disconnect();
    await server.stop();
  }
});
