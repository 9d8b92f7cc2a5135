import type { RevocationLog } from '../../ports/revocation-log.js';

/** A log under test, with the means to move its clock and to break it. */
export interface RevocationLogFixture {
  readonly log: RevocationLog;
  /**
   * Another instance on the same entries, as a second process would have.
   *
   * @default the log itself
   */
  readonly another?: RevocationLog;
  /** Moves the log's clock ahead, without waiting; a negative number moves it back. */
  advance(seconds: number): Promise<void> | void;
  /**
   * Removes every entry that the log has, but not the log itself, as an administrator might. A suite without this method
   * needs `without: ['lose']`.
   */
  lose?(): Promise<void> | void;
  /** Breaks the connections of all followers. A suite without this method needs `without: ['cut']`. */
  cut?(): Promise<void> | void;
  /**
   * How long a test waits for the next batch before it fails.
   *
   * @default 300
   */
  readonly patienceSeconds?: number;
  /** Called after the test. */
  close?(): Promise<void> | void;
}
