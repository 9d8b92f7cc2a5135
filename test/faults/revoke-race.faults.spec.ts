import type { SessionStore } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { printLine } from '../support/figures.js';
import { seededRandom } from '../support/random.js';
import {
  claimsOfRefresh,
  inBatches,
  openNode,
  refresh,
  signIn,
  tally,
} from './nodes.js';
import { STORES, StoreServers, type StoreName } from './stores.js';

const ROUNDS: Readonly<Record<StoreName, number>> = {
  memory: rounds(6_000, 150),
  redis: rounds(2_500, 80),
  postgres: rounds(1_500, 60),
};
const AT_ONCE = 100;

const servers = new StoreServers();

beforeAll(async () => {
  await Promise.all([servers.redis(), servers.postgres()]);
});

afterAll(() => servers.stop());

describe.each(STORES)('on %s', (name) => {
  it(`V-26 A-084 leaves no usable token of ${ROUNDS[name]} sessions that were ended while they were refreshed`, async () => {
    const random = seededRandom(26);
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const rotations = new Rotations();
    const open = () =>
      openNode(rotations.watched(shared.storeForNode()), clock);
    const [refreshing, ending, third] = [
      await open(),
      await open(),
      await open(),
    ];
    try {
      const indices = Array.from({ length: ROUNDS[name] }, (_, i) => i);
      const outcomes = await inBatches(indices, AT_ONCE, async (i) => {
        const subject = `user-${i}`;
        const first = await signIn(refreshing, subject);
        const { sid: id } = claimsOfRefresh(first);
        let current = first;
        const endings: Record<string, () => Promise<unknown>> = {
          revoke: () => ending.sessions.revoke({ id, subject }),
          revokeAll: () => ending.sessions.revokeAll(subject),
          // A token that is older than the parent of the current one.
          reuse: () => refresh(ending, first),
        };
        const kind = (['revoke', 'revokeAll', 'reuse'] as const)[i % 3]!;
        if (kind === 'reuse') {
          for (let generation = 0; generation < 2; generation += 1) {
            current = (await refresh(refreshing, current)).token!;
          }
        }
        // Half of the ends are sent right after the rotation, so that both orders occur, however slow the store is.
        const start = i % 2 === 0 ? rotations.nextOf(id) : undefined;
        const [refreshed] = await Promise.all([
          afterTicks(random() * 6, () => refresh(refreshing, current)),
          afterTicks(random() * 6, endings[kind]!, start),
        ]);
        const usable = [];
        for (const token of new Set([current, refreshed.token ?? current])) {
          usable.push((await refresh(third, token)).token !== undefined);
        }
        return {
          winner: refreshed.code ?? 'refreshed first',
          survived: usable.includes(true),
          listed: (await third.sessions.list(subject)).length,
        };
      });
      function alarms(): number {
        return [refreshing, ending, third].reduce(
          (sum, node) => sum + node.count('refreshReused'),
          0,
        );
      }
      const survivors = outcomes.filter(({ survived }) => survived).length;
      const listed = outcomes.filter((each) => each.listed > 0).length;
      const winners = tally(outcomes.map(({ winner }) => winner));
      printLine(
        `V-26 ${name}: ${outcomes.length} sessions ended while they were refreshed: ${survivors} survived, ${listed} still listed (${JSON.stringify(winners)})`,
      );
      expect(survivors).toBe(0);
      expect(listed).toBe(0);
      // Both orders occurred, or nothing was raced.
      expect(winners['refreshed first']).toBeGreaterThan(outcomes.length / 100);
      expect(winners['SESSION_UNKNOWN']).toBeGreaterThan(outcomes.length / 100);
      expect(alarms()).toBe(indices.filter((i) => i % 3 === 2).length);
    } finally {
      await Promise.all(
        [refreshing, ending, third].map((node) => node.close()),
      );
      await shared.close();
    }
  });
});

/** Notices when the rotation of a session is sent to a store. */
class Rotations {
  readonly #awaited = new Map<string, () => void>();

  watched(store: SessionStore): SessionStore {
    const rotate = store.rotate.bind(store);
    store.rotate = (id, ...rest) => {
      const answer = rotate(id, ...rest);
      this.#awaited.get(id)?.();
      return answer;
    };
    return store;
  }

  nextOf(id: string): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(id, resolve));
  }
}

/** Lets others go first for so many turns of the event loop, from a moment on. */
async function afterTicks<T>(
  ticks: number,
  work: () => Promise<T>,
  start?: Promise<void>,
): Promise<T> {
  await start;
  for (let i = 1; i < ticks; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return work();
}
