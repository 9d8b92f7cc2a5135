import type { Refusal } from '../errors/refusal.js';
import { SessionError } from '../errors/session-error.js';
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

/** The outcome where the loader or the store is down; what the loader did wrong is one of these too. */
export function unavailable(
  reason: SessionError,
): Extract<SessionOutcome, { kind: 'unavailable' }> {
  const code =
    reason.code === 'STORE_UNAVAILABLE' ? reason.code : 'LOADER_UNAVAILABLE';
  const error = new SessionError(code, reason.message, {
    cause: reason,
    retryAfterSeconds: reason.retryAfterSeconds ?? 1,
  });
  return { kind: 'unavailable', error };
}
