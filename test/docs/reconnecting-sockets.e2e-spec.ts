import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { Server as IoServer } from 'socket.io';
import { WebSocket, WebSocketServer } from 'ws';
import type { SessionClient } from '../../lib/client/index.js';
import { until } from '../support/asynchrony.js';
import { sources } from './recipes-snippets.js';
import { SnippetFiles } from './snippets/page.js';

const TITLE = 'A socket that reconnects';

/** The generation of the session token that the server accepts; `undefined` when the session has ended. */
let valid: number | undefined;
/** How the routes respond: to the requests of a page, by path. */
let asked: string[];
let isDown: boolean;
/** The bearer tokens or cookies of the connections that were attempted. */
let connections: string[];
let ended: number;
let live: WebSocket[];

const token = (generation: number) => ({
  token: `token-${generation}`,
  refreshToken: `refresh-${generation}`,
});

const server: Server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  const answer = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (isDown) {
    answer(503, {});
  } else if (request.url === '/session/refresh') {
    if (valid === undefined) answer(401, { errorCode: 'SESSION_REQUIRED' });
    else answer(200, token(valid));
  } else {
    const isGood = request.headers.authorization === `Bearer token-${valid}`;
    answer(isGood ? 200 : 401, isGood ? {} : { errorCode: 'SESSION_REQUIRED' });
  }
});

const isAccepted = (authorization: unknown): boolean => {
  connections.push(String(authorization));
  return authorization === `Bearer token-${valid}`;
};

const schema = buildSchema(
  'type Query { a: Int } type Subscription { n: Int }',
);
const graphql = new WebSocketServer({ noServer: true });
useServer(
  {
    schema,
    connectionInitWaitTimeout: 60_000,
    onConnect: ({ connectionParams, extra }) => {
      if (isAccepted(connectionParams?.['Authorization'])) return true;
      (extra as { socket: WebSocket }).socket.close(4401);
      return false;
    },
    roots: {
      subscription: {
        async *n() {
          yield { n: connections.length };
          await new Promise(() => undefined);
        },
      },
    },
  },
  graphql,
);
const plain = new WebSocketServer({ noServer: true });
for (const each of [graphql, plain]) {
  each.on('connection', (socket) => live.push(socket));
}
plain.on('connection', (socket) => socket.send(String(connections.length)));
const io = new IoServer(server, {
  transports: ['websocket'],
  // The other sockets have the same port.
  destroyUpgrade: false,
});
io.use((socket, next) => {
  const { auth } = socket.handshake;
  next(isAccepted(`Bearer ${auth['token']}`) ? undefined : new Error('no'));
});
server.on('upgrade', (request: IncomingMessage, socket, head) => {
  if (request.url === '/graphql') {
    graphql.handleUpgrade(request, socket, head, (opened) =>
      graphql.emit('connection', opened, request),
    );
  } else if (request.url === '/live') {
    connections.push(`cookie of token-${valid}`);
    plain.handleUpgrade(request, socket, head, (opened) =>
      plain.emit('connection', opened, request),
    );
  }
});

const REAL_TIMEOUT = setTimeout;
/** How often the `fetch` of Node looks at its own time limits. */
const TICK_OF_FETCH = 499;
let waits: number[];
let files: SnippetFiles;
let recipe: {
  client: SessionClient;
  subscriptions: import('graphql-ws').Client;
  connect: (show: (data: unknown) => void) => Promise<void>;
  socket: import('socket.io-client').Socket;
};

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  Object.assign(globalThis, { WebSocket });
  files = new SnippetFiles(
    sources.map(([title, source]) => [
      title,
      source
        .replaceAll('wss://app.example', `ws://${host}`)
        .replaceAll('https://app.example', `http://${host}`)
        .replace(
          "new SessionClient({ tokens: 'memory' })",
          `new SessionClient({
            tokens: 'memory',
            url: 'http://${host}/session',
            onSessionEnded: () => globalThis.sessionEnded(),
          })`,
        )
        .replace(
          "transports: ['websocket'],",
          "transports: ['websocket'], autoConnect: false,",
        ),
    ]),
  );
  Object.assign(globalThis, { sessionEnded: () => (ended += 1) });
  recipe = await import(files.pathOf(TITLE));
});

