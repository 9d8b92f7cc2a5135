import { connect, type Socket } from 'node:net';
import { ORIGIN } from '../support/browser.js';

/** The first byte of a closing frame. */
const CLOSING = '\u{88}';

/** A frame as clients send it: text of less than 126 bytes, masked with zeros. */
export function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([
    Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]),
    payload,
  ]);
}

/** Sends a handshake and messages in one write: no client can be faster. */
export function rush(
  port: number,
  path: string,
  cookie: string,
  messages: readonly string[],
): { socket: Socket; sent: Promise<void>; closed: Promise<string> } {
  const socket = connect(port, '127.0.0.1');
  const handshake = [
    `GET ${path} HTTP/1.1`,
    `Host: ${new URL(ORIGIN).host}`,
    `Origin: ${ORIGIN}`,
    ...(cookie ? [`Cookie: ${cookie}`] : []),
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
    '\r\n',
  ].join('\r\n');
  let seen = '';
  socket.on('data', (chunk) => {
    seen += chunk.toString('latin1');
    // It answers the closing frame by going away.
    if (seen.includes(CLOSING)) socket.end();
  });
  socket.on('error', () => undefined);
  const sent = new Promise<void>((resolve) => {
    socket.write(
      Buffer.concat([Buffer.from(handshake), ...messages.map(frame)]),
      () => resolve(),
    );
  });
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(seen));
  });
  return { socket, sent, closed };
}
