import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { createServer } from 'node:tls';
import { selfSigned } from '../../sample/07-stolen-cookie/src/certificate.js';

/** HTTPS in front of a server of this machine, with a certificate that nobody trusts. */
export interface HttpsFront {
  readonly port: number;
  /** Sends what comes from now on to another server. */
  forwardTo(port: number): void;
  close(): Promise<void>;
}

/**
 * @param host the name in the certificate
 * @param latency how much later each answer arrives, in milliseconds
 */
export async function openHttpsFront(
  port: number,
  host: string,
  latency = 0,
): Promise<HttpsFront> {
  const sockets = new Set<{ destroy(): void }>();
  let target = port;
  const server = createServer(selfSigned(host), (socket) => {
    const inner = connect(target, '127.0.0.1');
    for (const each of [socket, inner]) {
      sockets.add(each);
      each.on('error', () => inner.destroy());
      each.on('close', () => sockets.delete(each));
    }
    const answers = latency > 0 ? inner.pipe(delayed(latency)) : inner;
    socket.pipe(inner);
    answers.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    forwardTo(next) {
      target = next;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      const closed = once(server.close(), 'close');
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function delayed(latency: number): Transform {
  return new Transform({
    transform(chunk, _encoding, done) {
      setTimeout(() => this.push(chunk), latency);
      done();
    },
    flush(done) {
      setTimeout(done, latency);
    },
  });
}
