import { request, type IncomingHttpHeaders } from 'node:http';
import { ORIGIN, type TestRequest } from './browser.js';

export interface ProbeResponse {
  status: number;
  headers: IncomingHttpHeaders;
  setCookie: string[];
  text: string;
}

/** Methods with which no client says that there is no body. */
const BODILESS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

/**
 * Sends a request exactly as it is written, whatever its method and path, and reads the answer as it comes:
 * for forms that no ordinary client would send.
 */
export function probe(
  port: number,
  { method = 'GET', path, headers = {} }: Omit<TestRequest, 'body'>,
): Promise<ProbeResponse> {
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  const length = BODILESS.includes(method) ? [] : ['Content-Length', '0'];
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: [
          'Host',
          new URL(ORIGIN).host,
          ...length,
          ...pairs.flat(),
        ] as never,
        agent: false,
        setHost: false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            setCookie: incoming.headers['set-cookie'] ?? [],
            text: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}
