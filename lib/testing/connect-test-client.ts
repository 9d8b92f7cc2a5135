import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import type { TestSession } from './create-test-session.js';
import { Inbox, type TestClient } from './test-client.js';

/** A client of a gateway of `ws`. */
export interface WsTestClientOptions {
  /** The class `WebSocket` of the package `ws`. */
  WebSocket: new (...args: any[]) => {
    on(event: string, listener: (...args: any[]) => void): unknown;
    send(text: string): void;
    terminate(): void;
  };
  /**
   * The path of the gateway.
   *
   * @default '/'
   */
  path?: string;
}

/** A client of a gateway of socket.io. */
export interface SocketIoTestClientOptions {
  /** The function `io` of the package `socket.io-client`. */
  io: (
    url: string,
    options: object,
  ) => {
    on(event: string, listener: (...args: any[]) => void): unknown;
    onAny(listener: (event: string, data: unknown) => void): unknown;
    emit(event: string, ...args: unknown[]): unknown;
    disconnect(): unknown;
  };
  /**
   * The namespace of the gateway.
   *
   * @default '/'
   */
  namespace?: string;
}

/** How a test client connects: by the package that the application's tests have installed. */
export type TestClientOptions = (
  WsTestClientOptions | SocketIoTestClientOptions
) & {
  /** Further headers of the handshake: `origin`, for example. Default: none. */
  headers?: Readonly<Record<string, string>>;
};

/**
 * Connects a client to a gateway of `ws` or socket.io. Starts the application on a free port of this machine if it does
 * not listen.
 *
 * @param session the session of the client; `undefined` for none
 * @throws {Error} if the handshake is refused; a gateway that refuses later closes the client: see `TestClient.closed`
 */
export async function connectTestClient(
  app: INestApplication,
  session: Pick<TestSession, 'headers' | 'auth'> | undefined,
  options: TestClientOptions,
): Promise<TestClient> {
  const port = await portOf(app);
  const headers = { ...session?.headers, ...options.headers };
  return 'io' in options
    ? overSocketIo(port, headers, session?.auth ?? {}, options)
    : overWs(port, headers, options);
}

async function portOf(app: INestApplication): Promise<number> {
  const server = app.getHttpServer() as Server;
  if (!server.listening) {
    await app.listen(0, '127.0.0.1');
    if (!server.listening) await once(server, 'listening');
  }
  return (server.address() as AddressInfo).port;
}

async function overWs(
  port: number,
  headers: object,
  { WebSocket, path = '/' }: WsTestClientOptions,
): Promise<TestClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  const inbox = new Inbox();
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
    socket.on('message', (data: unknown) => inbox.take(String(data)));
    socket.on('close', (code: number) => inbox.close(code));
  });
  return inbox.clientOf({
    send: (event, data) => socket.send(JSON.stringify({ event, data })),
    close: () => socket.terminate(),
  });
}

async function overSocketIo(
  port: number,
  extraHeaders: object,
  auth: object,
  { io, namespace = '/' }: SocketIoTestClientOptions,
): Promise<TestClient> {
  const socket = io(new URL(namespace, `http://127.0.0.1:${port}`).href, {
    transports: ['websocket'],
    extraHeaders,
    auth,
    reconnection: false,
    forceNew: true,
  });
  const inbox = new Inbox();
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
    socket.onAny((event, data) => inbox.add(event, data));
    socket.on('disconnect', (reason: string) => inbox.close(reason));
  });
  return inbox.clientOf({
    // A handler that returns no event answers by an acknowledgement.
    send: (event, data) =>
      void socket.emit(event, data, (answer: unknown) =>
        inbox.add(event, answer),
      ),
    close: () => void socket.disconnect(),
  });
}
