import type { SessionJwtModuleOptions } from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { MemorySessionStore, SessionConnections } from '../../lib/index.js';
import {
  createTestSession,
  type TestSession,
  type TestSessionOverrides,
} from '../../lib/testing/index.js';
import { turn, until } from '../support/asynchrony.js';
import { send } from '../support/browser.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import {
  Feed,
  GRAPHQL_PLATFORMS,
  GRAPHQL_PROVIDERS,
  graphQLModule,
  Owners,
  type GraphQLTestOptions,
} from './graphql-app.js';
import { GraphQLSocket, overHttp, type Credentials } from './graphql-client.js';

const UNAUTHENTICATED = 'UNAUTHENTICATED SESSION_REQUIRED';
const FORGED = 'FORBIDDEN CSRF_REFUSED';
const EVIL = 'https://evil.example';

describe.each(GRAPHQL_PLATFORMS)('%s on %s', (driver, adapter) => {
  let app: TestApp;
  const sockets: GraphQLSocket[] = [];

  async function start(
    session: Partial<SessionJwtModuleOptions> = {},
    graphql?: GraphQLTestOptions,
  ): Promise<void> {
    app = await startTestApp(adapter, {
      session: { dataRefreshInterval: '5m', ...session },
      imports: [graphQLModule(driver, graphql)],
      providers: GRAPHQL_PROVIDERS,
    });
  }

  afterEach(async () => {
    await Promise.all(sockets.splice(0).map((socket) => socket.close()));
    await app.close();
  });

  const origin = (): string => `http://127.0.0.1:${app.port}`;
  const due = (): Promise<TestSession> =>
    signedIn({ loadedAt: new Date((app.clock.nowSeconds() - 400) * 1000) });
  async function signedIn(
    overrides?: TestSessionOverrides,
  ): Promise<TestSession> {
    const session = await createTestSession(app.app, 'ada', overrides);
    app.users.loads = [];
    return session;
  }
  const withCookie = (cookie: string, headers: object = {}): Credentials => ({
    headers: {
      host: `127.0.0.1:${app.port}`,
      origin: origin(),
      cookie,
      ...headers,
    },
  });

  function connect(credentials: Credentials): GraphQLSocket {
    const socket = new GraphQLSocket(app.port, credentials);
    sockets.push(socket);
    return socket;
  }

  /** Counts how often a request is decided on. */
  function countVerdicts(): () => number {
    const { authenticator } = app.app.get<SessionRuntime>(SESSION_RUNTIME);
    const { authenticate } = authenticator;
    let count = 0;
    authenticator.authenticate = (...given) => {
      count += 1;
      return authenticate.apply(authenticator, given);
    };
    return () => count;
  }

  async function subscribed(socket: GraphQLSocket, query: string) {
    Feed.handled = [];
    const subscription = socket.subscribe(query);
    await until(() => Feed.handled.length > 0, 'the subscription');
    await turn();
    return subscription;
  }

  it('decides once on an operation with many fields: one verdict, one load, one cookie', async () => {
    await start();
    const { cookie } = await due();
    const verdicts = countVerdicts();
    const { answer, setCookie } = await overHttp(
      app.port,
      '{ a b c mine polled }',
      withCookie(cookie),
    );
    expect(answer).toBe('ada ada ada ada ada');
    expect([verdicts(), app.users.loads.length, setCookie.length]).toEqual([
      1, 1, 1,
    ]);
  });

  it('keeps 20 objects whose fields are guarded in one batch', async () => {
    await start({}, { fieldGuards: true });
    const { cookie } = await due();
    Owners.batches = [];
    const verdicts = countVerdicts();
    const { json } = await send(app.port, {
      method: 'POST',
      path: '/graphql',
      ...withCookie(cookie),
      body: { query: '{ items { id owner } }' },
    });
    expect(json.data.items).toHaveLength(20);
    expect(json.data.items[19]).toEqual({ id: 19, owner: 'owner 19' });
    expect(Owners.batches).toEqual([20]);
    expect(verdicts()).toBe(1);
  });

  it('answers the other fields of an operation that is refused in part', async () => {
    await start();
    const { json, status } = await send(app.port, {
      method: 'POST',
      path: '/graphql',
      body: { query: '{ open mine optional }' },
    });
    expect(status).toBe(200);
    expect(json.data).toEqual({
      open: 'anyone',
      mine: null,
      optional: 'nobody',
    });
    expect(json.errors).toMatchObject([
      { path: ['mine'], message: 'Unauthorized' },
    ]);
  });

  it('shows no session to a public field beside guarded ones', async () => {
    await start();
    const credentials = withCookie((await signedIn()).cookie);
    const query = '{ a open optional }';
    const socket = connect(credentials);
    for (let i = 0; i < 2; i += 1) {
      const { answer } = await overHttp(app.port, query, credentials);
      expect(answer).toBe('ada anyone ada');
      expect(await socket.ask(query)).toBe('ada anyone ada');
    }
  });

  it('signs in and out by mutations: cookies arrive', async () => {
    await start();
    const signIn = await overHttp(app.port, 'mutation { signIn }', {
      headers: { host: `127.0.0.1:${app.port}`, origin: origin() },
    });
    expect(signIn.answer).toBe('true');
    expect(signIn.setCookie).toHaveLength(1);
    const [cookie] = signIn.setCookie[0]!.split(';');
    expect(
      (await overHttp(app.port, '{ a }', withCookie(cookie!))).answer,
    ).toBe('ada');
    const signOut = await overHttp(
      app.port,
      'mutation { signOut }',
      withCookie(cookie!),
    );
    expect(signOut.answer).toBe('true');
    expect(signOut.setCookie[0]).toMatch(/=; .*Max-Age=0/);
    expect(
      (await overHttp(app.port, '{ a }', withCookie(cookie!))).answer,
    ).toBe(UNAUTHENTICATED);
  });

  it('refreshes over HTTP', async () => {
    await start({ refreshToken: {}, store: new MemorySessionStore() });
    const { cookie } = await signedIn();
    app.clock.advance('16m');
    const { answer, setCookie } = await overHttp(
      app.port,
      '{ a b }',
      withCookie(cookie),
    );
    expect(answer).toBe('ada ada');
    expect(setCookie).toHaveLength(2);
    expect(app.eventsOf('refreshed')).toHaveLength(1);
  });

  it('spends no refresh token over a socket, which could not deliver the next one', async () => {
    await start({ refreshToken: {}, store: new MemorySessionStore() });
    const { cookie } = await signedIn();
    app.clock.advance('16m');
    const socket = connect(withCookie(cookie));
    expect(await socket.ask('{ a }')).toBe(UNAUTHENTICATED);
    expect(app.eventsOf('refreshed')).toEqual([]);
    expect((await overHttp(app.port, '{ a }', withCookie(cookie))).answer).toBe(
      'ada',
    );
    expect(app.eventsOf('refreshReused')).toEqual([]);
  });

  it('decides once on a socket with many operations', async () => {
    await start();
    const verdicts = countVerdicts();
    const socket = connect(withCookie((await due()).cookie));
    for (let i = 0; i < 5; i += 1) {
      expect(await socket.ask('{ a b c }')).toBe('ada ada ada');
    }
    expect([verdicts(), app.users.loads.length]).toEqual([1, 1]);
  });

  it('reads the header transport in connectionParams', async () => {
    await start({ transport: 'header' });
    const { token, header } = await signedIn();
    const plain = { headers: {} };
    for (const connectionParams of [
      { Authorization: header },
      { authorization: header },
    ]) {
      expect(await connect({ ...plain, connectionParams }).ask('{ a }')).toBe(
        'ada',
      );
    }
    for (const connectionParams of [
      { Authorization: token },
      { token },
      { Authorization: 7 },
      { headers: { Authorization: [header] } },
      {},
    ]) {
      expect(
        await connect({
          ...plain,
          connectionParams,
        }).ask('{ a }'),
      ).toBe(UNAUTHENTICATED);
    }
  });

  it('refuses two different tokens in the handshake and in connectionParams', async () => {
    await start({ transport: 'header' });
    const [ada, other] = [await signedIn(), await signedIn()];
    const headers = { authorization: ada.header };
    const both = (authorization: string) =>
      connect({ headers, connectionParams: { authorization } }).ask('{ a }');
    expect(await both(ada.header)).toBe('ada');
    expect(await both(other.header)).toBe(UNAUTHENTICATED);
  });

  it.each([
    ['nothing', {}],
    ['a header of a browser', { 'sec-fetch-site': 'same-origin' }],
    ['an origin', { origin: 'http://127.0.0.1', Origin: 'http://127.0.0.1' }],
    ['headers', { headers: { 'sec-fetch-site': 'same-origin' } }],
    ['another host', { host: 'evil.example', ':authority': 'evil.example' }],
  ])(
    'refuses the socket of another site whose connectionParams contain %s',
    async (_what, connectionParams) => {
      await start();
      const { cookie } = await signedIn();
      const socket = connect({
        ...withCookie(cookie, { origin: EVIL }),
        connectionParams,
      });
      // The first subscription is where Mercurius copies them into the headers.
      expect(await socket.ask('subscription { texts }')).toBe(FORGED);
      expect(await socket.ask('subscription { texts }')).toBe(FORGED);
      expect(await socket.ask('{ a }')).toBe(FORGED);
    },
  );

  it('lets a socket without a session do what is public', async () => {
    await start();
    const socket = connect({ headers: {} });
    expect(await socket.ask('{ open optional }')).toBe('anyone nobody');
    expect(await socket.ask('{ a }')).toBe(UNAUTHENTICATED);
    expect(await socket.ask('{ open }')).toBe('anyone');
  });

  it('refuses a socket without a session when it connects, where the application wants that', async () => {
    await start({}, { onConnect: true });
    const codes = [
      await connect({ headers: {} }).closed,
      await connect(withCookie((await signedIn()).cookie, { origin: EVIL }))
        .closed,
    ];
    // `verifyClient` refuses the handshake itself, which a browser sees as 1006.
    const expected = driver === 'apollo' ? 4401 : 1006;
    expect(codes).toEqual([expected, expected]);
    const good = connect(withCookie((await signedIn()).cookie));
    expect(await good.ask('{ a }')).toBe('ada');
  });

  it('closes a socket when its session ends, and delivers nothing afterwards', async () => {
    await start();
    const session = await signedIn();
    const socket = connect(withCookie(session.cookie));
    const { all } = await subscribed(socket, 'subscription { texts }');
    Feed.publish('before');
    await until(() => all.length > 0, 'the first text');
    await app.sessions.revoke(session.session);
    Feed.publish('after');
    expect(await socket.closed).toBe(4401);
    expect(all.filter((text) => /after/.test(text))).toEqual([]);
    expect(all[0]).toBe('ada before');
  });

  it('keeps a socket over reloads and replaced tokens, and shows the new data', async () => {
    await start();
    const { cookie } = await signedIn();
    const socket = connect(withCookie(cookie));
    expect(await socket.ask('{ role }')).toBe('admin');
    app.users.all.set('ada', { id: 'ada', role: 'member' });
    expect(await socket.ask('{ role }')).toBe('admin');
    for (let round = 0; round < 5; round += 1) {
      app.clock.advance('6m');
      expect(await socket.ask('{ role }')).toBe('member');
    }
    expect(app.users.loads).toHaveLength(5);
  });

  it('closes a socket that only listens when the loader ends its session', async () => {
    await start();
    const socket = connect(withCookie((await signedIn()).cookie));
    await subscribed(socket, 'subscription { texts }');
    app.users.all.delete('ada');
    app.clock.advance('6m');
    expect(await socket.closed).toBe(4401);
  });

  it('finds the session of a subscription by its context', async () => {
    await start();
    const socket = connect(withCookie((await signedIn()).cookie));
    await subscribed(socket, 'subscription { texts }');
    const connections = app.app.get(SessionConnections);
    expect(connections.sessionOf(Feed.context as object)?.subject).toBe('ada');
    const { cookie } = await signedIn();
    await overHttp(app.port, '{ a }', withCookie(cookie));
    expect(connections.sessionOf(Feed.context as object)?.subject).toBe('ada');
  });

  it('takes a request that only claims to be an upgrade for what it is', async () => {
    await start({ refreshToken: {}, store: new MemorySessionStore() });
    const { cookie } = await signedIn();
    app.clock.advance('16m');
    const { answer, setCookie } = await overHttp(
      app.port,
      '{ a }',
      withCookie(cookie, { upgrade: 'websocket' }),
    );
    expect(answer).toBe('ada');
    expect(setCookie).toHaveLength(2);
  });
});
