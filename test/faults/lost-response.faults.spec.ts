import { request } from 'node:http';
import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import {
  Public,
  SessionJwtModule,
  SessionService,
  type SessionEvent,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { boot, closeBooted } from '../support/nest-app.js';
import { SickStore } from '../support/sick-store.js';
import { SECRET } from '../support/secrets.js';
import {
  HeardUses,
  inBatches,
  linkIn,
  openNode,
  refresh,
  signIn,
  tally,
  use,
} from './nodes.js';
import { STORES, StoreServers } from './stores.js';

const LOST = rounds(1_000, 12);
const GRACE = 30;

const servers = new StoreServers();

beforeAll(async () => {
  await Promise.all([servers.redis(), servers.postgres()]);
});

afterAll(async () => {
  await closeBooted();
  await servers.stop();
});

/** Hangs up when the tokens have been exchanged and nothing of the answer was sent. */
@Controller()
class LosingController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('refresh')
  @HttpCode(200)
  async refresh(@Req() incoming: Request) {
    const issued = await this.sessions.refresh(incoming);
    incoming.socket.destroy();
    return issued;
  }
}

/** Posts a refresh token, and tells whether the connection was lost instead of an answer. */
function isLost(port: number, refreshToken: string): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/refresh',
        headers: { 'Content-Type': 'application/json' },
        agent: false,
      },
      (incoming) => {
        incoming.resume();
        resolve(false);
      },
    );
    outgoing.on('error', () => resolve(true));
    outgoing.end(JSON.stringify({ refreshToken }));
  });
}

