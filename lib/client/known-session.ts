import type { SessionTokens } from './session-client-options.js';

/** What a client knows of its session. */
export interface KnownSession {
  tokens: SessionTokens | undefined;
  /** Whether there is a session; unknown at first. */
  isLive: boolean | undefined;
  /** Whether the last refresh was passive: the next activity needs a separate refresh to extend the idle end. */
  isIdle: boolean;
  /** Takes another session: the refresh token of the one before would bring that one back. */
  begin(given: SessionTokens | undefined, isIdle?: boolean): void;
  /** Takes only the tokens of an answer, and keeps the refresh token of before where it brings none. */
  keep(given: SessionTokens | undefined): void;
  /** Returns whether there may be a refresh token: cookies hide theirs. */
  canRefresh(): boolean;
  /** Returns whether that is news. */
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
