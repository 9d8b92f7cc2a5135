import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  SessionConnections,
  type ActiveSession,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import {
  createTestSession,
  type TestSession,
  type TestSessionOverrides,
} from '../../lib/testing/index.js';
import { until } from '../support/asynchrony.js';
import { ORIGIN } from '../support/browser.js';
import { SickStore } from '../support/sick-store.js';
import type { TestApp } from '../support/test-app.js';
import {
  Handled,
  startGatewayApp,
  type GatewayOptions,
  type Sockets,
} from './gateway-app.js';
import { closeClients, connect, type GatewayClient } from './gateway-client.js';

const DUE = '15m';
let app: TestApp;
let store: SickStore;

async function start(
  session: Partial<SessionJwtModuleOptions> = {},
  options: GatewayOptions = {},
  sockets: Sockets = 'ws',
): Promise<void> {
  app = await startGatewayApp('express', sockets, { session, ...options });
}

async function startStored(
  session: Partial<SessionJwtModuleOptions> = {},
  options: GatewayOptions = {},
): Promise<void> {
  store = new SickStore();
  await start({ store, ...session }, options);
}

afterEach(async () => {
  await closeClients();
  await app.close();
});

const signIn = (
  user = 'ada',
  overrides: TestSessionOverrides = {},
): Promise<TestSession> => createTestSession(app.app, user, overrides);

const connectBy = (
  { cookie }: TestSession,
  sockets: Sockets = 'ws',
): GatewayClient =>
  connect(sockets, app.port, { headers: { cookie, origin: ORIGIN } });

/** A client that has sent its first message. */
async function join(
  held: TestSession,
  sockets: Sockets = 'ws',
): Promise<GatewayClient> {
  const client = connectBy(held, sockets);
  expect(await client.ask('say')).toBe(held.session.subject);
  return client;
}

async function isOpen(client: GatewayClient): Promise<boolean> {
  return (await client.ask('who')) === 'ada';
}

/** Lets the checks come to their end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await nextTurn();
}

/** A client of ws without a network. */
class FakeSocket extends EventEmitter {
  readyState = 1;
  code: number | undefined;

  close(code: number): void {
    this.code ??= code;
    this.readyState = 3;
    this.emit('close');
  }
}

const open = async ({ cookie }: TestSession): Promise<FakeSocket> => {
  const socket = new FakeSocket();
  await app.app.get(SessionConnections).open(socket, {
    headers: { cookie, host: new URL(ORIGIN).host, origin: ORIGIN },
  });
  return socket;
};

const sessionOf = (client: object): ActiveSession | undefined =>
  app.app.get(SessionConnections).sessionOf(client);

const roleOf = (client: object): unknown =>
  (sessionOf(client)?.data as { role: string } | undefined)?.role;

