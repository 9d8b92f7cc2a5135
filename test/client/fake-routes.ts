import {
  SessionClient,
  type SessionClientOptions,
} from '../../lib/client/index.js';

export const API = 'https://api.example';
export const ROUTES = `${API}/session`;

/** What reached the server: a request whose body is read once more than by the client. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly credentials: string;
}

export interface Tokens {
  readonly token: string;
  readonly refreshToken?: string;
}

/**
 * The session routes as far as a client can tell: a `fetch` that accepts one token, which a refresh replaces. With
 * cookies it is the jar's.
 */
export class FakeRoutes {
  readonly seen: Seen[] = [];
  readonly ended: string[] = [];
  /** The generation of the tokens that work; `undefined` when there is no session. */
  valid: number | undefined = 1;
  /** The generation in the cookie jar. */
  jar: number | undefined = 1;
  /** Answers instead while it gives something. */
  answer: (seen: Seen) => Response | Promise<Response> | undefined = () =>
    undefined;
  /** Awaited before a refresh is answered. */
  gate: Promise<void> = Promise.resolve();

  constructor(readonly keepsTokens = false) {}

  /** A client of these routes; its end is noted under its name. */
  client(options: SessionClientOptions = {}, name = 'one'): SessionClient {
    return new SessionClient({
      url: ROUTES,
      tokens: this.keepsTokens ? 'memory' : 'cookies',
      fetch: this.fetch,
      onSessionEnded: () => this.ended.push(name),
      ...options,
    });
  }

  tokens(): Tokens {
    return tokensOf(this.valid!);
  }

  /** The session token expires; the refresh token of the same generation does not. */
  expire(): void {
    this.valid = this.valid! + 1;
  }

  to(path: string): Seen[] {
    return this.seen.filter(({ url }) => url === API + path);
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const generation = this.#generationOf(request);
    const seen = {
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: await request.text(),
      credentials: request.credentials,
    };
    this.seen.push(seen);
    const answer = await this.answer(seen);
    if (answer) {
      return answer;
    }
    if (seen.url === `${ROUTES}/refresh`) {
      await this.gate;
      return this.#refresh(seen);
    }
    if (seen.url === `${ROUTES}/logout`) {
      this.valid = this.jar = undefined;
      return new Response(null, { status: 204 });
    }
    return generation !== undefined && generation === this.valid
      ? Response.json({ echo: seen.body })
      : sessionRequired();
  };

  #generationOf(request: Request): number | undefined {
    const bearer = request.headers.get('authorization');
    return this.keepsTokens
      ? Number(bearer?.replace('Bearer token-', ''))
      : this.jar;
  }

  #refresh(seen: Seen): Response {
    const old = this.keepsTokens
      ? (JSON.parse(seen.body || '{}') as Partial<Tokens>).refreshToken
      : tokensOf(this.jar ?? 0).refreshToken;
    if (
      this.valid === undefined ||
      old !== tokensOf(this.valid - 1).refreshToken
    ) {
      return sessionRequired();
    }
    this.jar = this.valid;
    return Response.json({
      data: { role: 'admin' },
      ...(this.keepsTokens && this.tokens()),
    });
  }
}

/** The answer of our guard and of our refresh route. */
export function sessionRequired(): Response {
  return Response.json({ errorCode: 'SESSION_REQUIRED' }, { status: 401 });
}

export function tokensOf(generation: number): Required<Tokens> {
  return {
    token: `token-${generation}`,
    refreshToken: `refresh-${generation}`,
  };
}
