/** Which part of a subject's sessions `SessionStore.list` returns. */
export interface SessionPage {
  /**
   * Maximum number of sessions.
   *
   * @default 1000, and never more
   */
  readonly limit?: number;
  /**
   * The id of the last session on the previous page. If that session has ended, the first page is returned.
   *
   * @default the first page
   */
  readonly after?: string;
}

/** The most sessions that one call of `SessionStore.list` returns. */
export const LARGEST_PAGE = 1_000;
