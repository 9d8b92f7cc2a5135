import { REFUSALS, type Refusal } from '../../errors/refusal.js';
import {
  isOutage,
  SessionError,
  type SessionErrorCode,
} from '../../errors/session-error.js';
import type { Dispatch } from './dispatch.js';
import type { VerifiedSession } from './verified-session.js';

/** The answer to one question: is there a session in this request? */
export type SessionOutcome =
  | VerifiedSession
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'rejected';
      readonly refusal: Refusal;
      readonly dispatch: Dispatch | undefined;
    }
  | { readonly kind: 'unavailable'; readonly error: SessionError };

/** Whether a request may continue if its session is optional. A forged request never may. */
export function mayGoWithout(
  outcome: Exclude<SessionOutcome, VerifiedSession>,
): boolean {
  return (
    outcome.kind !== 'rejected' ||
    REFUSALS[outcome.refusal].code !== 'CSRF_REFUSED'
  );
}

const OTHER_SOURCES: ReadonlySet<SessionErrorCode> = new Set<SessionErrorCode>([
  'STORE_UNAVAILABLE',
  'KEYS_UNAVAILABLE',
  'PROOF_UNAVAILABLE',
]);

/** Returns the error for when no key is known at all, because the source of the keys has never answered. */
export function keysUnavailable(): SessionError {
  return new SessionError(
    'KEYS_UNAVAILABLE',
    'the keys of the session tokens could not be loaded yet',
    { retryAfterSeconds: 1 },
  );
}

/** Returns the error for when a browser could not refresh a bound session itself, as it reports. */
export function proofUnavailable(): SessionError {
  return new SessionError(
    'PROOF_UNAVAILABLE',
    'the browser could not refresh the bound session',
    { retryAfterSeconds: 1 },
  );
}

/**
 * Returns the outcome if the loader, the store or the keys are unavailable. Any mistake of the loader counts as such.
 *
 * @throws any other error: a defect is not an outage
 */
export function unavailable(
  reason: unknown,
): Extract<SessionOutcome, { kind: 'unavailable' }> {
  if (!isOutage(reason)) {
    throw reason;
  }
  const code = OTHER_SOURCES.has(reason.code)
    ? reason.code
    : 'LOADER_UNAVAILABLE';
  const error = new SessionError(code, reason.message, {
    cause: reason,
    retryAfterSeconds: reason.retryAfterSeconds ?? 1,
  });
  return { kind: 'unavailable', error };
}