beforeEach(() => {
  valid = 1;
  asked = [];
  connections = [];
  live = [];
  ended = 0;
  isDown = false;
  waits = [];
  // The recipes wait between attempts, and the tests do not; time limits are longer and stay.
  jest
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation((work: () => void, wait = 0, ...args) => {
      const isPause = wait >= 100 && wait < 10_000 && wait !== TICK_OF_FETCH;
      if (isPause) waits.push(wait);
      return REAL_TIMEOUT(work, isPause ? 1 : wait, ...args);
    });
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
  recipe.client.use(token(1));
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(async () => {
  for (const each of [...graphql.clients, ...plain.clients]) each.terminate();
  recipe.socket.disconnect();
  recipe.client.close();
  files.remove();
  await io.close();
  server.closeAllConnections();
  Reflect.deleteProperty(globalThis, 'WebSocket');
  Reflect.deleteProperty(globalThis, 'sessionEnded');
});

describe('the recipe for a socket that reconnects', () => {
  /** A subscription: what it has received, and how it ended. */
  function subscribe() {
    const seen = { values: [] as unknown[], error: undefined as unknown };
    const stop = recipe.subscriptions.subscribe(
      { query: 'subscription { n }' },
      {
        next: ({ data }) => seen.values.push(data),
        error: (error) => (seen.error = error),
        complete: () => undefined,
      },
    );
    return { seen, stop };
  }

  it('connects with graphql-ws by new tokens where those of the page have expired', async () => {
    valid = 2;
    const { seen, stop } = subscribe();
    await until(() => seen.values.length === 1, 'a value');
    expect(connections).toEqual(['Bearer token-2']);
    expect(asked).toEqual([
      'GET /session',
      'POST /session/refresh',
      'GET /session',
    ]);
    stop();
  });

  it.each([
    ['4410', (socket: WebSocket) => socket.close(4410, 'reconnect')],
    ['a lost connection', (socket: WebSocket) => socket.terminate()],
  ])('refreshes and reconnects with graphql-ws after %s', async (_how, end) => {
    const { seen, stop } = subscribe();
    await until(() => seen.values.length === 1, 'a value');
    valid = 2;
    end(live.at(-1)!);
    await until(() => seen.values.length === 2, 'a value again');
    expect(connections).toEqual(['Bearer token-1', 'Bearer token-2']);
    expect(waits.length).toBeGreaterThan(0);
    expect(ended).toBe(0);
    stop();
  });

  it('does not reconnect with graphql-ws after 4401, and announces the end', async () => {
    const { seen } = subscribe();
    await until(() => seen.values.length === 1, 'a value');
    valid = undefined;
    live.at(-1)!.close(4401, 'session ended');
    await until(() => ended === 1, 'the end');
    expect(seen.error).toMatchObject({ code: 4401 });
    expect(connections).toHaveLength(1);
  });

  it('connects with graphql-ws although the routes are down', async () => {
    isDown = true;
    const { seen, stop } = subscribe();
    await until(() => seen.values.length === 1, 'a value');
    expect(ended).toBe(0);
    stop();
  });

  it('refreshes and reconnects with a plain WebSocket after 4410, and not after 4401', async () => {
    const shown: unknown[] = [];
    await recipe.connect((data) => shown.push(String(data)));
    await until(() => shown.length === 1, 'a message');
    valid = 2;
    live.at(-1)!.close(4410);
    await until(() => shown.length === 2, 'a message again');
    expect(
      asked.filter((each) => each === 'POST /session/refresh'),
    ).toHaveLength(1);
    expect(connections).toHaveLength(2);
    valid = undefined;
    live.at(-1)!.close(4401);
    await until(() => ended === 1, 'the end');
    await recipe.connect((data) => shown.push(data));
    expect(connections).toHaveLength(2);
    expect(shown).toHaveLength(2);
  });

  it('refreshes and reconnects with socket.io when its transport closes, and not when the server disconnects it', async () => {
    const { socket } = recipe;
    const reasons: string[] = [];
    socket.on('disconnect', (reason) => reasons.push(reason));
    socket.connect();
    await until(() => socket.connected, 'the connection');
    valid = 2;
    for (const each of io.sockets.sockets.values()) each.conn.close();
    await until(() => reasons.length === 1, 'the disconnection');
    await until(() => socket.connected, 'the connection again');
    expect(connections).toEqual(['Bearer token-1', 'Bearer token-2']);
    valid = undefined;
    io.disconnectSockets(true);
    await until(() => ended === 1, 'the end');
    expect(reasons).toEqual(['transport close', 'io server disconnect']);
    expect(connections).toHaveLength(2);
    expect(socket.active).toBe(false);
  });

  it('connects with socket.io again after a refusal if there is a session, and not without one', async () => {
    const { socket } = recipe;
    let refusals = 1;
    valid = 1;
    io.use((_socket, next) =>
      next((refusals -= 1) >= 0 ? new Error('expired cookie') : undefined),
    );
    socket.connect();
    await until(() => socket.connected, 'the connection');
    expect(connections).toHaveLength(2);
    expect(waits).toContain(1000);
    socket.disconnect();
    valid = undefined;
    socket.connect();
    await until(() => ended === 1, 'the end');
    await until(() => !socket.active, 'the refusal');
    for (let i = 0; i < 20; i += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connections).toHaveLength(3);
    expect(socket.connected).toBe(false);
  });
});
