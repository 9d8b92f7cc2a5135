import { once } from 'node:events';
import { Controller, Post } from '@nestjs/common';
import {
  SessionJwtModule,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { Browser, type TestResponse } from '../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import {
  startPostgres,
  type PostgresServer,
} from '../support/postgres-server.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { platforms } from '../support/effort.js';
import { type AdapterName } from '../support/test-app.js';
import { libraries, writeSnippets } from './coming-from-snippets.js';
import type { SnippetFiles } from './snippets/page.js';

const adapters = platforms('fastify');

type Application = typeof import('./snippets/application.js');

/** What the module of a section exports; its classes and options are those of the page. */
type Snippets = Record<string, any>;

/** A route that changes something. */
@Controller('change')
class ChangeController {
  @Post()
  change() {
    return 'changed';
  }
}

/** An application that consists of a section of the page. */
class DocumentedApp {
  readonly clock: TestSessionClock;

  private constructor(
    readonly app: BootedApp,
    clock: TestSessionClock,
  ) {
    this.clock = clock;
  }

  static async open(
    adapter: AdapterName,
    snippets: Snippets,
    options: SessionJwtModuleOptions = snippets['options'],
    clock = new TestSessionClock(),
  ): Promise<DocumentedApp> {
    const { AccountController, UserSessionLoader } = snippets;
    const { UsersModule } = application;
    const app = await boot(
      {
        imports: [
          UsersModule,
          SessionJwtModule.forRootAsync({
            imports: [UsersModule],
            dataLoader: UserSessionLoader,
            useFactory: () => options,
          }),
        ],
        controllers: [AccountController, ChangeController],
      },
      {
        adapter,
        clock,
      },
    );
    return new DocumentedApp(app, clock);
  }

  get users(): InstanceType<Application['UsersService']> {
    return this.app.get(application.UsersService);
  }

  get sessions(): SessionService {
    return this.app.get(SessionService);
  }

  browser(): Browser {
    return new Browser(this.app.port);
  }

  async signIn(
    user = 'ada',
    headers: Record<string, string> = {},
  ): Promise<Browser> {
    const browser = this.browser();
    expect((await browser.post('/login', { user }, headers)).status).toBe(200);
    return browser;
  }

  /** A client that keeps what the sign-in answered. */
  async tokens(user = 'ada'): Promise<{ token: string; refreshToken: string }> {
    const path = '/login';
    const response = await this.post(path, { user });
    expect(response.status).toBe(200);
    return response.json;
  }

  get(path: string, headers: Record<string, string> = {}) {
    return this.app.send({ path, headers });
  }

  post(
    path: string,
    body: object = {},
    headers: Record<string, string> = {},
  ): Promise<TestResponse> {
    return this.app.send({ method: 'POST', path, body, headers });
  }
}

const DAY = 86_400_000;

const bearer = (token: string): Record<string, string> => ({
  Authorization: `Bearer ${token}`,
});

let servers: [RedisServer, PostgresServer];
let files: SnippetFiles;
let application: Application;

const snippetsOf = async (title: string): Promise<Snippets> => {
  expect(libraries.map((section) => section.title)).toContain(title);
  return import(files.pathOf(title)) as Promise<Snippets>;
};

beforeAll(async () => {
  files = writeSnippets();
  servers = await Promise.all([startRedis(), startPostgres()]);
  process.env['REDIS_URL'] = servers[0].url;
  process.env['DATABASE_URL'] =
    `postgres://postgres:postgres@127.0.0.1:${servers[1].port}/postgres`;
  application = await import('./snippets/application.js');
  await application.redis.connect();
  await (await snippetsOf('better-auth'))['devices'].ensureSchema();
});

beforeEach(async () => {
  await application.redis.flushall();
  await application.pool.query('TRUNCATE user_sessions');
});

afterEach(closeBooted);

afterAll(async () => {
  application.redis.disconnect();
  await application.pool.end();
  files.remove();
  await Promise.all(servers.map((server) => server.stop()));
});

