import { Redis } from 'ioredis';
import { SystemSessionClock } from '../../lib/ports/clock.js';
import { childOf, hashOf } from '../../lib/session/model/refresh-chain.js';
import type { CompiledLibrary } from '../support/compiled-library.js';
import { combinations, rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { seededRandom } from '../support/random.js';
import { SECRET } from '../support/secrets.js';
import type { KilledRefreshSettings, KillPoint } from './killed-refresh.js';
import { postManyTimes } from './many-requests.js';
import {
  claimsOfRefresh,
  inBatches,
  openNode,
  refresh,
  signIn,
  tally,
} from './nodes.js';
import { compilePrograms, RunningProgram, runProgram } from './processes.js';
import { StoreServers, type SharedStore } from './stores.js';

/** Of the 500 for both stores; the rest are whole servers. */
const KILLED_REFRESHES = rounds(245, 4);
const KILLED_SERVERS = rounds(5, 1);
const STORES = combinations(['postgres', 'redis'] as const, 1);
const REQUESTS_EACH = 8;
const AT_ONCE = 4;

const POINTS: readonly KillPoint[] = [
  'before the read',
  'before the write',
  'in the write',
  'after the write',
];

let library: CompiledLibrary;
const servers = new StoreServers();

beforeAll(async () => {
  library = compilePrograms();
  await servers.start(STORES);
});

afterAll(async () => {
  library.remove();
  await servers.stop();
});

describe.each(STORES)('on %s', (name) => {
  it(`F-04 F-05 loses no session of ${KILLED_REFRESHES + KILLED_SERVERS} killed processes, and leaves no half state`, async () => {
    const random = seededRandom(4);
    const clock = new SystemSessionClock();
    const shared = await servers.open(name, clock);
    const own = await openNode(shared.storeForNode(), clock);
    const records = await openRecords(shared);
    /** What the client of a killed process does, and what the store held before. */
    const recover = async (point: KillPoint, token: string) => {
      const state = await records.stateOf(token);
      const retried = await refresh(own, token);
      const onward = retried.token && (await refresh(own, retried.token));
      return { point, state, isLost: !onward || onward.token === undefined };
    };
    try {
      const signals: (string | null)[] = [];
      const refreshes = await inBatches(
        Array.from({ length: KILLED_REFRESHES }, (_, i) => i),
        AT_ONCE,
        async (i) => {
          const token = await signIn(own, `user-${i}`);
          const settings: KilledRefreshSettings = {
            ...shared.connection(),
            token: claimsOfRefresh(token),
            // However few there are, they meet every point.
            point: POINTS[i] ?? POINTS[Math.floor(random() * POINTS.length)]!,
            milliseconds: random() * 2,
          };
          signals.push(await runProgram(library, 'killed-refresh', settings));
          return recover(settings.point, token);
        },
      );
      const requests: typeof refreshes = [];
      for (let i = 0; i < KILLED_SERVERS; i += 1) {
        const tokens = await inBatches(
          Array.from({ length: REQUESTS_EACH }, (_, j) => `server-${i}-${j}`),
          REQUESTS_EACH,
          (subject) => signIn(own, subject),
        );
        const when = random() < 0.5 ? 'before' : 'after';
        const at = 1 + Math.floor(random() * REQUESTS_EACH);
        const server = await RunningProgram.start<{ port: number }>(
          library,
          'node-server',
          { secret: SECRET, ...shared.connection(), kill: { at, when } },
        );
        await Promise.allSettled(
          tokens.map((refreshToken) =>
            postManyTimes(
              server.ready.port,
              '/refresh',
              { refreshToken },
              1,
              1,
            ),
          ),
        );
        await server.exited;
        signals.push(server.child.signalCode);
        requests.push(
          ...(await inBatches(tokens, REQUESTS_EACH, (token) =>
            recover(`${when} the write`, token),
          )),
        );
      }

      const all = [...refreshes, ...requests];
      const states = tally(all.map(({ state }) => state));
      const lost = all.filter(({ isLost }) => isLost).length;
      const alarms = own.count('refreshReused');
      printFigures(
        ['F-04', 'F-05'],
        `${name}: ${signals.length} processes killed with ${all.length} refreshes under way: ${JSON.stringify(states)}, ${states['half'] ?? 0} half states, ${lost} sessions lost, ${alarms} alarms`,
      );
      expect(tally(signals.map(String))).toEqual({
        SIGKILL: KILLED_REFRESHES + KILLED_SERVERS,
      });
      expect(Object.keys(states).toSorted()).toEqual(['rotated', 'untouched']);
      expect(lost).toBe(0);
      expect(alarms).toBe(0);
      const ends = refreshes.map(({ point, state }) => `${point}: ${state}`);
      const certain = ends.filter((end) => !end.startsWith('in the write'));
      expect([...new Set(certain)].toSorted()).toEqual([
        'after the write: rotated',
        'before the read: untouched',
        'before the write: untouched',
      ]);
    } finally {
      records.close();
      await own.close();
      await shared.close();
    }
  });
});

/** What a store holds of a chain whose first token was, or was not, exchanged. */
type ChainState = 'untouched' | 'rotated' | 'half';

interface Chain {
  readonly generation: number;
  readonly hash: string | null;
  readonly previousHash: string | null;
  /** Whether the times and the indexes agree with each other. */
  readonly agrees: boolean;
}

/** A look past the store at its records. */
async function openRecords(shared: SharedStore): Promise<{
  stateOf(token: string): Promise<ChainState>;
  close(): void;
}> {
  const { redis, postgres } = shared.connection();
  const client = redis && new Redis(redis.port, '127.0.0.1');
  const chainOf = async (id: string, subject: string): Promise<Chain> => {
    if (client) {
      const index = `${redis.prefix}{${Buffer.from(subject).toString('base64url')}}`;
      const [fields, kept, life] = await Promise.all([
        client.hgetall(`${index}:${id}`),
        client.zscore(index, id),
        client.pttl(`${index}:${id}`),
      ]);
      return {
        generation: Number(fields['generation']),
        hash: fields['hash'] ?? null,
        previousHash: fields['previousHash'] ?? null,
        agrees:
          fields['rotatedAt'] === fields['lastSeenAt'] &&
          Number(fields['expiresAt']) ===
            Number(fields['rotatedAt']) + 7 * 86_400_000 &&
          Number(kept) >= Number(fields['expiresAt']) &&
          life > 0,
      };
    }
    const { rows } = await shared.query!(
      `SELECT generation::integer, hash, previous_hash AS "previousHash",
        rotated_at = last_seen_at AND expires_at = rotated_at + interval '7 days' AS agrees
      FROM user_sessions WHERE subject = $1 AND id = $2`,
      [subject, id],
    );
    return rows[0] as Chain;
  };
  expect(client ?? postgres).toBeDefined();
  return {
    async stateOf(token) {
      const { sid, sub, ...link } = claimsOfRefresh(token);
      const { generation, hash, previousHash, agrees } = await chainOf(
        sid,
        sub,
      );
      const state = JSON.stringify([generation, hash, previousHash]);
      const first = hashOf(link);
      const second = hashOf(childOf(link, sid));
      if (agrees && state === JSON.stringify([0, first, null])) {
        return 'untouched';
      }
      return agrees && state === JSON.stringify([1, second, first])
        ? 'rotated'
        : 'half';
    },
    close: () => client?.disconnect(),
  };
}
