import { once } from 'node:events';
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
import { WsAdapter } from '@nestjs/platform-ws';
import { jest } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import {
  SessionGuard,
  SessionJwtModule,
  SessionService,
} from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
  type TestSession,
} from '../../lib/testing/index.js';
import { rush } from '../contexts/raw-web-socket.js';
import { createGate, until } from '../support/asynchrony.js';
import { ORIGIN } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { NEST } from '../support/nest-version.js';
import { writeRecipes } from './recipes-snippets.js';
import { secret, UsersModule, UsersService } from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

/** Counts the messages that reach their handler. */
@Injectable()
class Handled implements NestInterceptor {
  static messages: unknown[] = [];

  intercept(context: ExecutionContext, next: CallHandler) {
    if (context.getType() === 'ws') {
      Handled.messages.push(context.switchToWs().getData());
    }
    return next.handle();
  }
}

const clock = new TestSessionClock();
const logs = new CapturedLogs();
let files: SnippetFiles;
let recipe: Record<string, any>;
let app: BootedApp;

const users = (): UsersService => app.get(UsersService);

async function start(
  gateways: Type[],
  configure: (nest: INestApplication) => void = () => undefined,
): Promise<void> {
  // Nest 11 has no global interceptors for gateways.
  for (const gateway of gateways) {
    if (!Reflect.hasMetadata('__interceptors__', gateway)) {
      UseInterceptors(Handled)(gateway);
      // Nor global guards.
      if (NEST < 12) UseGuards(SessionGuard)(gateway);
    }
  }
  app = await boot(
    {
      imports: [
        UsersModule,
        SessionJwtModule.forRootAsync({
          imports: [UsersModule],
          dataLoader: recipe['UserSessionLoader'],
          useFactory: () => ({ secret, loader: { timeout: '5m' } }),
        }),
      ],
      controllers: [recipe['RecipeController']],
      providers: gateways,
    },
    {
      configure,
      logger: logs,
      clock,
    },
  );
}

const signIn = (): Promise<TestSession> => createTestSession(app.app, 'ada');

const due = (): Promise<TestSession> =>
  createTestSession(app.app, 'ada', {
    loadedAt: new Date(clock.nowSeconds() * 1000 - 3_600_000),
  });

const headersOf = (cookie?: string, origin?: string) => ({
  host: new URL(ORIGIN).host,
  ...(cookie && { cookie }),
  ...(origin && { origin }),
});

/** Holds the loader until it is released. */
function hold(): { asked: () => Promise<void>; release: () => void } {
  const gate = createGate();
  users().gate = gate.promise;
  const before = users().loads;
  return {
    asked: () => until(() => users().loads > before, 'the loader is asked'),
    release: () => {
      users().gate = undefined;
      gate.open();
    },
  };
}

const ORIGINS: [string, string | undefined, boolean][] = [
  ['our own page', ORIGIN, true],
  ['a client that is no browser', undefined, true],
  ['another site', 'https://evil.example', false],
  ['a neighbouring host', 'https://other.app.example', false],
  ['our host over plain HTTP', 'http://app.example', false],
  ['a sandboxed frame', 'null', false],
];

beforeAll(async () => {
  files = writeRecipes();
  recipe = await import(files.pathOf('WebSockets'));
});

