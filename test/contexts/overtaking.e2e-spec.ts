import {
  createTestSession,
  type TestSession,
} from '../../lib/testing/index.js';
import { createGate, until, type Gate } from '../support/asynchrony.js';
import { ORIGIN } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import type { TestApp } from '../support/test-app.js';
import { Handled, startGatewayApp, type Sockets } from './gateway-app.js';
import { closeClients, connect } from './gateway-client.js';
import { rush } from './raw-web-socket.js';

const say = (text: string): string =>
  JSON.stringify({ event: 'say', data: text });
const says = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => say(String(i)));

let app: TestApp;
let gate: Gate = createGate();

/** A session whose handshake waits for the loader. */
const due = (user = 'ada'): Promise<TestSession> =>
  createTestSession(app.app, user, {
    data: {},
    loadedAt: new Date((app.clock.nowSeconds() - 1000) * 1000),
  });

/** Holds the loader. */
function hold(): void {
  gate = createGate();
  app.users.gate = gate.promise;
  app.users.loads = [];
}

const asked = (count: number): Promise<void> =>
  until(() => app.users.loads.length === count, 'the loader is asked');

/** Until the server has read what clients have sent: a client that sends later is answered. */
async function read(): Promise<void> {
  const client = connect('ws', app.port, {});
  await client.ask('open');
  await client.closed;
}

beforeEach(() => Handled.reset());

afterEach(async () => {
  gate.open();
  await closeClients();
});

afterAll(() => app.close());

describe('messages that come before the verdict on their connection', () => {
  beforeAll(async () => {
    app = await startGatewayApp('express', 'ws', {
      session: { loader: { timeout: '5m', concurrency: 1000 } },
    });
  });

  it(`never reach a handler if there is no session: 0 of ${rounds(10_000, 500)}`, async () => {
    const PER_CLIENT = 10;
    const CLIENTS = 50;
    let sent = 0;
    while (sent < rounds(10_000, 500)) {
      hold();
      const held = await Promise.all(
        Array.from({ length: CLIENTS }, () => due('nobody')),
      );
      const clients = held.map(({ cookie }) =>
        rush(app.port, '/chat', cookie, says(PER_CLIENT)),
      );
      await Promise.all(clients.map((client) => client.sent));
      await asked(CLIENTS);
      await read();
      gate.open();
      const answers = await Promise.all(clients.map(({ closed }) => closed));
      expect(answers.filter((text) => !text.includes('Unauthorized'))).toEqual(
        [],
      );
      sent += CLIENTS * PER_CLIENT;
    }
    expect(Handled.messages.filter((text) => text !== 'open')).toEqual([]);
  });

  it('are handled in their order if there is one', async () => {
    hold();
    const { cookie } = await due();
    const { sent, socket } = rush(app.port, '/chat', cookie, says(16));
    await sent;
    await asked(1);
    await read();
    Handled.reset();
    gate.open();
    await until(() => Handled.messages.length === 16, 'all are handled');
    expect(Handled.messages).toEqual(says(16).map((_, i) => String(i)));
    socket.destroy();
  });

  it('close the connection when there are more than 16, before the verdict', async () => {
    hold();
    const { cookie } = await due();
    const { closed } = rush(app.port, '/chat', cookie, says(17));
    expect(await closed).toContain('Reconnect');
    Handled.reset();
    gate.open();
    await read();
    expect(Handled.messages).not.toContain('0');
  });

  it.each([
    ['no session', ''],
    ['a token that is none', '__Host-Http-session=x.y.z'],
  ])('never reach a handler with %s', async (_what, cookie) => {
    const { closed } = rush(app.port, '/chat', cookie, says(10));
    expect(await closed).toContain('Unauthorized');
    expect(Handled.messages).toEqual([]);
  });
});

describe.each<Sockets>(['io', 'polling'])('messages over %s', (sockets) => {
  let own: TestApp;

  beforeAll(async () => {
    own = await startGatewayApp('fastify', sockets, {
      open: 'none',
      session: { loader: { timeout: '5m' } },
    });
  });

  afterAll(() => own.close());

  it('open a connection that handleConnection has not opened', async () => {
    const session = await createTestSession(own.app, 'ada');
    const origin = sockets === 'io' ? ORIGIN : `http://127.0.0.1:${own.port}`;
    const headers = { cookie: session.cookie, origin };
    const client = connect(sockets, own.port, { headers });
    expect(await client.ask('say')).toBe('ada');
    const stranger = connect(sockets, own.port);
    expect(await stranger.ask('say')).toEqual({
      closed: 'io server disconnect',
    });
    await own.sessions.revoke(session.session);
    expect(await client.closed).toBe('io server disconnect');
    expect(Handled.messages).toEqual(['say']);
  });
});

describe('revocation during traffic', () => {
  let own: TestApp;

  beforeAll(async () => {
    own = await startGatewayApp('express', 'ws');
  });

  afterAll(() => own.close());

  it(`lets no message through afterwards, in ${rounds(1000, 40)} rounds`, async () => {
    let random = 1;
    for (let round = 0; round < rounds(1000, 40); round += 1) {
      Handled.reset();
      const { cookie, session } = await createTestSession(own.app, 'ada');
      const clients = Array.from({ length: 3 }, () =>
        connect('ws', own.port, { headers: { cookie, origin: ORIGIN } }),
      );
      await Promise.all(clients.map(({ opened }) => opened));
      const send = (): void => {
        for (const client of clients) {
          for (let i = 0; i < 10; i += 1) client.send('say', `${i}`);
        }
      };
      send();
      random = (random * 48_271) % 0x7fffffff;
      const enough = random % 30;
      await until(() => Handled.messages.length >= enough, 'some are handled');
      await own.sessions.revoke(session);
      const handled = Handled.messages.length;
      for (const client of clients) client.send('say', 'late');
      const codes = await Promise.all(clients.map(({ closed }) => closed));
      expect(codes).toEqual([4401, 4401, 4401]);
      expect(Handled.messages).toHaveLength(handled);
    }
  });
});