describe.each(STORES)('on %s', (name) => {
  it(`F-02 recovers ${LOST} answers that were lost before a sleep of 12 hours, without an alarm, and finds whoever has a copy later`, async () => {
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const uses = new HeardUses();
    const [other, third] = await Promise.all(
      [1, 2].map(() =>
        openNode(uses.watch(shared.storeForNode()), clock, {
          refreshToken: { grace: GRACE },
        }),
      ),
    );
    const losing = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            transport: 'header',
            refreshToken: { grace: GRACE },
            storeTimeout: '20s',
            dataLoader: false,
            store: shared.storeForNode(),
          }),
        ],
        controllers: [LosingController],
      },
      {
        clock,
      },
    );
    const lostEvents: SessionEvent[] = [];
    losing
      .get<SessionService>(SessionService)
      .events$.subscribe((event) => lostEvents.push(event));
    const alarms = () =>
      other!.count('refreshReused') + third!.count('refreshReused');
    try {
      const subjects = Array.from({ length: LOST }, (_, i) => `user-${i}`);
      const tokens = await inBatches(subjects, 50, (subject) =>
        signIn(other!, subject),
      );
      const losses = await inBatches(tokens, 50, (token) =>
        isLost(losing.port, token),
      );
      expect(tally(losses.map(String))).toEqual({ true: LOST });
      const children = lostEvents.filter(
        (event) => event.type === 'refreshed' && !event.repeated,
      );
      expect(children).toHaveLength(LOST);

      clock.advance(12 * 3_600);
      const woken = await inBatches(tokens, 50, (token) =>
        refresh(other!, token),
      );
      // A second tab wakes later, when the first one has used its new tokens.
      const used = await inBatches(woken, 50, ({ sessionToken = '' }) =>
        use(third!, sessionToken),
      );
      const told = await uses.settled();
      clock.advance(2);
      const tabs = await inBatches(tokens, 50, (token) =>
        refresh(third!, token),
      );
      const same = woken.filter(
        ({ token }, i) => token && linkIn(token) === linkIn(tabs[i]!.token),
      );
      printFigures(
        'F-02',
        `${name}: ${LOST} answers lost, 12 h asleep: ${other!.count('recovered')} recovered, ${same.length} of their second tabs with the same tokens, ${alarms()} alarms; the store was told of ${told} uses`,
      );
      expect(tally(woken.map(({ code }) => String(code)))).toEqual({
        undefined: LOST,
      });
      expect(other!.count('recovered')).toBe(LOST);
      expect(tally(used.map(String))).toEqual({ true: LOST });
      expect(told).toBe(LOST);
      expect(same).toHaveLength(LOST);
      expect(alarms()).toBe(0);

      clock.advance(GRACE);
      const copies = await inBatches(tokens, 50, (token) =>
        refresh(other!, token),
      );
      expect(tally(copies.map(({ code }) => String(code)))).toEqual({
        REFRESH_REUSED: LOST,
      });
      expect(alarms()).toBe(LOST);
      printFigures(
        'F-02',
        `${name}: ${LOST} used parents presented after the grace time: ${alarms()} sessions ended, ${alarms()} events`,
      );
      const left = await inBatches(subjects, 50, (subject) =>
        other!.sessions.list(subject),
      );
      expect(left.flat()).toEqual([]);
    } finally {
      await Promise.all([other!.close(), third!.close()]);
      await closeBooted();
      await shared.close();
    }
  });

  it(`F-02 raises no alarm in ${LOST} refreshes whose answers were lost with their store, which is away for 60 s at a grace time of ${GRACE} s`, async () => {
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const store = new SickStore(shared.storeForNode());
    const options = { refreshToken: { grace: GRACE } };
    const node = await openNode(store, clock, options);
    const healthy = await openNode(shared.storeForNode(), clock, options);
    try {
      const subjects = Array.from({ length: LOST }, (_, i) => `user-${i}`);
      const tokens = await inBatches(subjects, 50, (subject) =>
        signIn(node, subject),
      );
      const tried = async () => {
        const outcomes = await inBatches(tokens, 50, (token) =>
          refresh(node, token),
        );
        return tally(outcomes.map(({ code }) => String(code)));
      };
      // Carried out, but its answer is lost.
      store.fall('loses', 'rotate');
      expect(await tried()).toEqual({ STORE_UNAVAILABLE: LOST });
      for (let away = 0; away < 60; away += 20) {
        store.fall('rejects');
        clock.advance(20);
        expect(await tried()).toEqual({ STORE_UNAVAILABLE: LOST });
      }
      store.recover();
      expect(await tried()).toEqual({ undefined: LOST });
      expect(node.count('recovered')).toBe(LOST);
      clock.advance(2);
      const tabs = await inBatches(tokens, 50, (token) =>
        refresh(healthy, token),
      );
      const alarms =
        node.count('refreshReused') + healthy.count('refreshReused');
      printFigures(
        'F-02',
        `${name}: ${LOST} answers lost with their store, 60 s away: ${node.count('recovered')} recovered, ${alarms} alarms`,
      );
      expect(tally(tabs.map(({ code }) => String(code)))).toEqual({
        undefined: LOST,
      });
      expect(alarms).toBe(0);
    } finally {
      await Promise.all([node.close(), healthy.close()]);
      await shared.close();
    }
  });

  it('F-03 recovers no second lost answer in a row, since a thief who uses nothing would go unnoticed', async () => {
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const node = await openNode(shared.storeForNode(), clock, {
      refreshToken: { grace: GRACE },
    });
    try {
      const first = await signIn(node, 'ada');
      await refresh(node, first);
      clock.advance(3_600);
      const { token: second } = await refresh(node, first);
      expect(node.count('recovered')).toBe(1);
      await refresh(node, second!);
      clock.advance(3_600);
      expect(await refresh(node, second!)).toEqual({ code: 'REFRESH_REUSED' });
      expect(node.count('refreshReused')).toBe(1);
    } finally {
      await node.close();
      await shared.close();
    }
  });

  it('tells the store once of a generation, and again where that failed', async () => {
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const uses = new HeardUses();
    const node = await openNode(uses.watch(shared.storeForNode()), clock);
    const first = await node.sessions.generate('ada');
    try {
      uses.isHeard = () => false;
      expect(await use(node, first.token)).toBe(true);
      expect(await uses.settled()).toBe(1);
      await new Promise(setImmediate);
      uses.isHeard = () => true;
      for (let i = 0; i < 3; i += 1) {
        expect(await use(node, first.token)).toBe(true);
      }
      expect(await uses.settled()).toBe(1);
      const { sessionToken } = await refresh(node, first.refreshToken!);
      expect(await use(node, sessionToken!)).toBe(true);
      // A token of before says nothing any more.
      expect(await use(node, first.token)).toBe(true);
      expect(await use(node, sessionToken!)).toBe(true);
      expect(await uses.settled()).toBe(1);
    } finally {
      await node.close();
      await shared.close();
    }
  });
});
