import type { ConnectionEnd } from '../../session/connections/connection-times.js';

/** A client of `ws`, as gateways and graphql-ws have it. */
interface WebSocketClient {
  close(code: number, reason: string): void;
  once(event: 'close', listener: () => void): unknown;
}

/** A client of socket.io. */
interface SocketIoClient {
  readonly conn: { close(): void };
  disconnect(close: true): void;
  once(event: 'disconnect', listener: () => void): unknown;
}

/** A TCP connection, of which nothing more is known. */
interface NetSocket {
  destroy(): void;
  once(event: 'close', listener: () => void): unknown;
}

export type ClientSocket = WebSocketClient | SocketIoClient | NetSocket;

/** The close codes: graphql-ws clients give up after 4401 (its protocol, "Unauthorized"), and reconnect after 4410. */
const CLOSE: Readonly<Record<ConnectionEnd, [code: number, reason: string]>> = {
  ended: [4401, 'Unauthorized'],
  uncertain: [4410, 'Reconnect'],
};

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

/** Calls a listener when a connection is closed, from whichever side. */
export function whenClosed(client: ClientSocket, listener: () => void): void {
  if (isSocketIo(client)) client.once('disconnect', listener);
  else (client as NetSocket).once('close', listener);
}
