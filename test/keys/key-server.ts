import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of this machine that publishes keys, or fails to. */
export interface KeyServer {
  readonly uri: URL;
  readonly requests: IncomingMessage[];
  /** Answers the requests from now on. */
  answer: RequestListener;
  close(): Promise<void>;
}

export async function startKeyServer(): Promise<KeyServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    keyServer.answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const keyServer: KeyServer = {
    uri: new URL(`http://127.0.0.1:${port}/.well-known/jwks.json?tenant=1`),
    requests,
    answer: (_, response) => response.writeHead(404).end(),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return keyServer;
}

/** An answer with a body, as JSON unless it is text. */
export function answerWith(
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (_request, response) => {
    response
      .writeHead(status, { 'Content-Type': 'application/json', ...headers })
      .end(text);
  };
}