describe('the end of a session', () => {
  it.each<[string, number, (held: TestSession) => unknown]>([
    ['its revocation', 4401, ({ session }) => app.sessions.revoke(session)],
    [
      'its revocation by name',
      4401,
      ({ session: { id, subject } }) => app.sessions.revoke({ id, subject }),
    ],
    ['the end of all', 4401, () => app.sessions.revokeAll('ada')],
    [
      'the end of all but another one',
      4401,
      async () => {
        const other = await signIn();
        app.clock.advance(10);
        return app.sessions.revokeAll('ada', { except: other.session.id });
      },
    ],
    [
      'an eviction by newer ones',
      4401,
      async () => {
        for (let i = 0; i < 3; i += 1) await app.signIn();
      },
    ],
    [
      'its end on another node',
      4401,
      async ({ session: { id, subject } }) => {
        await store.healthy.end(id, subject);
        app.clock.advance(DUE);
      },
    ],
    [
      'its end by the loader',
      4401,
      () => {
        app.users.all.delete('ada');
        app.clock.advance(DUE);
      },
    ],
    [
      'an error of the loader that ends it',
      4401,
      () => {
        app.users.all.get('ada')!.sessionsValidFrom = new Date(
          (app.clock.nowSeconds() + 1) * 1000,
        );
        app.clock.advance(DUE);
      },
    ],
    ['its idle end', 4401, () => app.clock.advance('8d')],
    ['its absolute end', 4401, () => app.clock.advance('31d')],
    [
      'a reload on demand that finds no user',
      4401,
      ({ session }) => {
        app.users.all.delete('ada');
        return app.sessions.reload(session).catch(() => undefined);
      },
    ],
  ])('by %s closes its connections with %i', async (_how, code, end) => {
    await startStored({ maxSessions: { max: 3, policy: 'end-oldest' } });
    const held = await signIn();
    const clients = [await join(held), await join(held)];
    await end(held);
    expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([
      code,
      code,
    ]);
    expect(sessionOf(Handled.clients[0]!)).toBeUndefined();
  });

  it('on another node is found by the handshake or at the next check, as by requests', async () => {
    for (const revocationCheck of ['always', 'reload'] as const) {
      await startStored({ revocationCheck });
      const held = await signIn();
      const { id, subject } = held.session;
      await store.healthy.end(id, subject);
      store.takeCalls();
      const client = connectBy(held);
      if (revocationCheck === 'reload') {
        expect(await client.ask('say')).toBe('ada');
        expect(store.takeCalls()).toEqual([]);
        app.clock.advance(DUE);
      }
      expect(await client.closed).toBe(4401);
      await app.close();
    }
    await start();
  });

  it('by the reuse of a refresh token closes its connections', async () => {
    await startStored({ refreshToken: {} });
    const held = await signIn();
    const client = await join(held);
    const refreshed = await app.sessions.refresh(held.refreshToken!);
    app.clock.advance('5m');
    await app.sessions.refresh(refreshed.refreshToken!);
    expect(await isOpen(client)).toBe(true);
    app.clock.advance('5m');
    await expect(app.sessions.refresh(held.refreshToken!)).rejects.toThrow();
    expect(await client.closed).toBe(4401);
  });

  it('by a new sign-in of its browser lets the page reconnect', async () => {
    await startStored();
    const browser = await app.signIn();
    const client = connect('ws', app.port, {
      headers: {
        cookie: await browser.jar.getCookieString(ORIGIN),
        origin: ORIGIN,
      },
    });
    expect(await client.ask('say')).toBe('ada');
    await browser.post('/login', { user: 'ada' });
    expect(await client.closed).toBe(4410);
  });

  it('spares the session that revokeAll keeps, and a sign-in of the same second', async () => {
    await startStored();
    const kept = await signIn();
    const early = await signIn();
    app.clock.advance(10);
    const ended = await signIn();
    const clients = [await join(kept), await join(early), await join(ended)];
    await app.sessions.revokeAll('ada', { except: kept.session.id });
    const late = await join(await signIn());
    expect(await clients[1]!.closed).toBe(4401);
    expect(await clients[2]!.closed).toBe(4401);
    expect(await isOpen(clients[0]!)).toBe(true);
    await app.sessions.revokeAll('bob');
    expect(await isOpen(late)).toBe(true);
  });

  it('stays known after revokeAll, so that its connection does not come back', async () => {
    await startStored();
    const held = await signIn();
    const client = await join(held);
    app.clock.advance(1);
    await app.sessions.revokeAll('ada');
    expect(await client.closed).toBe(4401);
    expect(await connectBy(held).closed).toBe(4401);
  });

  it('is awaited before the next message if the store could not confirm it', async () => {
    await startStored();
    const held = await signIn();
    const client = await join(held);
    store.fall('rejects', 'read');
    await app.sessions.revokeAll('ada');
    expect(await client.ask('say')).toMatchObject({
      status: 503,
      errorCode: 'SESSION_UNAVAILABLE',
    });
    store.recover();
    app.clock.advance(5);
    expect(await client.closed).toBe(4401);
    expect(Handled.messages).toEqual(['say']);
  });
});

describe('an outage', () => {
  it.each([
    ['the loader', () => (app.users.failure = new Error('down'))],
    ['the store', () => store.fall('rejects')],
    ['both', () => store.fall('hangs')],
  ])(
    'of %s keeps connections for maxStale, then closes them as uncertain',
    async (_what, fail) => {
      await startStored({ loader: { maxStale: '1h' }, storeTimeout: 5 });
      const client = await join(await signIn());
      fail();
      for (let minutes = 0; minutes < 65; minutes += 5) {
        app.clock.advance('5m');
        await settle();
        expect(await isOpen(client)).toBe(true);
      }
      app.clock.advance('15m');
      expect(await client.closed).toBe(4410);
    },
  );

  it('ends before maxStale without a trace', async () => {
    await startStored();
    const client = await join(await signIn());
    app.users.failure = new Error('down');
    app.clock.advance('20m');
    await settle();
    expect(await client.ask('say')).toBe('ada');
    app.users.failure = undefined;
    app.users.all.get('ada')!.role = 'member';
    app.clock.advance('5m');
    await until(
      () => roleOf(Handled.clients[0]!) === 'member',
      'a reload after the outage',
    );
    expect(await client.ask('role')).toBe('member');
  });

  it('refuses only the messages that the store must confirm', async () => {
    await startStored();
    const client = await join(await signIn());
    store.fall('rejects');
    expect(await client.ask('confirmed')).toMatchObject({
      status: 503,
      errorCode: 'SESSION_UNAVAILABLE',
    });
    expect(await client.ask('say')).toBe('ada');
    store.recover();
    expect(await client.ask('confirmed')).toBe('ada');
  });

  it('closes the connections of many sessions one after the other', async () => {
    await start({ dataRefreshInterval: '10m', loader: { maxStale: '100m' } });
    const sockets: FakeSocket[] = [];
    for (let i = 0; i < 50; i += 1) sockets.push(await open(await signIn()));
    app.users.failure = new Error('down');
    const closedAt = new Set<number>();
    for (let minute = 0; minute < 115; minute += 1) {
      app.clock.advance('1m');
      await settle();
      const closed = sockets.filter(({ code }) => code === 4410).length;
      if (closed > 0) closedAt.add(closed);
    }
    expect(Math.max(...closedAt)).toBe(50);
    expect(closedAt.size).toBeGreaterThan(5);
  });
});

