import {
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  Module,
  VersioningType,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { map } from 'rxjs';
import {
  MemoryRevocationLog,
  Public,
  Session,
  SessionConfigError,
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type SessionJwtModuleExtras,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { ORIGIN, send, type TestResponse } from '../support/browser.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { boot, bootError, closeBooted } from '../support/nest-app.js';
import { openTestApp } from '../support/opened-apps.js';
import { probe } from '../support/probe.js';
import { DAY, NOW } from '../support/session-claims.js';
import {
  CLEARED,
  COOKIE,
  fieldsOf,
  linesOf,
  valueOf,
} from '../support/set-cookie.js';
import { SickStore } from '../support/sick-store.js';
import {
  bothAdapters as adapters,
  OTHER_SECRET,
  SECRET,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';
import {
  asCookies,
  BOTH_CLEARED,
  pairIn,
  refreshClaimsIn,
  refreshOf,
} from '../support/token-pair.js';

type Options = Partial<SessionJwtModuleOptions>;
type Routes = SessionJwtModuleExtras['routes'];

const FOREIGN = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};
const UNAUTHORIZED = {
  statusCode: 401,
  message: 'Unauthorized',
  errorCode: 'SESSION_REQUIRED',
};
const REFUSED = {
  statusCode: 403,
  message: 'Forbidden',
  errorCode: 'CSRF_REFUSED',
};

interface Device {
  readonly id: string;
  readonly isCurrent: boolean;
}

function open(
  adapter: AdapterName,
  session: Options = {},
  { extras, ...more }: TestAppOptions & { routes?: Routes } = {},
): Promise<TestApp> {
  return openTestApp(adapter, {
    session,
    extras: { routes: more.routes ?? true, ...extras },
    ...more,
  });
}

async function openStored(
  adapter: AdapterName,
  session: Options = {},
): Promise<{ app: TestApp; store: SickStore }> {
  const store = new SickStore();
  return { app: await open(adapter, { store, ...session }), store };
}

/** S-114: what holds for every answer of the routes. */
function expectUncached(response: TestResponse): void {
  expect(response.headers['cache-control']).toBe('no-store');
}

function idOf(token: string | undefined): string {
  return readToken(token ?? '').claims['sid'] as string;
}

afterEach(closeBooted);

describe.each(adapters)('the ready-made routes on %s', (adapter) => {
  describe('GET session', () => {
    it('shows the session, without its params and token', async () => {
      const app = await open(adapter);
      const browser = await app.signIn();
      const response = await browser.get('/session');
      expect(response.status).toBe(200);
      expect(response.json).toMatchObject({
        id: idOf(await browser.cookie()),
        subject: 'ada',
        data: { id: 'ada', role: 'admin' },
        expiresAt: new Date((NOW + 7 * DAY) * 1000).toISOString(),
      });
      expect(response.json).not.toHaveProperty('params');
      expect(response.json).not.toHaveProperty('token');
      expect(response.setCookie).toEqual([]);
      expectUncached(response);
      expect(fieldsOf(response.headers.vary)).toContain('cookie');
    });

    it('brings a session up to date, as every route does', async () => {
      const app = await open(adapter);
      const browser = await app.signIn();
      app.users.all.get('ada')!.role = 'owner';
      app.clock.advance('15m');
      const response = await browser.get('/session');
      expect(response.json.data.role).toBe('owner');
      expect(linesOf(response)).toHaveLength(1);
      expectUncached(response);
    });

    it.each<[what: string, headers: Record<string, string>]>([
      ['no session', {}],
      ['a token that is no good', { Cookie: `${COOKIE}=x` }],
    ])('is a 401 with %s', async (_what, headers) => {
      const app = await open(adapter);
      const response = await send(app.port, { path: '/session', headers });
      expect(response.status).toBe(401);
      expect(response.json).toEqual(UNAUTHORIZED);
      expect(fieldsOf(response.headers.vary)).toContain('cookie');
    });

    it('shows the session of a header', async () => {
      const app = await open(adapter, { transport: 'header' });
      const login = await app.browser().post('/login', { user: 'ada' });
      const { token } = login.json as { token: string };
      const response = await send(app.port, {
        path: '/session',
        headers: { Authorization: `Bearer ${token}` },
      });
      expect(response.json.subject).toBe('ada');
      expectUncached(response);
    });
  });

  describe('what clients see of a session (expose)', () => {
    class ExpandingLoader extends SessionDataLoader<string, { role: string }> {
      override async load() {
        return { role: 'admin' };
      }
      override expand(data: { role: string }) {
        return { ...data, salary: 1 };
      }
    }
    const LOADED = { role: 'admin' };
    const stored: Options = { keepDataIn: 'store' };

    it.each<[Options, Routes, data: unknown, attributes: unknown]>([
      [{}, true, LOADED, { theme: 'dark' }],
      [{}, { expose: [] }, undefined, undefined],
      [{}, { expose: ['attributes'] }, undefined, { theme: 'dark' }],
      [{}, { expose: ['expanded'] }, { ...LOADED, salary: 1 }, undefined],
      [{ encrypt: true }, true, undefined, undefined],
      [{ encrypt: true }, { expose: ['data'] }, LOADED, undefined],
      [stored, true, undefined, undefined],
      [stored, { path: 'session' }, undefined, undefined],
      [stored, { expose: ['data'] }, LOADED, undefined],
    ])(
      'is what they could read in a token, or what %j with routes %j says',
      async (options, routes, data, attributes) => {
        const app = await open(
          adapter,
          {
            store: new SickStore(),
            ...(!options.keepDataIn && { refreshToken: {} }),
            ...options,
          },
          { routes, extras: { dataLoader: ExpandingLoader } },
        );
        const browser = await app.signIn('ada', {
          attributes: { theme: 'dark' },
        });
        const { json } = await browser.get('/session');
        expect(json).toMatchObject({ subject: 'ada' });
        expect(json.data).toEqual(data);
        expect(json.attributes).toEqual(attributes);
        if (options.keepDataIn) return;
        const refreshed = await browser.post('/session/refresh');
        const isData = data === undefined || 'salary' in (data as object);
        expect(refreshed.json).toEqual({
          expiresAt: expect.any(String),
          ...(!isData && { data: LOADED }),
        });
      },
    );
  });

  describe('POST session/refresh', () => {
    it('brings a new cookie pair, and no token in the body', async () => {
      const app = await open(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      const before = await refreshOf(browser);
      app.clock.advance('15m');
      const response = await browser.post('/session/refresh');
      expect(response.status).toBe(200);
      expect(response.json).toEqual({
        data: { id: 'ada', role: 'admin' },
        expiresAt: expect.any(String),
      });
      const { session, refresh } = pairIn(response);
      expect(idOf(session)).toBe(refreshClaimsIn(before).sid);
      expect(refresh).not.toBe(before);
      expectUncached(response);
      expect((await browser.get('/session')).setCookie).toEqual([]);
    });

    it('works where the session cookie is still good, or gone', async () => {
      const app = await open(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      expect((await browser.post('/session/refresh')).status).toBe(200);
      const headers = asCookies({ refresh: await refreshOf(browser) });
      const alone = await send(app.port, {
        method: 'POST',
        path: '/session/refresh',
        body: {},
        headers: { ...headers, Origin: ORIGIN },
      });
      expect(alone.status).toBe(200);
      expect(alone.setCookie).toHaveLength(2);
    });

    it.each<[what: string, refreshToken: object, field: string]>([
      ['the default name', {}, 'refreshToken'],
      ['a name of its own', { field: 'refresh_token' }, 'refresh_token'],
    ])(
      'brings a new bearer pair in the body for one in a field of %s',
      async (_what, refreshToken, field) => {
        const app = await open(adapter, { transport: 'header', refreshToken });
        const login = await app.browser().post('/login', { user: 'ada' });
        app.clock.advance('15m');
        const response = await send(app.port, {
          method: 'POST',
          path: '/session/refresh',
          body: { [field]: login.json.refreshToken },
        });
        expect(response.status).toBe(200);
        expect(Object.keys(response.json as object).toSorted()).toEqual([
          'data',
          'expiresAt',
          'refreshToken',
          'token',
        ]);
        expectUncached(response);
        const me = await send(app.port, {
          path: '/session',
          headers: { Authorization: `Bearer ${response.json.token}` },
        });
        expect(me.json.subject).toBe('ada');
      },
    );

    it('is a 401 when the session has ended, and clears its cookies (A-081)', async () => {
      const store = new SickStore();
      const app = await open(adapter, { refreshToken: {}, store });
      const ended = await app.signIn();
      await app.sessions.revokeAll('ada');
      const overByTime = await app.signIn();
      const answers = [await ended.post('/session/refresh')];
      app.clock.advance('8d');
      answers.push(await overByTime.post('/session/refresh'));
      for (const answer of answers) {
        expect(answer.status).toBe(401);
        expect(answer.json).toEqual(UNAUTHORIZED);
        expect(answer.setCookie).toEqual(BOTH_CLEARED);
        expectUncached(answer);
      }
    });

    it.each<[what: string, body: object]>([
      ['none', {}],
      ['one that is forged', { refreshToken: 'a.b.c' }],
      ['something else than text', { refreshToken: { a: 1 } }],
    ])('is a 401 with %s', async (_what, body) => {
      const app = await open(adapter, {
        transport: 'header',
        refreshToken: {},
      });
      const response = await send(app.port, {
        method: 'POST',
        path: '/session/refresh',
        body,
      });
      expect(response.status).toBe(401);
      expect(response.json).toEqual(UNAUTHORIZED);
      expectUncached(response);
    });

    it('A-073: takes no session token for a refresh token', async () => {
      const app = await open(adapter, {
        transport: 'header',
        refreshToken: {},
      });
      const login = await app.browser().post('/login', { user: 'ada' });
      const response = await send(app.port, {
        method: 'POST',
        path: '/session/refresh',
        body: { refreshToken: login.json.token },
      });
      expect(response.status).toBe(401);
    });

    it('S-158: is a 403 for another site, which exchanges nothing', async () => {
      const { app, store } = await openStored(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      store.takeCalls();
      const response = await browser.sendOnly({
        method: 'POST',
        path: '/session/refresh',
        body: {},
        headers: FOREIGN,
      });
      expect(response.status).toBe(403);
      expect(response.json).toEqual(REFUSED);
      expect(response.setCookie).toEqual([]);
      expect(store.takeCalls()).toEqual([]);
      expectUncached(response);
    });

    it('refuses where there are no refresh tokens, so that a client knows the end of a session', async () => {
      const app = await open(adapter);
      const browser = await app.signIn();
      const response = await browser.post('/session/refresh');
      expect(response.status).toBe(401);
      expect(response.json).toEqual(UNAUTHORIZED);
      expect(response.setCookie).toEqual([]);
      expectUncached(response);
    });

    it('is a 503 where the store does not answer, and costs nobody the refresh token', async () => {
      const { app, store } = await openStored(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      store.fall('rejects');
      const response = await browser.post('/session/refresh');
      expect(response.status).toBe(503);
      expect(response.setCookie).toEqual([]);
      store.recover();
      expect((await browser.post('/session/refresh')).status).toBe(200);
    });
  });

  describe('A-128, S-113: no route but the two that read has an answer to a safe method', () => {
    it.each([
      ['GET', '/session/refresh'],
      ['GET', '/session/logout'],
      ['HEAD', '/session/refresh'],
      ['HEAD', '/session/logout'],
      ['GET', '/session/devices/x'],
    ])('%s %s', async (method, path) => {
      const { app, store } = await openStored(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      store.takeCalls();
      const Cookie = await browser.jar.getCookieString(ORIGIN);
      const headers = { Cookie };
      const response = await probe(app.port, { method, path, headers });
      expect([404, 405]).toContain(response.status);
      expect(response.setCookie).toEqual([]);
      expect(store.takeCalls()).toEqual([]);
      expect(app.events.map(({ type }) => type)).toEqual(['created']);
    });
  });

  describe('POST session/logout', () => {
    it('A-087: ends the session and clears its cookie, and is a 204 again', async () => {
      const app = await open(adapter);
      const browser = await app.signIn();
      const copied = { Cookie: `${COOKIE}=${await browser.cookie()}` };
      for (let i = 0; i < 2; i += 1) {
        const response = await browser.post('/session/logout');
        expect(response.status).toBe(204);
        expect(response.text).toBe('');
        expect(response.setCookie).toEqual([CLEARED]);
        expectUncached(response);
        expect(fieldsOf(response.headers.vary)).toContain('cookie');
      }
      expect(await browser.cookie()).toBeUndefined();
      const after = await send(app.port, { path: '/session', headers: copied });
      expect(after.status).toBe(401);
    });

    it('A-087: clears both cookies of a pair, whose refresh token is worth nothing then', async () => {
      const { app } = await openStored(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      const refresh = await refreshOf(browser);
      const response = await browser.post('/session/logout');
      expect(response.status).toBe(204);
      expect(response.setCookie).toEqual(BOTH_CLEARED);
      const again = await send(app.port, {
        method: 'POST',
        path: '/session/refresh',
        body: {},
        headers: asCookies({ refresh }),
      });
      expect(again.status).toBe(401);
    });

    it('A-086: ends a session whose token has expired', async () => {
      const { app } = await openStored(adapter, { refreshToken: {} });
      const browser = await app.signIn();
      app.clock.advance('1d');
      expect(await app.sessions.list('ada')).toHaveLength(1);
      const headers = asCookies({ session: await browser.cookie() });
      const response = await browser.sendOnly({
        method: 'POST',
        path: '/session/logout',
        body: {},
        headers,
      });
      expect(response.status).toBe(204);
      expect(await app.sessions.list('ada')).toEqual([]);
    });

    it('ends the session of a bearer token, and of a refresh token in the body', async () => {
      const store = new SickStore();
      const app = await open(adapter, {
        store,
        transport: 'header',
        refreshToken: {},
      });
      const logins = [
        await app.browser().post('/login', { user: 'ada' }),
        await app.browser().post('/login', { user: 'bob' }),
      ];
      const answers = [
        await send(app.port, {
          method: 'POST',
          path: '/session/logout',
          body: {},
          headers: { Authorization: `Bearer ${logins[0]!.json.token}` },
        }),
        await send(app.port, {
          method: 'POST',
          path: '/session/logout',
          body: { refreshToken: logins[1]!.json.refreshToken },
        }),
      ];
      for (const answer of answers) {
        expect(answer.status).toBe(204);
        expectUncached(answer);
      }
      expect(await app.sessions.list('ada')).toEqual([]);
      expect(await app.sessions.list('bob')).toEqual([]);
    });

    it('A-085, V-28: ends nothing for a forged token', async () => {
      const { app, store } = await openStored(adapter);
      const browser = await app.signIn();
      const { header, claims } = readToken((await browser.cookie()) ?? '');
      const forged = forgeToken(header, claims, OTHER_SECRET);
      store.takeCalls();
      const response = await send(app.port, {
        method: 'POST',
        path: '/session/logout',
        body: {},
        headers: { Cookie: `${COOKIE}=${forged}`, Origin: ORIGIN },
      });
      expect(response.status).toBe(204);
      expect(response.setCookie).toEqual([CLEARED]);
      expect(store.takeCalls()).toEqual([]);
      expect((await browser.get('/session')).status).toBe(200);
    });

    it('S-158: is a 403 for another site, which ends nothing', async () => {
      const { app, store } = await openStored(adapter);
      const browser = await app.signIn();
      store.takeCalls();
      const response = await browser.sendOnly({
        method: 'POST',
        path: '/session/logout',
        body: {},
        headers: FOREIGN,
      });
      expect(response.status).toBe(403);
      expect(response.json).toEqual(REFUSED);
      expect(response.setCookie).toEqual([]);
      expect(store.takeCalls()).toEqual([]);
      expect((await browser.get('/session')).status).toBe(200);
    });

    it('clears the cookie with a store that does not answer, and says that it did not', async () => {
      const { app, store } = await openStored(adapter);
      const browser = await app.signIn();
      store.fall('rejects');
      const response = await browser.post('/session/logout');
      expect(response.status).toBe(503);
      expect(response.setCookie).toEqual([CLEARED]);
      expectUncached(response);
    });
  });

  describe('session/devices', () => {
    const devicesOf = async (response: Promise<TestResponse>) =>
      (await response).json as Device[];

    it('S-107: shows the sessions of the user, and which of them asks', async () => {
      const { app } = await openStored(adapter);
      const phone = await app.signIn('ada', { metadata: { label: 'Phone' } });
      app.clock.advance(30);
      const laptop = await app.signIn('ada', { metadata: { label: 'Laptop' } });
      await app.signIn('bob');
      const response = await phone.get('/session/devices');
      expect(response.status).toBe(200);
      expect(response.json).toEqual([
        {
          id: idOf(await laptop.cookie()),
          subject: 'ada',
          createdAt: new Date((NOW + 30) * 1000).toISOString(),
          lastSeenAt: new Date((NOW + 30) * 1000).toISOString(),
          expiresAt: new Date((NOW + 30 + 7 * DAY) * 1000).toISOString(),
          metadata: { label: 'Laptop' },
          isBound: false,
          isCurrent: false,
        },
        expect.objectContaining({
          id: idOf(await phone.cookie()),
          metadata: { label: 'Phone' },
          isCurrent: true,
        }),
      ]);
      expectUncached(response);
      expect(fieldsOf(response.headers.vary)).toContain('cookie');
      const other = await devicesOf(laptop.get('/session/devices'));
      expect(other.map(({ isCurrent }) => isCurrent)).toEqual([true, false]);
    });

    it('S-107: ends another one, and not the one that asks', async () => {
      const { app } = await openStored(adapter, { revocationCheck: 'always' });
      const [here, lost] = [await app.signIn(), await app.signIn()];
      const path = `/session/devices/${idOf(await lost.cookie())}`;
      const response = await here.send({ method: 'DELETE', path });
      expect(response.status).toBe(204);
      expect(response.setCookie).toEqual([]);
      expectUncached(response);
      expect((await lost.get('/session')).status).toBe(401);
      expect((await here.get('/session')).status).toBe(200);
      expect((await here.send({ method: 'DELETE', path })).status).toBe(404);
      expect(await devicesOf(here.get('/session/devices'))).toHaveLength(1);
    });

    it.each<[what: string, options: Options, cleared: string[]]>([
      ['one token', {}, [CLEARED]],
      ['a pair', { refreshToken: {} }, BOTH_CLEARED],
    ])(
      'ends the one that asks, and clears the cookies of %s',
      async (_what, options, cleared) => {
        const { app } = await openStored(adapter, options);
        const browser = await app.signIn();
        const path = `/session/devices/${idOf(await browser.cookie())}`;
        const response = await browser.send({ method: 'DELETE', path });
        expect(response.status).toBe(204);
        expect(response.setCookie).toEqual(cleared);
        expectUncached(response);
        expect(await browser.cookie()).toBeUndefined();
        expect(await app.sessions.list('ada')).toEqual([]);
      },
    );

    it('ends no session of somebody else, and tells nothing of it: 404, as for one that does not exist', async () => {
      const { app } = await openStored(adapter, { revocationCheck: 'always' });
      const [ada, bob] = [await app.signIn('ada'), await app.signIn('bob')];
      const theirs = idOf(await bob.cookie());
      const answers: TestResponse[] = [];
      for (const id of [
        theirs,
        'A'.repeat(43),
        'x',
        '__proto__',
        '%2e',
        '%00',
      ]) {
        const path = `/session/devices/${id}`;
        answers.push(await ada.send({ method: 'DELETE', path }));
      }
      for (const answer of answers) {
        expect(answer.status).toBe(404);
        expect(answer.json).toEqual(answers[0]!.json);
        expect(answer.text).not.toContain(theirs);
        expect(answer.setCookie).toEqual([]);
      }
      expect((await bob.get('/session')).status).toBe(200);
      expect(await app.sessions.list('bob')).toHaveLength(1);
      expect(app.eventsOf('ended')).toEqual([]);
    });

    it('S-106: ends all but the one that asks', async () => {
      const { app } = await openStored(adapter, { revocationCheck: 'always' });
      const here = await app.signIn();
      const others = [await app.signIn(), await app.signIn()];
      const bob = await app.signIn('bob');
      const response = await here.send({
        method: 'DELETE',
        path: '/session/devices/others',
      });
      expect(response.status).toBe(200);
      expect(response.json).toEqual({ ended: 2 });
      expect(response.setCookie).toEqual([]);
      expectUncached(response);
      for (const other of others) {
        expect((await other.get('/session')).status).toBe(401);
      }
      expect((await here.get('/session')).status).toBe(200);
      expect((await bob.get('/session')).status).toBe(200);
    });

    it.each<[method: string, path: string, options: Options]>([
      ['GET', '', {}],
      ['DELETE', '/others', {}],
      ['DELETE', '/:id', {}],
      ['DELETE', '/others', { refreshToken: {} }],
    ])(
      'S-106: %s devices%s refuses a session that its owner ended, ends nothing for it, and clears it (%j)',
      async (method, path, options) => {
        const { app } = await openStored(adapter, options);
        const [owner, ended] = [await app.signIn(), await app.signIn()];
        const id = idOf(await owner.cookie());
        const others = { method: 'DELETE', path: '/session/devices/others' };
        expect((await owner.send(others)).json).toEqual({ ended: 1 });
        const response = await ended.send({
          method,
          path: `/session/devices${path.replace(':id', id)}`,
        });
        expect(response.status).toBe(401);
        expect(response.json).toEqual(UNAUTHORIZED);
        expect(response.setCookie).toEqual(
          options.refreshToken ? BOTH_CLEARED : [CLEARED],
        );
        const alive = await devicesOf(owner.get('/session/devices'));
        expect(alive).toMatchObject([{ id, isCurrent: true }]);
      },
    );

    it('S-106: DELETE devices/others ends nothing for a session that ends at that moment', async () => {
      const store = new SickStore();
      const app = await open(adapter, { store });
      const [here, other] = [await app.signIn(), await app.signIn()];
      const endAll = store.healthy.endAll.bind(store.healthy);
      store.healthy.endAll = async (subject, except) => {
        await store.healthy.end(except!, subject);
        return endAll(subject, except);
      };
      const response = await here.send({
        method: 'DELETE',
        path: '/session/devices/others',
      });
      expect(response.status).toBe(401);
      expect(response.json).toEqual(UNAUTHORIZED);
      expectUncached(response);
      expect(await app.sessions.list('ada')).toMatchObject([
        { id: idOf(await other.cookie()) },
      ]);
    });

    it.each([
      ['GET', '/session/devices'],
      ['DELETE', '/session/devices/others'],
      ['DELETE', '/session/devices/x'],
    ])('%s %s is a 401 without a session', async (method, path) => {
      const { app } = await openStored(adapter);
      await app.signIn();
      const response = await app.browser().send({ method, path });
      expect(response.status).toBe(401);
      expect(await app.sessions.list('ada')).toHaveLength(1);
    });

    it.each([
      ['DELETE', '/session/devices/others'],
      ['DELETE', '/session/devices/'],
    ])(
      'S-111: %s %s(id) is a 403 for another site, and ends nothing',
      async (method, start) => {
        const { app } = await openStored(adapter);
        const [here, other] = [await app.signIn(), await app.signIn()];
        const id = start.endsWith('/') ? idOf(await other.cookie()) : '';
        const response = await here.sendOnly({
          method,
          path: start + id,
          headers: FOREIGN,
        });
        expect(response.status).toBe(403);
        expect(response.json).toEqual(REFUSED);
        expect(await app.sessions.list('ada')).toHaveLength(2);
      },
    );

    it('S-111: asks for the CSRF token where there is one', async () => {
      const { app } = await openStored(adapter, {
        csrf: { token: { cookie: 'XSRF-TOKEN' } },
      });
      const [here, other] = [await app.signIn(), await app.signIn()];
      const path = `/session/devices/${idOf(await other.cookie())}`;
      const bare = await here.send({ method: 'DELETE', path });
      expect(bare.status).toBe(403);
      const headers = {
        'X-CSRF-Token': (await here.cookie('XSRF-TOKEN')) ?? '',
      };
      const own = await here.send({ method: 'DELETE', path, headers });
      expect(own.status).toBe(204);
      expect((await here.post('/session/logout')).status).toBe(403);
      const logout = await here.post('/session/logout', {}, headers);
      expect(logout.status).toBe(204);
    });

    it('ends all but the one that asks with a revocation log alone', async () => {
      const app = await open(adapter, {
        revocations: new MemoryRevocationLog(),
      });
      const here = await app.signIn();
      const others = [await app.signIn(), await app.signIn()];
      const bob = await app.signIn('bob');
      const response = await here.send({
        method: 'DELETE',
        path: '/session/devices/others',
      });
      expect(response).toMatchObject({ status: 200, json: { ended: 0 } });
      for (const other of others) {
        const refused = await other.get('/session');
        expect(refused.status).toBe(401);
        expect(refused.setCookie).toEqual([CLEARED]);
      }
      expect((await here.get('/session')).status).toBe(200);
      expect((await bob.get('/session')).status).toBe(200);
      for (const [method, path] of [
        ['GET', '/session/devices'],
        ['DELETE', '/session/devices/x'],
      ] as const) {
        expect((await here.send({ method, path })).status).toBe(404);
      }
    });

    it.each([
      ['GET', '/session/devices'],
      ['DELETE', '/session/devices/others'],
      ['DELETE', '/session/devices/x'],
    ])('%s %s is a 404 without a store', async (method, path) => {
      const app = await open(adapter);
      const browser = await app.signIn();
      const response = await browser.send({ method, path });
      expect(response.status).toBe(404);
      expect(response.setCookie).toEqual([]);
      expectUncached(response);
      expect((await browser.get('/session')).status).toBe(200);
    });
  });

  describe('S-115: Clear-Site-Data', () => {
    it.each<[routes: Routes, value: string | undefined]>([
      [true, undefined],
      [{ clearSiteData: false }, undefined],
      [{ clearSiteData: true }, '"cache", "cookies", "storage"'],
      [{ clearSiteData: ['storage'] }, '"storage"'],
    ])(
      'with %j is %s at a sign-out, and nowhere else',
      async (routes, value) => {
        const app = await open(adapter, {}, { routes });
        const sent = ({ headers }: TestResponse) => headers['clear-site-data'];
        const browser = await app.signIn();
        expect(sent(await browser.get('/session'))).toBeUndefined();
        const forged = await browser.send({
          method: 'POST',
          path: '/session/logout',
          body: {},
          headers: FOREIGN,
        });
        expect(forged.status).toBe(403);
        expect(sent(forged)).toBeUndefined();
        const signedOut = await browser.post('/session/logout');
        expect(signedOut.status).toBe(204);
        expect(sent(signedOut)).toBe(value);
        expect(linesOf(signedOut)).toEqual([CLEARED]);
      },
    );
  });

  describe('where they are', () => {
    const statusOf = async (app: TestApp, path: string) =>
      (await (await app.signIn()).get(path)).status;

    it.each<[routes: Routes, path: string]>([
      [true, '/session'],
      [{}, '/session'],
      [{ path: 'auth' }, '/auth'],
      [{ path: 'api/v1/my-session' }, '/api/v1/my-session'],
    ])('with %j: %s', async (routes, path) => {
      const app = await open(adapter, { refreshToken: {} }, { routes });
      const browser = await app.signIn();
      expect((await browser.get(path)).status).toBe(200);
      expect((await browser.post(`${path}/refresh`)).status).toBe(200);
      expect((await browser.post(`${path}/logout`)).status).toBe(204);
      if (path !== '/session') {
        expect(await statusOf(app, '/session')).toBe(404);
      }
    });

    it.each<[what: string, routes: Routes]>([
      ['false', false],
      ['undefined', undefined],
    ])('nowhere with %s', async (_what, routes) => {
      const app = await openTestApp(adapter, {
        extras: routes === undefined ? {} : { routes },
      });
      expect(await statusOf(app, '/session')).toBe(404);
      const browser = await app.signIn();
      expect((await browser.post('/session/logout')).status).toBe(404);
    });

    it('below the global prefix', async () => {
      const app = await open(
        adapter,
        {},
        {
          configure: (nest) =>
            void nest.setGlobalPrefix('api', { exclude: ['login'] }),
        },
      );
      const browser = await app.signIn();
      expect((await browser.get('/session')).status).toBe(404);
      expect((await browser.get('/api/session')).status).toBe(200);
      expect((await browser.post('/api/session/logout')).status).toBe(204);
    });

    it.each<[what: string, configure: (nest: INestApplication) => void]>([
      [
        'in the path',
        (nest) => void nest.enableVersioning({ type: VersioningType.URI }),
      ],
      [
        'in a header',
        (nest) =>
          void nest.enableVersioning({
            type: VersioningType.HEADER,
            header: 'X-Version',
          }),
      ],
    ])('where they were when versions are %s', async (_what, configure) => {
      const app = await open(adapter, {}, { configure });
      const browser = await app.signIn();
      expect((await browser.get('/session')).status).toBe(200);
      const headers = { 'X-Version': '7' };
      expect((await browser.get('/session', headers)).status).toBe(200);
      expect((await browser.post('/session/logout')).status).toBe(204);
    });

    it('where they were when other routes have a default version', async () => {
      const app = await open(
        adapter,
        {},
        {
          configure: (nest) =>
            void nest.enableVersioning({
              type: VersioningType.URI,
              defaultVersion: '1',
            }),
        },
      );
      const browser = app.browser();
      expect((await browser.post('/v1/login', { user: 'ada' })).status).toBe(
        200,
      );
      expect((await browser.get('/session')).status).toBe(200);
    });
  });

  describe('what of the application applies to them', () => {
    @Injectable()
    class Wrapping implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler) {
        return next.handle().pipe(map((answer: unknown) => ({ answer })));
      }
    }

    @Injectable()
    class Limiting implements CanActivate {
      static readonly asked: string[] = [];

      canActivate(context: ExecutionContext): boolean {
        const { url } = context.switchToHttp().getRequest<{ url: string }>();
        Limiting.asked.push(url);
        if (url.endsWith('/logout')) throw new ForbiddenException('limited');
        return true;
      }
    }

    it('its interceptors', async () => {
      @Module({
        providers: [{ provide: APP_INTERCEPTOR, useClass: Wrapping }],
      })
      class WrappingModule {}
      const app = await open(adapter, {}, { imports: [WrappingModule] });
      const browser = await app.signIn();
      const response = await browser.get('/session');
      expect(response.json.answer.subject).toBe('ada');
    });

    it('its guards', async () => {
      @Module({ providers: [{ provide: APP_GUARD, useClass: Limiting }] })
      class LimitingModule {}
      const app = await open(
        adapter,
        { refreshToken: {} },
        { imports: [LimitingModule] },
      );
      const browser = await app.signIn();
      Limiting.asked.length = 0;
      expect((await browser.get('/session')).status).toBe(200);
      expect((await browser.post('/session/refresh')).status).toBe(200);
      const limited = await browser.post('/session/logout');
      expect(limited.status).toBe(403);
      expect(limited.json.message).toBe('limited');
      expect(Limiting.asked).toEqual([
        '/session',
        '/session/refresh',
        '/session/logout',
      ]);
    });

    it('A-149: one check and one reload a request', async () => {
      const { app, store } = await openStored(adapter, {
        revocationCheck: 'always',
      });
      const browser = await app.signIn();
      store.takeCalls();
      await browser.get('/session');
      expect(store.takeCalls()).toEqual(['read']);
    });
  });

  describe('guard: false', () => {
    it('leaves them guarded, and the other routes of the application open', async () => {
      const store = new SickStore();
      const app = await open(adapter, { store }, { extras: { guard: false } });
      const stranger = app.browser();
      expect((await stranger.get('/optional')).status).toBe(200);
      for (const [method, path] of [
        ['GET', '/session'],
        ['GET', '/session/devices'],
        ['DELETE', '/session/devices/others'],
        ['DELETE', '/session/devices/x'],
      ] as const) {
        const response = await stranger.send({ method, path });
        expect(response.status).toBe(401);
        expect(response.json).toEqual(UNAUTHORIZED);
      }
      const browser = await app.signIn();
      expect((await browser.get('/session')).json.subject).toBe('ada');
      const forged = await browser.sendOnly({
        method: 'DELETE',
        path: '/session/devices/others',
        headers: FOREIGN,
      });
      expect(forged.status).toBe(403);
      expect((await browser.post('/session/logout')).status).toBe(204);
    });
  });

  it('a test that replaces the guard of the application replaces theirs', async () => {
    const asked: string[] = [];
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader: false,
            routes: true,
          }),
        ],
      },
      {
        adapter,
        override: (builder) =>
          void builder.overrideProvider(SessionGuard).useValue({
            canActivate: (context: ExecutionContext) => {
              asked.push(context.getHandler().name);
              return true;
            },
          }),
      },
    );
    const response = await app.send({ path: '/session' });
    expect(response.status).toBe(200);
    expect(new Set(asked)).toEqual(new Set(['current']));
  });

  it('show the session of their own module where there are several', async () => {
    const modules = [
      SessionJwtModule.forRoot({
        secret: SECRET,
        dataLoader: false,
        global: false,
        routes: true,
      }),
      SessionJwtModule.forRoot({
        secret: OTHER_SECRET,
        dataLoader: false,
        global: false,
        guard: false,
        cookie: { name: '__Host-admin' },
        routes: { path: 'admin-session' },
      }),
    ];
    const app = await boot({ imports: modules }, { adapter });
    const [customers, admins] = modules.map((module) =>
      app.app.select(module).get(SessionService, { strict: true }),
    ) as [SessionService, SessionService];
    const customer = await customers.generate('customer');
    const admin = await admins.generate('administrator');
    const Cookie = `${COOKIE}=${customer.token}; __Host-admin=${admin.token}`;
    const subjectAt = async (path: string) =>
      (await app.send({ path, headers: { Cookie } })).json.subject as string;
    expect(await subjectAt('/session')).toBe('customer');
    expect(await subjectAt('/admin-session')).toBe('administrator');
  });

  it('leave the rest of their path to the application', async () => {
    @Controller('session')
    class OwnController {
      @Public()
      @Get('about')
      about() {
        return { about: true };
      }

      @Get('subject')
      subject(@Session('subject') subject: string) {
        return { subject };
      }
    }
    const app = await open(adapter, {}, { controllers: [OwnController] });
    const browser = await app.signIn();
    expect((await browser.get('/session/about')).json).toEqual({ about: true });
    expect((await browser.get('/session/subject')).json).toEqual({
      subject: 'ada',
    });
  });

  it('refuse to issue anything in a service that only checks sessions', async () => {
    const clock = new TestSessionClock();
    const issuer = await open(adapter, {}, { clock });
    const checking = await open(adapter, { verifyOnly: true }, { clock });
    const browser = await issuer.signIn();
    const headers = { Cookie: `${COOKIE}=${await browser.cookie()}` };
    const shown = await send(checking.port, { path: '/session', headers });
    expect(shown.status).toBe(200);
    const refresh = await send(checking.port, {
      method: 'POST',
      path: '/session/refresh',
      body: {},
      headers,
    });
    expect(refresh.status).toBe(401);
  });
});

describe('the option routes', () => {
  const faultsOf = async (
    options: object,
    factory?: object,
  ): Promise<readonly string[]> => {
    const imports = factory
      ? SessionJwtModule.forRootAsync({
          dataLoader: false,
          ...options,
          useFactory: () => factory,
        })
      : SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: false,
          ...options,
        } as SessionJwtModuleOptions);
    const error = await bootError({ imports: [imports] });
    expect(error).toBeInstanceOf(SessionConfigError);
    return (error as SessionConfigError).faults;
  };

  it('works beside a factory', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRootAsync({
          dataLoader: false,
          routes: { path: 'me' },
          useFactory: () => ({ secret: SECRET }),
        }),
      ],
    });
    expect((await app.send({ path: '/me' })).status).toBe(401);
    const logout = await app.send({ method: 'POST', path: '/me/logout' });
    expect(logout.status).toBe(204);
    expect(valueOf(logout.setCookie[0])).toBe('');
  });

  it('in the result of a factory is a fault that says where it belongs', async () => {
    expect(await faultsOf({}, { secret: SECRET, routes: true })).toEqual([
      'routes: must be known before the factory runs; pass it next to useFactory',
    ]);
  });

  it.each<[what: string, routes: unknown, path: string]>([
    ['null', null, 'routes'],
    ['a text', 'session', 'routes'],
    ['a number', 1, 'routes'],
    ['a list', ['session'], 'routes'],
    ['an unknown name', { prefix: 'a' }, 'routes.prefix'],
    ['an empty path', { path: '' }, 'routes.path'],
    ['a leading slash', { path: '/session' }, 'routes.path'],
    ['a trailing slash', { path: 'session/' }, 'routes.path'],
    ['two slashes', { path: 'a//b' }, 'routes.path'],
    ['a parameter', { path: ':id' }, 'routes.path'],
    ['a wildcard', { path: '*all' }, 'routes.path'],
    ['a blank', { path: 'my session' }, 'routes.path'],
    ['a path that is no text', { path: 7 }, 'routes.path'],
    ...[[], ['*'], ['cache', 'cookie'], 'cache', 1, null, [['cache']]].map(
      (clearSiteData): [string, unknown, string] => [
        `Clear-Site-Data ${JSON.stringify(clearSiteData)}`,
        { clearSiteData },
        'routes.clearSiteData',
      ],
    ),
    ...[['params'], 'data', true, ['data', 'expanded'], [1]].map(
      (expose): [string, unknown, string] => [
        `expose ${JSON.stringify(expose)}`,
        { expose },
        'routes.expose',
      ],
    ),
  ])('does not start with %s', async (_what, routes, path) => {
    for (const factory of [undefined, { secret: SECRET }]) {
      const faults = await faultsOf({ routes }, factory);
      expect(faults.map((fault) => fault.split(':')[0])).toEqual([path]);
    }
  });

  it('is told of together with the others', async () => {
    const faults = await faultsOf({
      routes: { path: '/' },
      jwks: true,
      issuer: '',
      colour: 'red',
    });
    const paths = new Set(faults.map((fault) => fault.split(':')[0]));
    expect(faults).toHaveLength(4);
    expect(paths).toEqual(new Set(['colour', 'issuer', 'jwks', 'routes.path']));
  });
});
