import type {
  SessionClientOptions,
  SessionFetch,
  SessionRequestInit,
  SessionTokens,
} from './session-client-options.js';
import { createAddresses, type Addresses } from './addresses.js';
import { createPrompts, type Prompts } from './prompts.js';
import { createRefreshes, type Refreshes } from './refreshes.js';
import { createRefusals, type Refusals } from './refusals.js';
import {
  createRequests,
  type PreparedRequest,
  type Requests,
} from './requests.js';
import {
  createSharedSession,
  keepsTokensWith,
  type SharedSession,
} from './shared-session.js';
import { unlessAborted } from './unless-aborted.js';

/**
 * `fetch` for applications with a session: a 401 triggers one refresh for all waiting requests in all tabs, and they
 * are sent again. Has no dependencies. For browsers, apps and Node, where each client is independent.
 */
export class SessionClient {
  readonly #options: SessionClientOptions;
  readonly #addresses: Addresses;
  readonly #requests: Requests;
  readonly #keepsTokens: boolean;
  readonly #refusals: Refusals;
  readonly #session: SharedSession;
  readonly #refreshes: Refreshes;
  readonly #prompts: Prompts | undefined;

  /** @throws RangeError for an invalid `timeoutSeconds`; TypeError in Node for a `url` that is not an address */
  constructor(options: SessionClientOptions = {}) {
    this.#options = options;
    this.#keepsTokens = keepsTokensWith(options.tokens);
    this.#addresses = createAddresses(options.url ?? '/session');
    this.#requests = createRequests(
      options,
      this.#keepsTokens,
      this.#addresses,
    );
    this.#refusals = createRefusals(this.#requests, this.#addresses);
    this.#session = createSharedSession(
      options,
      this.#addresses.routes,
      this.#requests.milliseconds,
    );
    this.#refreshes = createRefreshes(
      this.#session,
      this.#requests,
      this.#keepsTokens,
    );
    const { onReauthenticate } = options;
    this.#prompts = onReauthenticate && createPrompts(onReauthenticate);
  }

  /**
   * Works like the global `fetch`, with cookies to the origin of the routes unless `credentials` says otherwise. A
   * request that our guard refuses with 401 was not processed; it is sent again once after the refresh, unless it is
   * a stream. A 401 for another reason is left to the caller. If the session has ended, the response is that 401. If
   * the refresh fails otherwise, the session goes on: a 429 or 5xx of the refresh is the response, anything else
   * leaves the 401. Refreshes that keep failing back off, up to 30 s. With `{ passive: true }`, for polling, neither
   * a request nor the refresh that it needs is activity of the user. With `{ graphql }`, a refusal in the `errors` of
   * a response counts like a 401.
   */
  readonly fetch: SessionFetch = async (input, init) => {
    const own = this.#requests.prepare(input, init);
    if (!own) {
      return (this.#options.fetch ?? fetch)(input, init);
    }
    const prompts = this.#prompts;
    if (!prompts || own.isPassive) {
      return this.#fetchOwn(own, init);
    }
    const { request } = own;
    const { signal } = request;
    const spare = own.again?.clone();
    const since = prompts.count();
    const response = await this.#fetchOwn(own, init);
    const challenge = await this.#refusals.challengeIn(
      response,
      signal,
      init?.graphql,
    );
    if (
      !challenge ||
      !(await unlessAborted(prompts.ask(challenge, since), signal)) ||
      !spare
    ) {
      return response;
    }
    response.body?.cancel().catch(() => undefined);
    // The token may have expired while the user was asked.
    const again = spare.clone();
    return this.#fetchOwn({ request: spare, again, isPassive: false }, init);
  };

  async #fetchOwn(
    { request, again, isPassive }: PreparedRequest,
    init?: SessionRequestInit,
  ): Promise<Response> {
    const { isRoute } = this.#addresses;
    const { signal, url } = request;
    const { known, tabs } = this.#session;
    const isOfRoutes = isRoute(url, '/refresh') || isRoute(url, '/logout');
    const waiting = this.#session.ready();
    if (waiting) await unlessAborted(waiting, signal);
    if (!isPassive && !isOfRoutes) await this.#refreshes.extend(signal);
    const epoch = tabs.epoch();
    const hadTokens = known.tokens !== undefined;
    const response = await this.#sendAndTake(request);
    if (isOfRoutes || (this.#keepsTokens && !hadTokens)) {
      return response;
    }
    const verdict = await this.#refusals.verdictOn(
      response,
      request,
      init?.graphql,
    );
    const isUnclear = verdict === 'unclear';
    if (verdict === 'other' || (isUnclear && !known.canRefresh())) {
      return response;
    }
    const refresh = this.#refreshes.refresh(epoch, !isUnclear, isPassive);
    if (verdict === 'partly') {
      refresh.catch(() => undefined);
      return response;
    }
    const outcome = await unlessAborted(refresh, signal);
    if (typeof outcome !== 'boolean') {
      return outcome();
    }
    if (!outcome || !again) {
      return response;
    }
    // A truncated body cannot be cancelled; ignore the error.
    response.body?.cancel().catch(() => undefined);
    if (!isPassive) await this.#refreshes.extend(signal);
    const storing = this.#session.ready();
    if (storing) await unlessAborted(storing, signal);
    const second = await this.#sendAndTake(again);
    const isAccepted =
      second.status !== 401 &&
      (!init?.graphql ||
        (await this.#refusals.verdictOn(second, request, init.graphql)) ===
          'other');
    this.#refreshes.sentAgain(isAccepted, !isUnclear);
    return second;
  }

  /**
   * Reports a sign-in that gave this client a session, here and in the other tabs.
   *
   * @param tokens the body of the response, if the client keeps the tokens
   */
  use(tokens?: SessionTokens): void {
    this.#refreshes.reset();
    this.#session.begin(tokens);
  }

  /**
   * Returns the session token, for what cannot use `fetch`, such as the first message of a WebSocket. Waits for the
   * storage and for a refresh in flight. Does not check whether the token has expired: `await client.fetch('/session')`
   * first, which refreshes an expired one.
   *
   * @returns `undefined` without a session, and where the browser keeps the tokens
   */
  async token(): Promise<string | undefined> {
    await this.#session.ready();
    await this.#refreshes.settled();
    return this.#session.known.tokens?.token;
  }

  /**
   * Returns the refresh token, for the body of the request that proves again who the user is. Waits like `token()`.
   *
   * @returns `undefined` without one, and where the browser keeps the tokens
   */
  async refreshToken(): Promise<string | undefined> {
    await this.token();
    return this.#session.known.tokens?.refreshToken;
  }

  /**
   * Ends the session on the server and in every tab; in the tabs and the storage also if the server cannot be reached.
   * The promise then rejects like `fetch`, or with a `TimeoutError` after `timeoutSeconds`, and with cookies the
   * session goes on as soon as the server is back.
   *
   * @returns the response of the server: 204 if the session has ended there, too
   */
  async signOut(): Promise<Response> {
    const { known, tabs } = this.#session;
    try {
      await tabs.ready;
      await this.#session.ready();
      const answer = await tabs.exclusively(() => {
        // Before the request: the app may be closed while the server does not answer.
        void this.#session.erase();
        return this.#requests.post('/logout', known.tokens);
      });
      return answer!.response;
    } finally {
      await this.#session.end();
    }
  }

  /** Stops exchanging messages with other tabs. Requests still work. */
  close(): void {
    this.#session.tabs.close();
  }

  /** Sends a request of the session, and adopts what the response says about it. */
  async #sendAndTake(request: Request): Promise<Response> {
    const { known, tabs } = this.#session;
    const epoch = tabs.epoch();
    const response = await this.#requests.send(request, known.tokens?.token);
    const token = response.headers.get('session-token');
    const refreshToken = response.headers.get('session-refresh-token');
    // Ignore responses from another origin, and those that a refresh or a sign-out has overtaken.
    if (!this.#addresses.isOwn(response.url) || epoch !== tabs.epoch()) {
      return response;
    }
    if (known.tokens && token) {
      await this.#session.reissued({
        token,
        ...(refreshToken && { refreshToken }),
      });
    } else if (response.ok && this.#addresses.isRoute(request.url, '')) {
      known.isLive = true;
    }
    return response;
  }
}
