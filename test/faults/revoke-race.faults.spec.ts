import { TestSessionClock } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { seededRandom } from '../support/random.js';
import {
  claimsOfRefresh,
  inBatches,
  openNode,
  printFigures,
  refresh,
  signIn,
  tally,
} from './nodes.js';
import { STORES, StoreServers, type StoreName } from './stores.js';

const ROUNDS: Readonly<Record<StoreName, number>> = {
  memory: rounds(6_000, 400),
  redis: rounds(2_500, 200),
  postgres: rounds(1_500, 120),
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
    const open = () => openNode(shared.storeForNode(), clock);
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
        const [refreshed] = await Promise.all([
          afterTicks(random() * 6, () => refresh(refreshing, current)),
          afterTicks(random() * 6, endings[kind]!),
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
      printFigures(
        `V-26 ${name}: ${outcomes.length} sessions ended while they were refreshed: ${survivors} survived, ${listed} still listed (${JSON.stringify(winners)})`,
      );
      expect(survivors).toBe(0);
      expect(listed).toBe(0);
      // Both orders occurred, or nothing was raced.
      expect(winners['refreshed first']).toBeGreaterThan(outcomes.length / 20);
      expect(winners['SESSION_UNKNOWN']).toBeGreaterThan(outcomes.length / 20);
      expect(alarms()).toBe(indices.filter((i) => i % 3 === 2).length);
    } finally {
      await Promise.all(
        [refreshing, ending, third].map((node) => node.close()),
      );
      await shared.close();
    }
  });
});

/** Lets others go first for so many turns of the event loop. */
async function afterTicks<T>(
  ticks: number,
  work: () => Promise<T>,
): Promise<T> {
  for (let i = 1; i < ticks; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return work();
}
