import { SessionError, type SessionErrorCode } from './session-error.js';

interface RefusalRule {
  readonly code: SessionErrorCode;
  /** Whether the client must forget its tokens: only if they can never work again. */
  readonly clears: boolean;
  readonly message: string;
}

/**
 * Every reason to refuse a request, except failures of a data source: its error code, and the one rule about which
 * refusals clear the client's tokens.
 */
export const REFUSALS = {
  missing: rule('TOKEN_MISSING', false, 'the request carries no session token'),
  malformed: rule('TOKEN_INVALID', true, 'the token is malformed'),
  header: rule('TOKEN_INVALID', true, 'the token header is not allowed'),
  'unknown-key': rule(
    'KEY_UNKNOWN',
    false,
    'the token names a key that is not configured',
  ),
  signature: rule('TOKEN_INVALID', true, 'the signature is wrong'),
  claims: rule('TOKEN_INVALID', true, 'the claims do not satisfy the profile'),
  'newer-version': rule('TOKEN_INVALID', false, 'the token has a newer format'),
  params: rule(
    'TOKEN_INVALID',
    true,
    'the loader does not accept the params of this token',
  ),
  expired: rule('TOKEN_EXPIRED', true, 'the token has expired'),
  // The refresh token may be in a cookie that is not sent to this path, so it must not be cleared.
  'refresh-due': rule(
    'TOKEN_EXPIRED',
    false,
    'the session token has expired and the request carries no refresh token',
  ),
  // The issuing application can bring it up to date.
  stale: rule(
    'TOKEN_EXPIRED',
    false,
    'the data of the token is too old, and this service does not reload it',
  ),
  'not-yet-valid': rule(
    'TOKEN_NOT_YET_VALID',
    false,
    'the token is not valid yet',
  ),
  ambiguous: rule(
    'TOKEN_CONFLICT',
    true,
    'one transport carries several tokens',
  ),
  conflict: rule(
    'TOKEN_CONFLICT',
    true,
    'two transports carry different sessions',
  ),
  ended: rule('SESSION_ENDED', true, 'the session has ended'),
  // The new session's token is on its way to the same client: clearing could undo that sign-in.
  replaced: rule(
    'SESSION_ENDED',
    false,
    'the session was replaced by a new sign-in',
  ),
  unknown: rule(
    'SESSION_UNKNOWN',
    true,
    'the store has no such session: it has ended or expired',
  ),
  reused: rule(
    'REFRESH_REUSED',
    true,
    'a refresh token was reused long after it was exchanged',
  ),
  // The owner's device can still prove itself, so nothing is cleared.
  unproven: rule(
    'PROOF_REQUIRED',
    false,
    'the session is bound to a device, and the refresh token came without a proof of it',
  ),
  'other-device': rule(
    'PROOF_REQUIRED',
    false,
    'the proof is not by the device that the session is bound to',
  ),
  unbound: rule(
    'PROOF_REQUIRED',
    true,
    'the browser has not bound the session to its device, as deviceBinding.required demands',
  ),
  'cross-site': rule(
    'CSRF_REFUSED',
    false,
    'the request comes from another site',
  ),
  'csrf-header': rule('CSRF_REFUSED', false, 'the CSRF header is missing'),
  'csrf-token': rule(
    'CSRF_REFUSED',
    false,
    'the CSRF token is missing, or belongs to another session',
  ),
  context: rule(
    'TOKEN_MISSING',
    false,
    'this kind of context carries no session',
  ),
} as const satisfies Record<string, RefusalRule>;

/**
 * Why a request was refused, as reported by the `rejected` event.
 *
 * @useDeclaredType
 */
export type Refusal = keyof typeof REFUSALS;

/** Creates the error of a refusal. */
export function refusalError(refusal: Refusal, cause?: unknown): SessionError {
  const { code, message } = REFUSALS[refusal];
  return new SessionError(code, message, { cause });
}

function rule<Code extends SessionErrorCode>(
  code: Code,
  clears: boolean,
  message: string,
): RefusalRule & { readonly code: Code } {
  return { code, clears, message };
}
