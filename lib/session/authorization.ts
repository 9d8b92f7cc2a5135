import type { AnySession } from './model/active-session.js';
import { isThenable } from './model/thenable.js';

/** Decides whether a session may use a handler. */
export type SessionPredicate = (session: AnySession) => unknown;

/** Whether a session may use a handler. */
export type AuthorizationVerdict =
  | { readonly kind: 'authorized' }
  | { readonly kind: 'forbidden' }
  /** Forbidden as well, but probably a mistake: a value that is neither a boolean nor empty. */
  | { readonly kind: 'unclear'; readonly result: unknown }
  /** The predicate threw, or its promise was rejected. */
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Decides by a predicate: only `true` authorizes, returned or promised. Needs no promise if the predicate returns none.
 * Never throws or rejects.
 */
export function authorize(
  predicate: SessionPredicate,
  session: AnySession,
): AuthorizationVerdict | Promise<AuthorizationVerdict> {
  try {
    const result = predicate(session);
    return isThenable(result)
      ? Promise.resolve(result).then(verdictOn, failed)
      : verdictOn(result);
  } catch (error) {
    return failed(error);
  }
}

function verdictOn(result: unknown): AuthorizationVerdict {
  if (result === true) {
    return { kind: 'authorized' };
  }
  return result ? { kind: 'unclear', result } : { kind: 'forbidden' };
}

function failed(error: unknown): AuthorizationVerdict {
  return { kind: 'failed', error };
}
