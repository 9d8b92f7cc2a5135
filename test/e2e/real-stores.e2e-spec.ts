import type { SessionJwtModuleOptions } from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import { arrived, createGate } from '../support/asynchrony.js';
import type { Browser } from '../support/browser.js';
import { SessionClient } from '../support/session-client.js';
import { claimsIn, DAY } from '../support/session-claims.js';
import { SickStore } from '../support/sick-store.js';
import { openStoredNode } from '../support/stored-nodes.js';
import { SERVERS, type StoreServer } from '../support/store-servers.js';
import type { AdapterName, TestApp } from '../support/test-app.js';
import { UnhandledErrors } from '../support/unhandled.js';

type Options = Partial<SessionJwtModuleOptions>;

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
afterEach(async () => {
  expect(await unhandled.settled()).toEqual([]);
});

describe.each(Object.entries(SERVERS))(
  'sessions in %s',
  (_name, startServer) => {
    let server: StoreServer;
    let clock: TestSessionClock;

    beforeAll(async () => {
      server = await startServer();
    });
    afterAll(() => server.stop());
    beforeEach(() => {
      clock = new TestSessionClock();
    });

    /** Two nodes, one on each platform, with connections of their own. */
    async function openTwo(
      session: Options = {},
    ): Promise<{ a: TestApp; b: TestApp; stores: SickStore[] }> {
      const stores = (await server.openStores(2, clock)).map(
        (store) => new SickStore(store),
      );
      const [a, b] = await Promise.all(
        (['express', 'fastify'] satisfies AdapterName[]).map((adapter, i) =>
          openStoredNode(
            adapter,
            // Nothing here is about how fast a busy machine is.
            { storeTimeout: '10s', ...session },
            { clock },
            stores[i],
          ),
        ),
      );
      return { a: a!.app, b: b!.app, stores };
    }
    const signIn = (app: TestApp, user?: string, options?: object) =>
      SessionClient.signIn(app, 'cookie', user, options);
    const statusOf = async (client: SessionClient, path = '/me') =>
      (await client.copy().get(path)).status;

    it("with 'always', what one node ends the other refuses immediately (S-104, S-105, S-106)", async () => {
      const { a, b } = await openTwo({ revocationCheck: 'always' });
      const [here, there, third] = [
        await signIn(a),
        await signIn(b),
        await signIn(a),
      ];
      const bob = await signIn(b, 'bob');
      expect((await there.get('/devices')).json).toHaveLength(3);
      expect((await there.post('/devices/end', { id: third.id })).json).toEqual(
        {
          ended: true,
        },
      );
      expect(await statusOf(third)).toBe(401);
      expect((await here.post('/devices/end-others')).json).toEqual({
        ended: 1,
      });
      expect(await statusOf(there)).toBe(401);
      expect(await statusOf(here.copy(b))).toBe(200);
      expect((await here.copy().post('/logout')).status).toBe(204);
      expect(await statusOf(here.copy(b))).toBe(401);
      expect(await b.sessions.list('ada')).toEqual([]);
      expect(await statusOf(bob.copy(a))).toBe(200);
      expect(await a.sessions.revokeAll('ada')).toBe(0);
    });

    it("A-080: with 'reload', at the next reload, and no call before it", async () => {
      const { a, b, stores } = await openTwo();
      const client = await signIn(a);
      stores[1]!.takeCalls();
      await a.sessions.revoke({ id: client.id, subject: 'ada' });
      expect(await statusOf(client.copy(b))).toBe(200);
      expect(stores[1]!.takeCalls()).toEqual([]);
      clock.advance('15m');
      expect(await statusOf(client.copy(b))).toBe(401);
      expect(stores[1]!.takeCalls()).toEqual(['update']);
      expect(b.eventsOf('reloaded')).toEqual([]);
    });

    it("with 'always', an older token shows what another node has reloaded, with one load", async () => {
      const { a, b } = await openTwo({ revocationCheck: 'always' });
      const client = await signIn(a);
      const roleAt = async (app: TestApp): Promise<string> =>
        (await client.copy(app).get('/me')).json.data.role;
      expect([await roleAt(a), await roleAt(b)]).toEqual(['admin', 'admin']);
      for (const { users } of [a, b]) users.all.get('ada')!.role = 'member';
      const reloading = client.copy();
      expect((await reloading.post('/reload')).status).toBe(200);
      b.users.loads.length = 0;
      for (let i = 0; i < 3; i += 1) {
        expect([await roleAt(b), await roleAt(a)]).toEqual([
          'member',
          'member',
        ]);
      }
      expect(b.users.loads).toHaveLength(1);
      const fresh = await reloading.copy(b).get('/me');
      expect(fresh.json.data.role).toBe('member');
    });

    it('A-084: a reload that is under way meanwhile brings nothing back', async () => {
      const { a, b } = await openTwo();
      const client = await signIn(a);
      clock.advance('15m');
      const loader = createGate();
      b.users.gate = loader.promise;
      const all = arrived(b.app.getHttpServer(), 1);
      const request = client.copy(b).get('/me');
      await all;
      expect(await a.sessions.revokeAll('ada')).toBe(1);
      loader.open();
      const response = await request;
      expect(response.status).toBe(401);
      expect(response.setCookie[0]).toMatch(/^__Host-Http-session=; Max-Age=0/);
      expect(await a.sessions.list('ada')).toEqual([]);
    });

    it('S-122: attributes of two nodes survive and reach tokens; metadata, times and order come back', async () => {
      const { a, b } = await openTwo();
      const client = await signIn(a, 'ada', {
        attributes: { visits: 1, empty: {}, list: [] },
        metadata: { ip: '203.0.113.7', label: 'Лэптоп 😀' },
      });
      clock.advance(1);
      const other = await signIn(b);
      await Promise.all([
        client.copy(a).post('/attributes', { theme: 'dark', visits: null }),
        client.copy(b).post('/attributes', { locale: 'de' }),
      ]);
      clock.advance('15m');
      const { json } = await client.get('/me');
      const attributes = { empty: {}, list: [], theme: 'dark', locale: 'de' };
      expect(json.attributes).toEqual(attributes);
      expect(claimsIn(client.token)).toMatchObject({
        attrs: attributes,
        rev: 2,
      });
      const [first, second] = await b.sessions.list('ada');
      expect([first?.id, second?.id]).toEqual([client.id, other.id]);
      expect(first?.metadata).toEqual({
        ip: '203.0.113.7',
        label: 'Лэптоп 😀',
      });
      const age = first!.lastSeenAt.getTime() - first!.createdAt.getTime();
      expect(Math.round(age / 1000)).toBe(15 * 60 + 1);
    });

    it('20 concurrent sign-ins obey the limit (A-183)', async () => {
      const refusing = await openTwo({
        maxSessions: { max: 2, policy: 'refuse' },
      });
      const signIns = Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? refusing.a : refusing.b)
          .browser()
          .post('/login', { user: 'ada' }),
      );
      const statuses = (await Promise.all(signIns)).map(({ status }) => status);
      const counts = [200, 409].map(
        (status) => statuses.filter((each) => each === status).length,
      );
      expect(counts).toEqual([2, 18]);

      const ending = await openTwo({
        revocationCheck: 'always',
        maxSessions: { max: 2, policy: 'end-oldest' },
      });
      const clients = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          signIn(i % 2 ? ending.a : ending.b),
        ),
      );
      const after = await Promise.all(clients.map((each) => statusOf(each)));
      expect(after.filter((status) => status === 200)).toHaveLength(2);
      expect(after.filter((status) => status === 401)).toHaveLength(18);
    });

    it('S-102: a sign-in replaces the session that its request carried', async () => {
      const { a, b } = await openTwo({ revocationCheck: 'always' });
      const client = await signIn(a);
      const old = client.copy(b);
      await client.post('/login', { user: 'ada' });
      expect(await statusOf(old)).toBe(401);
      const middle = client.copy(b);
      await client.post('/login', { user: 'bob' });
      expect(await statusOf(middle)).toBe(401);
      expect((await client.get('/me')).json.subject).toBe('bob');
      expect(await a.sessions.list('ada')).toEqual([]);
    });

    it('F-20, V-34: ends with the loader, and at its absolute end however active', async () => {
      const { a, b } = await openTwo({ revocationCheck: 'always' });
      const client = await signIn(a);
      for (let day = 5; day < 30; day += 5) {
        clock.advance(5 * DAY);
        expect((await client.get('/me')).status).toBe(200);
      }
      expect(await b.sessions.list('ada')).toHaveLength(1);
      clock.advance(5 * DAY + 1);
      expect(await b.sessions.list('ada')).toEqual([]);
      expect(await statusOf(client)).toBe(401);

      const gone = await signIn(a);
      a.users.all.delete('ada');
      clock.advance('15m');
      expect(await statusOf(gone)).toBe(401);
      expect(await statusOf(gone.copy(b))).toBe(401);
      expect(b.users.loads).toEqual([]);
    });

    it('data in the store: the newest for every node, 100 KB of it, and nothing after the end', async () => {
      const { a, b } = await openTwo({ keepDataIn: 'store' });
      const role = 'x'.repeat(100_000);
      for (const { users } of [a, b]) users.all.get('ada')!.role = role;
      const client = await signIn(a);
      expect(client.token!.length).toBeLessThan(700);
      expect((await client.copy(b).get('/me')).json.data.role).toBe(role);
      await Promise.all([
        client.copy(a).post('/attributes', { theme: 'dark' }),
        client.copy(b).post('/attributes', { locale: 'de' }),
      ]);
      b.users.all.get('ada')!.role = 'owner';
      clock.advance('15m');
      const seen = await client.copy(b).get('/me');
      expect(seen.json.data.role).toBe('owner');
      expect((await client.copy(a).get('/me')).json).toMatchObject({
        data: { role: 'owner' },
        attributes: { theme: 'dark', locale: 'de' },
      });
      const session = await a.sessions.verify(client.token!);
      await b.sessions.revoke({ id: client.id, subject: 'ada' });
      expect(await statusOf(client)).toBe(401);
      for (const call of [
        () => a.sessions.update(session, { theme: 'light' }),
        () => a.sessions.reload(session),
        () => a.sessions.verify(client.token!),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
      }
      expect(await a.sessions.list('ada')).toEqual([]);
    });

    it('S-050, S-051, S-059, F-01: refresh tokens follow each other on both nodes, and theft ends the session', async () => {
      const { a, b } = await openTwo({ transport: 'header', refreshToken: {} });
      const { refreshToken: first } = await createTestSession(a.app, 'ada');
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 ? a : b).sessions.refresh(first!),
        ),
      );
      const children = new Set(
        all.map(({ refreshToken }) => claimsIn(refreshToken).jti),
      );
      expect(children.size).toBe(1);
      const second = all[0]!.refreshToken!;
      clock.advance(31);
      const third = (await b.sessions.refresh(second)).refreshToken!;
      expect(a.eventsOf('refreshReused')).toEqual([]);
      await expect(a.sessions.refresh(first!)).rejects.toMatchObject({
        code: 'REFRESH_REUSED',
      });
      expect(a.eventsOf('refreshReused')).toHaveLength(1);
      await expect(b.sessions.refresh(third)).rejects.toMatchObject({
        code: 'SESSION_UNKNOWN',
      });
    });

    it('the guard refreshes a cookie pair, until the session is ended (A-081)', async () => {
      const { a, b } = await openTwo({ refreshToken: {} });
      const browser: Browser = await a.signIn();
      clock.advance('15m');
      expect((await browser.get('/me')).setCookie).toHaveLength(2);
      clock.advance('15m');
      await b.sessions.revokeAll('ada');
      const refused = await browser.get('/me');
      expect(refused.status).toBe(401);
      expect(await browser.jar.getCookieString('https://app.example')).toBe('');
    });

    it('F-07, F-13: an outage of the server logs nobody out', async () => {
      const { a, b } = await openTwo({ storeTimeout: '2s' });
      const client = await signIn(a);
      const due = await signIn(a, 'bob');
      await server.halt();
      try {
        expect(await statusOf(client)).toBe(200);
        clock.advance('15m');
        const old = await due.get('/me');
        expect(old.status).toBe(200);
        expect(old.setCookie).toEqual([]);
        const signInAnswer = await b.browser().post('/login', { user: 'ada' });
        expect(signInAnswer.status).toBe(503);
        expect(signInAnswer.headers['retry-after']).toMatch(/^[1-5]$/);
        const out = await client.copy().post('/sign-out');
        expect(out.status).toBe(503);
        expect(a.eventsOf('rejected')).toEqual([]);
      } finally {
        await server.resume?.();
      }
      if (server.resume) {
        clock.advance(30);
        const after = await due.get('/me');
        expect(after.status).toBe(200);
        expect(after.setCookie).toHaveLength(1);
        expect(await b.sessions.list('bob')).toHaveLength(1);
      }
    });
  },
);
