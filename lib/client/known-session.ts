import type { SessionTokens } from './session-client-options.js';

/** What a client knows about its session. */
export interface KnownSession {
  tokens: SessionTokens | undefined;
  /** Whether there is a session; unknown at first. */
  isLive: boolean | undefined;
  /** Whether the last refresh was passive: the next activity needs a separate refresh to extend the idle end. */
  isIdle: boolean;
  /** Adopts another session, and drops the previous refresh token, which would bring the previous session back. */
  begin(given: SessionTokens | undefined, isIdle?: boolean): void;
  /** Adopts only the tokens of a response, and keeps the previous refresh token if there is no new one. */
  keep(given: SessionTokens | undefined): void;
  /** Returns whether there may be a refresh token: cookies hide theirs. */
  canRefresh(): boolean;
  /** Ends the session, and returns whether that is news. */
  end(): boolean;
}

export function createKnownSession(keepsTokens: boolean): KnownSession {
  const known: KnownSession = {
    tokens: undefined,
    isLive: undefined,
    isIdle: false,
    begin(given, isIdle = known.isIdle) {
      known.isIdle = isIdle;
      if (given?.token) known.tokens = undefined;
      known.keep(given);
    },
    keep(given) {
      known.isLive = true;
      if (given?.token && keepsTokens) {
        const { token, refreshToken = known.tokens?.refreshToken } = given;
        known.tokens = { token, ...(refreshToken && { refreshToken }) };
      }
    },
    canRefresh: () => !keepsTokens || known.tokens?.refreshToken !== undefined,
    end() {
      const isNews = known.isLive !== false;
      known.tokens = undefined;
      known.isIdle = known.isLive = false;
      return isNews;
    },
  };
  return known;
}
