import type { Refusal } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import type { Dispatch } from './dispatch.js';
import type { VerifiedSession } from './verified-session.js';

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
