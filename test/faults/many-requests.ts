import { connect } from 'node:net';

/** An answer to one of many equal requests. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Since the requests were given. */
  readonly milliseconds: number;
}

/**
 * Posts the same JSON so many times at once, over so many connections. As little work as possible, because whoever
 * answers runs on the same machine.
 */
export async function postManyTimes(
  port: number,
  path: string,
  body: object,
  times: number,
  connections: number,
): Promise<Answer[]> {
  const text = JSON.stringify(body);
  const bytes = Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  const begin = performance.now();
  const answers: Answer[] = [];
  let left = times;
  const overOneConnection = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      let received = '';
      const next = (): void => {
        if (left === 0) {
          socket.destroy();
          resolve();
          return;
        }
        left -= 1;
        received = '';
        socket.write(bytes);
      };
      socket.setEncoding('latin1');
      socket.once('connect', next);
      socket.once('error', reject);
      socket.once('end', () => reject(new Error('the server hung up')));
      socket.on('data', (chunk: Buffer | string) => {
        received += String(chunk);
        const head = received.indexOf('\r\n\r\n');
        const length = /content-length: (\d+)/i.exec(received)?.[1];
        if (head < 0 || received.length < head + 4 + Number(length)) return;
        answers.push({
          status: Number(received.slice(9, 12)),
          body: received.slice(head + 4),
          milliseconds: performance.now() - begin,
        });
        next();
      });
    });
  await Promise.all(Array.from({ length: connections }, overOneConnection));
  return answers;
}
