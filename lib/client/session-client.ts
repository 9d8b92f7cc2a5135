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

/** Whether there are new tokens, or what answers the requests that wait: the refresh route cannot tell now. */
type Outcome = boolean | (() => Response);

const IN_VAIN = Promise.resolve(false);

/**
 * `fetch` for applications with a session: a 401 is answered by one refresh for all requests that wait, in all
 * tabs, and they are sent again. Depends on nothing; for browsers and Node, where each client is on its own.
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
  /** Whether our guard refused one of the requests that wait for the refresh; else it ends no session. */
  #isRefused = false;

  /** @throws RangeError for a `timeoutSeconds` that is no time; TypeError in Node for a `url` that is no address */
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
   * As the global `fetch`, with cookies to the origin of the routes unless `credentials` says otherwise. A request
   * that our guard refuses with 401 was not processed, and is sent again after the refresh, once; a stream is not. A
   * 401 for another reason is the caller's. Where the session is over, the answer is that 401. Where the refresh
   * fails for another reason, the session goes on: a 429 or 5xx of the refresh is the answer, anything else leaves
   * the 401. Refreshes that keep failing are sent less and less often, at least every 30 s. With `{ passive: true }`,
   * for polling, a request is no activity of the user, nor is the refresh that it needs.
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
    // A body that was cut off cannot be cancelled, which nobody needs to know.
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
   * Says that a sign-in gave this client a session, here and in the other tabs.
   *
   * @param tokens the body of its answer, where the client keeps the tokens
   */
  use(tokens?: SessionTokens): void {
    this.#backOff.reset();
    this.#known.begin(tokens, false);
    this.#tabs.tellSession(this.#known.tokens, false);
  }

  /**
   * Ends the session on the server and in every tab; in the tabs also when the server cannot be reached. Then it
   * rejects as `fetch` does, or with a `TimeoutError` after `timeoutSeconds`, and with cookies the session goes on as
   * soon as the server is there again.
   *
   * @returns the answer of the server: 204 when the session is over there too
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

  /** Stops listening to other tabs and telling them anything; requests work on. */
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

  /** One refresh that moves the idle end, after passive ones that did not. Without it the session goes on for now. */
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
      // Another session, or none, since.
      return this.#known.isLive !== false;
    }
    // Without a refresh token the 401 of the request is the last word.
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

  /** Sends a request of the session, and takes what the answer says of it. */
  async #sendAndTake(request: Request): Promise<Response> {
    const epoch = this.#tabs.epoch();
    const response = await this.#requests.send(
      request,
      this.#known.tokens?.token,
    );
    const token = response.headers.get('session-token');
    const refreshToken = response.headers.get('session-refresh-token');
    // Not from another origin, and not what a refresh or a sign-out has overtaken.
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
      // What a listener throws, now or later, must not become the failure of a request.
      (async () => this.#options.onSessionEnded?.())().catch(console.error);
    }
  }
}
