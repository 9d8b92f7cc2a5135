import type { Addresses } from './addresses.js';
import { isSafe, readAnswer, type Answer } from './answers.js';
import { readCookie } from './page.js';
import type {
  SessionClientOptions,
  SessionRequestInit,
} from './session-client-options.js';
import { withinLimit } from './within-limit.js';

/** A caller's request. */
export interface PreparedRequest {
  readonly request: Request;
  /** A copy for a second attempt; a stream has none. */
  readonly again?: Request;
  /** Whether it is marked as no activity of the user. */
  readonly isPassive: boolean;
}

/** Sends the requests of a session with its credentials. */
export interface Requests {
  /** The time limit of `post` and `read`. */
  readonly milliseconds: number;
  /**
   * Creates a caller's request.
   *
   * @returns `undefined` for another origin
   */
  prepare(
    input: Parameters<typeof fetch>[0],
    init?: SessionRequestInit,
  ): PreparedRequest | undefined;
  /** Sends a request of the application with the token and the CSRF header. */
  send(request: Request, token: string | undefined): Promise<Response>;
  /** Sends a POST to one of the routes and reads the whole response, within the time limit. */
  post(
    path: string,
    tokens: { token?: string; refreshToken?: string | undefined } | undefined,
    isPassive?: boolean,
  ): Promise<Answer & { readonly response: Response }>;
  /** Reads the JSON of a response; `undefined` if there is none within the time limit. */
  read(response: Response): Promise<Answer['body']>;
  csrfCookie(): string | undefined;
}

const MAX_SECONDS = 86_400;
/** Marks a request as no activity of the user. */
const PASSIVE = 'session-passive';

export function createRequests(
  { csrf, fetch: givenFetch, timeoutSeconds = 30 }: SessionClientOptions,
  keepsTokens: boolean,
  { routes, isOwn, resolve }: Addresses,
): Requests {
  if (!(timeoutSeconds > 0 && timeoutSeconds <= MAX_SECONDS)) {
    throw new RangeError(
      `timeoutSeconds: expected 0 to ${MAX_SECONDS}, got ${timeoutSeconds}`,
    );
  }
  const milliseconds = timeoutSeconds * 1000;
  const credentials: RequestInit = keepsTokens
    ? {}
    : { credentials: 'include' };

  function prepare(
    input: Parameters<typeof fetch>[0],
    init?: SessionRequestInit,
  ): ReturnType<Requests['prepare']> {
    const url = resolve(input);
    if (!isOwn(url)) return undefined;
    const given = (input as Request).url ? (input as Request) : undefined;
    const keepsOwn = given && given.credentials !== 'same-origin';
    const defaults = keepsOwn ? {} : credentials;
    const request = new Request(given ?? url, { ...defaults, ...init });
    // Check what is sent: the `url` of an object may differ from the text that `Request` makes of it.
    if (!isOwn(request.url)) return undefined;
    if (init?.passive) request.headers.set(PASSIVE, '?1');
    const isPassive = request.headers.has(PASSIVE);
    const isStream = (init?.body as Partial<ReadableStream> | null)?.getReader;
    return isStream
      ? { request, isPassive }
      : { request, again: request.clone(), isPassive };
  }

  function csrfCookie(): string | undefined {
    return csrf && 'cookie' in csrf ? readCookie(csrf.cookie) : undefined;
  }

  function send(request: Request, token?: string): Promise<Response> {
    const { headers, method } = request;
    if (token !== undefined && !headers.has('authorization')) {
      headers.set('authorization', `Bearer ${token}`);
    }
    if (csrf && !isSafe(method)) {
      const value = 'value' in csrf ? csrf.value : csrfCookie();
      if (value !== undefined) headers.set(csrf.header, value);
    }
    return (givenFetch ?? fetch)(request);
  }

  return {
    milliseconds,
    prepare,
    send,
    csrfCookie,
    post: (path, { token, refreshToken } = {}, isPassive = false) =>
      withinLimit(milliseconds, async (signal) => {
        const request = new Request(routes + path, {
          ...credentials,
          method: 'POST',
          // A redirect would take the refresh token along.
          redirect: 'error',
          signal,
          ...(refreshToken !== undefined && {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ refreshToken }),
          }),
        });
        if (isPassive) request.headers.set(PASSIVE, '?1');
        const response = await send(request, token);
        const answer = await readAnswer(response);
        // React Native follows redirects anyway; and a `Request` in use is not garbage-collected.
        return isOwn(response.url || request.url)
          ? { response, ...answer }
          : { response, text: '', body: undefined };
      }),
    read: (response) =>
      withinLimit(milliseconds, () => readAnswer(response)).then(
        ({ body }) => body,
        () => undefined,
      ),
  };
}
