import type { Socket } from 'node:net';

/** Ends a connection with RST. Node cannot do so, and leaks the socket, where FIN is on its way already. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) {
    socket.destroy();
  } else {
    socket.resetAndDestroy();
  }
}
