import type { SessionClaims } from '../../tokens/session-claims.js';
import {
  absoluteEndOf,
  endOfSessionUsedAt,
  idleEndOf,
  intervalOf,
  lifetimeOf,
  type ClockPolicy,
} from '../model/freshness.js';

/** Why a connection ends: its session has ended, or this process cannot tell whether it has. */
export type ConnectionEnd = 'ended' | 'uncertain';

/** What is known of a session apart from its token. All times are seconds since the Unix epoch. */
export interface Liveness {
  /** The last activity of the user; `undefined` without any since the token was issued. */
  readonly usedAt: number | undefined;
  /** The latest idle end that this process knows of. */
  readonly knownIdleEnd: number;
  /** When the sources were last asked. */
  readonly checkedAt: number;
}

/** Where the truth about sessions is, apart from their tokens. */
export interface Sources {
  readonly hasLoader: boolean;
  readonly hasStore: boolean;
}

export interface ConnectionTimes {
  /** From here on, the session must be checked. */
  readonly checkAt: number;
  /** From here on, its connections are closed without a check. */
  readonly endsAt: number;
  /** The reason then. */
  readonly end: ConnectionEnd;
}

/** How soon a check is repeated that brought nothing new. */
export const RETRY_SECONDS = 5;
/** The largest part of an outage that is cut off, so that not all connections close at the same time. */
const JITTER = 0.1;

/**
 * Returns when the connections of a session must be checked, and when they end. The end of their token ends none of
 * them, unless nothing else is known of the session.
 *
 * @param dueAt when the data must be reloaded
 */
export function connectionTimesOf(
  claims: SessionClaims,
  { usedAt, knownIdleEnd, checkedAt }: Liveness,
  dueAt: number,
  policy: ClockPolicy,
  { hasLoader, hasStore }: Sources,
): ConnectionTimes {
  const absolute = absoluteEndOf(claims, policy);
  const used = (at: number): number => endOfSessionUsedAt(at, claims, policy);
  const idleEnd =
    hasLoader || hasStore
      ? Math.max(
          idleEndOf(claims, policy) ?? used(claims.iat),
          knownIdleEnd,
          usedAt === undefined ? 0 : used(usedAt),
        )
      : claims.exp;
  // With a store, requests on other nodes may have moved the idle end: the record decides.
  const known = hasStore ? absolute : Math.min(idleEnd, absolute);
  // Only a proof extends a bound session: a copied cookie must not keep a connection open.
  const endsAt = claims.cnf ? Math.min(claims.exp, known) : known;
  const period = checkPeriodOf(claims, policy);
  const nextCheck = hasStore
    ? Math.min(dueAt, checkedAt + period, idleEnd)
    : dueAt;
  const retryAt = checkedAt + Math.min(RETRY_SECONDS, period);
  return {
    checkAt: Math.min(Math.max(nextCheck, retryAt), endsAt),
    endsAt,
    end: endsAt < absolute ? 'uncertain' : 'ended',
  };
}

/** Returns how often the sources are asked: an interval, or more often so that the record hears of activity in time. */
export function checkPeriodOf(
  claims: SessionClaims,
  policy: ClockPolicy,
): number {
  const { idleSeconds } = lifetimeOf(claims, policy);
  return Math.min(intervalOf(claims, policy), Math.ceil(idleSeconds / 2));
}

/**
 * Returns until when connections stay open while the sources do not answer: about as long as requests may use old data.
 *
 * @param since when the sources last answered
 * @param spread a number from 0 to 1 that differs between sessions
 */
export function keptUntil(
  since: number,
  claims: SessionClaims,
  policy: ClockPolicy,
  spread: number,
): number {
  const { maxStaleSeconds } = policy;
  return (
    since +
    intervalOf(claims, policy) +
    Math.ceil(maxStaleSeconds * (1 - JITTER * spread))
  );
}
