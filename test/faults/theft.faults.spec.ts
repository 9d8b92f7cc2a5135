import type { SessionEvent } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { combinations, rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { seededRandom } from '../support/random.js';
import {
  HeardUses,
  openNode,
  refresh,
  signIn,
  use as useToken,
} from './nodes.js';
import { STORES, StoreServers, type StoreName } from './stores.js';

const THEFTS: Readonly<Record<StoreName, number>> = {
  memory: rounds(1_000, 40),
  redis: rounds(300, 20),
  postgres: rounds(300, 20),
};
const ACCESS = 900;
const GRACE = 30;

const servers = new StoreServers();

beforeAll(async () => {
  await Promise.all([servers.redis(), servers.postgres()]);
});

afterAll(() => servers.stop());

/** Somebody who holds a refresh token, and exchanges it some time after the access token has ended. */
interface Holder {
  token: string;
  nextUse: number;
}

/** A session whose owner is robbed. Times in seconds since the beginning. */
interface Theft {
  readonly owner: Holder;
  thief: Holder | undefined;
  readonly stolenAt: number;
  /** When they last got the same token within the grace time, or else when the thief first used it. */
  apartSince: number | undefined;
  detectedAt: number | undefined;
}

/** Who uses session tokens besides refreshing them, and whether the store hears of it. */
const KINDS: readonly [
  kind: string,
  ownerUses: boolean,
  thiefUses: boolean,
  isHeard: boolean,
][] = [
  ['both use what they get', true, true, true],
  ['the thief uses nothing', true, false, true],
  ['neither uses anything', false, false, true],
  ['the store hears of no use', true, true, false],
];

describe.each(STORES)('on %s', (name) => {
  // The contract of stores and the model show on every store what a use changes.
  it.each(combinations(KINDS, name === 'memory' ? KINDS.length : 1))(
    `F-03 notices ${THEFTS[name]} thefts at random times, at the latest two access lifetimes after the uses lay apart: %s`,
    async (kind, ownerUses, thiefUses, isHeard) => {
      const count = THEFTS[name];
      const uses = new HeardUses();
      uses.isHeard = () => isHeard;
      const random = seededRandom(3);
      const between = (from: number, to: number): number =>
        from + Math.floor(random() * (to - from));
      const begin = Math.floor(Date.now() / 1000);
      const clock = new TestSessionClock(begin);
      const shared = await servers.open(name, clock);
      const nodes = await Promise.all(
        [1, 2].map(() =>
          openNode(uses.watch(shared.storeForNode()), clock, {
            refreshToken: { accessLifetime: ACCESS, grace: GRACE },
          }),
        ),
      );
      try {
        const thefts: Theft[] = [];
        for (let i = 0; i < count; i += 1) {
          thefts.push({
            owner: {
              token: await signIn(nodes[0]!, `user-${i}`),
              nextUse: between(ACCESS, 2 * ACCESS),
            },
            thief: undefined,
            stolenAt: between(0, 6 * ACCESS),
            apartSince: undefined,
            detectedAt: undefined,
          });
        }
        const plans = new Map<
          number,
          { theft: Theft; holder: Holder | undefined }[]
        >();
        /** @param holder who uses the token then; nobody: it is stolen */
        const plan = (
          at: number,
          theft: Theft,
          holder: Holder | undefined,
        ): void => {
          const planned = plans.get(at) ?? [];
          plans.set(at, [...planned, { theft, holder }]);
        };
        let metWithin = 0;
        const use = async (
          theft: Theft,
          holder: Holder,
          now: number,
        ): Promise<void> => {
          const node = nodes[random() < 0.5 ? 0 : 1]!;
          const { token, sessionToken, code } = await refresh(
            node,
            holder.token,
          );
          if (token === undefined) {
            expect(code).toBe('REFRESH_REUSED');
            theft.detectedAt = now;
            return;
          }
          const event = node.events.findLast(
            ({ type }) => type === 'refreshed',
          );
          if (theft.thief && isRepeat(event)) {
            metWithin += 1;
            theft.apartSince = now;
          }
          if (holder === theft.thief) {
            theft.apartSince ??= now;
          }
          if (holder === theft.thief ? thiefUses : ownerUses) {
            const elsewhere = nodes[random() < 0.5 ? 0 : 1]!;
            await useToken(elsewhere, sessionToken);
            await uses.settled();
          }
          holder.token = token;
          holder.nextUse = now + between(ACCESS, 2 * ACCESS);
        };

        for (const theft of thefts) {
          plan(theft.owner.nextUse, theft, theft.owner);
          plan(theft.stolenAt, theft, undefined);
        }
        for (let now = 0; now < 40 * ACCESS; now += 1) {
          for (const { theft, holder } of plans.get(now) ?? []) {
            if (theft.detectedAt !== undefined) continue;
            if (holder) {
              clock.set(begin + now);
              await use(theft, holder, now);
              plan(holder.nextUse, theft, holder);
            } else {
              const { token } = theft.owner;
              theft.thief = { token, nextUse: now + between(1, 2 * ACCESS) };
              plan(theft.thief.nextUse, theft, theft.thief);
            }
          }
        }

        const undetected = thefts.filter(
          ({ detectedAt }) => detectedAt === undefined,
        ).length;
        const delays = thefts.map(({ detectedAt, apartSince }) =>
          detectedAt === undefined
            ? Infinity
            : detectedAt - (apartSince ?? detectedAt),
        );
        const alarms = nodes.reduce(
          (sum, node) => sum + node.count('refreshReused'),
          0,
        );
        const longest = Math.max(...delays);
        printFigures(
          'F-03',
          `${name}, ${kind}: ${count} thefts: ${undetected} undetected, ${alarms} alarms, detected after at most ${(longest / ACCESS).toFixed(2)} access lifetimes apart (${metWithin} uses met inside the grace time)`,
        );
        expect(undetected).toBe(0);
        expect(alarms).toBe(count);
        expect(metWithin).toBeGreaterThan(0);
        expect(longest).toBeLessThanOrEqual(2 * ACCESS);
        const left = await nodes[0]!.sessions.list('user-0');
        expect(left).toEqual([]);
      } finally {
        await Promise.all(nodes.map((node) => node.close()));
        await shared.close();
      }
    },
  );
});

function isRepeat(event: SessionEvent | undefined): boolean {
  return event?.type === 'refreshed' && event.repeated;
}