describe('activity', () => {
  const HALF = '4d';

  it.each<[string, boolean, (client: GatewayClient) => unknown]>([
    ['messages', true, (client) => client.ask('say')],
    ['passive messages', false, (client) => client.ask('polled')],
    ['messages to public handlers', false, (client) => client.ask('open')],
    ['nothing', false, () => undefined],
  ])(
    'of a connection: %s keep it past its idle end: %s',
    async (_what, keeps, act) => {
      for (const isStored of [false, true]) {
        await (isStored ? startStored() : start());
        const client = await join(await signIn());
        app.clock.advance(HALF);
        await settle();
        await act(client);
        // The record hears of it in time.
        for (const step of [DUE, HALF]) {
          app.clock.advance(step);
          await settle();
        }
        if (keeps) expect(await isOpen(client)).toBe(true);
        else expect(await client.closed).toBe(isStored ? 4401 : 4410);
        await app.close();
      }
      await start();
    },
  );

  it('of requests keeps a connection that only listens', async () => {
    await start();
    const held = await signIn();
    const browser = await app.signIn();
    const { id } = (await browser.get('/me')).json;
    const other = await join(held);
    const client = connect('ws', app.port, {
      headers: {
        cookie: await browser.jar.getCookieString(ORIGIN),
        origin: ORIGIN,
      },
    });
    expect(await client.ask('who')).toBe('ada');
    app.clock.advance(HALF);
    await settle();
    expect((await browser.get('/me')).json.id).toBe(id);
    app.clock.advance(HALF);
    await settle();
    expect(await isOpen(client)).toBe(true);
    expect(await other.closed).toBe(4410);
  });

  it('moves the idle end of the record at most every half interval', async () => {
    await startStored();
    const client = await join(await signIn());
    store.takeCalls();
    for (let minute = 0; minute < 60; minute += 1) {
      app.clock.advance('1m');
      await settle();
      expect(await client.ask('confirmed')).toBe('ada');
    }
    const calls = store.takeCalls();
    const extensions = calls.filter((call) => call === 'update').length;
    // 4 reloads, which note themselves, and at most 8 extensions.
    expect(extensions).toBeLessThanOrEqual(12);
    expect(calls.length - extensions).toBeLessThanOrEqual(2 * 60);
  });
});

describe('what does not end a connection', () => {
  it('is a rotation, a re-issue, a reload or an update', async () => {
    await startStored({ refreshToken: {}, transport: ['cookie', 'header'] });
    const held = await signIn();
    const client = await join(held);
    await app.sessions.refresh(held.refreshToken!);
    await app.sessions.reload(held.session);
    await app.sessions.update(held.session, { theme: 'dark' });
    for (let i = 0; i < 10; i += 1) {
      app.clock.advance(DUE);
      await settle();
      expect(await client.ask('say')).toBe('ada');
    }
    expect(sessionOf(Handled.clients[0]!)?.attributes).toEqual({
      theme: 'dark',
    });
  });

  it('is a clock that is set back; what ends meanwhile is noticed', async () => {
    await startStored();
    const [held, other] = [await signIn(), await signIn()];
    const clients = [await join(held), await join(other)];
    app.clock.advance(-3600);
    await settle();
    for (const client of clients) expect(await client.ask('say')).toBe('ada');
    const { id, subject } = held.session;
    await store.healthy.end(id, subject);
    app.clock.advance('16m');
    expect(await clients[0]!.closed).toBe(4401);
    app.clock.advance(3600);
    await settle();
    expect(await clients[1]!.ask('say')).toBe('ada');
  });
});

