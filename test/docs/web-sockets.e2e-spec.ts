import { once } from 'node:events';
import { request } from 'node:http';
import {
  Injectable,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { jest } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import {
  Public,
  SessionClock,
  SessionJwtModule,
  SessionService,
} from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
  type TestSession,
} from '../../lib/testing/index.js';
import { ORIGIN } from '../support/browser.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { writeRecipes } from './recipes-snippets.js';
import { secret, UsersModule, UsersService } from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

/** Counts the messages that reach their handler. */
@Injectable()
class Handled implements NestInterceptor {
  static messages: unknown[] = [];

  intercept(context: ExecutionContext, next: CallHandler) {
    Handled.messages.push(context.switchToWs().getData());
    return next.handle();
  }
}

const clock = new TestSessionClock();
let files: SnippetFiles;
let recipe: Record<string, any>;
let app: BootedApp;

const users = (): UsersService => app.get(UsersService);

/** Starts the gateways of a recipe; what its `main.ts` does is done here. */
async function start(
  gateways: Type[],
  configure: (app: INestApplication) => void,
): Promise<void> {
  // Nest 11 has no global interceptors for gateways.
  for (const gateway of gateways) {
    if (!Reflect.hasMetadata('__interceptors__', gateway)) {
      UseInterceptors(Handled)(gateway);
    }
  }
  app = await boot(
    {
      imports: [
        UsersModule,
        SessionJwtModule.forRootAsync({
          imports: [UsersModule],
          dataLoader: recipe['UserSessionLoader'],
          useFactory: () => ({ secret }),
        }),
      ],
      providers: [recipe['SocketGuard'], ...gateways],
    },
    {
      configure,
      override: (builder) =>
        builder.overrideProvider(SessionClock).useValue(clock),
    },
  );
}

/** Holds the loader until it is released, and tells when it is asked. */
function gate(): { asked: Promise<void>; release: () => void } {
  let release = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    const held = new Promise<void>((open) => {
      release = open;
    });
    Object.defineProperty(users(), 'gate', {
      configurable: true,
      get: () => {
        resolve();
        return held;
      },
    });
  });
  return {
    asked,
    release: () => {
      Object.defineProperty(users(), 'gate', {
        configurable: true,
        writable: true,
        value: undefined,
      });
      release();
    },
  };
}

const due = (): Promise<TestSession> =>
  createTestSession(app.app, 'ada', {
    loadedAt: new Date(clock.nowSeconds() * 1000 - 3_600_000),
  });

/** A frame as clients send it: text, masked with zeros. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([
    Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]),
    payload,
  ]);
}

const headersOf = (cookie?: string, origin?: string) => ({
  host: new URL(ORIGIN).host,
  ...(cookie && { cookie }),
  ...(origin && { origin }),
});

/** Sends a handshake and, without waiting for its answer, messages; reads until something is seen. */
function rush(
  path: string,
  cookie: string,
  messages: string[],
  until: string,
): { sent: Promise<void>; status: Promise<number>; text: Promise<string> } {
  const outgoing = request({
    host: '127.0.0.1',
    port: app.port,
    path,
    headers: {
      ...headersOf(cookie, ORIGIN),
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
    },
  });
  outgoing.flushHeaders();
  const sent = new Promise<void>((resolve) => {
    outgoing.once('socket', (socket) => {
      socket.once('connect', () => {
        setImmediate(() =>
          socket.write(Buffer.concat(messages.map(frame)), () => resolve()),
        );
      });
    });
  });
  const status = new Promise<number>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    outgoing.on('upgrade', () => resolve(101));
  });
  const text = new Promise<string>((resolve) => {
    outgoing.on('upgrade', (_response, socket, head: Buffer) => {
      let seen = '';
      const take = (chunk: Buffer): void => {
        seen += chunk.toString();
        if (seen.includes(until)) {
          socket.destroy();
          resolve(seen);
        }
      };
      socket.on('data', take);
      take(head);
    });
  });
  return { sent, status, text };
}

beforeAll(async () => {
  files = writeRecipes();
  recipe = await import(files.pathOf('WebSockets'));
});

beforeEach(() => {
  Handled.messages = [];
  users().all.set('ada', { id: 'ada', email: 'ada@app.example', roles: [] });
});

afterAll(() => files.remove());

