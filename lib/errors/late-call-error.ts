/**
 * Thrown by a store for a call that arrived too late: its caller has given up, or is about to. The store has changed
 * nothing. For authors of stores; callers of the library never see it.
 */
export class LateCallError extends Error {
  override readonly name = 'LateCallError';
  /** The store's time. */
  readonly asOf: Date;

  constructor(asOf: Date) {
    super('the call reached the store too late and has changed nothing');
    this.asOf = asOf;
  }
}
