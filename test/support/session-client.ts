import type { TestRequest, TestResponse } from './browser.js';
import { ofThisSpec } from './effort.js';
import { claimsIn } from './session-claims.js';
import { CLEARED, COOKIE, linesOf, valueOf } from './set-cookie.js';
import type { AdapterName, TestApp } from './test-app.js';

/** Where a client keeps its session token. */
export type Carrier = 'cookie' | 'header';

/** For `describe.each(clients)`: on both platforms at full effort, otherwise the one whose turn it is in this spec. */
export const clients = ofThisSpec<[AdapterName, Carrier]>([
  ['express', 'cookie'],
  ['fastify', 'header'],
  ['express', 'header'],
  ['fastify', 'cookie'],
]);

/** A client with one session token, which may talk to any node of an application. */
export class SessionClient {
  constructor(
    readonly carrier: Carrier,
    readonly app: TestApp,
    public token?: string,
  ) {}

  /** A client that has signed in; without a token if its session was ended before the answer went out. */
  static async signIn(
    app: TestApp,
    carrier: Carrier,
    user = 'ada',
    options: object = {},
  ): Promise<SessionClient> {
    const client = new SessionClient(carrier, app);
    const response = await client.post('/login', { user, ...options });
    if (response.status !== 200) {
      throw new Error(`sign-in answered ${response.status}: ${response.text}`);
    }
    return client;
  }

  /** The id of its session. */
  get id(): string {
    return claimsIn(this.token).sid;
  }

  /** One with the same token, at the same node or at another. */
  copy(app = this.app): SessionClient {
    return new SessionClient(this.carrier, app, this.token);
  }

  get(path: string): Promise<TestResponse> {
    return this.send({ path });
  }

  post(path: string, body: object = {}): Promise<TestResponse> {
    return this.send({ method: 'POST', path, body });
  }

  /** Sends a request and keeps the token that comes back, if one does. */
  async send(request: TestRequest): Promise<TestResponse> {
    const response = await this.app.browser().sendOnly({
      ...request,
      headers: {
        ...this.#credentials,
        ...(request.headers as Record<string, string>),
      },
    });
    const renewed = renewedIn(response, this.carrier);
    if (renewed !== undefined) {
      this.token = renewed || undefined;
    }
    return response;
  }

  get #credentials(): Record<string, string> {
    if (this.token === undefined) {
      return {};
    }
    return this.carrier === 'cookie'
      ? { Cookie: `${COOKIE}=${this.token}` }
      : { Authorization: `Bearer ${this.token}` };
  }
}

/** The token that a response brings; empty where it makes the client forget its token. */
export function renewedIn(
  response: TestResponse,
  carrier: Carrier,
): string | undefined {
  const [line] = linesOf(response);
  const header = response.headers['session-token'];
  return carrier === 'cookie' ? line && valueOf(line) : header?.toString();
}

/** What a response of a refused session brings: the line that clears its cookie; nothing in a header. */
export function clearingOf(carrier: Carrier): string[] {
  return carrier === 'cookie' ? [CLEARED] : [];
}