describe('the data of a session', () => {
  it('is as new in messages and in sessionOf as in requests', async () => {
    await startStored();
    const client = await join(await signIn());
    const [socket] = Handled.clients;
    expect(await client.ask('role')).toBe('admin');
    app.users.all.get('ada')!.role = 'member';
    app.clock.advance(DUE);
    // Without a message.
    await until(() => roleOf(socket!) === 'member', 'a reload');
    expect(await client.ask('role')).toBe('member');
  });

  it('is reloaded by the next message after a reload on demand', async () => {
    await startStored();
    const held = await signIn();
    const client = await join(held);
    app.users.all.get('ada')!.role = 'member';
    app.clock.advance(1);
    await app.sessions.reload(held.session);
    expect(await client.ask('role')).toBe('member');
  });

  it('is loaded once for all connections of a session', async () => {
    await start();
    const held = await signIn();
    const sockets = await Promise.all(
      Array.from({ length: 50 }, () => open(held)),
    );
    const clients = [await join(held), await join(held)];
    for (let i = 1; i <= 4; i += 1) {
      app.users.loads = [];
      app.clock.advance(DUE);
      await Promise.all(clients.map((client) => client.ask('say')));
      await settle();
      expect(app.users.loads).toHaveLength(1);
    }
    expect(sockets.map(({ code }) => code)).toEqual(Array(50).fill(undefined));
  });
});

describe('decorators of handlers', () => {
  it('mean in gateways what they mean in controllers', async () => {
    await start({}, { open: 'optional' });
    const [client, anyone] = [
      await join(await signIn()),
      connect('ws', app.port),
    ];
    expect(await client.ask('open')).toBe('anyone');
    expect(await client.ask('optional')).toBe('ada');
    expect(await anyone.ask('open')).toBe('anyone');
    expect(await anyone.ask('optional')).toBe('nobody');
    for (const event of ['say', 'polled', 'confirmed']) {
      expect(await anyone.ask(event)).toMatchObject({
        status: 401,
        errorCode: 'SESSION_REQUIRED',
      });
    }
    expect(await anyone.ask('who')).toBe('undefined');
    expect(app.eventsOf('rejected').map(({ reason }) => reason)).toEqual([
      'missing',
      'missing',
      'missing',
    ]);
    // There is no store.
    expect(await client.ask('confirmed')).toMatchObject({ status: 500 });
    expect(await client.ask('say')).toBe('ada');
  });

  it('an optional session is no way in for other sites', async () => {
    await start({}, { open: 'optional' });
    const { cookie } = await signIn();
    const client = connect('ws', app.port, {
      headers: { cookie, origin: 'https://evil.example' },
    });
    expect(await client.closed).toBe(4401);
    expect(Handled.messages).toEqual([]);
  });

  it('an optional session is found once an outage is over', async () => {
    await startStored({ revocationCheck: 'always' }, { open: 'optional' });
    const held = await signIn();
    store.fall('rejects');
    const client = connectBy(held);
    expect(await client.ask('optional')).toBe('nobody');
    store.recover();
    expect(await client.ask('optional')).toBe('ada');
  });
});

describe('what is forgotten', () => {
  const live = () => app.app.get<SessionRuntime>(SESSION_RUNTIME).live;

  it('is a client that has gone before it is opened, and one that goes later', async () => {
    await start();
    const held = await signIn();
    const gone = new FakeSocket();
    gone.readyState = 3;
    const headers = { ...held.headers, host: new URL(ORIGIN).host };
    const connections = app.app.get(SessionConnections);
    await connections.open(gone, { headers });
    expect(live().size).toBe(0);
    const opening = new FakeSocket();
    const opened = connections.open(opening, { headers });
    opening.emit('close');
    await opened;
    expect(live().size).toBe(0);
    const socket = await open(held);
    expect(live().size).toBe(1);
    socket.emit('close');
    expect(live().size).toBe(0);
    await app.sessions.revoke(held.session);
    expect([gone, opening, socket].map(({ code }) => code)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is no connection of a session that ends while it is opened', async () => {
    await start();
    const held = await signIn();
    for (let turns = 0; turns < 12; turns += 1) {
      const next = await signIn();
      const opening = open(next);
      // At each step of the way.
      for (let i = 0; i < turns; i += 1) await Promise.resolve();
      await app.sessions.revoke(next.session);
      expect((await opening).code).toBe(4401);
    }
    expect((await open(held)).code).toBeUndefined();
    expect(live().size).toBe(1);
  });
});
