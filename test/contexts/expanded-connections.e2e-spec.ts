import { SessionConnections, type ActiveSession } from '../../lib/index.js';
import {
  createTestSession,
  type TestSession,
} from '../../lib/testing/index.js';
import { createGate, turn, until, type Gate } from '../support/asynchrony.js';
import { ORIGIN } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { UserLoader, Users, type TestApp } from '../support/test-app.js';
import {
  Handled,
  startGatewayApp,
  type GatewayOptions,
  type Sockets,
} from './gateway-app.js';
import { closeClients, connect, type GatewayClient } from './gateway-client.js';

const DUE = '15m';

/** How the loader expands data now, and for which roles it has. */
let expand: (role: string) => unknown;
let expanded: string[];

class ExpandingLoader extends UserLoader {
  override expand({ role }: any) {
    expanded.push(role as string);
    return expand(role as string) as object;
  }
}

Reflect.defineMetadata('design:paramtypes', [Users], ExpandingLoader);

const AS = {
  'a value': (role: string) => ({ role: `expanded ${role}` }),
  'a promise': async (role: string) => {
    await turn();
    return { role: `expanded ${role}` };
  },
};
const FAILURES = {
  'a thrown error': () => {
    throw new TypeError('no tenant');
  },
  'a rejection': async () => {
    await turn();
    throw new TypeError('no tenant');
  },
};

let app: TestApp;
let logs: CapturedLogs;

async function start(
  sockets: Sockets = 'ws',
  options: GatewayOptions = {},
): Promise<void> {
  logs = new CapturedLogs();
  app = await startGatewayApp('express', sockets, {
    extras: { dataLoader: ExpandingLoader },
    configure: (nest) => nest.useLogger(logs),
    ...options,
  });
}

beforeEach(() => {
  expand = AS['a value'];
  expanded = [];
});

afterEach(async () => {
  await closeClients();
  await app.close();
});

const connectBy = (
  { cookie }: TestSession,
  sockets: Sockets = 'ws',
): GatewayClient =>
  connect(sockets, app.port, { headers: { cookie, origin: ORIGIN } });

const roleOf = (client: object): unknown =>
  (
    app.app.get(SessionConnections).sessionOf(client) as
      ActiveSession | undefined
  )?.data['role' as never];

/** What the messages of a client wait for. */
function hold(): Gate {
  const gate = createGate();
  expand = async (role) => {
    await gate.promise;
    return { role: `expanded ${role}` };
  };
  return gate;
}

describe.each(Object.entries(AS))('data expanded by %s', (_kind, expandNow) => {
  it('is what handlers and sessionOf see, expanded once for each reload', async () => {
    await start();
    expand = expandNow;
    const client = connectBy(await createTestSession(app.app, 'ada'));
    for (let i = 0; i < 5; i += 1) {
      expect(await client.ask('role')).toBe('expanded admin');
    }
    expect(roleOf(Handled.clients[0]!)).toBe('expanded admin');
    expect(expanded).toEqual(['admin']);
    app.users.all.get('ada')!.role = 'member';
    app.clock.advance(DUE);
    await until(
      () => roleOf(Handled.clients[0]!) === 'expanded member',
      'an expansion without a message',
    );
    expect(await client.ask('role')).toBe('expanded member');
    expect(expanded).toEqual(['admin', 'member']);
  });
});

it('is shared by the messages that wait for it', async () => {
  await start();
  const gate = hold();
  const client = connectBy(await createTestSession(app.app, 'ada'));
  await client.opened;
  for (let i = 0; i < 10; i += 1) client.send('say', `${i}`);
  await until(() => expanded.length > 0, 'the expansion begins');
  gate.open();
  await until(() => Handled.messages.length === 10, 'all are handled');
  expect(expanded).toEqual(['admin']);

  const later = hold();
  app.users.all.get('ada')!.role = 'member';
  app.clock.advance(DUE);
  for (let i = 0; i < 10; i += 1) client.send('say', `${i}`);
  await until(() => expanded.length > 1, 'another expansion begins');
  for (let i = 0; i < 10; i += 1) await turn();
  expect(Handled.messages).toHaveLength(10);
  later.open();
  await until(() => Handled.messages.length === 20, 'all are handled');
  expect(expanded).toEqual(['admin', 'member']);
});

it('is not undone by a slow expansion of older data', async () => {
  await start();
  const client = connectBy(await createTestSession(app.app, 'ada'));
  expect(await client.ask('role')).toBe('expanded admin');
  const gate = hold();
  const user = app.users.all.get('ada')!;
  user.role = 'slow';
  app.clock.advance(DUE);
  await until(() => expanded.includes('slow'), 'the slow expansion');
  expand = AS['a value'];
  user.role = 'newest';
  app.clock.advance(DUE);
  const shown = () => roleOf(Handled.clients[0]!);
  await until(() => shown() === 'expanded newest', 'the quick expansion');
  gate.open();
  for (let i = 0; i < 10; i += 1) await turn();
  expect(shown()).toBe('expanded newest');
  expect(await client.ask('role')).toBe('expanded newest');
});

it('opens no connection of a session that ends meanwhile', async () => {
  await start();
  const gate = hold();
  const held = await createTestSession(app.app, 'ada');
  const client = connectBy(held);
  await until(() => expanded.length > 0, 'the expansion begins');
  await app.sessions.revoke(held.session);
  gate.open();
  expect(await client.closed).toBe(4401);
  expect(Handled.messages).toEqual([]);
});

describe.each(Object.entries(FAILURES))(
  'an expansion that fails by %s',
  (_kind, fail) => {
    it('closes the connection that is opened as uncertain, and logs it', async () => {
      await start();
      expand = fail;
      const held = await createTestSession(app.app, 'ada');
      const client = connectBy(held);
      expect(await client.closed).toBe(4410);
      expect(Handled.messages).toEqual([]);
      expect(logs.matching('no tenant', 'error')).toHaveLength(1);
      expand = AS['a value'];
      expect(await connectBy(held).ask('role')).toBe('expanded admin');
    });

    it.each<Sockets>(['ws', 'io'])(
      'refuses only the messages that would see it, over %s',
      async (sockets) => {
        await start(sockets);
        const client = connectBy(
          await createTestSession(app.app, 'ada'),
          sockets,
        );
        expect(await client.ask('role')).toBe('expanded admin');
        expand = fail;
        app.users.all.get('ada')!.role = 'member';
        app.clock.advance(DUE);
        for (let i = 0; i < 2; i += 1) {
          expect(await client.ask('role')).toMatchObject({
            message: 'Internal server error',
          });
        }
        expect(roleOf(Handled.clients[0]!)).toBe('expanded admin');
        expand = AS['a promise'];
        expect(await client.ask('role')).toBe('expanded member');
      },
    );

    it('refuses the first message of a connection that it opens', async () => {
      await start('io', { open: 'none' });
      expand = fail;
      const held = await createTestSession(app.app, 'ada');
      const client = connectBy(held, 'io');
      expect(await client.ask('role')).toMatchObject({
        message: 'Internal server error',
      });
      expand = AS['a value'];
      expect(await client.ask('role')).toBe('expanded admin');
      expect(Handled.messages).toEqual(['role']);
    });
  },
);
