import type { ConnectionEnd } from '../../session/connections/connection-times.js';

/** A client of `ws`, as gateways and graphql-ws have it. */
interface WebSocketClient {
  readonly readyState?: number;
  close(code: number, reason: string): void;
  once(event: 'close', listener: () => void): unknown;
}

/** The transport of a socket.io client. */
interface EngineConnection {
  readonly readyState?: string;
  close(): void;
  once(event: 'close', listener: () => void): unknown;
}

/** A client of socket.io. */
interface SocketIoClient {
  readonly conn: EngineConnection;
  /** Also `true` before it is connected. */
  readonly disconnected?: boolean;
  disconnect(close: true): void;
  once(event: 'disconnect', listener: () => void): unknown;
}

/** A TCP connection, of which nothing more is known. */
interface NetSocket {
  readonly destroyed?: boolean;
  destroy(): void;
  once(event: 'close', listener: () => void): unknown;
}

export type ClientSocket = WebSocketClient | SocketIoClient | NetSocket;

/** The close codes: graphql-ws clients give up after 4401 (its protocol, "Unauthorized"), and reconnect after 4410. */
const CLOSE: Readonly<Record<ConnectionEnd, [code: number, reason: string]>> = {
  ended: [4401, 'Unauthorized'],
  uncertain: [4410, 'Reconnect'],
};
/** `WebSocket.CLOSED` */
const CLOSED = 3;

export function isSocketIo(client: object): client is SocketIoClient {
  const { disconnect, conn } = client as Partial<SocketIoClient>;
  return typeof disconnect === 'function' && typeof conn === 'object';
}

/** Closes a connection so that its client knows whether it may try again. */
export function closeClient(client: ClientSocket, end: ConnectionEnd): void {
  if (isSocketIo(client)) {
    // Clients of socket.io reconnect by themselves only after the second.
    if (end === 'ended') client.disconnect(true);
    else client.conn.close();
  } else if ('close' in client) {
    client.close(...CLOSE[end]);
  } else {
    client.destroy();
  }
}

/** Calls a listener when a connection is closed, from whichever side; immediately, if it already is. */
export function whenClosed(client: ClientSocket, listener: () => void): void {
  if (isClosed(client)) {
    listener();
  } else if (!isSocketIo(client)) {
    (client as NetSocket).once('close', listener);
  } else {
    client.once('disconnect', listener);
    // A client that has left its namespace says no more than its transport does.
    if (client.disconnected) client.conn.once('close', listener);
  }
}

function isClosed(client: ClientSocket): boolean {
  return isSocketIo(client)
    ? client.conn.readyState === 'closed'
    : 'destroyed' in client
      ? client.destroyed
      : (client as WebSocketClient).readyState === CLOSED;
}
