import type { Delivery } from '../options/transport.js';

/** Something for the client, to be put into the head of the response. */
export interface Dispatch {
  readonly deliveries: readonly Delivery[];
  /** Asked when the head is written: a session that was ended or updated meanwhile sends nothing. */
  isCurrent(): boolean;
}
