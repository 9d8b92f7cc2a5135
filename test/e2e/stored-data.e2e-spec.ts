import { Controller, HttpCode, Post } from '@nestjs/common';
import {
  ActiveSession,
  Session,
  SessionDataLoader,
  SessionService,
  type LoadContext,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { createGate, type Gate } from '../support/asynchrony.js';
import {
  clearingOf,
  clients,
  renewedIn,
  SessionClient,
} from '../support/session-client.js';
import { claimsIn, DAY, MINUTE, NOW } from '../support/session-claims.js';
import { ILLNESSES } from '../support/sick-store.js';
import { openStoredNode, openStoredNodes } from '../support/stored-nodes.js';
import type { TestApp, TestAppOptions } from '../support/test-app.js';

type Options = Partial<SessionJwtModuleOptions>;

/** Every claim that a reference holds. */
const CLAIMS = [
  'aud',
  'auth_time',
  'exp',
  'iat',
  'iss',
  'jti',
  'oiat',
  'sid',
  'sub',
  'v',
];

let reached: Gate;
let gate: Gate;

@Controller('slow')
class SlowController {
  constructor(private readonly sessions: SessionService) {}

  @Post('update')
  @HttpCode(200)
  async update(@Session() session: ActiveSession) {
    reached.open();
    await gate.promise;
    return this.sessions.update(session, { theme: 'dark' });
  }

  @Post('reload')
  @HttpCode(200)
  async reload(@Session() session: ActiveSession) {
    reached.open();
    await gate.promise;
    return this.sessions.reload(session);
  }
}

/** A user with a profile that no cookie holds. */
class BigLoader extends SessionDataLoader<string, object> {
  load(id: string, { reason }: LoadContext): object {
    return { id, reason, profile: 'x'.repeat(100_000) };
  }
}

beforeEach(() => {
  [reached, gate] = [createGate(), createGate()];
});

describe.each(clients)(
  'data in the store on %s, in a %s',
  (adapter, carrier) => {
    const withTransport = (session: Options): Options => ({
      transport: carrier,
      keepDataIn: 'store',
      ...session,
    });
    const open = (session: Options = {}, options: TestAppOptions = {}) =>
      openStoredNode(adapter, withTransport(session), {
        controllers: [SlowController],
        ...options,
      });
    const openTwo = (session: Options = {}) =>
      openStoredNodes(adapter, withTransport(session), {
        controllers: [SlowController],
      });
    const signIn = (app: TestApp, user?: string, options?: object) =>
      SessionClient.signIn(app, carrier, user, options);
    const loadsOf = (app: TestApp) =>
      app.users.loads.map(({ context }) => context.reason);

    describe('the token', () => {
      it('is a reference: who it is, and until when', async () => {
        const { app } = await open();
        const client = await signIn(app, 'ada', {
          attributes: { theme: 'dark' },
        });
        expect(Object.keys(claimsIn(client.token)).toSorted()).toEqual(CLAIMS);
        await client.post('/attributes', { locale: 'de' });
        expect(Object.keys(claimsIn(client.token)).toSorted()).toEqual(CLAIMS);
        app.clock.advance('15m');
        await client.get('/me');
        await client.post('/reload');
        expect(Object.keys(claimsIn(client.token)).toSorted()).toEqual(CLAIMS);
      });

      it('and all that it refers to is at hand', async () => {
        const { app } = await open();
        const client = await signIn(app, 'ada', {
          attributes: { theme: 'dark' },
        });
        const { json } = await client.get('/me');
        expect(json).toEqual({
          id: client.id,
          subject: 'ada',
          data: { id: 'ada', role: 'admin' },
          attributes: { theme: 'dark' },
          isBound: false,
          issuedAt: '2030-01-01T00:00:00.000Z',
          authenticatedAt: '2030-01-01T00:00:00.000Z',
          loadedAt: '2030-01-01T00:00:00.000Z',
          expiresAt: '2030-01-08T00:00:00.000Z',
        });
        const session = await app.sessions.verify(client.token!);
        expect(session.params).toBe('ada');
      });

      it('F-23: is as small with 100 KB of data', async () => {
        const { app } = await open({}, { extras: { dataLoader: BigLoader } });
        const client = await signIn(app);
        expect(client.token!.length).toBeLessThan(700);
        const before = await client.get('/me');
        expect(before.json.data.profile).toHaveLength(100_000);
        app.clock.advance('15m');
        const after = await client.get('/me');
        expect(after.json.data.reason).toBe('reload');
        expect(after.json.data.profile).toHaveLength(100_000);
        const theme = 'y'.repeat(100_000);
        expect((await client.post('/attributes', { theme })).status).toBe(200);
        expect((await client.get('/me')).json.attributes).toEqual({ theme });
      });

      it('is nothing to a module that keeps data in tokens, and the other way round', async () => {
        const { app } = await open();
        const { app: other } = await openStoredNode(adapter, {
          transport: carrier,
        });
        const [reference, whole] = [await signIn(app), await signIn(other)];
        expect((await reference.copy(other).get('/me')).status).toBe(401);
        expect((await whole.copy(app).get('/me')).status).toBe(401);
      });
    });

    describe('what a request sees', () => {
      it('is the newest data, whichever node loaded it', async () => {
        const { a, b } = await openTwo();
        const client = await signIn(a);
        const old = client.copy(b);
        for (const { users } of [a, b]) users.all.get('ada')!.role = 'owner';
        await client.post('/reload');
        for (const each of [client, old, old.copy(a)]) {
          expect((await each.copy().get('/me')).json.data.role).toBe('owner');
        }
        expect(loadsOf(b)).toEqual([]);
      });

      it('is the newest attributes, whichever node set them', async () => {
        const { a, b } = await openTwo();
        const client = await signIn(a);
        const old = client.copy(b);
        await client.post('/attributes', { theme: 'dark' });
        const seen = await old.copy().get('/me');
        expect(seen.json.attributes).toEqual({ theme: 'dark' });
        expect(renewedIn(seen, carrier)).toBeUndefined();
      });

      it.each<[string, boolean]>([
        ['one node', false],
        ['two nodes', true],
      ])(
        'is every attribute that was changed concurrently on %s (S-122)',
        async (_where, isTwo) => {
          const { a, b } = await openTwo();
          const client = await signIn(a);
          const names = Array.from({ length: 20 }, (_, i) => `name${i}`);
          const answers = await Promise.all(
            names.map((name, i) =>
              client
                .copy(isTwo && i % 2 ? b : a)
                .post('/attributes', { [name]: i }),
            ),
          );
          expect(answers.map(({ status }) => status)).toEqual(
            names.map(() => 200),
          );
          const { json } = await client.copy(b).get('/me');
          expect(Object.keys(json.attributes)).toHaveLength(20);
        },
      );

      it('A-146: is frozen, so that no request can change what another one sees', async () => {
        const { app } = await open();
        const { token } = await createTestSession(app.app, 'ada', {
          attributes: { theme: 'dark' },
          data: { roles: ['admin'] },
        });
        const { data, attributes, params } = await app.sessions.verify(token);
        expect(params).toBe('ada');
        expect(Object.isFrozen(attributes)).toBe(true);
        expect(() => (data.roles as string[]).push('owner')).toThrow(TypeError);
        const again = await app.sessions.verify(token);
        expect(again.data).toEqual({ roles: ['admin'] });
      });
    });

    describe('a reload', () => {
      it('brings due data into the record, once for all clients', async () => {
        const { a, b, store } = await openTwo();
        const client = await signIn(a);
        const old = client.copy(b);
        for (const { users } of [a, b]) users.all.get('ada')!.role = 'owner';
        a.clock.advance('15m');
        const due = await client.get('/me');
        expect(due.json.data.role).toBe('owner');
        expect(due.json.loadedAt).toBe('2030-01-01T00:15:00.000Z');
        const record = await store.healthy.read(client.id, 'ada');
        expect(record?.data).toEqual({
          value: { id: 'ada', role: 'owner' },
          loadedAt: NOW + 15 * MINUTE,
        });
        expect((await old.get('/me')).json.data.role).toBe('owner');
        expect(loadsOf(a)).toEqual(['generate', 'reload']);
        expect(loadsOf(b)).toEqual([]);
      });

      it('moves the end of every token, of those too whose data another client had loaded', async () => {
        const { a, b } = await openTwo();
        const active = await signIn(a);
        const [here, there] = [active.copy(a), active.copy(b)];
        for (let day = 1; day < 30; day += 1) {
          a.clock.advance(DAY);
          for (const each of [active, here, there]) {
            const { status } = await each.get('/me');
            expect({ day, status }).toEqual({ day, status: 200 });
            const now = NOW + day * DAY;
            const end = Math.min(now + 7 * DAY, NOW + 30 * DAY);
            expect(claimsIn(each.token).exp).toBe(end);
          }
        }
        expect(a.users.loads.length + b.users.loads.length).toBe(30);
        a.clock.advance(DAY);
        expect((await active.get('/me')).status).toBe(401);
      });

      it('by hand loads at once, whatever the age', async () => {
        const { app } = await open();
        const client = await signIn(app);
        app.users.all.get('ada')!.role = 'owner';
        const { json } = await client.post('/reload');
        expect(json.data).toEqual({ id: 'ada', role: 'owner' });
        expect((await client.get('/me')).json.data.role).toBe('owner');
        expect(loadsOf(app)).toEqual(['generate', 'reload']);
      });

      it('F-19: gives the old data while the loader is down, then 503, and keeps the session', async () => {
        const { app } = await open();
        const client = await signIn(app);
        const { token } = client;
        app.users.failure = new Error('connection refused');
        app.clock.advance('15m');
        const old = await client.get('/me');
        expect(old.status).toBe(200);
        expect(old.json.data.role).toBe('admin');
        expect(renewedIn(old, carrier)).toBeUndefined();
        app.clock.advance(15 * MINUTE - 1);
        expect((await client.get('/me')).status).toBe(200);
        app.clock.advance(1);
        const refused = await client.get('/me');
        expect(refused.status).toBe(503);
        expect(refused.headers['retry-after']).toMatch(/^[1-5]$/);
        expect(refused.setCookie).toEqual([]);
        expect(client.token === token).toBe(true);
        app.users.failure = undefined;
        app.users.all.get('ada')!.role = 'owner';
        app.clock.advance(30);
        const fresh = await client.get('/me');
        expect(fresh.status).toBe(200);
        expect(fresh.json.data.role).toBe('owner');
      });

      it('gives data that another node has loaded, although the loader of this one is down', async () => {
        const { a, b } = await openTwo();
        const client = await signIn(a);
        b.users.failure = new Error('connection refused');
        a.clock.advance('15m');
        expect((await client.copy(b).get('/me')).status).toBe(200);
        expect(b.eventsOf('loaderFailed')).toHaveLength(1);
        a.users.all.get('ada')!.role = 'owner';
        await client.copy(a).get('/me');
        a.clock.advance(10 * MINUTE);
        const seen = await client.copy(b).get('/me');
        expect(seen.status).toBe(200);
        expect(seen.json.data.role).toBe('owner');
      });

      it('F-20: ends the session, and its record, when the loader says so', async () => {
        const { a, b, store } = await openTwo();
        const client = await signIn(a);
        a.users.all.delete('ada');
        a.clock.advance('15m');
        expect((await client.copy().get('/me')).status).toBe(401);
        expect(await store.healthy.read(client.id, 'ada')).toBeUndefined();
        expect((await client.copy(b).get('/me')).status).toBe(401);
        expect(b.users.loads).toEqual([]);
      });
    });

    describe('a session that was ended', () => {
      it.each<[string, (app: TestApp, id: string) => Promise<unknown>]>([
        [
          'by its name',
          (app, id) => app.sessions.revoke({ id, subject: 'ada' }),
        ],
        ['with all others', (app) => app.sessions.revokeAll('ada')],
      ])(
        '%s is refused immediately everywhere (A-080, S-104)',
        async (_how, end) => {
          const { a, b } = await openTwo();
          const client = await signIn(a);
          expect((await client.copy(b).get('/me')).status).toBe(200);
          await end(a, client.id);
          for (const app of [a, b]) {
            const refused = await client.copy(app).get('/me');
            expect(refused.status).toBe(401);
            expect(refused.setCookie).toEqual(clearingOf(carrier));
          }
          await expect(b.sessions.verify(client.token!)).rejects.toMatchObject({
            code: 'SESSION_UNKNOWN',
          });
        },
      );

      it.each(['update', 'reload'])(
        'is not brought back by %s',
        async (method) => {
          const { a, b, store } = await openTwo();
          const client = await signIn(a);
          const request = client.copy(b).post(`/slow/${method}`);
          await reached.promise;
          await a.sessions.revoke({ id: client.id, subject: 'ada' });
          gate.open();
          const response = await request;
          expect(response.status).toBe(401);
          expect(renewedIn(response, carrier) || undefined).toBeUndefined();
          expect(await store.healthy.list('ada')).toEqual([]);
          expect((await client.get('/me')).status).toBe(401);
        },
      );

      it.each(['update', 'reload'] as const)(
        'makes %s throw SESSION_UNKNOWN',
        async (method) => {
          const { app, store } = await open();
          const { session } = await createTestSession(app.app, 'ada');
          await store.healthy.end(session.id, 'ada');
          const call =
            method === 'update'
              ? app.sessions.update(session, { theme: 'dark' })
              : app.sessions.reload(session);
          await expect(call).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
          expect(await store.healthy.list('ada')).toEqual([]);
        },
      );
    });

    describe('verify', () => {
      it('asks the store, for that is where the session is, and no loader', async () => {
        const { app, store } = await open();
        const { token } = await signIn(app);
        app.clock.advance('15m');
        store.takeCalls();
        const session = await app.sessions.verify(token!);
        expect(session.data).toEqual({ id: 'ada', role: 'admin' });
        expect(store.takeCalls()).toEqual(['read']);
        expect(loadsOf(app)).toEqual(['generate']);
      });

      it('cannot tell while the store is down', async () => {
        const { app, store } = await open();
        const { token } = await signIn(app);
        store.fall('rejects');
        await expect(app.sessions.verify(token!)).rejects.toMatchObject({
          code: 'STORE_UNAVAILABLE',
        });
      });
    });

    describe('with dataLoader: false', () => {
      const openWithout = () => open({}, { extras: { dataLoader: false } });
      const params = { id: 7, roles: ['admin'] };

      it('the params are the data, and in the record alone', async () => {
        const { app } = await openWithout();
        const client = await signIn(app, params as never, { subject: 'ada' });
        expect(Object.keys(claimsIn(client.token)).toSorted()).toEqual(CLAIMS);
        expect((await client.get('/me')).json.data).toEqual(params);
        expect((await client.post('/reload')).json.data).toEqual(params);
      });

      it('an active session lives until its absolute end', async () => {
        const { app } = await openWithout();
        const client = await signIn(app, params as never, { subject: 'ada' });
        for (let day = 1; day < 30; day += 1) {
          app.clock.advance(DAY);
          expect((await client.get('/me')).status).toBe(200);
        }
        app.clock.advance(DAY);
        expect((await client.get('/me')).status).toBe(401);
      });
    });

    describe.each(ILLNESSES)('S-120: while the store %s', (illness) => {
      it('requests get 503 and keep their token; public and optional routes answer', async () => {
        const { app, store } = await open({ storeTimeout: 0.02 });
        const client = await signIn(app);
        const { token } = client;
        store.fall(illness);
        for (const ask of [
          () => client.get('/me'),
          () => client.post('/attributes', { theme: 'dark' }),
          () => client.post('/reload'),
          () => client.post('/login', { user: 'ada' }),
        ]) {
          const response = await ask();
          expect(response.status).toBe(503);
          expect(response.headers['retry-after']).toMatch(/^[1-5]$/);
          expect(response.setCookie).toEqual([]);
          expect(client.token === token).toBe(true);
        }
        expect((await client.get('/public')).status).toBe(200);
        const optional = await client.get('/optional');
        expect(optional.status).toBe(200);
        expect(optional.json).toEqual({ subject: null });
        expect(optional.setCookie).toEqual([]);
        expect(app.eventsOf('storeFailed')).toHaveLength(5);
        expect(app.eventsOf('ended')).toEqual([]);
        store.recover();
        expect((await client.get('/me')).json.subject).toBe('ada');
      });
    });
  },
);
