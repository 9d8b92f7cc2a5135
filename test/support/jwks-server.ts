import { once } from 'node:events';
import {
  createServer,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeyObject } from 'node:crypto';
import type { SessionKeyAlgorithm } from '../../lib/index.js';

/** A public key as issuers publish it. */
export function publicJwk(
  { publicKey }: { readonly publicKey: KeyObject },
  alg: SessionKeyAlgorithm,
): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), alg, use: 'sig' };
}

/** A server of public keys that tests change, break, stop and start again at the same address. */
export class JwksServer {
  requests = 0;
  /** Done instead of answering, while it is set. */
  instead: ((response: ServerResponse) => unknown) | undefined;
  #server: Server | undefined;
  #port = 0;

  constructor(public keys: unknown) {}

  get uri(): string {
    return `http://127.0.0.1:${this.#port}/jwks`;
  }

  async start(): Promise<this> {
    const answer: RequestListener = (_request, response) => {
      this.requests += 1;
      if (this.instead) {
        this.instead(response);
      } else {
        response.setHeader('Content-Type', 'application/jwk-set+json');
        response.end(JSON.stringify({ keys: this.keys }));
      }
    };
    this.#server = createServer(answer).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }
}
