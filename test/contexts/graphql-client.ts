import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { send } from '../support/browser.js';

/** What a client of GraphQL gets: the value of the only field, the codes of an error, or how its connection ended. */
export type Answer = string;

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly connectionParams?: Record<string, unknown>;
}

interface GraphQLAnswer {
  data?: Record<string, unknown> | null;
  errors?: readonly {
    message: string;
    extensions?: {
      code?: string;
      errorCode?: string;
      originalError?: { errorCode?: string };
    };
  }[];
}

export function read({ data, errors }: GraphQLAnswer): Answer {
  const [error] = errors ?? [];
  if (error) {
    const { code, errorCode, originalError } = error.extensions ?? {};
    return [code ?? error.message, errorCode ?? originalError?.errorCode]
      .filter(Boolean)
      .join(' ');
  }
  return Object.values(data ?? {})
    .map(String)
    .join(' ');
}

/** Sends one operation over HTTP. */
export async function overHttp(
  port: number,
  query: string,
  { headers }: Credentials,
): Promise<{ answer: Answer; status: number; setCookie: string[] }> {
  const { json, status, setCookie, text } = await send(port, {
    method: 'POST',
    path: '/graphql',
    headers,
    body: { query },
  });
  return {
    answer: json ? read(json as GraphQLAnswer) : text,
    status,
    setCookie,
  };
}

/** A connection of graphql-ws. */
export class GraphQLSocket {
  readonly closed: Promise<number>;
  readonly #client: Client;

  constructor(port: number, { headers, connectionParams }: Credentials) {
    class SocketWithHeaders extends WebSocket {
      constructor(url: string, protocols: string | string[]) {
        super(url, protocols, { headers });
      }
    }
    let close!: (code: number) => void;
    this.closed = new Promise((resolve) => (close = resolve));
    this.#client = createClient({
      url: `ws://127.0.0.1:${port}/graphql`,
      webSocketImpl: SocketWithHeaders,
      lazy: false,
      retryAttempts: 0,
      onNonLazyError: () => undefined,
      ...(connectionParams && { connectionParams }),
      on: { closed: (event) => close((event as { code: number }).code) },
    });
  }

  /** The first answer to an operation, or `closed CODE`. */
  async ask(query: string): Promise<Answer> {
    return this.subscribe(query).first;
  }

  /** Starts an operation; what arrives is collected. */
  subscribe(query: string): { first: Promise<Answer>; all: Answer[] } {
    const all: Answer[] = [];
    const first = new Promise<Answer>((resolve) => {
      const add = (answer: Answer): void => {
        all.push(answer);
        resolve(answer);
      };
      this.#client.subscribe(
        { query },
        {
          next: (value) => add(read(value as GraphQLAnswer)),
          error: (error) =>
            add(
              Array.isArray(error)
                ? read({ errors: error as never })
                : `closed ${(error as { code?: number }).code ?? String(error)}`,
            ),
          complete: () => resolve('complete'),
        },
      );
    });
    return { first, all };
  }

  async close(): Promise<void> {
    await this.#client.dispose();
  }
}
