import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { ORIGIN } from '../support/browser.js';
import type { Sockets } from './gateway-app.js';

/** What a client sends with its handshake. */
export interface Credentials {
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, string>>;
}

/** A close code of `ws`, or the reason that socket.io gives. */
export type Closed = number | string;

/** What came back for a message: the answer, the body of an exception, or how the connection ended. */
export type Answer = string | Record<string, unknown> | { closed: Closed };

export interface GatewayClient {
  readonly closed: Promise<Closed>;
  /** Resolves when the connection is open, or has been refused. */
  readonly opened: Promise<unknown>;
  ask(event: string, text?: string): Promise<Answer>;
  send(event: string, text?: string): void;
  close(): Promise<unknown>;
}

const clients = new Set<GatewayClient>();

/** Closes what a test has left open. */
export async function closeClients(): Promise<void> {
  const open = [...clients];
  clients.clear();
  await Promise.all(open.map((client) => client.close()));
}

export function connect(
  sockets: Sockets,
  port: number,
  credentials: Credentials = {},
  path = 'chat',
): GatewayClient {
  const client =
    sockets === 'ws'
      ? overWs(port, credentials, path)
      : overIo(port, credentials, path, sockets);
  clients.add(client);
  void client.closed.then(() => clients.delete(client));
  return client;
}

const hostOf = (headers: Credentials['headers']) => ({
  host: new URL(ORIGIN).host,
  ...headers,
});

function overWs(
  port: number,
  { headers }: Credentials,
  path: string,
): GatewayClient {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${path}`, {
    headers: hostOf(headers),
  });
  socket.on('error', () => undefined);
  const closed = new Promise<Closed>((resolve) => {
    socket.once('close', (code) => resolve(code));
    socket.once('unexpected-response', (_request, response) => {
      response.destroy();
      resolve(response.statusCode!);
    });
  });
  const opened = Promise.race([once(socket, 'open'), closed]);
  const send = (event: string, data = event): void =>
    socket.send(JSON.stringify({ event, data }));
  return {
    closed,
    opened,
    send,
    async ask(event, text) {
      await opened;
      const answer = new Promise<Answer>((resolve) =>
        socket.once('message', (data: Buffer) =>
          resolve((JSON.parse(data.toString()) as { data: Answer }).data),
        ),
      );
      if (socket.readyState === WebSocket.OPEN) send(event, text);
      return Promise.race([answer, closed.then((code) => ({ closed: code }))]);
    },
    close() {
      socket.terminate();
      return closed;
    },
  };
}

function overIo(
  port: number,
  { headers, auth, query }: Credentials,
  path: string,
  sockets: Sockets,
): GatewayClient {
  const socket: Socket = io(`http://127.0.0.1:${port}/${path}`, {
    transports: [sockets === 'io' ? 'websocket' : 'polling'],
    extraHeaders: hostOf(headers),
    ...(auth && { auth }),
    ...(query && { query }),
    reconnection: false,
    forceNew: true,
  });
  const closed = new Promise<Closed>((resolve) => {
    socket.once('disconnect', (reason) => resolve(reason));
    socket.once('connect_error', (error) =>
      resolve(
        (error as { data?: { errorCode?: string } }).data?.errorCode ??
          error.message,
      ),
    );
  });
  const opened = Promise.race([
    new Promise((resolve) => socket.once('connect', () => resolve('open'))),
    closed,
  ]);
  const send = (event: string, data = event): void =>
    void socket.emit(event, data);
  return {
    closed,
    opened,
    send,
    async ask(event, text) {
      await opened;
      const answer = new Promise<Answer>((resolve) => {
        socket.once('answer', resolve);
        socket.once('exception', resolve);
      });
      send(event, text);
      return Promise.race([answer, closed.then((code) => ({ closed: code }))]);
    },
    close() {
      socket.disconnect();
      return closed;
    },
  };
}
