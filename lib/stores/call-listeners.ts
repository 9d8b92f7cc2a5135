/** The operations of a store. */
export type StoreOperation =
  | 'create'
  | 'read'
  | 'rotate'
  | 'update'
  | 'confirmUse'
  | 'bind'
  | 'end'
  | 'endAll'
  | 'list';

/** Listeners for the outcome of calls. They must not throw. */
export interface CallListeners {
  /** Called before a call is sent. What it returns is passed to the others. */
  readonly onSend?: () => number;
  /** Called for every call that fails, sent or not. */
  readonly onFailure: (
    operation: StoreOperation,
    error: unknown,
    sentAt?: number,
    end?: 'failed' | 'timeout',
  ) => void;
  /** Called for every answer that comes in time. */
  readonly onAnswer: (operation: StoreOperation, sentAt: number) => void;
}
