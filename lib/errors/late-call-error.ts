/**
 * A call that reached a store too late: its caller has given it up, or is about to. The store has changed nothing. For
 * authors of stores; callers of the library never see it.
 */
export class LateCallError extends Error {
  override readonly name = 'LateCallError';
  /** The time of the store. */
  readonly asOf: Date;

  constructor(asOf: Date) {
    super('the call reached the store too late and has changed nothing');
    this.asOf = asOf;
  }
}
