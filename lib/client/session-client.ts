import type {
  SessionClientOptions,
  SessionFetch,
  SessionTokens,
} from './session-client-options.js';
import { createAddresses, type Addresses } from './addresses.js';
import { laterAnswer, verdictOnRefresh, verdictOnRequest } from './answers.js';
import { createBackOff } from './back-off.js';
import { createKnownSession, type KnownSession } from './known-session.js';
import { createRequests, type Requests } from './requests.js';
import { createTabs, type Tabs } from './tabs.js';
import { unlessAborted } from './unless-aborted.js';

/** Whether there are new tokens, or what answers the waiting requests while the refresh route is unavailable. */
type Outcome = boolean | (() => Response);

const IN_VAIN = Promise.resolve(false);

/**
 * `fetch` for applications with a session: a 401 triggers one refresh for all waiting requests in all tabs, and they
 * are sent again. Has no dependencies. For browsers and Node, where each client is independent.
 */
export class SessionClient {
  readonly #options: SessionClientOptions;
  readonly #addresses: Addresses;
  readonly #requests: Requests;
  readonly #backOff = createBackOff<Outcome>();
  readonly #keepsTokens: boolean;
  readonly #tabs: Tabs<SessionTokens>;
  readonly #known: KnownSession;
  #refreshing: Promise<Outcome> | undefined;
  /** Whether our guard refused a request that waits for the refresh; otherwise the refresh ends no session. */
  #isRefused = false;

  /** @throws RangeError for an invalid `timeoutSeconds`; TypeError in Node for a `url` that is not an address */
  constructor(options: SessionClientOptions = {}) {
    this.#options = options;
    this.#keepsTokens = options.tokens === 'memory';
    this.#known = createKnownSession(this.#keepsTokens);
    this.#addresses = createAddresses(options.url ?? '/session');
    this.#requests = createRequests(options, this.#addresses);
    this.#tabs = createTabs(
      `session ${options.tokens} ${this.#addresses.routes}`,
      {
        session: (tokens, isIdle) => this.#known.begin(tokens, isIdle),
        ended: () => this.#end(),
        answer: () =>
          this.#known.isLive
            ? { tokens: this.#known.tokens, isIdle: this.#known.isIdle }
            : undefined,
      },
      this.#requests.milliseconds,
    );
  }