beforeEach(() => {
  Handled.messages = [];
  users().all.set('ada', { id: 'ada', email: 'ada@app.example', roles: [] });
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(() => files.remove());

const hello = JSON.stringify({ event: 'say', data: 'hello' });

/** A client that sends at `open`; its end is a close code, or the status of a refused handshake. */
function connect(cookie?: string, origin?: string) {
  const client = new WebSocket(`ws://127.0.0.1:${app.port}/live`, {
    headers: headersOf(cookie, origin),
  });
  client.on('open', () => client.send(hello));
  client.on('error', () => undefined);
  const ended = new Promise<number>((resolve) => {
    client.on('close', resolve);
    client.on('unexpected-response', (_request, response) => {
      response.destroy();
      resolve(response.statusCode!);
    });
  });
  const said = new Promise<string>((resolve) => {
    client.once('message', (data: Buffer) => resolve(data.toString()));
  });
  return { client, ended, said };
}

const SAID = JSON.stringify({ event: 'said', data: 'ada: hello' });

describe('the recipe for WebSockets with ws', () => {
  beforeAll(() =>
    start([recipe['LiveGateway']], (nest) =>
      nest.useWebSocketAdapter(new WsAdapter(nest)),
    ),
  );

  afterAll(closeBooted);

  it('lets no message overtake the verdict on a session that ends', async () => {
    const { cookie } = await due();
    const { asked, release } = hold();
    const { ended } = connect(cookie, ORIGIN);
    const rushed = rush(app.port, '/live', cookie, [hello, hello]);
    await rushed.sent;
    await asked();
    users().all.delete('ada');
    release();
    expect(await ended).toBe(4401);
    expect(await rushed.closed).toContain('Unauthorized');
    expect(Handled.messages).toEqual([]);
  });

  it('handles messages that came before the verdict once it is good', async () => {
    const { cookie } = await due();
    const { asked, release } = hold();
    const { client, said } = connect(cookie, ORIGIN);
    await asked();
    expect(Handled.messages).toEqual([]);
    release();
    expect(await said).toBe(SAID);
    expect(Handled.messages).toEqual(['hello']);
    client.terminate();
  });

  it.each(ORIGINS)('judges the origin of %s', async (_what, origin, isOurs) => {
    const { cookie } = await signIn();
    const { client, ended, said } = connect(cookie, origin);
    expect(await (isOurs ? said : ended)).toBe(isOurs ? SAID : 4401);
    expect(Handled.messages).toHaveLength(isOurs ? 1 : 0);
    client.terminate();
  });

  it('refuses a handshake without a session, and one that cannot be judged', async () => {
    expect(await connect(undefined, ORIGIN).ended).toBe(4401);
    expect(await connect('__Host-Http-session=x.y.z').ended).toBe(4401);
    const { cookie } = await due();
    jest.spyOn(users(), 'find').mockRejectedValueOnce(new Error('down'));
    expect(await connect(cookie, ORIGIN).ended).toBe(4410);
    expect(Handled.messages).toEqual([]);
  });

  it.each<[string, number, (held: TestSession) => unknown]>([
    [
      'was revoked',
      4401,
      ({ session }) => app.get(SessionService).revoke(session),
    ],
    ['is past its idle end', 4410, () => clock.advance('7d')],
    [
      'was ended by its loader',
      4401,
      () => {
        users().all.delete('ada');
        clock.advance('15m');
      },
    ],
    [
      'has not been loaded for too long',
      4410,
      () => {
        jest.spyOn(users(), 'find').mockRejectedValue(new Error('down'));
        clock.advance('1h');
      },
    ],
  ])(
    'closes a connection that only listens when its session %s',
    async (_how, code, end) => {
      const held = await signIn();
      const { ended, said } = connect(held.cookie, ORIGIN);
      expect(await said).toBe(SAID);
      await end(held);
      expect(await ended).toBe(code);
      expect(Handled.messages).toHaveLength(1);
    },
  );
});

describe('the recipe for WebSockets with ws that refuses handshakes', () => {
  beforeAll(() =>
    start([recipe['LiveGateway']], (nest) => {
      recipe['RecipeController'].prototype.statements0({ app: nest });
    }),
  );

  afterAll(closeBooted);

  it.each(ORIGINS)('judges the origin of %s', async (_what, origin, isOurs) => {
    const { cookie } = await signIn();
    const { client, ended, said } = connect(cookie, origin);
    expect(await (isOurs ? said : ended)).toBe(isOurs ? SAID : 403);
    client.terminate();
  });

  it('refuses what has no session, and what cannot be judged', async () => {
    expect(await connect(undefined, ORIGIN).ended).toBe(401);
    expect(await connect('__Host-Http-session=x.y.z').ended).toBe(401);
    const { cookie } = await due();
    jest.spyOn(users(), 'find').mockRejectedValueOnce(new Error('down'));
    expect(await connect(cookie, ORIGIN).ended).toBe(503);
    expect(Handled.messages).toEqual([]);
  });
});

describe('a gateway of ws that does not open its connections', () => {
  beforeAll(() => {
    class ForgetfulGateway extends recipe['LiveGateway'] {
      handleConnection() {}
    }
    return start([ForgetfulGateway], (nest) =>
      nest.useWebSocketAdapter(new WsAdapter(nest)),
    );
  });

  afterAll(closeBooted);

  it('handles no message, and the log says why', async () => {
    const { cookie } = await signIn();
    const { client, said } = connect(cookie, ORIGIN);
    expect(JSON.parse(await said)).toMatchObject({
      event: 'exception',
      data: { status: 401 },
    });
    expect(Handled.messages).toEqual([]);
    expect(logs.matching('SessionConnections.open', 'warn')).toHaveLength(1);
    client.terminate();
  });
});

describe('the recipe for WebSockets with socket.io', () => {
  const clients: Socket[] = [];

  beforeAll(() => start([recipe['ChatGateway']]));

  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  afterAll(closeBooted);

  const join = (cookie?: string, origin?: string): Socket => {
    const client = io(`http://127.0.0.1:${app.port}/chat`, {
      transports: ['websocket'],
      extraHeaders: headersOf(cookie, origin),
      reconnection: false,
      forceNew: true,
    });
    clients.push(client);
    return client;
  };

  const refusal = (client: Socket): Promise<unknown> =>
    new Promise((resolve) => {
      client.once('connect_error', (error) =>
        resolve((error as { data?: { errorCode?: string } }).data?.errorCode),
      );
      client.once('connect', () => resolve('connected'));
    });

  it('lets no message overtake the verdict on a session that ends', async () => {
    const { cookie } = await due();
    const { asked, release } = hold();
    const raw = new WebSocket(
      `ws://127.0.0.1:${app.port}/socket.io/?EIO=4&transport=websocket`,
      { headers: headersOf(cookie, ORIGIN) },
    );
    const closed = once(raw, 'close');
    await once(raw, 'message');
    raw.send('40/chat,');
    raw.send('42/chat,0["say","hello"]');
    await asked();
    users().all.delete('ada');
    release();
    // A message before the answer to CONNECT is against the protocol: socket.io closes the connection.
    await closed;
    expect(Handled.messages).toEqual([]);
  });

  it.each(ORIGINS)('judges the origin of %s', async (_what, origin, isOurs) => {
    const { cookie } = await signIn();
    expect(await refusal(join(cookie, origin))).toBe(
      isOurs ? 'connected' : 'CSRF_REFUSED',
    );
  });

  it('refuses a connection without a session, and one that cannot be judged', async () => {
    expect(await refusal(join(undefined, ORIGIN))).toBe('SESSION_REQUIRED');
    const { cookie } = await due();
    jest.spyOn(users(), 'find').mockRejectedValueOnce(new Error('down'));
    expect(await refusal(join(cookie, ORIGIN))).toBe('SESSION_UNAVAILABLE');
  });

  it('answers messages until the session ends, and closes the connection then', async () => {
    const { cookie, session } = await signIn();
    const client = join(cookie, ORIGIN);
    expect(await client.emitWithAck('say', 'hello')).toBe('ada: hello');
    const reason = new Promise((resolve) => client.once('disconnect', resolve));
    await app.get(SessionService).revoke(session);
    expect(await reason).toBe('io server disconnect');
    expect(Handled.messages).toHaveLength(1);
  });

  it.each(['/live', '/export'])(
    'ends the response of %s with its session',
    async (path) => {
      const { headers, session } = await signIn();
      const response = await fetch(`http://127.0.0.1:${app.port}${path}`, {
        headers,
      });
      expect(response.status).toBe(200);
      await app.get(SessionService).revoke(session);
      // It ends, in whichever way.
      await response.text().catch(() => undefined);
    },
  );
});
