/** Which part of the sessions of a subject `SessionStore.list` gives. */
export interface SessionPage {
  /**
   * How many at most.
   *
   * @default 1000, and never more
   */
  readonly limit?: number;
  /**
   * The id of the last session of the page before.
   *
   * @default the first page; the first page, too, where that session has ended
   */
  readonly after?: string;
}

/** How many sessions one call of `SessionStore.list` gives at most. */
export const LARGEST_PAGE = 1_000;
