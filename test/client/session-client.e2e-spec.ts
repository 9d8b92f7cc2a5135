import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  SessionClient,
  type SessionClientOptions,
} from '../../lib/client/index.js';
import type { SessionJwtModuleOptions } from '../../lib/index.js';
import { ORIGIN } from '../support/browser.js';
import { JarFetch } from '../support/jar-fetch.js';
import { openTestApp } from '../support/opened-apps.js';
import { SickStore } from '../support/sick-store.js';
import { adapters, type TestApp } from '../support/test-app.js';

const USER = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ user: 'ada' }),
};
const FORM = { method: 'POST', body: new URLSearchParams({ a: '1' }) };

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'document');
});

describe.each(adapters)(
  'a session client of an application on %s',
  (adapter) => {
    let ended: number;
    let app: TestApp;
    let server: JarFetch;

    async function open(
      tokens: 'cookies' | 'memory',
      session: Partial<SessionJwtModuleOptions>,
      csrf: SessionClientOptions['csrf'] = {
        header: 'X-CSRF-Token',
        cookie: 'XSRF-TOKEN',
      },
    ): Promise<SessionClient> {
      ended = 0;
      app = await openTestApp(adapter, { session, extras: { routes: true } });
      server = new JarFetch(app.browser());
      const client = new SessionClient({
        url: `${ORIGIN}/session`,
        tokens,
        fetch: server.fetch,
        csrf,
        onSessionEnded: () => (ended += 1),
      });
      const jar = server;
      Object.assign(globalThis, {
        document: {
          baseURI: ORIGIN,
          get cookie() {
            return jar.readableCookies();
          },
        },
      });
      const login = await client.fetch('/login', USER);
      expect(login.status).toBe(200);
      client.use((await login.json()) as { token: string });
      server.asked.length = 0;
      return client;
    }

    const refreshed = () =>
      app.eventsOf('refreshed').map(({ repeated }) => repeated);

    const pairs: [
      what: string,
      tokens: 'cookies' | 'memory',
      session: () => Partial<SessionJwtModuleOptions>,
    ][] = [
      [
        'a pair of cookies',
        'cookies',
        () => ({
          csrf: { token: { cookie: 'XSRF-TOKEN' } },
          refreshToken: {
            cookie: { name: '__Secure-refresh', path: '/session' },
          },
        }),
      ],
      [
        'a pair of bearer tokens',
        'memory',
        () => ({ transport: 'header', refreshToken: {} }),
      ],
    ];

    describe.each(pairs)('with %s', (_what, tokens, session) => {
      it('refreshes once for ten requests after the session token has expired', async () => {
        const client = await open(tokens, session());
        app.clock.advance('16m');
        const answers = await Promise.all(
          Array.from({ length: 10 }, () => client.fetch('/change', FORM)),
        );
        expect(answers.map(({ status }) => status)).toEqual(
          Array(10).fill(200),
        );
        expect(refreshed()).toEqual([false]);
        expect(app.account.handled).toBe(10);
        expect(ended).toBe(0);
      });

      it('goes on for as long as it is used', async () => {
        const client = await open(tokens, session());
        for (let i = 0; i < 4; i += 1) {
          app.clock.advance('6d');
          expect((await client.fetch('/me')).status).toBe(200);
        }
        expect(refreshed()).toEqual(Array(4).fill(false));
      });

      it('tells when the session has expired', async () => {
        const client = await open(tokens, session());
        app.clock.advance('8d');
        expect((await client.fetch('/me')).status).toBe(401);
        expect((await client.fetch('/me')).status).toBe(401);
        expect(ended).toBe(1);
      });

      it('A-081: signs out on the server, where the old tokens are worth nothing then', async () => {
        const client = await open(tokens, session());
        expect((await client.signOut()).status).toBe(204);
        expect(server.asked).toEqual(['POST /session/logout']);
        expect(app.eventsOf('ended')).toMatchObject([{ reason: 'revoked' }]);
        expect((await client.fetch('/me')).status).toBe(401);
        expect(ended).toBe(1);
      });

      it('A-086: signs out when the session token has expired', async () => {
        const client = await open(tokens, session());
        app.clock.advance('16m');
        expect((await client.signOut()).status).toBe(204);
        expect(app.eventsOf('ended')).toMatchObject([{ reason: 'revoked' }]);
      });

      it('keeps the session while the store is down', async () => {
        const store = new SickStore();
        const client = await open(tokens, { ...session(), store });
        app.clock.advance('16m');
        store.fall('rejects');
        const answer = await client.fetch('/me');
        expect(answer.status).toBe(503);
        expect(answer.headers.get('retry-after')).toMatch(/^[1-5]$/);
        expect(ended).toBe(0);
        store.recover();
        app.clock.advance(30);
        expect((await client.fetch('/me')).status).toBe(200);
      });

      it('tells when the session was ended on the server', async () => {
        const client = await open(tokens, {
          ...session(),
          store: new SickStore(),
        });
        await app.sessions.revokeAll('ada');
        app.clock.advance('16m');
        expect((await client.fetch('/me')).status).toBe(401);
        expect(ended).toBe(1);
      });
    });

    it('sends the custom header wherever one is asked for, sign-in, refresh and sign-out included', async () => {
      const header = 'X-Requested-With';
      const path = '/session';
      const client = await open(
        'cookies',
        {
          csrf: { origin: false, header },
          refreshToken: { cookie: { name: '__Secure-refresh', path } },
        },
        { header, value: 'fetch' },
      );
      app.clock.advance('16m');
      expect((await client.fetch('/change', FORM)).status).toBe(200);
      expect(refreshed()).toEqual([false]);
      expect((await client.signOut()).status).toBe(204);
      expect(app.eventsOf('rejected')).toMatchObject([
        { reason: 'refresh-due' },
      ]);
    });

    it('keeps the bearer token that an answer brings, where there is no pair', async () => {
      const client = await open('memory', { transport: 'header' });
      for (let i = 0; i < 3; i += 1) {
        app.clock.advance('6d');
        expect((await client.fetch('/me')).status).toBe(200);
      }
      app.clock.advance('8d');
      expect((await client.fetch('/me')).status).toBe(401);
      expect(server.asked).toEqual(Array(4).fill('GET /me'));
      expect(ended).toBe(1);
    });
  },
);

describe('a session client whose server redirects to another origin', () => {
  const servers: Server[] = [];

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  it('shows that one no token, neither of a request nor of a refresh, and takes none of it', async () => {
    const there: IncomingHttpHeaders[] = [];
    const here: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      there.push(request.headers);
      response.writeHead(401, { 'session-token': 'planted' }).end();
    });
    const own = await serve((request, response) => {
      here.push(request.headers.authorization);
      if (request.url === '/refused') {
        response.writeHead(401).end();
      } else {
        response.writeHead(307, { location: other }).end();
      }
    });
    const client = new SessionClient({
      url: `${own}/session`,
      tokens: 'memory',
    });
    client.use({ token: 'token', refreshToken: 'refresh' });
    expect((await client.fetch('/away')).status).toBe(401);
    expect(there).toHaveLength(1);
    expect(there[0]).not.toHaveProperty('authorization');
    await expect(client.fetch('/refused')).rejects.toThrow('fetch failed');
    expect(there).toHaveLength(1);
    expect(here).toEqual(['Bearer token', 'Bearer token', undefined]);
  });
});
