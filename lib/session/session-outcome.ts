import type { Refusal } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import type { Delivery } from '../options/transport.js';
import type { VerifiedSession } from './verified-session.js';

/** Something for the client, to be put into the head of the response. */
export interface Dispatch {
  readonly deliveries: readonly Delivery[];
  /** Asked when the head is written: a session that was ended or updated meanwhile sends nothing. */
  isCurrent(): boolean;
}

/** Is there a session in this request? */
export type SessionOutcome =
  | VerifiedSession
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'rejected';
      readonly refusal: Refusal;
      readonly dispatch: Dispatch | undefined;
    }
  | { readonly kind: 'unavailable'; readonly error: SessionError };
