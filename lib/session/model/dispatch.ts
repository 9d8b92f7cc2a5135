import type { Delivery } from '../../ports/transport.js';

/** Deliveries for the client, to be added to the head of the response. */
export interface Dispatch {
  /** Always the same number in the same order; their tokens may end later when the head is written. */
  readonly deliveries: readonly Delivery[];
  /** Called when the head is written: a session that has ended or was updated meanwhile sends nothing. */
  isCurrent(): boolean;
}

/** Returns a dispatch that nothing can make obsolete. */
export function always(deliveries: readonly Delivery[]): Dispatch {
  return { deliveries, isCurrent: () => true };
}
