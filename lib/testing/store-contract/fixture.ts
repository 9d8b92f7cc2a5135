import type { SessionStore } from '../../ports/session-store.js';

/** A store under test, with the means to move its clock and to read its contents. */
export interface SessionStoreFixture {
  readonly store: SessionStore;
  /**
   * Another instance on the same records, as a second process would have.
   *
   * @default the store itself
   */
  readonly another?: SessionStore;
  /** Moves the store's clock ahead, without waiting; a negative number moves it back. */
  advance(seconds: number): Promise<void> | void;
  /** Returns everything that the store holds, as text with unencoded ids. */
  dump(): Promise<string> | string;
  /** Called after the test. */
  close?(): Promise<void> | void;
}