describe.each(adapters)('docs/coming-from.md on %s', (adapter) => {
  it('auth-jwt-express: one cookie with its data, and its header against other sites', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('auth-jwt-express'),
    );
    const browser = app.browser();
    const header = { 'X-Requested-With': 'fetch' };
    expect((await browser.post('/login', { user: 'ada' })).status).toBe(403);
    const signedIn = await browser.post('/login', { user: 'ada' }, header);
    expect(signedIn.json.data).toEqual({
      id: 'ada',
      email: 'ada@app.example',
      roles: ['admin'],
    });
    expect((await browser.get('/me')).json.id).toBe('ada');
    app.users.all.delete('ada');
    expect((await browser.get('/me')).status).toBe(200);
    app.clock.advance('15m');
    expect((await browser.get('/me')).status).toBe(401);
    expect(await browser.cookie()).toBeUndefined();

    const bob = await app.signIn('bob', header);
    expect((await bob.post('/change')).status).toBe(403);
    expect((await bob.post('/change', {}, header)).status).toBe(201);
    expect((await bob.post('/logout')).status).toBe(403);
    expect((await bob.post('/logout', {}, header)).status).toBe(204);
    expect((await bob.get('/me')).status).toBe(401);
  });

  it('auth-jwt-express: a loader that compares an instant ends what began before it', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('auth-jwt-express'),
    );
    const header = { 'X-Requested-With': 'fetch' };
    const browser = await app.signIn('ada', header);
    app.clock.advance(60);
    app.users.all.get('ada')!.sessionsValidFrom = new Date(
      app.clock.nowSeconds() * 1000,
    );
    app.clock.advance('15m');
    expect((await browser.get('/me')).status).toBe(401);
    const again = await app.signIn('ada', header);
    expect((await again.get('/me')).status).toBe(200);
  });

  it('S-050, S-053: session-jwt: a bearer pair, refreshed by a route, each refresh token good once', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('session-jwt'),
    );
    const first = await app.tokens();
    expect((await app.get('/me', bearer(first.token))).json.id).toBe('ada');
    app.clock.advance('15m');
    expect((await app.get('/me', bearer(first.token))).status).toBe(401);

    const { refreshToken } = first;
    const answer = await app.post('/refresh', { refreshToken });
    const again = await app.post('/refresh', { refreshToken });
    expect([answer.status, again.status]).toEqual([200, 200]);
    expect((await app.get('/me', bearer(answer.json.token))).status).toBe(200);
    expect(answer.json.refreshToken === refreshToken).toBe(false);

    const next = await app.post('/refresh', answer.json);
    expect(next.status).toBe(200);
    expect((await app.post('/refresh', { refreshToken })).status).toBe(401);
    // It was the use of an old one, so the session is over.
    expect((await app.post('/refresh', next.json)).status).toBe(401);
  });

  it('session-jwt: a refresh token ends, and a deleted user cannot refresh', async () => {
    const snippets = await snippetsOf('session-jwt');
    let offset = 0;
    const app = await DocumentedApp.open(adapter, snippets, {
      ...snippets['options'],
      store: new RedisSessionStore({
        client: application.redis,
        clockOffset: () => offset,
      }),
    });
    const { refreshToken } = await app.tokens('bob');
    app.users.all.delete('bob');
    expect((await app.post('/refresh', { refreshToken })).status).toBe(401);

    const [early, late] = [await app.tokens(), await app.tokens()];
    offset = 7 * DAY - 60_000;
    expect((await app.post('/refresh', early)).status).toBe(200);
    offset = 7 * DAY;
    expect((await app.post('/refresh', late)).status).toBe(401);
  });

  it('session-jwt: revokeAll ends every session, at the next refresh or reload', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('session-jwt'),
    );
    const [phone, laptop] = [await app.tokens(), await app.tokens()];
    const bob = await app.tokens('bob');
    expect(await app.sessions.revokeAll('ada')).toBe(2);
    for (const { refreshToken } of [phone, laptop]) {
      expect((await app.post('/refresh', { refreshToken })).status).toBe(401);
    }
    expect((await app.post('/refresh', bob)).status).toBe(200);
  });

  it('session-jwt: its header without a scheme', async () => {
    const snippets = await snippetsOf('session-jwt');
    const app = await DocumentedApp.open(adapter, snippets, {
      ...snippets['options'],
      header: { name: 'jwt', scheme: '' },
    });
    const { token } = await app.tokens();
    expect((await app.get('/me', { jwt: token })).status).toBe(200);
  });

  it('session-jwt: a cookie pair, which the guard renews by itself', async () => {
    const snippets = await snippetsOf('session-jwt');
    const app = await DocumentedApp.open(
      adapter,
      snippets,
      snippets['inCookies'],
    );
    const browser = await app.signIn();
    expect(await browser.cookie('__Host-Http-session-refresh')).toBeDefined();
    for (let days = 0; days < 10; days += 1) {
      app.clock.advance('1d');
      const renewed = await browser.get('/me');
      expect(renewed.status).toBe(200);
      expect(renewed.setCookie).toHaveLength(2);
    }
    expect((await browser.post('/logout')).status).toBe(204);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it.each([
    ['a header', (token: string) => ({ headers: { 'x-access-token': token } })],
    ['the query', (token: string) => ({ query: `?accessToken=${token}` })],
    ['the body', (token: string) => ({ body: { accessToken: token } })],
  ])('jwt-redis-session: the token in %s', async (_where, place) => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('jwt-redis-session'),
    );
    const { token } = await app.tokens();
    const update = (
      given: { headers?: object; query?: string; body?: object },
      changes: object,
    ) =>
      app.post(
        `/session/update${given.query ?? ''}`,
        { ...given.body, ...changes },
        { ...given.headers },
      );
    expect((await update({}, { theme: 'dark' })).status).toBe(401);
    const updated = await update(place(token), { theme: 'dark' });
    expect(updated.json).toEqual({ theme: 'dark' });
    expect((await app.sessions.verify(token)).attributes).toEqual({
      theme: 'dark',
    });
    const twice = await app.post(`/session/update?accessToken=${token}`, {
      accessToken: token,
      theme: 'light',
    });
    expect(twice.status).toBe(401);
  });

  it('jwt-redis-session: an update revives nothing, and updates at once all survive', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('jwt-redis-session'),
    );
    const { token } = await app.tokens();
    const session = await app.sessions.verify(token);
    await Promise.all([
      app.sessions.update(session, { theme: 'dark' } as never),
      app.sessions.update(session, { basket: ['book'] } as never),
    ]);
    expect((await app.sessions.verify(token)).attributes).toEqual({
      theme: 'dark',
      basket: ['book'],
    });
    await app.sessions.update(session, { basket: null } as never);
    expect((await app.sessions.verify(token)).attributes).toEqual({
      theme: 'dark',
    });

    // This process is not told which sessions those were: the store alone refuses.
    expect(await app.sessions.revokeAll('ada')).toBe(1);
    await expect(
      app.sessions.update(session, { theme: 'light' } as never),
    ).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    expect(await app.sessions.list('ada')).toEqual([]);
    expect((await app.get('/me', { 'x-access-token': token })).status).toBe(
      401,
    );
  });

  it('jwt-redis-session: reloads move the idle end', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('jwt-redis-session'),
    );
    let { token } = await app.tokens();
    const idle = await app.tokens();
    for (let hours = 0; hours < 30; hours += 10) {
      app.clock.advance('10h');
      const { status, headers } = await app.get('/me', {
        'x-access-token': token,
      });
      expect(status).toBe(200);
      token = headers['session-token']!.toString();
    }
    const response = await app.get('/me', { 'x-access-token': idle.token });
    expect(response.status).toBe(401);
  });

  it('F-07: jwt-redis-session: an error of Redis is a 503, not a request without a session', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('jwt-redis-session'),
    );
    const { token } = await app.tokens();
    const headers = { 'x-access-token': token };
    const closed = once(application.redis, 'end');
    application.redis.disconnect();
    await closed;
    try {
      const response = await app.get('/me', headers);
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toBeDefined();
    } finally {
      await application.redis.connect();
    }
    expect((await app.get('/me', headers)).status).toBe(200);
  });

  it('a separate auth server: the application server takes its tokens, and hears of a revocation', async () => {
    const snippets = await snippetsOf('A separate auth server');
    const auth = await DocumentedApp.open(adapter, snippets);
    const application2 = await DocumentedApp.open(
      adapter,
      snippets,
      undefined,
      auth.clock,
    );
    const { token } = await auth.tokens();
    expect((await application2.get('/me', bearer(token))).status).toBe(200);
    const stranger = await DocumentedApp.open(adapter, snippets, {
      ...snippets['options'],
      issuer: 'https://other.example',
    });
    expect((await stranger.get('/me', bearer(token))).status).toBe(401);

    const checked = (checkRevocation: boolean) =>
      application2.sessions.authenticate(
        { headers: { authorization: `Bearer ${token}` } },
        { checkRevocation },
      );
    expect(await auth.sessions.revokeAll('ada')).toBe(1);
    expect((await checked(false))?.subject).toBe('ada');
    expect(await checked(true)).toBeNull();
  });

  it('svelte-kit-jwt-session: two cookies of its own names, renewed by the guard', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('svelte-kit-jwt-session'),
    );
    const browser = await app.signIn();
    const refresh = await browser.cookie('__Host-allins-refresh');
    expect(await browser.cookie('__Host-allins')).toBeDefined();
    app.users.all.get('ada')!.roles = ['owner'];
    app.clock.advance('1m');
    const all = await Promise.all([1, 2, 3].map(() => browser.get('/me')));
    expect(all.map(({ json }) => json.roles)).toEqual([
      ['owner'],
      ['owner'],
      ['owner'],
    ]);
    const renewed = await browser.cookie('__Host-allins-refresh');
    expect(renewed === undefined || renewed === refresh).toBe(false);
    app.clock.advance('7d');
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('express-session: a cookie that refers to a record, with a new id at each sign-in', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('express-session'),
    );
    const browser = await app.signIn();
    const before = await browser.cookie();
    const [first] = await app.sessions.list('ada');
    await browser.post('/login', { user: 'ada' });
    const now = await app.sessions.list('ada');
    expect(now.map(({ id }) => id === first?.id)).toEqual([false]);

    const session = await app.sessions.verify((await browser.cookie())!);
    await app.sessions.update(session, { basket: ['book'] } as never);
    const seen = await app.sessions.verify((await browser.cookie())!);
    expect(seen.attributes).toEqual({ basket: ['book'] });
    const old = { Cookie: `__Host-Http-session=${before}` };
    expect((await app.get('/me', old)).status).toBe(401);
    expect((await browser.post('/logout')).status).toBe(204);
    expect(await app.sessions.list('ada')).toEqual([]);
  });

  it('passport-jwt: a bearer token, whose data is no older than the interval', async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('passport-jwt'),
    );
    const { token } = await app.tokens('bob');
    app.users.loads = 0;
    expect((await app.get('/me')).status).toBe(401);
    expect((await app.get('/me', bearer('x.y.z'))).status).toBe(401);
    expect((await app.get('/me', bearer(token))).status).toBe(200);
    expect(app.users.loads).toBe(0);

    app.users.all.get('bob')!.roles = ['member', 'admin'];
    app.clock.advance('15m');
    const promoted = await app.get('/me', bearer(token));
    expect(promoted.json.roles).toEqual(['member', 'admin']);
    expect(promoted.headers['session-token']).toBeDefined();
  });

  it('better-auth: a list of devices in Postgres, of which one and all others can be ended', async () => {
    const snippets = await snippetsOf('better-auth');
    const app = await DocumentedApp.open(adapter, snippets);
    const [phone, tablet, laptop] = [
      await app.signIn(),
      await app.signIn(),
      await app.signIn(),
    ];
    const bob = await app.signIn('bob');
    const ids = async (browser: Browser): Promise<string[]> =>
      (await browser.get('/devices')).json.map(({ id }: any) => id);
    const idOf = async (browser: Browser) =>
      (await app.sessions.verify((await browser.cookie())!)).id;
    expect(await ids(phone)).toHaveLength(3);

    const end = (by: Browser, id: string) =>
      by.send({ method: 'DELETE', path: `/devices/${id}` });
    expect((await end(phone, await idOf(tablet))).status).toBe(204);
    expect(await ids(phone)).toHaveLength(2);
    expect((await tablet.get('/me')).status).toBe(401);

    expect((await phone.post('/devices/end-others')).status).toBe(204);
    expect(await ids(phone)).toEqual([await idOf(phone)]);
    app.clock.advance('5m');
    expect((await laptop.get('/me')).status).toBe(401);
    expect((await bob.get('/me')).status).toBe(200);
  });

  it("better-auth: the id of another user's session ends nothing (S-107)", async () => {
    const app = await DocumentedApp.open(
      adapter,
      await snippetsOf('better-auth'),
    );
    const [ada, bob] = [await app.signIn(), await app.signIn('bob')];
    const [{ id }] = (await ada.get('/devices')).json;
    await bob.send({ method: 'DELETE', path: `/devices/${id}` });
    expect((await ada.get('/me')).status).toBe(200);
    expect((await ada.get('/devices')).json).toHaveLength(1);
  });
});