describe('the recipe for WebSockets with ws', () => {
  beforeAll(() =>
    start([recipe['LiveGateway']], (nest) => {
      recipe['RecipeController'].prototype.statements0({ app: nest });
    }),
  );

  afterAll(closeBooted);

  const hello = JSON.stringify({ event: 'say', data: 'hello' });

  /** The status of a handshake; an open connection sends at `open`. */
  const connect = (cookie?: string, origin?: string, message = hello) => {
    const client = new WebSocket(`ws://127.0.0.1:${app.port}/live`, {
      headers: headersOf(cookie, origin),
    });
    client.on('open', () => client.send(message));
    client.on('error', () => undefined);
    const status = new Promise<number | undefined>((resolve) => {
      client.on('open', () => resolve(101));
      client.on('unexpected-response', (_request, response) => {
        response.destroy();
        resolve(response.statusCode);
      });
    });
    return { client, status };
  };

  const said = (client: WebSocket): Promise<string> =>
    once(client, 'message').then(([data]) => String(data));

  it('lets no message overtake the verdict on a session that ends', async () => {
    const { cookie } = await due();
    const { asked, release } = gate();
    const { status } = connect(cookie, ORIGIN);
    const rushed = rush('/live', cookie, [hello, hello], 'said');
    await Promise.all([asked, rushed.sent]);
    users().all.delete('ada');
    release();
    expect([await status, await rushed.status]).toEqual([401, 401]);
    expect(Handled.messages).toEqual([]);
  });

  it('handles messages that came before the verdict once it is good', async () => {
    const { cookie } = await due();
    const { asked, release } = gate();
    const rushed = rush('/live', cookie, [hello], 'said');
    await Promise.all([asked, rushed.sent]);
    expect(Handled.messages).toEqual([]);
    release();
    expect(await rushed.text).toContain('ada: hello');
    expect(Handled.messages).toEqual(['hello']);
  });

  it.each([
    ['our own page', ORIGIN, 101],
    ['a client that is no browser', undefined, 101],
    ['another site', 'https://evil.example', 401],
    ['a neighbouring host', 'https://other.app.example', 401],
    ['our host over plain HTTP', 'http://app.example', 401],
    ['a sandboxed frame', 'null', 401],
  ])('judges the origin of %s', async (_what, origin, expected) => {
    const { cookie } = await createTestSession(app.app, 'ada');
    const { client, status } = connect(cookie, origin);
    expect(await status).toBe(expected);
    if (expected === 101) await said(client);
    expect(Handled.messages).toHaveLength(expected === 101 ? 1 : 0);
    client.terminate();
  });

  it('refuses a handshake without a session, and one that cannot be judged', async () => {
    expect(await connect(undefined, ORIGIN).status).toBe(401);
    expect(await connect('__Host-Http-session=x.y.z').status).toBe(401);
    const { cookie } = await due();
    jest.spyOn(users(), 'find').mockRejectedValueOnce(new Error('down'));
    expect(await connect(cookie, ORIGIN).status).toBe(503);
    expect(Handled.messages).toEqual([]);
  });

  it.each<[string, (held: TestSession) => unknown]>([
    ['was revoked', ({ session }) => app.get(SessionService).revoke(session)],
    ['is past its idle end', () => clock.advance('7d')],
    [
      'was ended by its loader',
      () => {
        users().all.delete('ada');
        clock.advance('15m');
      },
    ],
  ])(
    'closes a connection at its first message after its session %s',
    async (_how, end) => {
      const held = await createTestSession(app.app, 'ada');
      const { client } = connect(held.cookie, ORIGIN);
      expect(await said(client)).toBe(
        JSON.stringify({ event: 'said', data: 'ada: hello' }),
      );
      await end(held);
      client.send(hello);
      expect((await once(client, 'close'))[0]).toBe(4401);
      expect(Handled.messages).toHaveLength(1);
    },
  );

  it('closes a connection that only listens, and one whose loader is down for too long', async () => {
    jest.useFakeTimers({
      doNotFake: [
        'nextTick',
        'queueMicrotask',
        'setImmediate',
        'setTimeout',
        'clearTimeout',
        'Date',
        'performance',
        'hrtime',
      ],
    });
    try {
      const [ended, down] = [
        await createTestSession(app.app, 'ada'),
        await createTestSession(app.app, 'bob'),
      ];
      const first = connect(ended.cookie, ORIGIN).client;
      await said(first);
      const second = connect(down.cookie, ORIGIN).client;
      await said(second);
      jest.advanceTimersByTime(60_000);
      await app.get(SessionService).revoke(ended.session);
      const closed = once(first, 'close');
      jest.advanceTimersByTime(60_000);
      expect((await closed)[0]).toBe(4401);
      expect(second.readyState).toBe(WebSocket.OPEN);

      jest.spyOn(users(), 'find').mockRejectedValue(new Error('down'));
      clock.advance('1h');
      const lost = once(second, 'close');
      jest.advanceTimersByTime(60_000);
      expect((await lost)[0]).toBe(1013);
      await new Promise((resolve) => setImmediate(resolve));
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
      jest.restoreAllMocks();
    }
  });

  it('refuses messages of a connection whose handshake is not known', async () => {
    const closed: number[] = [];
    const client = { close: (code: number) => closed.push(code) };
    expect(await app.get<any>(recipe['SocketGuard']).check(client)).toBe(false);
    expect(closed).toEqual([4401]);
  });
});

