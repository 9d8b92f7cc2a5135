import { request, type IncomingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import { CookieJar } from 'tough-cookie';

export interface TestResponse {
  status: number;
  headers: IncomingHttpHeaders;
  /** Every `Set-Cookie` line. */
  setCookie: string[];
  text: string;
  json: any;
  /** Whether the request carried cookies. */
  sentCookies: boolean;
}

export interface TestRequest {
  method?: string;
  path: string;
  /** Pairs in an array are sent as they are, repeated names included. */
  headers?: Record<string, string> | [name: string, value: string][];
  body?: string | object;
}

export const ORIGIN = 'https://app.example';

/**
 * Sends one request and nothing of its own but `Host`.
 *
 * @param isSecure over TLS, to a server with any certificate
 */
export function send(
  port: number,
  given: TestRequest,
  isSecure = false,
): Promise<TestResponse> {
  const { method = 'GET', path, body } = given;
  const pairs = Array.isArray(given.headers)
    ? given.headers
    : Object.entries(given.headers ?? {});
  const payload = typeof body === 'object' ? JSON.stringify(body) : body;
  const names = new Set(pairs.map(([name]) => name.toLowerCase()));
  const headers = [
    ...(names.has('host') ? [] : ['Host', new URL(ORIGIN).host]),
    ...(typeof body === 'object' && !names.has('content-type')
      ? ['Content-Type', 'application/json']
      : []),
    ...(payload === undefined
      ? []
      : ['Content-Length', String(Buffer.byteLength(payload))]),
    ...pairs.flat(),
  ];
  return new Promise((resolve, reject) => {
    const outgoing = (isSecure ? secureRequest : request)(
      {
        host: '127.0.0.1',
        rejectUnauthorized: false,
        port,
        method,
        path,
        headers: headers as never,
        agent: false,
        setHost: false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            setCookie: incoming.headers['set-cookie'] ?? [],
            text,
            sentCookies: names.has('cookie'),
            json: /json/.test(incoming.headers['content-type'] ?? '')
              ? JSON.parse(text)
              : undefined,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/** A browser on {@link ORIGIN}: a real cookie jar, and the headers that browsers send of themselves. */
export class Browser {
  constructor(
    readonly port: number,
    readonly jar = new CookieJar(),
    private readonly isSecure = false,
  ) {}

  /** This browser, when its requests reach another node. */
  at({ port }: { readonly port: number }): Browser {
    return new Browser(port, this.jar, this.isSecure);
  }

  get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<TestResponse> {
    return this.send({ path, headers });
  }

  post(
    path: string,
    body: object = {},
    headers: Record<string, string> = {},
  ): Promise<TestResponse> {
    return this.send({ method: 'POST', path, body, headers });
  }

  async send(given: TestRequest): Promise<TestResponse> {
    const response = await this.sendOnly(given);
    await this.take(response);
    return response;
  }

  /** Sends with the cookies of now, and leaves those of the response aside. */
  async sendOnly(given: TestRequest): Promise<TestResponse> {
    const url = ORIGIN + given.path;
    const cookie = await this.jar.getCookieString(url);
    const own: Record<string, string> = {
      ...(cookie && { Cookie: cookie }),
      ...((given.method ?? 'GET') !== 'GET' && {
        Origin: ORIGIN,
        'Sec-Fetch-Site': 'same-origin',
      }),
    };
    const headers = { ...own, ...(given.headers as Record<string, string>) };
    return send(this.port, { ...given, headers }, this.isSecure);
  }

  /** Stores the cookies of a response, as they arrive. */
  async take(response: TestResponse): Promise<void> {
    for (const line of response.setCookie) {
      await this.jar.setCookie(line, ORIGIN);
    }
  }

  /** The value of a cookie in the jar. */
  async cookie(name = '__Host-Http-session'): Promise<string | undefined> {
    const cookies = await this.jar.getCookies(ORIGIN);
    return cookies.find((cookie) => cookie.key === name)?.value;
  }
}
