import { Controller, Headers, HttpCode, Ip, Post, Res } from '@nestjs/common';
import {
  Public,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { DAY, HOUR, MINUTE, NOW } from '../support/session-claims.js';
import { clearingOf, SessionClient } from '../support/session-client.js';
import { openStoredNode, openStoredNodes } from '../support/stored-nodes.js';
import { platforms } from '../support/effort.js';
import { type TestApp } from '../support/test-app.js';

const adapters = platforms('fastify');

type Options = Partial<SessionJwtModuleOptions>;

const FIELDS = [
  'createdAt',
  'expiresAt',
  'id',
  'isBound',
  'lastSeenAt',
  'metadata',
  'subject',
];

@Controller('from')
class SignInController {
  constructor(private readonly sessions: SessionService) {}

  /** Notes where the sign-in comes from. */
  @Public()
  @Post('here')
  @HttpCode(200)
  signIn(
    @Ip() ip: string,
    @Headers('user-agent') userAgent: string,
    @Res({ passthrough: true }) response: object,
  ) {
    const metadata = { ip, userAgent, label: 'Work' };
    return this.sessions.generate('ada', { response, metadata });
  }
}

describe.each(adapters)('the list of devices on %s', (adapter) => {
  const open = (session?: Options) =>
    openStoredNode(adapter, session, { controllers: [SignInController] });
  const openTwo = (session?: Options) => openStoredNodes(adapter, session);
  const signIn = (app: TestApp, user?: string, options?: object) =>
    SessionClient.signIn(app, 'cookie', user, options);
  const idsOf = async (app: TestApp, subject = 'ada') =>
    (await app.sessions.list(subject)).map(({ id }) => id);
  const at = (seconds: number) => new Date(seconds * 1000);

  describe('S-107: what it shows', () => {
    it.each<[string, Options]>([
      ['where tokens hold the data', {}],
      ['where the store holds the data', { keepDataIn: 'store' }],
      ['beside refresh tokens', { refreshToken: {} }],
    ])(
      'the sessions of one subject, and nothing that opens one or says what it is about, %s',
      async (_what, options) => {
        const { app } = await open(options);
        const client = await signIn(app, 'ada', {
          attributes: { theme: 'dark' },
          metadata: { label: 'Laptop' },
        });
        await signIn(app, 'bob');
        const all = await app.sessions.list('ada');
        expect(all).toHaveLength(1);
        expect(Object.keys(all[0]!).toSorted()).toEqual(FIELDS);
        expect(all[0]).toEqual({
          id: client.id,
          subject: 'ada',
          createdAt: at(NOW),
          lastSeenAt: at(NOW),
          expiresAt: at(NOW + 7 * DAY),
          metadata: { label: 'Laptop' },
          isBound: false,
        });
        const shown = await client.get('/devices');
        expect(shown.text).not.toMatch(/admin|dark|params|hash/);
        expect(shown.json).toMatchObject([{ id: client.id, isThis: true }]);
      },
    );

    it('the session that was used last first', async () => {
      const { app } = await open();
      const clients: SessionClient[] = [];
      for (let i = 0; i < 3; i += 1) {
        clients.push(await signIn(app));
        app.clock.advance(MINUTE);
      }
      const [first, second, third] = clients.map(({ id }) => id);
      expect(await idsOf(app)).toEqual([third, second, first]);
      app.clock.advance('15m');
      await clients[0]!.get('/me');
      expect(await idsOf(app)).toEqual([first, third, second]);
      app.clock.advance(1);
      await clients[1]!.post('/attributes', { theme: 'dark' });
      expect(await idsOf(app)).toEqual([second, first, third]);
    });

    it('marks the device that asks, lets it end one other, and then all others', async () => {
      const { app } = await open({ revocationCheck: 'always' });
      const [here, lost, other] = [
        await signIn(app),
        await signIn(app),
        await signIn(app),
      ];
      const shown = (await here.get('/devices')).json as {
        id: string;
        isThis: boolean;
      }[];
      expect(shown).toHaveLength(3);
      expect(shown.filter(({ isThis }) => isThis)).toMatchObject([
        { id: here.id },
      ]);
      const ended = await here.post('/devices/end', { id: lost.id });
      expect(ended.json).toEqual({ ended: true });
      expect((await lost.get('/me')).status).toBe(401);
      expect((await other.get('/me')).status).toBe(200);
      const others = await here.post('/devices/end-others');
      expect(others.json).toEqual({ ended: 1 });
      expect((await other.get('/me')).status).toBe(401);
      expect((await here.get('/me')).status).toBe(200);
      const all = await here.post('/devices/end-all');
      expect(all.json).toEqual({ ended: 1 });
      expect((await here.get('/me')).status).toBe(401);
    });

    it('nothing of sessions that are over by time, and nothing of a stranger', async () => {
      const { app } = await open();
      await signIn(app);
      const { id } = await signIn(app, 'ada', {
        lifetime: { absolute: '1h' },
      });
      const all = await app.sessions.list('ada');
      expect(all).toHaveLength(2);
      const ends = all.find((each) => each.id === id)?.expiresAt;
      expect(ends).toEqual(at(NOW + HOUR));
      app.clock.advance(HOUR);
      expect(await idsOf(app)).toHaveLength(1);
      expect(await idsOf(app, 'eve')).toEqual([]);
      app.clock.advance(7 * DAY);
      expect(await idsOf(app)).toEqual([]);
    });
  });

  describe('metadata', () => {
    it('comes back as it was given, however often the session is reloaded', async () => {
      const { app } = await open();
      const headers = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)' };
      const client = new SessionClient('cookie', app);
      const answer = await client.send({
        method: 'POST',
        path: '/from/here',
        body: {},
        headers,
      });
      expect(answer.status).toBe(200);
      app.clock.advance('15m');
      expect((await client.get('/me')).status).toBe(200);
      const [info] = await app.sessions.list('ada');
      expect(info?.metadata).toEqual({
        ip: '127.0.0.1',
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
        label: 'Work',
      });
    });

    it('is cut to 512 characters, and holds any text', async () => {
      const { app } = await open();
      const userAgent = 'x'.repeat(100_000);
      const label = 'Адa\u0000\r\n\u001b[31m😀';
      await createTestSession(app.app, 'ada', {
        metadata: { userAgent, label },
      });
      const [info] = await app.sessions.list('ada');
      expect(info?.metadata).toEqual({ userAgent: 'x'.repeat(512), label });
    });

    it.each<[string, object]>([
      ['an unknown name', { device: 'Laptop' }],
      ['a number', { label: 7 }],
    ])(
      'with %s is a fault of the application: no session',
      async (_what, metadata) => {
        const { app, store } = await open();
        const client = new SessionClient('cookie', app);
        const answer = await client.post('/login', { user: 'ada', metadata });
        expect(answer.status).toBe(500);
        expect(answer.setCookie).toEqual([]);
        expect(store.takeCalls()).toEqual([]);
      },
    );
  });

  describe('the last use', () => {
    const lastSeen = async (app: TestApp) => {
      const [info] = await app.sessions.list('ada');
      return info!.lastSeenAt.getTime() / 1000 - NOW;
    };

    it("is noted at most once a minute with 'always'", async () => {
      const { app } = await open({ revocationCheck: 'always' });
      const client = await signIn(app);
      const noted = new Set<number>();
      for (let second = 0; second < 5 * MINUTE; second += 5) {
        await client.get('/me');
        noted.add(await lastSeen(app));
        app.clock.advance(5);
      }
      expect([...noted]).toEqual([0, 60, 120, 180, 240]);
    });

    it("is that of the last reload with 'reload'", async () => {
      const { app } = await open();
      const client = await signIn(app);
      app.clock.advance(13 * MINUTE);
      await client.get('/me');
      expect(await lastSeen(app)).toBe(0);
      app.clock.advance(2 * MINUTE);
      await client.get('/me');
      expect(await lastSeen(app)).toBe(15 * MINUTE);
      app.clock.advance(10);
      await client.post('/reload');
      expect(await lastSeen(app)).toBe(15 * MINUTE + 10);
    });

    it('moves the idle end only where the token is renewed', async () => {
      const { app } = await open({ revocationCheck: 'always' });
      const client = await signIn(app);
      const end = async () => {
        const [info] = await app.sessions.list('ada');
        return info!.expiresAt.getTime() / 1000 - NOW;
      };
      app.clock.advance(10 * MINUTE);
      await client.get('/me');
      await client.post('/attributes', { theme: 'dark' });
      expect(await end()).toBe(7 * DAY);
      app.clock.advance(5 * MINUTE);
      await client.get('/me');
      expect(await end()).toBe(7 * DAY + 15 * MINUTE);
    });
  });

  describe('A-183: a limit of sessions', () => {
    const refuse = { maxSessions: { max: 2, policy: 'refuse' } } as const;
    const endOldest = {
      maxSessions: { max: 2, policy: 'end-oldest' },
    } as const;

    it("'refuse' answers 409, and nobody loses a session", async () => {
      const { app } = await open(refuse);
      const clients = [await signIn(app), await signIn(app)];
      const third = await app.browser().post('/login', { user: 'ada' });
      expect(third.status).toBe(409);
      expect(third.json).toEqual({
        statusCode: 409,
        message: 'Conflict',
        errorCode: 'SESSION_LIMIT',
      });
      expect(third.setCookie).toEqual([]);
      await expect(app.sessions.generate('ada')).rejects.toMatchObject({
        code: 'SESSION_LIMIT',
      });
      for (const client of clients) {
        expect((await client.get('/me')).status).toBe(200);
      }
      await signIn(app, 'bob');
      expect(app.eventsOf('created')).toHaveLength(3);
      expect(app.eventsOf('ended')).toEqual([]);

      await clients[0]!.post('/sign-out');
      expect((await (await signIn(app)).get('/me')).status).toBe(200);
    });

    it("'refuse' keeps the session of a client that wanted to become somebody else", async () => {
      const { app } = await open(refuse);
      await signIn(app, 'bob');
      await signIn(app, 'bob');
      const client = await signIn(app, 'ada');
      const { token } = client;
      expect((await client.post('/login', { user: 'bob' })).status).toBe(409);
      expect(client.token === token).toBe(true);
      expect((await client.get('/me')).json.subject).toBe('ada');
      expect(app.eventsOf('ended')).toEqual([]);
    });

    it("'end-oldest' ends the one that was begun first, however lately it was used", async () => {
      const { a, b, clock } = await openTwo(endOldest);
      const oldest = await signIn(a);
      clock.advance('15m');
      const second = await signIn(a);
      await oldest.get('/me');
      clock.advance(1);
      const third = await signIn(a);
      expect((await idsOf(b)).toSorted()).toEqual(
        [second.id, third.id].toSorted(),
      );
      expect(a.eventsOf('ended')).toMatchObject([
        { reason: 'limit', reach: 'store', subject: 'ada' },
      ]);
      const refused = await oldest.copy().get('/me');
      expect(refused.status).toBe(401);
      expect(refused.setCookie).toEqual(clearingOf('cookie'));
      clock.advance('15m');
      expect((await oldest.copy(b).get('/me')).status).toBe(401);
      expect((await second.get('/me')).status).toBe(200);
      expect((await third.get('/me')).status).toBe(200);
    });

    it.each<[string, Options]>([
      ["'refuse'", refuse],
      ["'end-oldest'", endOldest],
    ])(
      '%s does not count the session that a sign-in replaces, nor those that are over',
      async (_policy, options) => {
        const { app } = await open(options);
        const [here, there] = [await signIn(app), await signIn(app)];
        for (let i = 0; i < 3; i += 1) {
          const answer = await here.post('/login', { user: 'ada' });
          expect(answer.status).toBe(200);
          expect((await idsOf(app)).toSorted()).toEqual(
            [here.id, there.id].toSorted(),
          );
        }
        const reasons = app.eventsOf('ended').map(({ reason }) => reason);
        expect(reasons).toEqual(['replaced', 'replaced', 'replaced']);
        app.clock.advance(7 * DAY);
        await signIn(app);
        await signIn(app);
        expect(await idsOf(app)).toHaveLength(2);
        expect(app.eventsOf('ended')).toHaveLength(3);
      },
    );

    it("holds for 50 sign-ins at once: 'refuse' lets as many in as it says", async () => {
      const { a, b } = await openTwo(refuse);
      const all = Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? a : b).browser().post('/login', { user: 'ada' }),
      );
      const statuses = (await Promise.all(all)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(2);
      expect(statuses.filter((status) => status === 409)).toHaveLength(48);
      expect(await idsOf(a)).toHaveLength(2);
    });

    it("holds for 50 sign-ins at once: 'end-oldest' lets the last ones stay", async () => {
      const { a, b } = await openTwo(endOldest);
      const clients = await Promise.all(
        Array.from({ length: 50 }, (_, i) => signIn(i % 2 ? a : b)),
      );
      expect(await idsOf(a)).toHaveLength(2);
      const ended = [...a.eventsOf('ended'), ...b.eventsOf('ended')];
      expect(ended.map(({ reason }) => reason)).toEqual(
        ended.map(() => 'limit'),
      );
      expect(ended).toHaveLength(48);
      expect(new Set(ended.map(({ session }) => session)).size).toBe(48);
      a.clock.advance('15m');
      const answers = await Promise.all(clients.map((each) => each.get('/me')));
      const alive = answers.filter(({ status }) => status === 200);
      expect(alive).toHaveLength(2);
    });
  });
});
