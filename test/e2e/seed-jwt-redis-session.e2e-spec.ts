import { Controller, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { Redis } from 'ioredis';
import {
  ActiveSession,
  OptionalSession,
  Public,
  Session,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { RedisSessionStore } from '../../lib/stores/redis/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { AccessTokenTransport } from '../support/access-token-transport.js';
import { createGate, type Gate } from '../support/asynchrony.js';
import type { TestRequest } from '../support/browser.js';
import { openTestApp } from '../support/opened-apps.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { claimsIn, DAY, headerIn, HOUR } from '../support/session-claims.js';
import {
  adapters,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

type Options = Partial<SessionJwtModuleOptions>;

let reached: Gate;
let gate: Gate;

/** The routes of the seed's README. Those that change something are POST, and nothing is saved by hand. */
@Controller('session')
class SeedController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('create')
  @HttpCode(200)
  async create(
    @Query('username') username: string,
    @Res({ passthrough: true }) response: object,
  ) {
    const { token } = await this.sessions.generate(username, { response });
    return { token };
  }

  @OptionalSession()
  @Get('read')
  read(@Session() session: ActiveSession | undefined) {
    return session ? { session } : 'Request does not have a session';
  }

  @Post('read')
  @HttpCode(200)
  post(@Session() session: ActiveSession) {
    return { session };
  }

  @Get('reload')
  async reload(@Session() session: ActiveSession) {
    reached.open();
    await gate.promise;
    return { session: (await this.sessions.reload(session)).session };
  }

  @Post('update')
  @HttpCode(200)
  async update(@Session() session: ActiveSession, @Query() changes: object) {
    const { accessToken: _token, ...attributes } = changes as Record<
      string,
      string
    >;
    return {
      session: (await this.sessions.update(session, attributes)).session,
    };
  }

  @Post('slow-update')
  @HttpCode(200)
  async slowUpdate(@Session() session: ActiveSession) {
    reached.open();
    await gate.promise;
    const { session: updated } = await this.sessions.update(session, {
      foo: 'bar',
    });
    return { session: updated };
  }

  @Post('destroy')
  @HttpCode(204)
  async destroy(@Session() session: ActiveSession) {
    await this.sessions.revoke(session);
  }
}

describe.each(adapters)(
  'the promises of jwt-redis-session, kept on %s',
  (adapter) => {
    let server: RedisServer;
    let client: Redis;
    let clock: TestSessionClock;
    let prefixes = 0;
    let prefix: string;

    beforeAll(async () => {
      server = await startRedis();
      client = connect(server);
    });
    afterAll(async () => {
      client.disconnect();
      await server.stop();
    });
    beforeEach(() => {
      [reached, gate] = [createGate(), createGate()];
      clock = new TestSessionClock();
      prefixes += 1;
      prefix = `sess${prefixes}:`;
    });

    function connect({ port }: RedisServer): Redis {
      const redis = new Redis(port, '127.0.0.1');
      // Without a listener, lost connections are written to the console.
      redis.on('error', () => undefined);
      return redis;
    }

    const start = (
      session: Options = {},
      redis: Redis = client,
      options: TestAppOptions = {},
    ): Promise<TestApp> =>
      openTestApp(adapter, {
        controllers: [SeedController],
        clock,
        ...options,
        session: {
          transport: new AccessTokenTransport(),
          store: new RedisSessionStore({
            client: redis,
            prefix,
            clockOffset: () => clock.nowSeconds() * 1000 - Date.now(),
          }),
          // Nothing here is about how fast a busy machine is.
          storeTimeout: '10s',
          keepDataIn: 'store',
          lifetime: { idle: 86_400 },
          ...session,
        },
      });

    async function create(app: TestApp, username = 'ada'): Promise<string> {
      const { status, json } = await app
        .browser()
        .post(`/session/create?username=${username}`);
      expect(status).toBe(200);
      return json.token as string;
    }
    const ask = (app: TestApp, token: string, path: string, method = 'GET') =>
      app.browser().send({
        method,
        path: `/session/${path}`,
        headers: { 'x-access-token': token },
        ...(method === 'POST' && { body: {} }),
      });

    it('create gives a token and keeps the session in Redis, under the prefix, for as long as it may be idle and a sixteenth longer', async () => {
      const app = await start();
      const token = await create(app);
      expect(headerIn(token)).toMatchObject({ alg: 'HS256' });
      const { sid, exp } = claimsIn(token);
      expect(exp).toBe(clock.nowSeconds() + 86_400);
      expect(claimsIn(token).data).toBeUndefined();
      const keys = await client.keys(`${prefix}*${sid}`);
      expect(keys).toHaveLength(1);
      const left = await client.pttl(keys[0]!);
      expect(left).toBeGreaterThan((DAY - 60) * 1000);
      expect(left).toBeLessThanOrEqual((DAY * 1000 * 17) / 16 + 60_000);
      expect(claimsIn(await create(app)).sid === sid).toBe(false);
    });

    const IN: Record<string, (token: string) => TestRequest> = {
      'the header x-access-token': (token) => ({
        path: '/session/read',
        headers: { 'X-Access-Token': token },
      }),
      'the query': (token) => ({
        path: `/session/read?accessToken=${token}`,
      }),
      'the query, after others': (token) => ({
        path: `/session/read?a=1&accessToken=${token}&b=%32`,
      }),
      'a JSON body': (token) => ({
        method: 'POST',
        path: '/session/read',
        body: { accessToken: token },
      }),
      'a form': (token) => ({
        method: 'POST',
        path: '/session/read',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: `accessToken=${token}`,
      }),
    };

    it.each(Object.entries(IN))(
      'the token is found in %s',
      async (_where, request) => {
        const app = await start();
        const token = await create(app);
        const answer = await app.browser().send(request(token));
        expect(answer.status).toBe(200);
        expect(answer.json.session).toMatchObject({
          id: claimsIn(token).sid,
          data: { id: 'ada', role: 'admin' },
        });
      },
    );

    it.each(Object.entries(IN))(
      'A-100, S-058, S-162: off by default, a token in %s is none',
      async (_where, request) => {
        const app = await openTestApp(adapter, {
          controllers: [SeedController],
          session: { transport: ['cookie', 'header'] },
        });
        const { token } = await app.sessions.generate('ada');
        const answer = await app.browser().send(request(token));
        const isOptional = request(token).method === undefined;
        expect(answer.status).toBe(isOptional ? 200 : 401);
        expect(answer.text).not.toContain(claimsIn(token).sid);
        expect(answer.setCookie).toEqual([]);
      },
    );

    it('S-124: two tokens are none, and two transports must agree', async () => {
      const app = await start({
        transport: ['cookie', new AccessTokenTransport()],
      });
      const [one, two] = [await create(app), await create(app)];
      const statusOf = async (path: string, headers: Record<string, string>) =>
        (await app.browser().send({ path, headers })).status;
      const inHeader = { 'x-access-token': one };
      expect(await statusOf(`/me?accessToken=${one}`, {})).toBe(200);
      expect(await statusOf(`/me?accessToken=${two}`, inHeader)).toBe(401);
      expect(
        await statusOf(`/me?accessToken=${one}&accessToken=${one}`, {}),
      ).toBe(401);
      expect(await statusOf('/me?accessToken[]=x', {})).toBe(401);
      const Cookie = `__Host-Http-session=${one}`;
      expect(await statusOf('/me', { ...inHeader, Cookie })).toBe(200);
      expect(await statusOf(`/me?accessToken=${two}`, { Cookie })).toBe(401);
      expect(app.eventsOf('rejected').map(({ reason }) => reason)).toEqual([
        'ambiguous',
        'ambiguous',
        'missing',
        'conflict',
      ]);
    });

    it('a token that no browser sends by itself needs no proof of origin', async () => {
      const app = await start();
      const answer = await app.browser().send({
        method: 'POST',
        path: `/session/update?foo=bar&accessToken=${await create(app)}`,
        headers: {
          Origin: 'https://evil.example',
          'Sec-Fetch-Site': 'cross-site',
        },
        body: {},
      });
      expect(answer.status).toBe(200);
      expect(answer.json.session.attributes).toEqual({ foo: 'bar' });
    });

    it('a request without a token has no session', async () => {
      const app = await start();
      const answer = await app.browser().get('/session/read');
      expect(answer.text).toBe('Request does not have a session');
      expect((await app.browser().get('/session/reload')).status).toBe(401);
    });

    it('reload brings what another instance did while this request waited', async () => {
      const [here, there] = [await start(), await start()];
      const token = await create(here);
      const request = ask(here, token, 'reload');
      await reached.promise;
      await ask(there, token, 'update?foo=bar', 'POST');
      for (const { users } of [here, there]) {
        users.all.get('ada')!.role = 'owner';
      }
      gate.open();
      const { json } = await request;
      expect(json.session.data).toEqual({ id: 'ada', role: 'owner' });
      const read = await ask(there, token, 'read');
      expect(read.json.session).toMatchObject({
        attributes: { foo: 'bar' },
        data: { role: 'owner' },
      });
    });

    it('update is seen by the next request at every instance, with the token of before', async () => {
      const [here, there] = [await start(), await start()];
      const token = await create(here);
      const { json } = await ask(here, token, 'update?foo=bar', 'POST');
      expect(json.session.attributes).toEqual({ foo: 'bar' });
      for (const app of [here, there]) {
        const read = await ask(app, token, 'read');
        expect(read.json.session.attributes).toEqual({ foo: 'bar' });
      }
    });

    it('updates of two instances at once both survive, instead of the last one alone', async () => {
      const [here, there] = [await start(), await start()];
      const token = await create(here);
      await Promise.all([
        ask(here, token, 'update?foo=1', 'POST'),
        ask(there, token, 'update?bar=2', 'POST'),
      ]);
      const { json } = await ask(here, token, 'read');
      expect(json.session.attributes).toEqual({ foo: '1', bar: '2' });
    });

    it('use keeps a session alive: its time in Redis begins anew with each reload', async () => {
      const app = await start();
      let token = await create(app);
      const [key] = await client.keys(`${prefix}*${claimsIn(token).sid}`);
      for (let day = 0; day < 3; day += 1) {
        clock.advance(20 * HOUR);
        const answer = await ask(app, token, 'read');
        expect(answer.json?.session?.subject).toBe('ada');
        token = String(answer.headers['x-access-token']);
        expect(await client.pttl(key!)).toBeGreaterThan((DAY - 60) * 1000);
      }
      clock.advance(DAY + 1);
      const over = await ask(app, token, 'read');
      expect(over.text).toBe('Request does not have a session');
    });

    it('after destroy the token opens nothing, at no instance, and Redis holds nothing', async () => {
      const [here, there] = [await start(), await start()];
      const token = await create(here);
      expect((await ask(here, token, 'destroy', 'POST')).status).toBe(204);
      for (const app of [here, there]) {
        expect((await ask(app, token, 'reload')).status).toBe(401);
        expect((await ask(app, token, 'read')).json).toBeUndefined();
      }
      expect(await client.keys(`${prefix}*${claimsIn(token).sid}`)).toEqual([]);
    });

    it.each([
      ['slow-update', 'POST'],
      ['reload', 'GET'],
    ])('A-084: %s after destroy brings nothing back', async (path, method) => {
      const [here, there] = [await start(), await start()];
      const token = await create(here);
      const request = ask(there, token, path, method);
      await reached.promise;
      expect((await ask(here, token, 'destroy', 'POST')).status).toBe(204);
      gate.open();
      expect((await request).status).toBe(401);
      expect(await client.keys(`${prefix}*${claimsIn(token).sid}`)).toEqual([]);
      expect((await ask(there, token, 'reload')).status).toBe(401);
    });

    it('F-07: while Redis is down requests get 503, nobody is made anonymous, and no token is lost', async () => {
      const own = await startRedis();
      const redis = connect(own);
      try {
        const app = await start({ storeTimeout: '10s' }, redis);
        const token = await create(app);
        const impatient = await start({ storeTimeout: 0.1 }, redis);
        await own.stop();
        for (const [path, method] of [
          ['reload', 'GET'],
          ['update?foo=bar', 'POST'],
          ['destroy', 'POST'],
        ] as const) {
          const answer = await ask(impatient, token, path, method);
          expect(answer.status).toBe(503);
          expect(answer.headers['retry-after']).toMatch(/^[1-5]$/);
        }
        const signIn = await impatient
          .browser()
          .post('/session/create?username=ada');
        expect(signIn.status).toBe(503);
        expect(impatient.eventsOf('rejected')).toEqual([]);
        expect(
          impatient.eventsOf('storeFailed').map(({ operation }) => operation),
        ).toEqual(['read', 'read', 'read', 'create']);
      } finally {
        redis.disconnect();
        await own.stop();
      }
    });
  },
);
