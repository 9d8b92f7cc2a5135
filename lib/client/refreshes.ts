import { laterAnswer, verdictOnRefresh } from './answers.js';
import { createBackOff } from './back-off.js';
import type { Requests } from './requests.js';
import type { SessionTokens } from './session-client-options.js';
import type { SharedSession } from './shared-session.js';
import { unlessAborted } from './unless-aborted.js';

/** Whether there are new tokens, or what answers the waiting requests while the refresh route is unavailable. */
export type Outcome = boolean | (() => Response);

/** Refreshes the tokens, once for all waiting requests in all tabs. */
export interface Refreshes {
  /**
   * Refreshes unless the tokens of this epoch have already been replaced.
   *
   * @param isRefused whether our guard refused the request; otherwise the refresh ends no session
   */
  refresh(
    epoch: number,
    isRefused: boolean,
    isPassive: boolean,
  ): Promise<Outcome>;
  /** Moves the idle end by one refresh, after passive ones that did not. If it fails, the session goes on for now. */
  extend(signal: AbortSignal): Promise<void>;
  /** Settles when no refresh of this tab is in flight. */
  settled(): Promise<void>;
  /** Reports whether a request that was sent again was accepted, so that futile refreshes back off. */
  sentAgain(isAccepted: boolean, isRefused: boolean): void;
  /** Forgets earlier failures. */
  reset(): void;
}

const IN_VAIN = Promise.resolve(false);

export function createRefreshes(
  session: SharedSession,
  requests: Requests,
  keepsTokens: boolean,
): Refreshes {
  const { known, tabs } = session;
  const backOff = createBackOff<Outcome>();
  let refreshing: Promise<Outcome> | undefined;
  /** Whether our guard refused a request that waits for the refresh. */
  let hasRefused = false;

  async function exchange(epoch: number, isPassive: boolean): Promise<Outcome> {
    const isLive = known.isLive ?? requests.csrfCookie() !== undefined;
    const refreshToken = known.tokens?.refreshToken;
    const answer = known.canRefresh()
      ? await requests.post('/refresh', { refreshToken }, isPassive)
      : undefined;
    if (tabs.epoch() !== epoch) {
      // The session has changed or ended meanwhile.
      return known.isLive !== false;
    }
    // Without a refresh token, the 401 of the request is final.
    const verdict = answer
      ? verdictOnRefresh(answer.response, answer.body, keepsTokens)
      : 'ended';
    if (verdict === 'refreshed') {
      await session.refreshed(
        answer!.body as unknown as SessionTokens,
        isPassive,
      );
      return true;
    }
    if (verdict === 'ended' && hasRefused && isLive) {
      known.isLive = true;
      await session.end();
    }
    return laterAnswer(answer);
  }

  function refresh(
    epoch: number,
    isRefused: boolean,
    isPassive: boolean,
  ): Promise<Outcome> {
    if (tabs.epoch() !== epoch) {
      return Promise.resolve(known.isLive !== false);
    }
    const tooEarly = backOff.tooEarly(epoch, isRefused);
    if (tooEarly) {
      return tooEarly;
    }
    hasRefused = isRefused || (!!refreshing && hasRefused);
    if (!refreshing) {
      const started = tabs
        .exclusively(() => exchange(epoch, isPassive), epoch)
        .then((outcome) => outcome ?? known.isLive !== false)
        .finally(() => (refreshing = undefined));
      const failed = (): void => backOff.failed(epoch, isRefused, started);
      started.then((outcome) => outcome === true || failed(), failed);
      refreshing = started;
    }
    return refreshing;
  }

  const settled = (): Promise<void> =>
    Promise.resolve(refreshing).then(
      () => undefined,
      () => undefined,
    );

  return {
    refresh,
    settled,
    async extend(signal) {
      if (!known.isIdle) return;
      const extension = settled()
        .then(() => known.isIdle && refresh(tabs.epoch(), false, false))
        .catch(() => undefined);
      await unlessAborted(extension, signal);
    },
    sentAgain(isAccepted, isRefused) {
      if (isAccepted) backOff.reset();
      else backOff.failed(tabs.epoch(), isRefused, IN_VAIN);
    },
    reset: () => backOff.reset(),
  };
}
