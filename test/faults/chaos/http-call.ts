import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export interface CallRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

/**
 * How a client misses an answer: it goes away when the answer begins (`unread`), or it gives up so many milliseconds
 * after it has asked, while the server may be at work still.
 */
export type Loss = 'unread' | { readonly givesUpAfter: number };

export interface Call {
  /** `lost` for a client that does not know what the server did. */
  readonly outcome: Promise<Answer | 'lost'>;
  /** Fulfilled when the server has nothing more to do with it. */
  readonly concluded: Promise<unknown>;
}

/** Sends a request over a connection of its own. */
export function call(
  port: number,
  { method, path, headers, body }: CallRequest,
  loss?: Loss,
): Call {
  const text = body === undefined ? '' : JSON.stringify(body);
  const answered = new Promise<Answer | 'lost'>((resolve) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        headers: {
          ...headers,
          ...(text !== '' && { 'content-type': 'application/json' }),
          'content-length': Buffer.byteLength(text),
        },
      },
      (response) => {
        if (loss === 'unread') {
          request.destroy();
          resolve('lost');
          return;
        }
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', () => resolve('lost'));
        response.once('end', () => {
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: parsed(Buffer.concat(chunks).toString()),
          });
        });
      },
    );
    request.once('error', () => resolve('lost'));
    request.end(text);
  });
  return {
    concluded: answered,
    outcome:
      loss === undefined || loss === 'unread'
        ? answered
        : new Promise((resolve) => {
            setTimeout(resolve, loss.givesUpAfter, 'lost');
          }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
