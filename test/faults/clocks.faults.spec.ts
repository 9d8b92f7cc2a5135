import { SessionClock } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { seededRandom } from '../support/random.js';
import {
  claimsOfRefresh,
  inBatches,
  linkIn,
  openNode,
  refresh,
  signIn,
  tally,
  use,
} from './nodes.js';
import { STORES, StoreServers } from './stores.js';

const SESSIONS = rounds(100, 10);
const ROUNDS = rounds(10, 2);
const HOUR = 3_600;

const servers = new StoreServers();

beforeAll(async () => {
  await Promise.all([servers.redis(), servers.postgres()]);
});

afterAll(() => servers.stop());

/** The clock of a machine that is ahead of another by so many seconds. */
class SkewedClock extends SessionClock {
  constructor(
    readonly truth: SessionClock,
    readonly skew: number,
  ) {
    super();
  }

  override nowSeconds(): number {
    return this.truth.nowSeconds() + this.skew;
  }
}

describe.each(STORES)('on %s', (name) => {
  it('F-15 refreshes at nodes whose clocks are up to 30 s early or late, parallel and repeated refreshes included', async () => {
    const random = seededRandom(15);
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const nodes = await Promise.all(
      [-30, -12, -1, 0, 4, 12, 30].map((skew) =>
        openNode(shared.storeForNode(), new SkewedClock(clock, skew)),
      ),
    );
    const anyNode = () => nodes[Math.floor(random() * nodes.length)]!;
    try {
      const subjects = Array.from({ length: SESSIONS }, (_, i) => `user-${i}`);
      let tokens = await inBatches(subjects, 50, (subject) =>
        signIn(anyNode(), subject),
      );
      const failures: string[] = [];
      let refreshes = 0;
      const count = async (token: string): Promise<string> => {
        refreshes += 1;
        const { token: child, code } = await refresh(anyNode(), token);
        if (code !== undefined) failures.push(code);
        return child ?? token;
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        clock.advance(900);
        tokens = await inBatches(tokens, 50, async (token) => {
          const children = [
            ...(await Promise.all([count(token), count(token)])),
            await count(token),
          ];
          if (new Set(children.map(linkIn)).size !== 1) {
            failures.push('not the same child');
          }
          return children[0]!;
        });
        // Some answers are lost, and asked for again at another node.
        const lost = new Set(tokens.filter(() => random() < 0.1));
        await inBatches([...lost], 50, count);
        clock.advance(20);
        tokens = await inBatches(tokens, 50, async (token) =>
          lost.has(token) ? count(token) : token,
        );
      }
      const alarms = nodes.reduce(
        (sum, node) => sum + node.count('refreshReused'),
        0,
      );
      const early = await nodes[4]!.sessions.generate('early');
      const { subject } = await nodes[3]!.sessions.verify(early.token);
      printFigures(
        'F-15',
        `${name}: ${refreshes} refreshes of ${SESSIONS} sessions at nodes that are -30 to +30 s off: ${failures.length} failed, ${alarms} alarms`,
      );
      expect(tally(failures)).toEqual({});
      expect(alarms).toBe(0);
      expect(subject).toBe('early');
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
      await shared.close();
    }
  });

  it('F-16 brings no session back when the clocks jump back by an hour', async () => {
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const open = () =>
      openNode(shared.storeForNode(), clock, {
        dataRefreshInterval: '5m',
        lifetime: { idle: '10m', absolute: '12h' },
      });
    const [node, other] = [await open(), await open()];
    try {
      const begin = async (kind: string): Promise<string[]> =>
        inBatches(
          Array.from({ length: SESSIONS }, (_, i) => `${kind}-${i}`),
          50,
          (subject) => signIn(node, subject),
        );
      const step = (all: string[]) =>
        inBatches(all, 50, async (token) => {
          const child = await refresh(node, token);
          expect(await use(node, child.sessionToken!)).toBe(true);
          return child.token!;
        });
      clock.advance(-2 * HOUR);
      const expired = await begin('expired');
      clock.advance(2 * HOUR);
      const revoked = await begin('revoked');
      const reused = await begin('reused');
      const children = await step(reused);
      const living = await begin('living');

      const found = await inBatches(expired, 50, (token) =>
        refresh(node, token),
      );
      await inBatches(revoked, 50, async (token) => {
        const { sid: id, sub: subject } = claimsOfRefresh(token);
        await node.sessions.revoke({ id, subject });
      });
      clock.advance(60);
      const caught = await inBatches(reused, 50, (token) =>
        refresh(node, token),
      );
      expect(
        tally([...found, ...caught].map(({ code }) => String(code))),
      ).toEqual({ SESSION_UNKNOWN: SESSIONS, REFRESH_REUSED: SESSIONS });

      clock.advance(-HOUR);
      const dead = [...expired, ...revoked, ...reused, ...children];
      const after = [
        ...(await inBatches(dead, 50, (token) => refresh(node, token))),
        ...(await inBatches(dead, 50, (token) => refresh(other, token))),
      ];
      const risen = after.filter(({ token }) => token !== undefined).length;
      const alive = await inBatches(living, 50, (token) =>
        refresh(other, token),
      );
      const survivors = alive.filter(({ token }) => token !== undefined).length;
      printFigures(
        'F-16',
        `${name}: an hour back: ${risen} of ${3 * SESSIONS} ended sessions came back, ${survivors} of ${SESSIONS} living ones refreshed`,
      );
      expect(risen).toBe(0);
      expect(survivors).toBe(SESSIONS);
    } finally {
      await Promise.all([node.close(), other.close()]);
      await shared.close();
    }
  });
});