describe('the recipe for WebSockets with socket.io', () => {
  const clients: Socket[] = [];

  beforeAll(() => {
    const { SocketGuard, SessionIoAdapter } = recipe;

    @Public()
    @UseGuards(SocketGuard)
    @WebSocketGateway()
    class MainGateway {
      @SubscribeMessage('say')
      say({ session }: any, text: string) {
        return `${session.subject}: ${text}`;
      }
    }

    @Public()
    @UseGuards(SocketGuard)
    @WebSocketGateway({ namespace: 'notes' })
    class NotesGateway extends MainGateway {
      @SubscribeMessage('say')
      override say(client: any, text: string) {
        return super.say(client, text);
      }
    }

    return start([MainGateway, NotesGateway], (nest) =>
      nest.useWebSocketAdapter(new SessionIoAdapter(nest)),
    );
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  afterAll(closeBooted);

  const connect = (
    namespace: string,
    cookie?: string,
    origin?: string,
  ): Socket => {
    const client = io(`http://127.0.0.1:${app.port}${namespace}`, {
      transports: ['websocket'],
      extraHeaders: headersOf(cookie, origin),
      reconnection: false,
      forceNew: true,
    });
    clients.push(client);
    return client;
  };

  const refusal = (client: Socket): Promise<string> =>
    new Promise((resolve) => {
      client.once('connect_error', ({ message }) => resolve(message));
      client.once('connect', () => resolve('connected'));
    });

  describe.each(['/', '/notes'])('in the namespace %s', (namespace) => {
    const prefix = namespace === '/' ? '' : `${namespace},`;

    it('lets no message overtake the verdict on a session that ends', async () => {
      const { cookie } = await due();
      const { asked, release } = gate();
      const raw = new WebSocket(
        `ws://127.0.0.1:${app.port}/socket.io/?EIO=4&transport=websocket`,
        { headers: headersOf(cookie, ORIGIN) },
      );
      const closed = once(raw, 'close');
      await once(raw, 'message');
      raw.send(`40${prefix}`);
      raw.send(`42${prefix}0["say","hello"]`);
      await asked;
      users().all.delete('ada');
      release();
      // A message before the answer to CONNECT is against the protocol: socket.io closes the connection.
      await closed;
      expect(Handled.messages).toEqual([]);

      const patient = connect(namespace, cookie, ORIGIN);
      patient.emit('say', 'hello');
      expect(await refusal(patient)).toBe('sign in');
      expect(Handled.messages).toEqual([]);
    });

    it('refuses another origin, a connection without a session, and one that cannot be judged', async () => {
      const { cookie } = await createTestSession(app.app, 'ada');
      const evil = 'https://evil.example';
      expect(await refusal(connect(namespace, cookie, evil))).toBe('sign in');
      expect(await refusal(connect(namespace, undefined, ORIGIN))).toBe(
        'sign in',
      );
      const late = await due();
      jest.spyOn(users(), 'find').mockRejectedValueOnce(new Error('down'));
      expect(await refusal(connect(namespace, late.cookie, ORIGIN))).toBe(
        'try again later',
      );
    });

    it('closes a connection at its first message after the end of its session', async () => {
      const { cookie, session } = await createTestSession(app.app, 'ada');
      const client = connect(namespace, cookie, ORIGIN);
      expect(await client.emitWithAck('say', 'hello')).toBe('ada: hello');
      await app.get(SessionService).revoke(session);
      client.emit('say', 'again');
      const [reason] = await new Promise<unknown[]>((resolve) => {
        client.once('disconnect', (...given) => resolve(given));
      });
      expect(reason).toBe('io server disconnect');
      expect(Handled.messages).toHaveLength(1);
    });
  });

  it('refuses long polling, whose handshake is no Upgrade', async () => {
    const { cookie } = await createTestSession(app.app, 'ada');
    const response = await app.send({
      path: '/socket.io/?EIO=4&transport=polling',
      headers: { Cookie: cookie },
    });
    expect(response.status).toBe(400);
  });
});
