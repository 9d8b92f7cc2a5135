import type { Delivery } from '../options/transport.js';

/** Something for the client, to be put into the head of the response. */
export interface Dispatch {
  /** Always as many in the same order; tokens in them may have a later end when the head is written. */
  readonly deliveries: readonly Delivery[];
  /** Asked when the head is written: a session that was ended or updated meanwhile sends nothing. */
  isCurrent(): boolean;
}