  /**
   * Works like the global `fetch`, with cookies to the origin of the routes unless `credentials` says otherwise. A
   * request that our guard refuses with 401 was not processed; it is sent again once after the refresh, unless it is
   * a stream. A 401 for another reason is left to the caller. If the session has ended, the response is that 401. If
   * the refresh fails otherwise, the session goes on: a 429 or 5xx of the refresh is the response, anything else
   * leaves the 401. Refreshes that keep failing back off, up to 30 s. With `{ passive: true }`, for polling, neither
   * a request nor the refresh that it needs is activity of the user.
   */
  readonly fetch: SessionFetch = async (input, init) => {
    const { isOwn, isRoute } = this.#addresses;
    const own = this.#requests.prepare(input, init);
    if (!own) {
      return (this.#options.fetch ?? fetch)(input, init);
    }
    const { request, again, isPassive } = own;
    const { method, signal, url } = request;
    const isOfRoutes = isRoute(url, '/refresh') || isRoute(url, '/logout');
    if (!this.#known.tokens && this.#keepsTokens) {
      await this.#tabs.ready;
    }
    if (!isPassive && !isOfRoutes) await this.#extend(signal);
    const epoch = this.#tabs.epoch();
    const hadTokens = this.#known.tokens !== undefined;
    const response = await this.#sendAndTake(request);
    if (
      response.status !== 401 ||
      !isOwn(response.url) ||
      (this.#keepsTokens && !hadTokens) ||
      isOfRoutes
    ) {
      return response;
    }
    const body = await unlessAborted(this.#requests.read(response), signal);
    const verdict = verdictOnRequest(method, body);
    const isRefused = verdict === 'refused';
    if (verdict === 'other' || !(isRefused || this.#known.canRefresh())) {
      return response;
    }
    const refresh = this.#refresh(epoch, isRefused, isPassive);
    const outcome = await unlessAborted(refresh, signal);
    if (typeof outcome !== 'boolean') {
      return outcome();
    }
    if (!outcome || !again) {
      return response;
    }
    // A truncated body cannot be cancelled; ignore the error.
    response.body?.cancel().catch(() => undefined);
    if (!isPassive) await this.#extend(signal);
    const second = await this.#sendAndTake(again);
    if (second.status === 401) {
      this.#backOff.failed(this.#tabs.epoch(), isRefused, IN_VAIN);
    } else {
      this.#backOff.reset();
    }
    return second;
  };

  /**
   * Reports a sign-in that gave this client a session, here and in the other tabs.
   *
   * @param tokens the body of the response, if the client keeps the tokens
   */
  use(tokens?: SessionTokens): void {
    this.#backOff.reset();
    this.#known.begin(tokens, false);
    this.#tabs.tellSession(this.#known.tokens, false);
  }

  /**
   * Ends the session on the server and in every tab; in the tabs also if the server cannot be reached. The promise
   * then rejects like `fetch`, or with a `TimeoutError` after `timeoutSeconds`, and with cookies the session goes on
   * as soon as the server is back.
   *
   * @returns the response of the server: 204 if the session has ended there, too
   */
  async signOut(): Promise<Response> {
    try {
      await this.#tabs.ready;
      const answer = await this.#tabs.exclusively(() =>
        this.#requests.post('/logout', this.#known.tokens),
      );
      return answer!.response;
    } finally {
      this.#endEverywhere();
    }
  }

  /** Stops exchanging messages with other tabs. Requests still work. */
  close(): void {
    this.#tabs.close();
  }

  #refresh(
    epoch: number,
    isRefused: boolean,
    isPassive: boolean,
  ): Promise<Outcome> {
    if (this.#tabs.epoch() !== epoch) {
      return Promise.resolve(this.#known.isLive !== false);
    }
    const tooEarly = this.#backOff.tooEarly(epoch, isRefused);
    if (tooEarly) {
      return tooEarly;
    }
    this.#isRefused = isRefused || (!!this.#refreshing && this.#isRefused);
    if (!this.#refreshing) {
      const refreshing = this.#tabs
        .exclusively(() => this.#exchange(epoch, isPassive), epoch)
        .then((outcome) => outcome ?? this.#known.isLive !== false)
        .finally(() => (this.#refreshing = undefined));
      const failed = (): void =>
        this.#backOff.failed(epoch, isRefused, refreshing);
      refreshing.then((outcome) => outcome === true || failed(), failed);
      this.#refreshing = refreshing;
    }
    return this.#refreshing;
  }

  /** Moves the idle end by one refresh, after passive ones that did not. If it fails, the session goes on for now. */
  async #extend(signal: AbortSignal): Promise<void> {
    if (!this.#known.isIdle) return;
    const refresh = Promise.resolve(this.#refreshing)
      .then(
        () =>
          this.#known.isIdle && this.#refresh(this.#tabs.epoch(), false, false),
      )
      .catch(() => undefined);
    await unlessAborted(refresh, signal);
  }

  async #exchange(epoch: number, isPassive: boolean): Promise<Outcome> {
    const isLive =
      this.#known.isLive ?? this.#requests.csrfCookie() !== undefined;
    const refreshToken = this.#known.tokens?.refreshToken;
    const answer = this.#known.canRefresh()
      ? await this.#requests.post('/refresh', { refreshToken }, isPassive)
      : undefined;
    if (this.#tabs.epoch() !== epoch) {
      // The session has changed or ended meanwhile.
      return this.#known.isLive !== false;
    }
    // Without a refresh token, the 401 of the request is final.
    const verdict = answer
      ? verdictOnRefresh(answer.response, answer.body, this.#keepsTokens)
      : 'ended';
    if (verdict === 'refreshed') {
      this.#known.isIdle = isPassive;
      this.#known.keep(answer!.body as unknown as SessionTokens);
      this.#tabs.tellSession(this.#known.tokens, isPassive);
      return true;
    }
    if (verdict === 'ended' && this.#isRefused && isLive) {
      this.#known.isLive = true;
      this.#endEverywhere();
    }
    return laterAnswer(answer);
  }

  /** Sends a request of the session, and adopts what the response says about it. */
  async #sendAndTake(request: Request): Promise<Response> {
    const epoch = this.#tabs.epoch();
    const response = await this.#requests.send(
      request,
      this.#known.tokens?.token,
    );
    const token = response.headers.get('session-token');
    const refreshToken = response.headers.get('session-refresh-token');
    // Ignore responses from another origin, and those that a refresh or a sign-out has overtaken.
    if (!this.#addresses.isOwn(response.url) || epoch !== this.#tabs.epoch()) {
      return response;
    }
    if (this.#known.tokens && token) {
      this.#known.keep({ token, ...(refreshToken && { refreshToken }) });
      this.#tabs.tellTokens(this.#known.tokens);
    } else if (response.ok && this.#addresses.isRoute(request.url, '')) {
      this.#known.isLive = true;
    }
    return response;
  }

  #endEverywhere(): void {
    this.#tabs.tellEnded();
    this.#end();
  }

  #end(): void {
    if (this.#known.end()) {
      // An error of the listener, immediate or later, must not fail a request.
      (async () => this.#options.onSessionEnded?.())().catch(console.error);
    }
  }
}
