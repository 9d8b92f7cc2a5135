import { once, type EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import {
  Catch,
  NotFoundException,
  UseFilters,
  UseGuards,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import {
  Authorize,
  CheckRevocation,
  Public,
  Session,
  SessionConnections,
  SessionExceptionFilter,
  SessionGuard,
  SessionService,
  type ActiveSession,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { NEST } from '../support/nest-version.js';
import { SickStore } from '../support/sick-store.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { socketAdapter, type Sockets } from './gateway-app.js';

const UNAUTHORIZED = {
  status: 401,
  message: 'Unauthorized',
  errorCode: 'SESSION_REQUIRED',
};
const FORBIDDEN = {
  status: 403,
  message: 'Forbidden',
  errorCode: 'SESSION_FORBIDDEN',
};
const UNAVAILABLE = {
  status: 503,
  message: 'Service Unavailable',
  errorCode: 'SESSION_UNAVAILABLE',
};

/** What a predicate and a handler throw. */
const TEXT = 'Not on Sundays';

/** Answers in another way than Nest. */
@Catch(WsException)
class OwnFilter implements ExceptionFilter {
  catch(_error: WsException, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient();
    if (typeof client.readyState === 'number') {
      client.send(JSON.stringify({ event: 'own', data: 'own' }));
    } else {
      client.emit('own', 'own');
    }
  }
}

const answer = { event: 'answer', data: 'handled' };

@UseGuards(SessionGuard)
@WebSocketGateway()
class Gateway {
  static clients: EventEmitter[] = [];

  constructor(
    readonly connections: SessionConnections,
    readonly sessions: SessionService,
  ) {}

  async handleConnection(client: EventEmitter, request: IncomingMessage) {
    Gateway.clients.push(client);
    const handshake = request ?? (client as any).request;
    if (!handshake.headers['x-unopened']) {
      await this.connections.open(client, handshake, { optional: true });
    }
  }

  @SubscribeMessage('say') say(@MessageBody() _text: string) {
    return answer;
  }
  @CheckRevocation() @SubscribeMessage('confirmed') confirmed() {
    return answer;
  }
  @Authorize(({ data }) => data.role === 'admin')
  @SubscribeMessage('admins')
  admins() {
    return answer;
  }
  @Authorize(async () => {
    throw new WsException(TEXT);
  })
  @SubscribeMessage('text')
  text() {
    return answer;
  }
  @Authorize(() => {
    throw new WsException({ reason: 'Sunday' });
  })
  @SubscribeMessage('object')
  object() {
    return answer;
  }
  @Authorize(() => {
    throw new NotFoundException('No such room');
  })
  @SubscribeMessage('http')
  http() {
    return answer;
  }
  @Authorize(() => {
    throw new TypeError('a defect');
  })
  @SubscribeMessage('defect')
  defect() {
    return answer;
  }
  @UseFilters(OwnFilter)
  @Authorize(() => false)
  @SubscribeMessage('own')
  own() {
    return answer;
  }

  @UseFilters(SessionExceptionFilter)
  @SubscribeMessage('devices')
  async devices(@Session() session: ActiveSession) {
    await this.sessions.list(session.subject);
  }
  @UseFilters(SessionExceptionFilter)
  @SubscribeMessage('reload')
  async reload(@Session() session: ActiveSession) {
    await this.sessions.reload(Object.create(session) as ActiveSession);
  }
  @Public() @SubscribeMessage('thrown') thrown() {
    throw new WsException(TEXT);
  }

  @Public() @SubscribeMessage('last') last() {
    return { event: 'last', data: '' };
  }
}

type Frame = [event: string, data: unknown];
interface Client {
  /** Sends one message after the answer to another. Returns what the client receives. */
  frames(...events: string[]): Promise<Frame[]>;
  /** Sends messages without waiting for their answers, which some may not get. */
  burst(...events: string[]): Promise<Frame[]>;
  close(): void;
}

const ENDS: ReadonlySet<string | undefined> = new Set(['last', 'closed']);

/** Collects what a client receives until the answer to a last message, or until the connection is closed. */
function collect(
  send: (event: string) => void,
  listen: (take: (frame: Frame) => void) => void,
  close: () => void,
): Client {
  const received: Frame[] = [];
  let notice = (): void => undefined;
  const isReceived = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      notice = () => condition() && resolve();
      notice();
    });
  listen((frame) => {
    received.push(frame);
    notice();
  });
  return {
    async frames(...events) {
      for (const event of events) {
        const count = received.length;
        send(event);
        await isReceived(() => received.length > count);
      }
      return this.burst();
    },
    async burst(...events) {
      for (const event of [...events, 'last']) send(event);
      await isReceived(() => ENDS.has(received.at(-1)?.[0]));
      return received.splice(0).slice(0, -1);
    },
    close,
  };
}

async function connect(
  sockets: Sockets,
  port: number,
  headers: Record<string, string>,
): Promise<Client> {
  if (sockets === 'ws') {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers });
    const client = collect(
      (event) => socket.send(JSON.stringify({ event, data: event })),
      (take) => {
        socket.on('message', (text: Buffer) => {
          const { event, data, ...rest } = JSON.parse(text.toString());
          expect(rest).toEqual({});
          take([event, data]);
        });
        socket.on('close', (code) => take(['closed', code]));
      },
      () => socket.terminate(),
    );
    await once(socket, 'open');
    return client;
  }
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    extraHeaders: headers,
    reconnection: false,
    forceNew: true,
  });
  const client = collect(
    (event) => socket.emit(event, event),
    (take) => {
      socket.onAny((event, data) => take([event, data]));
      socket.on('disconnect', (reason) => take(['closed', reason]));
    },
    () => socket.disconnect(),
  );
  await new Promise<void>((resolve) => socket.on('connect', resolve));
  return client;
}

