import { request } from 'node:http';
import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import {
  Public,
  SessionClock,
  SessionJwtModule,
  SessionService,
  type SessionEvent,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { rounds } from '../support/effort.js';
import { boot, closeBooted } from '../support/nest-app.js';
import { SECRET } from '../support/secrets.js';
import {
  inBatches,
  linkIn,
  openNode,
  printFigures,
  refresh,
  signIn,
  tally,
} from './nodes.js';
import { STORES, StoreServers } from './stores.js';

const LOST = rounds(1_000, 60);
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
  it(`F-02 recovers ${LOST} lost answers inside the grace time, and ends ${LOST} sessions after it`, async () => {
    const clock = new TestSessionClock(new Date());
    const shared = await servers.open(name, clock);
    const other = await openNode(shared.storeForNode(), clock);
    const losing = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            transport: 'header',
            refreshToken: {},
            rotation: { grace: GRACE },
            storeTimeout: '20s',
            dataLoader: false,
            store: shared.storeForNode(),
          }),
        ],
        controllers: [LosingController],
      },
      {
        override: (builder) =>
          builder.overrideProvider(SessionClock).useValue(clock),
      },
    );
    const lostEvents: SessionEvent[] = [];
    losing
      .get<SessionService>(SessionService)
      .events$.subscribe((event) => lostEvents.push(event));
    try {
      const subjects = Array.from({ length: 2 * LOST }, (_, i) => `user-${i}`);
      const tokens = await inBatches(subjects, 50, (subject) =>
        signIn(other, subject),
      );
      const losses = await inBatches(tokens, 50, (token) =>
        isLost(losing.port, token),
      );
      expect(tally(losses.map(String))).toEqual({ true: 2 * LOST });
      const children = lostEvents.filter(
        (event) => event.type === 'refreshed' && !event.repeated,
      );
      expect(children).toHaveLength(2 * LOST);

      clock.advance(GRACE - 1);
      const early = await inBatches(tokens.slice(0, LOST), 50, (token) =>
        refresh(other, token),
      );
      const again = await inBatches(tokens.slice(0, LOST), 50, (token) =>
        refresh(other, token),
      );
      const recovered = early.filter(
        ({ token }, i) =>
          token !== undefined && linkIn(token) === linkIn(again[i]?.token),
      );

      clock.advance(2);
      const late = await inBatches(tokens.slice(LOST), 50, (token) =>
        refresh(other, token),
      );
      const ended = late.filter(({ code }) => code === 'REFRESH_REUSED');
      const lateAgain = await inBatches(tokens.slice(LOST), 50, (token) =>
        refresh(other, token),
      );
      const goOn = await inBatches(recovered, 50, ({ token }) =>
        refresh(other, token!),
      );
      const alarms = other.count('refreshReused');
      const left = await inBatches(subjects, 50, (subject) =>
        other.sessions.list(subject),
      ).then((lists) => lists.flat().length);
      printFigures(
        `F-02 ${name}: ${2 * LOST} lost answers: inside the grace time ${recovered.length} recovered, a second after it ${ended.length} sessions ended, ${alarms} alarms`,
      );
      expect(recovered).toHaveLength(LOST);
      expect(goOn.filter(({ token }) => token !== undefined)).toHaveLength(
        LOST,
      );
      expect(ended).toHaveLength(LOST);
      expect(tally(lateAgain.map(({ code }) => String(code)))).toEqual({
        SESSION_ENDED: LOST,
      });
      expect(alarms).toBe(LOST);
      expect(left).toBe(LOST);
    } finally {
      await other.close();
      await closeBooted();
      await shared.close();
    }
  });
});
