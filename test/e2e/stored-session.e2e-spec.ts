import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import {
  ActiveSession,
  Session,
  SessionJwtModule,
  SessionService,
  SessionStore,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import type { StoreOperation } from '../../lib/stores/call-listeners.js';
import { createTestSession } from '../../lib/testing/index.js';
import { arrived, createGate, type Gate } from '../support/asynchrony.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import {
  clearingOf,
  clients,
  renewedIn,
  SessionClient,
} from '../support/session-client.js';
import { claimsIn, DAY, HOUR, MINUTE, NOW } from '../support/session-claims.js';
import { boot, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import { SickStore } from '../support/sick-store.js';
import { openStoredNode, openStoredNodes } from '../support/stored-nodes.js';
import { platforms } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { OTHER_SECRET, SECRET, type TestApp } from '../support/test-app.js';

const adapters = platforms('fastify');

type Options = Partial<SessionJwtModuleOptions>;

/** When a node that did not end a session itself hears of it. */
const CHECKS: ['reload' | 'always'][] = [['reload'], ['always']];

let reached: Gate;
let gate: Gate;

@Controller('slow')
class SlowController {
  constructor(private readonly sessions: SessionService) {}

  @Get()
  async wait(@Session('subject') subject: string) {
    reached.open();
    await gate.promise;
    return { subject };
  }

  @Post('update')
  @HttpCode(200)
  async update(@Session() session: ActiveSession, @Body() changes: object) {
    reached.open();
    await gate.promise;
    return this.sessions.update(session, changes);
  }

  @Post('reload')
  @HttpCode(200)
  async reload(@Session() session: ActiveSession) {
    reached.open();
    await gate.promise;
    return this.sessions.reload(session);
  }
}

beforeEach(() => {
  [reached, gate] = [createGate(), createGate()];
});

describe.each(clients)(
  'a recorded session on %s, in a %s',
  (adapter, carrier) => {
    const withTransport = (session: Options): Options => ({
      transport: carrier,
      ...session,
    });
    const open = (session: Options = {}) =>
      openStoredNode(adapter, withTransport(session), {
        controllers: [SlowController],
      });
    const openTwo = (session: Options = {}) =>
      openStoredNodes(adapter, withTransport(session), {
        controllers: [SlowController],
      });
    const signIn = (app: TestApp, user?: string, options?: object) =>
      SessionClient.signIn(app, carrier, user, options);

    const reasonsOf = (app: TestApp) =>
      app.eventsOf('rejected').map(({ reason }) => reason);
    const endsOf = (app: TestApp) =>
      app
        .eventsOf('ended')
        .map(({ subject, reason, reach }) => `${subject} ${reason} ${reach}`);
    const idsOf = async (app: TestApp, subject = 'ada') =>
      (await app.sessions.list(subject)).map(({ id }) => id);

    describe('what the store is asked', () => {
      it.each<[string, Options, StoreOperation[]]>([
        ['by default', {}, []],
        ["with 'always'", { revocationCheck: 'always' }, ['read']],
        ['where it keeps the data', { keepDataIn: 'store' }, ['read']],
      ])('F-32: %s', async (what, options, check) => {
        const { app, store } = await open(options);
        const client = await signIn(app);
        expect(store.takeCalls()).toEqual(['create']);

        for (let i = 0; i < 3; i += 1) await client.get('/me');
        expect(store.takeCalls()).toEqual([...check, ...check, ...check]);
        printFigures(
          'F-32',
          `${adapter}, ${carrier}, ${what}: ${check.length} calls of the store a request`,
        );
        await client.get('/optional');
        await client.post('/change');
        expect(store.takeCalls()).toEqual([...check, ...check]);

        app.clock.advance('15m');
        expect(renewedIn(await client.get('/me'), carrier)).toBeDefined();
        expect(store.takeCalls()).toEqual([...check, 'update']);
        await client.get('/me');
        expect(store.takeCalls()).toEqual(check);

        await client.post('/attributes', { theme: 'dark' });
        expect(store.takeCalls()).toEqual([...check, 'update']);
        await client.post('/reload');
        expect(store.takeCalls()).toEqual([...check, 'update']);
        await client.post('/sign-out');
        expect(store.takeCalls()).toEqual([...check, 'end']);
      });

      it.each(CHECKS)(
        "F-32, A-180: nothing with '%s' for public routes and for requests without a good token",
        async (revocationCheck) => {
          const { app, store } = await open({ revocationCheck });
          const client = await signIn(app);
          store.takeCalls();
          const { header, claims } = readToken(client.token!);
          const forged = forgeToken(header, claims, OTHER_SECRET);
          const statuses: number[] = [];
          for (const token of [undefined, '', 'x', 'a.b.c', forged]) {
            const other = new SessionClient(carrier, app, token);
            statuses.push((await other.get('/me')).status);
            statuses.push((await other.get('/public')).status);
            statuses.push((await other.get('/optional')).status);
          }
          await client.get('/public');
          app.clock.advance(7 * DAY);
          statuses.push((await client.copy().get('/me')).status);
          expect(statuses).toEqual([
            ...[1, 2, 3, 4, 5].flatMap(() => [401, 200, 200]),
            401,
          ]);
          expect(store.takeCalls()).toEqual([]);
        },
      );

      it('F-32: one step for a sign-in, and one more for the session of somebody else that it ends', async () => {
        const { app, store } = await open();
        const client = await signIn(app);
        store.takeCalls();
        await client.post('/login', { user: 'ada' });
        expect(store.takeCalls()).toEqual(['create']);
        await client.post('/login', { user: 'bob' });
        expect(store.takeCalls()).toEqual(['create', 'end']);
        await client.post('/logout');
        expect(store.takeCalls()).toEqual(['end']);
      });

      it('F-22: one reload for requests that come together', async () => {
        const { app, store } = await open();
        const client = await signIn(app);
        app.clock.advance('15m');
        store.takeCalls();
        const all = Array.from({ length: 20 }, () => client.copy().get('/me'));
        const statuses = (await Promise.all(all)).map(({ status }) => status);
        expect(statuses).toEqual(statuses.map(() => 200));
        expect(store.takeCalls()).toEqual(['update']);
      });
    });

    describe.each(CHECKS)("ended, with '%s'", (revocationCheck) => {
      const openBoth = () => openTwo({ revocationCheck });
      const isAlways = revocationCheck === 'always';

      /** That a node which did not end the session itself refuses it when it must, and not before. */
      async function expectEndAt(
        client: SessionClient,
        reason = 'unknown',
      ): Promise<void> {
        const { app } = client;
        const before = reasonsOf(app).length;
        if (!isAlways) {
          expect((await client.copy().get('/me')).status).toBe(200);
          app.clock.advance('15m');
        }
        const refused = await client.copy().get('/me');
        expect(refused.status).toBe(401);
        expect(refused.json.errorCode).toBe('SESSION_REQUIRED');
        expect(refused.setCookie).toEqual(clearingOf(carrier));
        expect(reasonsOf(app).slice(before)).toEqual([reason]);
        expect((await client.copy().get('/me')).status).toBe(401);
      }

      it.each<[string, (client: SessionClient) => Promise<unknown>]>([
        ['revoke(session)', (client) => client.copy().post('/sign-out')],
        ['revoke(request)', (client) => client.copy().post('/logout')],
        [
          'revoke({ id, subject })',
          ({ app, id }) => app.sessions.revoke({ id, subject: 'ada' }),
        ],
      ])(
        'by %s, here immediately and elsewhere as configured (A-080, S-104, V-30)',
        async (_how, end) => {
          const { a, b } = await openBoth();
          const client = await signIn(a);
          await client.copy(b).get('/me');
          await end(client);
          expect((await client.copy().get('/me')).status).toBe(401);
          expect(await idsOf(b)).toEqual([]);
          expect(endsOf(a)).toEqual(['ada revoked store']);
          await expectEndAt(client.copy(b));
          expect(endsOf(b)).toEqual([]);
        },
      );

      it('by revokeAll, every session of the subject, and no other (S-105, V-29, V-33)', async () => {
        const { a, b } = await openBoth();
        const all = [await signIn(a), await signIn(a), await signIn(b)];
        const bob = await signIn(b, 'bob');
        expect(await a.sessions.revokeAll('ada')).toBe(3);
        expect(await idsOf(a)).toEqual([]);
        expect(await idsOf(a, 'bob')).toEqual([bob.id]);
        expect(a.eventsOf('allEnded')).toMatchObject([
          { subject: 'ada', count: 3 },
        ]);
        if (!isAlways) a.clock.advance('15m');
        for (const client of all) {
          expect((await client.copy(a).get('/me')).status).toBe(401);
          expect((await client.copy(b).get('/me')).status).toBe(401);
        }
        expect((await bob.get('/me')).status).toBe(200);
        expect(await a.sessions.revokeAll('ada')).toBe(0);
      });

      it('S-106: by revokeAll with except, all but the session of the caller', async () => {
        const { a, b } = await openBoth();
        const [here, there] = [await signIn(a), await signIn(b)];
        const answer = await here.post('/devices/end-others');
        expect(answer.json).toEqual({ ended: 1 });
        expect(await idsOf(b)).toEqual([here.id]);
        await expectEndAt(there);
        expect((await here.get('/me')).status).toBe(200);
        expect((await here.post('/devices/end-others')).json).toEqual({
          ended: 0,
        });
      });

      it('S-106: by revokeAll with except, nothing where that session has ended, and the caller hears of it', async () => {
        const { a, b } = await openBoth();
        const [ended, alive] = [await signIn(a), await signIn(b)];
        await b.sessions.revoke({ id: ended.id, subject: 'ada' });
        for (const except of [ended.id, alive.id.toLowerCase(), '']) {
          await expect(
            a.sessions.revokeAll('ada', { except }),
          ).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
        }
        expect(await idsOf(a)).toEqual([alive.id]);
        expect(a.eventsOf('allEnded')).toEqual([]);
        expect((await alive.get('/me')).status).toBe(200);
      });

      it('F-20: by the loader: the record goes too', async () => {
        const { a, b } = await openBoth();
        const client = await signIn(a);
        for (const { users } of [a, b]) users.all.get('ada')!.disabled = true;
        a.clock.advance('15m');
        const refused = await client.copy().get('/me');
        expect(refused.status).toBe(401);
        expect(refused.setCookie).toEqual(clearingOf(carrier));
        expect(endsOf(a)).toEqual(['ada loader store']);
        expect(await idsOf(a)).toEqual([]);
        for (const { users } of [a, b]) users.all.get('ada')!.disabled = false;
        for (const app of [a, b]) {
          expect((await client.copy(app).get('/me')).status).toBe(401);
        }
      });

      it('S-102, V-35, V-36: by a new sign-in of the same user', async () => {
        const { a, b } = await openBoth();
        const client = await signIn(a);
        const old = client.copy(b);
        await client.post('/login', { user: 'ada' });
        expect(client.id === old.id).toBe(false);
        expect(await idsOf(b)).toEqual([client.id]);
        expect(endsOf(a)).toEqual(['ada replaced store']);
        expect((await old.copy(a).get('/me')).status).toBe(401);
        await expectEndAt(old);
      });

      it('S-102, A-088: by a sign-in of another user', async () => {
        const { a, b } = await openBoth();
        const client = await signIn(a);
        const old = client.copy(b);
        await client.post('/login', { user: 'bob' });
        expect(await idsOf(b)).toEqual([]);
        expect(await idsOf(b, 'bob')).toEqual([client.id]);
        expect(endsOf(a)).toEqual(['ada replaced store']);
        await expectEndAt(old);
      });

      it('A-089: by the new sign-in that a change of rights asks for', async () => {
        const { a, b } = await openBoth();
        const client = await signIn(a);
        const old = client.copy(b);
        for (const { users } of [a, b]) users.all.get('ada')!.role = 'member';
        await client.post('/login', { user: 'ada' });
        expect((await client.get('/me')).json.data.role).toBe('member');
        await expectEndAt(old);
      });

      it('V-31: signing in again revives no token of before the sign-out', async () => {
        const { a, b } = await openBoth();
        const first = await signIn(a);
        await first.copy().post('/logout');
        const second = await signIn(a);
        expect((await first.copy().get('/me')).status).toBe(401);
        await expectEndAt(first.copy(b));
        expect((await second.get('/me')).status).toBe(200);
      });

      it('A-084, V-33: while a reload of it is under way elsewhere, nothing of that goes out', async () => {
        const { a, b } = await openBoth();
        const client = await signIn(a);
        a.clock.advance('15m');
        const loader = createGate();
        b.users.gate = loader.promise;
        const all = arrived(b.app.getHttpServer(), 1);
        const request = client.copy(b).get('/me');
        await all;
        expect(b.users.loads).toHaveLength(1);
        await a.sessions.revokeAll('ada');
        loader.open();
        const response = await request;
        expect(response.status).toBe(401);
        expect(renewedIn(response, carrier) || undefined).toBeUndefined();
        expect(response.setCookie).toEqual(clearingOf(carrier));
        expect(b.eventsOf('reloaded')).toEqual([]);
        expect(reasonsOf(b)).toEqual(['unknown']);
      });

      it.each<[string, string]>([
        ['update', '/slow/update'],
        ['reload', '/slow/reload'],
      ])('V-30: %s brings no ended session back', async (_method, path) => {
        const { a, b } = await openBoth();
        const client = await signIn(a);
        const request = client.copy(b).post(path, { theme: 'dark' });
        await reached.promise;
        expect(await a.sessions.revokeAll('ada')).toBe(1);
        gate.open();
        const response = await request;
        expect(response.status).toBe(401);
        expect(renewedIn(response, carrier) || undefined).toBeUndefined();
        expect(await idsOf(a)).toEqual([]);
        expect(b.eventsOf('reloaded')).toEqual([]);
      });

      it.each(['/slow/update', '/slow/reload'])(
        'a refusal at %s makes the client forget its token, and is told',
        async (path) => {
          const { a, b } = await openBoth();
          const client = await signIn(a);
          const request = client.copy(b).post(path, { theme: 'dark' });
          await reached.promise;
          await a.sessions.revokeAll('ada');
          gate.open();
          const response = await request;
          expect(response.setCookie).toEqual(clearingOf(carrier));
          expect(reasonsOf(b)).toEqual(['unknown']);
        },
      );

      it('a slower response with a newer token does not outlive a revoke in this process', async () => {
        const { a } = await openBoth();
        const client = await signIn(a);
        a.clock.advance('15m');
        const request = client.copy().get('/slow');
        await reached.promise;
        expect(a.eventsOf('reloaded')).toHaveLength(1);
        await a.sessions.revoke({ id: client.id, subject: 'ada' });
        gate.open();
        const response = await request;
        expect(response.status).toBe(200);
        expect(renewedIn(response, carrier)).toBeUndefined();
      });

      it('a slower response with a newer token does not bring a session back that ended elsewhere', async () => {
        const { a, b } = await openBoth();
        const client = await signIn(a);
        a.clock.advance('15m');
        const slow = client.copy(b);
        const request = slow.get('/slow');
        await reached.promise;
        await a.sessions.revoke({ id: client.id, subject: 'ada' });
        gate.open();
        expect((await request).status).toBe(200);
        expect(await idsOf(b)).toEqual([]);
        await expectEndAt(slow);
      });

      it('S-103: by its idle time, in the store too', async () => {
        const { a } = await openBoth();
        const client = await signIn(a);
        a.clock.advance(7 * DAY - 1);
        expect(await idsOf(a)).toEqual([client.id]);
        expect((await client.copy().get('/public')).status).toBe(200);
        a.clock.advance(1);
        expect(await idsOf(a)).toEqual([]);
        expect((await client.copy().get('/me')).status).toBe(401);
        expect(await a.sessions.revokeAll('ada')).toBe(0);
      });

      it('S-103, V-34: by its absolute time, in the store too, however active', async () => {
        const { a } = await openBoth();
        const client = await signIn(a);
        for (let day = 3; day < 30; day += 3) {
          a.clock.advance(3 * DAY);
          expect((await client.get('/me')).status).toBe(200);
        }
        a.clock.advance(3 * DAY - 1);
        expect((await client.get('/me')).status).toBe(200);
        const [record] = await a.sessions.list('ada');
        expect(record?.expiresAt).toEqual(new Date((NOW + 30 * DAY) * 1000));
        a.clock.advance(1);
        expect((await client.get('/me')).status).toBe(401);
        expect(await idsOf(a)).toEqual([]);
      });

      it('F-16: a session that has ended by time stays so when the clock goes back', async () => {
        const { a } = await openBoth();
        const client = await signIn(a);
        a.clock.advance(7 * DAY);
        expect(await idsOf(a)).toEqual([]);
        a.clock.advance(-7 * DAY + 15 * MINUTE);
        expect((await client.copy().get('/me')).status).toBe(401);
      });
    });

    describe('what revoke says', () => {
      it('is whether the store ended a session', async () => {
        const { app } = await open();
        const { session } = await createTestSession(app.app, 'ada');
        expect(await app.sessions.revoke(session)).toBe(true);
        expect(await app.sessions.revoke(session)).toBe(false);
        const { id } = (await createTestSession(app.app, 'ada')).session;
        expect(await app.sessions.revoke({ id, subject: 'ada' })).toBe(true);
        expect(await app.sessions.revoke({ id, subject: 'ada' })).toBe(false);
        expect(endsOf(app)).toEqual(['ada revoked store', 'ada revoked store']);
      });

      it('is false for the id of another user, whose session continues (S-107)', async () => {
        const { app } = await open({ revocationCheck: 'always' });
        const [ada, bob] = [await signIn(app), await signIn(app, 'bob')];
        const answer = await bob.post('/devices/end', { id: ada.id });
        expect(answer.json).toEqual({ ended: false });
        expect((await ada.get('/me')).status).toBe(200);
        expect(endsOf(app)).toEqual([]);
      });

      it('is false for an id that was never given out, and no end is told', async () => {
        const { app } = await open();
        const { sessions } = app;
        expect(await sessions.revoke({ id: 'x', subject: 'ada' })).toBe(false);
        expect(endsOf(app)).toEqual([]);
      });
    });

    describe('signing out', () => {
      it('A-087: twice is 204 twice, one end, and one event', async () => {
        const { app } = await open();
        const client = await signIn(app);
        for (const each of [client.copy(), client.copy()]) {
          const response = await each.post('/logout');
          expect(response.status).toBe(204);
          expect(response.setCookie).toEqual(clearingOf(carrier));
        }
        expect(endsOf(app)).toEqual(['ada revoked store']);
      });

      it('A-086: with a token that has expired ends the session that others have kept alive', async () => {
        const { a, b } = await openTwo();
        const old = await signIn(a);
        const client = old.copy();
        a.clock.advance(6 * DAY);
        expect((await client.get('/me')).status).toBe(200);
        a.clock.advance(2 * DAY);
        expect((await old.copy(b).get('/me')).status).toBe(401);
        expect(await idsOf(a)).toEqual([old.id]);
        expect((await old.copy(b).post('/logout')).status).toBe(204);
        expect(await idsOf(a)).toEqual([]);
        expect((await client.get('/me')).status).toBe(401);
      });

      it.each<[string, (token: string) => string]>([
        ['a changed signature', (token) => token.replace(/.{5}$/, 'AAAAA')],
        [
          'another secret',
          (token) => {
            const { header, claims } = readToken(token);
            return forgeToken(header, claims, OTHER_SECRET);
          },
        ],
        [
          'another subject',
          (token) => {
            const { claims } = readToken(token);
            const payload = JSON.stringify({ ...claims, sub: 'bob' });
            const [header, , signature] = token.split('.');
            return `${header}.${Buffer.from(payload).toString('base64url')}.${signature}`;
          },
        ],
      ])(
        'with %s does not query the store (A-085, V-28)',
        async (_what, forge) => {
          const { app, store } = await open();
          const client = await signIn(app);
          store.takeCalls();
          const forged = new SessionClient(carrier, app, forge(client.token!));
          expect((await forged.post('/logout')).status).toBe(204);
          expect(store.takeCalls()).toEqual([]);
          expect(endsOf(app)).toEqual([]);
          expect((await client.get('/me')).status).toBe(200);
        },
      );
    });

    describe('attributes', () => {
      const attributesAt = async (client: SessionClient) =>
        (await client.get('/me')).json.attributes;

      it('that two nodes change concurrently all survive, and reach every token at its next reload (S-122)', async () => {
        const { a, b, store } = await openTwo();
        const client = await signIn(a, 'ada', { attributes: { visits: 1 } });
        const [one, two] = [client.copy(a), client.copy(b)];
        const answers = await Promise.all([
          one.post('/attributes', { theme: 'dark' }),
          two.post('/attributes', { locale: 'de' }),
        ]);
        expect(answers.map(({ status }) => status)).toEqual([200, 200]);
        const record = await store.healthy.read(client.id, 'ada');
        const all = { visits: 1, theme: 'dark', locale: 'de' };
        expect(record).toMatchObject({ attributes: all, revision: 2 });

        a.clock.advance('15m');
        for (const each of [one, two, client.copy(a), client.copy(b)]) {
          expect(await attributesAt(each)).toEqual(all);
          expect(claimsIn(each.token)).toMatchObject({ attrs: all, rev: 2 });
        }
      });

      it('are those of the record for the one who changes them', async () => {
        const { a, b } = await openTwo();
        const client = await signIn(a, 'ada', { attributes: { visits: 1 } });
        await client
          .copy(b)
          .post('/attributes', { visits: null, theme: 'dark' });
        await client.post('/attributes', { locale: 'de' });
        expect(await attributesAt(client)).toEqual({
          theme: 'dark',
          locale: 'de',
        });
      });

      it("are new at once on every node with 'always'", async () => {
        const { a, b } = await openTwo({ revocationCheck: 'always' });
        const client = await signIn(a);
        await client.copy(b).post('/attributes', { theme: 'dark' });
        expect(await attributesAt(client)).toEqual({ theme: 'dark' });
      });

      it('do not outlive the session', async () => {
        const { app, store } = await open();
        const { session } = await createTestSession(app.app, 'ada');
        await store.healthy.end(session.id, 'ada');
        await expect(
          app.sessions.update(session, { theme: 'dark' }),
        ).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
        expect(await idsOf(app)).toEqual([]);
      });

      it('that fit into no token are not in the record either', async () => {
        const { app, store } = await open();
        const client = await signIn(app);
        const theme = 'x'.repeat(9_000);
        expect((await client.post('/attributes', { theme })).status).toBe(500);
        const record = await store.healthy.read(client.id, 'ada');
        expect(record).toMatchObject({ attributes: {}, revision: 0 });
        expect((await client.get('/me')).status).toBe(200);
      });
    });

    it('each step is reported once, with its reach (S-117)', async () => {
      const { app } = await open({
        maxSessions: { max: 2, policy: 'end-oldest' },
      });
      const [first, second] = [await signIn(app), await signIn(app)];
      await signIn(app);
      await second.post('/login', { user: 'ada' });
      await second.post('/sign-out');
      await app.sessions.revokeAll('ada');
      const told = app.events.map((event) =>
        [
          event.type,
          'reason' in event && event.reason,
          'reach' in event && event.reach,
          'count' in event && event.count,
        ].filter((part) => part !== false),
      );
      expect(told).toEqual([
        ['created'],
        ['created'],
        ['ended', 'limit', 'store'],
        ['created'],
        ['ended', 'replaced', 'store'],
        ['created'],
        ['ended', 'revoked', 'store'],
        ['allEnded', 1],
      ]);
      expect(JSON.stringify(app.events)).not.toContain(first.id);
    });
  },
);

describe.each(adapters)('the store of an application on %s', (adapter) => {
  it('is found under its class, and is the one of the options', async () => {
    const { app, store } = await openStoredNode(adapter);
    expect(app.app.get(SessionStore)).toBe(store);
  });

  it('is no provider with a value where none is configured', async () => {
    const app = await openTestApp(adapter);
    expect(app.app.get(SessionStore)).toBeUndefined();
  });

  describe('overridden in a test', () => {
    afterEach(closeBooted);

    async function bootWith(session: Options) {
      const [configured, store] = [new SickStore(), new SickStore()];
      const app = await boot(
        {
          imports: [
            SessionJwtModule.forRoot({
              secret: SECRET,
              dataLoader: false,
              ...session,
              ...(session.store && { store: configured }),
            }),
          ],
        },
        {
          adapter,
          override: (builder) =>
            builder.overrideProvider(SessionStore).useValue(store),
        },
      );
      return { app, store, configured };
    }

    it.each<[string, Options]>([
      ['instead of that of the options', { store: new SickStore() }],
      ['where the options have none', {}],
      [
        'where the options have none but need one',
        { keepDataIn: 'store', maxSessions: { max: 1, policy: 'refuse' } },
      ],
    ])('is used %s', async (_what, session) => {
      const { app, store, configured } = await bootWith(session);
      const sessions = app.get(SessionService);
      await sessions.generate('ada');
      expect(store.calls).toEqual(['create']);
      expect(configured.calls).toEqual([]);
      expect(app.get(SessionStore)).toBe(store);
      expect(await sessions.list('ada')).toHaveLength(1);
    });
  });

  it('records the sessions of createTestSession, with all that they are', async () => {
    const { app } = await openStoredNode(adapter, {
      revocationCheck: 'always',
    });
    const { session, cookie } = await createTestSession(app.app, 'ada', {
      attributes: { theme: 'dark' },
      metadata: { label: 'Test' },
      lifetime: { absolute: '1h' },
      loadedAt: new Date((NOW - 15 * MINUTE) * 1000),
    });
    const [info] = await app.sessions.list('ada');
    expect(info).toMatchObject({ id: session.id, metadata: { label: 'Test' } });
    expect(info?.expiresAt).toEqual(new Date((NOW + HOUR) * 1000));
    const me = await app.browser().get('/me', { Cookie: cookie });
    expect(me.status).toBe(200);
    expect(me.json.attributes).toEqual({ theme: 'dark' });
    expect(app.users.loads).toHaveLength(2);
    expect(await app.sessions.revoke(session)).toBe(true);
    const after = await app.browser().get('/me', { Cookie: cookie });
    expect(after.status).toBe(401);
  });
});
