import { once } from 'node:events';
import {
  ConnectedSocket,
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
} from '@nestjs/websockets';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Inject } from '@nestjs/common';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import {
  Authorize,
  CheckRevocation,
  OptionalSession,
  Session,
  SessionConnections,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { NEST } from '../support/nest-version.js';
import { SickStore } from '../support/sick-store.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const SECRET_TEXT = 'the password of the database';
const FORBIDDEN = {
  status: 403,
  message: 'Forbidden',
  errorCode: 'SESSION_FORBIDDEN',
};

/** The answer to a message after which the connection is closed. */
const CLOSED = { errorCode: 'SESSION_REQUIRED' };

let handled = 0;
let decided = 0;

const Roles = (...roles: string[]) =>
  Authorize(({ data }) => {
    decided += 1;
    return roles.includes(data.role);
  });

@WebSocketGateway()
class ChatGateway implements OnGatewayConnection {
  constructor(
    @Inject(SessionConnections)
    private readonly connections: SessionConnections,
  ) {}

  async handleConnection(client: object, request?: any): Promise<void> {
    await this.connections.open(client, request, { optional: true });
  }

  @Roles('admin')
  @SubscribeMessage('announce')
  announce(@Session('subject') subject: string) {
    return this.#handle(subject);
  }

  @Roles('admin')
  @Roles('admin', 'member')
  @CheckRevocation()
  @SubscribeMessage('confirmed')
  confirmed(@Session('subject') subject: string) {
    return this.#handle(subject);
  }

  @Authorize(() => Promise.reject(new TypeError(SECRET_TEXT)))
  @SubscribeMessage('broken')
  broken(@ConnectedSocket() _client: object) {
    return this.#handle('broken');
  }

  @OptionalSession()
  @SubscribeMessage('any')
  any(@Session('subject') subject?: string) {
    return { event: 'answer', data: subject ?? 'anyone' };
  }

  #handle(data: string) {
    handled += 1;
    return { event: 'answer', data };
  }
}

/** What both kinds of clients have: the answer to an event, and whether the connection is open. */
interface Client {
  ask(event: string): Promise<unknown>;
  isOpen(): boolean;
  close(): void;
}

async function connectWs(url: string, headers: object): Promise<Client> {
  const socket = new WebSocket(url.replace('http', 'ws'), {
    headers: { ...headers },
  });
  await once(socket, 'open');
  return {
    async ask(event) {
      const answer = Promise.race([
        once(socket, 'message').then(
          ([message]) => JSON.parse(String(message)).data as unknown,
        ),
        once(socket, 'close').then(() => CLOSED),
      ]);
      socket.send(JSON.stringify({ event, data: {} }));
      return answer;
    },
    isOpen: () => socket.readyState === WebSocket.OPEN,
    close: () => socket.close(),
  };
}

async function connectIo(
  url: string,
  extraHeaders: Record<string, string>,
): Promise<Client> {
  const socket: Socket = io(url, {
    extraHeaders,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
  });
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  return {
    ask: (event) =>
      new Promise((resolve) => {
        socket.once('answer', resolve);
        socket.once('exception', resolve);
        socket.once('disconnect', () => resolve(CLOSED));
        socket.emit(event, {});
      }),
    isOpen: () => socket.connected,
    close: () => socket.disconnect(),
  };
}

const PLATFORMS = [
  { name: 'ws', connect: connectWs, Adapter: WsAdapter, guard: true },
  { name: 'ws', connect: connectWs, Adapter: WsAdapter, guard: false },
  { name: 'socket.io', connect: connectIo, Adapter: IoAdapter, guard: true },
  { name: 'socket.io', connect: connectIo, Adapter: IoAdapter, guard: false },
];

beforeEach(() => {
  handled = 0;
  decided = 0;
});

describe.each(PLATFORMS)(
  '@Authorize() in a gateway with $name, guard: $guard',
  ({ connect, Adapter, guard }) => {
    let app: TestApp;
    let store: SickStore;
    let logs: CapturedLogs;
    let clients: Client[] = [];

    beforeAll(async () => {
      store = new SickStore();
      logs = new CapturedLogs();
      app = await startTestApp('express', {
        session: { store },
        extras: { guard },
        providers: [ChatGateway],
        configure: (nest) => {
          nest.useWebSocketAdapter(new Adapter(nest));
          nest.useLogger(logs);
        },
      });
    });
    afterEach(() => {
      clients.forEach((client) => client.close());
      clients = [];
    });
    afterAll(() => app.close());

    async function connected(user?: string): Promise<Client> {
      const url = `http://127.0.0.1:${app.port}`;
      const session = user && (await createTestSession(app.app, user));
      const client = await connect(url, {
        origin: url,
        ...(session && { cookie: session.cookie }),
      });
      clients.push(client);
      return client;
    }

    it('admits messages of a session that the predicate accepts', async () => {
      const ada = await connected('ada');
      expect(await ada.ask('announce')).toBe('ada');
      expect(await ada.ask('confirmed')).toBe('ada');
      expect(handled).toBe(2);
      expect(decided).toBe(3);
    });

    it('refuses the message alone, in the way of gateways, and closes nothing', async () => {
      const bob = await connected('bob');
      for (const event of ['announce', 'confirmed', 'announce']) {
        expect(await bob.ask(event)).toEqual(FORBIDDEN);
      }
      // Without the guard of the application, no guard finds the session of this handler.
      const isGuarded = guard && NEST >= 12;
      expect(await bob.ask('any')).toBe(isGuarded ? 'bob' : 'anyone');
      expect(bob.isOpen()).toBe(true);
      expect(handled).toBe(0);
    });

    it('needs a session', async () => {
      const stranger = await connected();
      expect(await stranger.ask('any')).toBe('anyone');
      expect(await stranger.ask('announce')).toMatchObject({
        errorCode: 'SESSION_REQUIRED',
      });
      expect(handled).toBe(0);
      expect(decided).toBe(0);
    });

    it('decides by the session as it is now', async () => {
      const bob = await connected('bob');
      expect(await bob.ask('announce')).toEqual(FORBIDDEN);
      app.users.all.set('bob', { id: 'bob', role: 'admin' });
      app.clock.advance('20m');
      await bob.ask('announce');
      expect(await bob.ask('announce')).toBe('bob');
      app.users.all.set('bob', { id: 'bob', role: 'member' });
      app.clock.advance('20m');
      await bob.ask('announce');
      expect(await bob.ask('announce')).toEqual(FORBIDDEN);
    });

    it('queries the store once for each message, however many guards there are', async () => {
      const ada = await connected('ada');
      const reads = () => store.takeCalls().filter((call) => call === 'read');
      await ada.ask('any');
      reads();
      for (let i = 1; i <= 3; i += 1) {
        await ada.ask('confirmed');
        expect(reads()).toHaveLength(1);
      }
    });

    it('discloses nothing of a predicate that fails', async () => {
      const ada = await connected('ada');
      expect(await ada.ask('broken')).toEqual({
        status: 500,
        message: 'Internal server error',
      });
      expect(ada.isOpen()).toBe(true);
      expect(handled).toBe(0);
      const lines = logs.matching('ChatGateway.broken failed', 'error');
      expect(lines).toHaveLength(1);
    });
  },
);
