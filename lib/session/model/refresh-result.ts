import type { Refusal } from '../../errors/refusal.js';
import type { SignedSession } from './signed-session.js';

/** The result of exchanging a refresh token: new tokens, or why there are none. */
export type RefreshResult =
  | { readonly kind: 'signed'; readonly signed: SignedSession }
  | { readonly kind: 'rejected'; readonly refusal: Refusal }
  | { readonly kind: 'failed'; readonly error: Error };

/** Whether a refresh token was not exchanged because only a browser itself can refresh a bound session. */
export function isUnproven(
  result: RefreshResult,
): result is Extract<RefreshResult, { kind: 'rejected' }> {
  return result.kind === 'rejected' && result.refusal === 'unproven';
}