describe.each<Sockets>(['ws', 'io'])('a refused message over %s', (sockets) => {
  let app: TestApp;
  let logs: CapturedLogs;
  const store = new SickStore();
  const clients: Client[] = [];

  beforeAll(async () => {
    logs = new CapturedLogs();
    app = await startTestApp('express', {
      session: { store },
      providers: [Gateway],
      configure: (nest) => {
        nest.useWebSocketAdapter(socketAdapter(nest, sockets));
        nest.useLogger(logs);
      },
    });
  });

  afterEach(() => {
    store.recover();
    for (const client of clients.splice(0)) client.close();
  });

  afterAll(() => app.close());

  async function open(
    user?: string,
    headers: Record<string, string> = {},
  ): Promise<Client> {
    const held = user ? await createTestSession(app.app, user) : undefined;
    const client = await connect(sockets, app.port, {
      origin: `http://127.0.0.1:${app.port}`,
      ...(held && { cookie: held.cookie }),
      ...headers,
    });
    clients.push(client);
    return client;
  }

  /** What Nest says of an error that was not made for clients. */
  const unknown = (event: string) => ({
    status: 'error',
    message: 'Internal server error',
    cause: { pattern: event, data: event },
  });

  it.each<[string, string | undefined, string, unknown]>([
    ['without a session', undefined, 'say', UNAUTHORIZED],
    ['by @Authorize() without a session', undefined, 'admins', UNAUTHORIZED],
    ['by @Authorize()', 'bob', 'admins', FORBIDDEN],
    [
      'by the text of a predicate',
      'bob',
      'text',
      {
        status: 'error',
        message: TEXT,
        cause: { pattern: 'text', data: 'text' },
      },
    ],
    ['by the object of a predicate', 'bob', 'object', { reason: 'Sunday' }],
    ['by an HTTP error of a predicate', 'bob', 'http', unknown('http')],
    [
      'by the defect of a predicate',
      'bob',
      'defect',
      { status: 500, message: 'Internal server error' },
    ],
  ])('%s gets one exception', async (_what, user, event, expected) => {
    const client = await open(user);
    expect(await client.frames(event)).toEqual([['exception', expected]]);
    expect(await client.frames(event)).toEqual([['exception', expected]]);
    expect(await client.frames('say')).toEqual(
      user ? [['answer', 'handled']] : [['exception', UNAUTHORIZED]],
    );
  });

  it('gets one exception during an outage', async () => {
    const client = await open('ada');
    store.fall('rejects');
    expect(await client.frames('confirmed', 'say')).toEqual([
      ['exception', UNAVAILABLE],
      ['answer', 'handled'],
    ]);
    store.recover();
    expect(await client.frames('confirmed')).toEqual([['answer', 'handled']]);
  });

  if (sockets === 'ws') {
    it('gets one exception if its connection was not opened', async () => {
      const client = await open('ada', { 'x-unopened': '1' });
      expect(await client.frames('say', 'admins')).toEqual([
        ['exception', UNAUTHORIZED],
        ['exception', UNAUTHORIZED],
      ]);
    });
  }

  it('is answered by the filter of the application alone', async () => {
    const client = await open('ada');
    expect(await client.frames('own', 'say', 'own')).toEqual([
      ['own', 'own'],
      ['answer', 'handled'],
      ['own', 'own'],
    ]);
  });

  it('gets one exception each, however many there are, and leaves one listener', async () => {
    Gateway.clients = [];
    const client = await open('bob');
    const events = Array.from({ length: 30 }, () => 'admins');
    const frames = await client.frames(...events);
    expect(frames).toEqual(events.map(() => ['exception', FORBIDDEN]));
    const [own] = Gateway.clients;
    expect(own!.listenerCount('exception')).toBe(sockets === 'ws' ? 1 : 0);
  });

  it('changes nothing about the errors of handlers', async () => {
    const client = await open('bob');
    const thrown = {
      status: 'error',
      message: TEXT,
      cause: { pattern: 'thrown', data: 'thrown' },
    };
    // Nest 11 does not send them to clients of ws.
    const isSent = NEST >= 12 || sockets === 'io';
    await client.frames('text');
    expect(await client.burst('thrown')).toEqual(
      isSent ? [['exception', thrown]] : [],
    );
  });

  it('is answered like a refusal if its handler throws a SessionError, with SessionExceptionFilter', async () => {
    const client = await open('ada');
    store.fall('rejects');
    expect(await client.frames('devices')).toEqual([
      ['exception', UNAVAILABLE],
    ]);
    expect(await client.frames('reload')).toEqual([
      ['exception', { status: 500, message: 'Internal server error' }],
    ]);
    expect(logs.matching('SESSION_FOREIGN', 'error')).toHaveLength(1);
  });
});
