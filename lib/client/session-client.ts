import type {
  SessionClientOptions,
  SessionFetch,
  SessionTokens,
} from './session-client-options.js';
import { baseOfPage } from './page.js';
import { authorize, csrfCookie, markPassive } from './request-headers.js';
import { isOwn, isRouteOf, routeRequest } from './route-request.js';
import { createTabs, type Tabs } from './tabs.js';
import { unlessAborted } from './unless-aborted.js';

/**
 * `fetch` for applications with a session: a 401 is answered by one refresh for all requests that wait, in all
 * tabs, and they are sent again. Depends on nothing; for browsers and Node, where each client is on its own.
 */
export class SessionClient {
  readonly #options: SessionClientOptions;
  readonly #url: string;
  readonly #keepsTokens: boolean;
  readonly #tabs: Tabs<SessionTokens>;
  #tokens: SessionTokens | undefined;
  /** Whether there is a session; unknown at first. */
  #isLive: boolean | undefined;
  /** Whether the last refresh was passive: activity has to move the idle end by one of its own. */
  #isIdle = false;
  #refreshing: Promise<Response | boolean> | undefined;

  /** @param options all have a default; in Node `url` has to be an address */
  constructor(options: SessionClientOptions = {}) {
    this.#options = options;
    this.#url = new URL(options.url ?? '/session', baseOfPage()).href;
    this.#keepsTokens = options.tokens === 'memory';
    this.#tabs = createTabs(`session ${options.tokens} ${this.#url}`, {
      session: (tokens, isIdle) => {
        this.#isLive = true;
        this.#isIdle = isIdle ?? this.#isIdle;
        this.#tokens = tokens ?? this.#tokens;
      },
      ended: () => this.#end(),
      answer: () =>
        this.#isLive
          ? { tokens: this.#tokens, isIdle: this.#isIdle }
          : undefined,
    });
  }

  /**
   * As the global `fetch`, with cookies to the origin of the routes unless `credentials` says otherwise. A request
   * that is refused with 401 was not processed, and is sent again after the refresh, once; a stream is not. Where the
   * session is over, the answer is that 401; where the refresh fails for another reason (503, say), it is the answer
   * of the refresh, and the session goes on. With `{ passive: true }`, for polling, a request is no activity of the
   * user, nor is the refresh that it needs.
   */
  readonly fetch: SessionFetch = async (input, init) => {
    const given = input instanceof Request ? input : undefined;
    const base = baseOfPage() ?? this.#url;
    const url = given?.url ?? new URL(input, base).href;
    if (!isOwn(url, this.#url)) {
      return this.#fetch(input, init);
    }
    const keepsOwn = given && given.credentials !== 'same-origin';
    const defaults = keepsOwn ? {} : this.#credentials();
    const request = new Request(given ?? url, { ...defaults, ...init });
    const isPassive = markPassive(request, init?.passive);
    const isOfRoutes = isRouteOf(this.#url, url);
    const again =
      init?.body instanceof ReadableStream ? undefined : request.clone();
    if (!this.#tokens && this.#keepsTokens) {
      await this.#tabs.ready;
    }
    if (!isPassive && !isOfRoutes) await this.#extend(request.signal);
    const epoch = this.#tabs.epoch();
    const hadTokens = this.#tokens !== undefined;
    const response = await this.#sendAndTake(request);
    if (
      response.status !== 401 ||
      !isOwn(response.url, this.#url) ||
      (this.#keepsTokens && !hadTokens) ||
      isOfRoutes
    ) {
      return response;
    }
    const refreshing = this.#refresh(epoch, isPassive);
    const refreshed = await unlessAborted(refreshing, request.signal);
    if (typeof refreshed !== 'boolean') {
      // Each of those that wait reads its own.
      return refreshed.clone();
    }
    if (!refreshed || !again) {
      return response;
    }
    // A body that was cut off cannot be cancelled, which nobody needs to know.
    response.body?.cancel().catch(() => undefined);
    if (!isPassive) await this.#extend(request.signal);
    return this.#sendAndTake(again);
  };

  /**
   * Says that a sign-in gave this client a session, here and in the other tabs.
   *
   * @param tokens the body of its answer, where the client keeps the tokens
   */
  use(tokens?: SessionTokens): void {
    this.#begin(tokens, false);
  }

  /**
   * Ends the session on the server and in every tab; in the tabs also when the server cannot be reached. Then it
   * rejects as `fetch` does, and with cookies the session goes on as soon as the server is there again.
   *
   * @returns the answer of the server: 204 when the session is over there too
   */
  async signOut(): Promise<Response> {
    try {
      await this.#tabs.ready;
      const answer = await this.#tabs.exclusively(() =>
        this.#post('/logout', this.#tokens?.token),
      );
      return answer!;
    } finally {
      this.#endEverywhere();
    }
  }

  /** Stops listening to other tabs and telling them anything; requests work on. */
  close(): void {
    this.#tabs.close();
  }

  /** Whether there are new tokens; the answer of a refresh that cannot tell. */
  #refresh(epoch: number, isPassive: boolean): Promise<Response | boolean> {
    if (this.#tabs.epoch() !== epoch) {
      return Promise.resolve(this.#isLive !== false);
    }
    this.#refreshing ??= this.#tabs
      .exclusively(() => this.#exchange(epoch, isPassive), epoch)
      .then((answer) => answer ?? this.#isLive !== false)
      .finally(() => {
        this.#refreshing = undefined;
      });
    return this.#refreshing;
  }

  /** One refresh that moves the idle end, after passive ones that did not. Without it the session goes on for now. */
  async #extend(signal: AbortSignal): Promise<void> {
    if (!this.#isIdle) return;
    const refresh = Promise.resolve(this.#refreshing)
      .then(() => this.#isIdle && this.#refresh(this.#tabs.epoch(), false))
      .catch(() => undefined);
    await unlessAborted(refresh, signal);
  }

  async #exchange(
    epoch: number,
    isPassive: boolean,
  ): Promise<Response | boolean> {
    const isLive = this.#isLive ?? csrfCookie(this.#options.csrf) !== undefined;
    const canRefresh = !this.#keepsTokens || this.#tokens?.refreshToken;
    const response = canRefresh
      ? await this.#post('/refresh', undefined, isPassive)
      : undefined;
    const tokens =
      response?.ok && this.#keepsTokens
        ? ((await response.json()) as SessionTokens)
        : undefined;
    if (this.#tabs.epoch() !== epoch) {
      // Another session, or none, since.
      return this.#isLive !== false;
    }
    if (response?.ok) {
      this.#begin(tokens, isPassive);
      return true;
    }
    // Without refresh tokens there is no such route.
    if (response && response.status !== 401 && response.status !== 404) {
      return response;
    }
    if (isLive) {
      this.#isLive = true;
      this.#endEverywhere();
    }
    return false;
  }

  #post(path: string, token?: string, isPassive = false): Promise<Response> {
    const { refreshToken } = this.#tokens ?? {};
    const init = this.#credentials();
    const request = routeRequest(this.#url + path, refreshToken, init);
    markPassive(request, isPassive);
    authorize(request, token, this.#options.csrf);
    return this.#fetch(request);
  }

  /** Sends a request of the session, and takes what the answer says of it. */
  async #sendAndTake(request: Request): Promise<Response> {
    const epoch = this.#tabs.epoch();
    authorize(request, this.#tokens?.token, this.#options.csrf);
    const response = await this.#fetch(request);
    const token = response.headers.get('session-token');
    const refreshToken = response.headers.get('session-refresh-token');
    // Not from another origin, and not what a refresh or a sign-out has overtaken.
    if (!isOwn(response.url, this.#url) || epoch !== this.#tabs.epoch()) {
      return response;
    }
    if (this.#tokens && token !== null) {
      this.#keep({ token, ...(refreshToken !== null && { refreshToken }) });
      this.#tabs.tellTokens(this.#tokens);
    } else if (response.ok && request.url === this.#url) {
      this.#isLive = true;
    }
    return response;
  }

  #fetch(...request: Parameters<typeof fetch>): Promise<Response> {
    return (this.#options.fetch ?? fetch)(...request);
  }

  #begin(tokens: SessionTokens | undefined, isIdle: boolean): void {
    this.#isIdle = isIdle;
    this.#keep(tokens);
    this.#tabs.tellSession(this.#tokens, isIdle);
  }

  /** Only the tokens of an answer, and the refresh token of before where it brings none. */
  #keep(given: SessionTokens | undefined): void {
    this.#isLive = true;
    if (given && this.#keepsTokens) {
      const { token, refreshToken = this.#tokens?.refreshToken } = given;
      this.#tokens = { token, ...(refreshToken && { refreshToken }) };
    }
  }

  #endEverywhere(): void {
    this.#tabs.tellEnded();
    this.#end();
  }

  #end(): void {
    this.#tokens = undefined;
    this.#isIdle = false;
    if (this.#isLive !== false) {
      this.#isLive = false;
      this.#options.onSessionEnded?.();
    }
  }

  #credentials(): RequestInit {
    return this.#keepsTokens ? {} : { credentials: 'include' };
  }
}
