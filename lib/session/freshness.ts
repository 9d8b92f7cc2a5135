import type { SessionClaims } from '../tokens/session-claims.js';

/** The clocks as configured now. Seconds. */
export interface ClockPolicy {
  readonly intervalSeconds: number;
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
  readonly maxStaleSeconds: number;
  readonly toleranceSeconds: number;
}

/** The instants at which a session changes its state. Seconds since the Unix epoch. */
export interface SessionTimes {
  /** Before this it is not valid yet. */
  readonly validFrom: number;
  /** From here on its data is to be loaded again. */
  readonly dueAt: number;
  /** From here on its data is too old to be used, even while the loader fails. */
  readonly staleUntil: number;
  /** From here on it is over (RFC 7519, section 4.1.4: `exp` itself counts as expired). */
  readonly endsAt: number;
}

export type Freshness = 'not-yet-valid' | 'fresh' | 'due' | 'expired';

/** At most this part of the interval is taken off, so that sessions of one moment do not reload in one. */
const JITTER = 0.1;

export function assessFreshness(times: SessionTimes, now: number): Freshness {
  if (now >= times.endsAt) {
    return 'expired';
  }
  if (now < times.validFrom) {
    return 'not-yet-valid';
  }
  return now >= times.dueAt ? 'due' : 'fresh';
}

export function timesOf(
  claims: SessionClaims,
  policy: ClockPolicy,
): SessionTimes {
  const interval = intervalOf(claims, policy);
  return {
    validFrom: Math.max(claims.iat, claims.nbf ?? 0) - policy.toleranceSeconds,
    dueAt: claims.lat + interval * (1 - JITTER * fractionOf(claims.sid)),
    staleUntil: claims.lat + interval + policy.maxStaleSeconds,
    endsAt: Math.min(claims.exp, absoluteEndOf(claims, policy)),
  };
}

/** When a token that is issued now ends: idle time from now, never past the absolute end. */
export function endOfTokenIssuedAt(
  now: number,
  claims: Pick<SessionClaims, 'oiat' | 'idl' | 'abs'>,
  policy: ClockPolicy,
): number {
  const idle = Math.min(policy.idleSeconds, claims.idl ?? Infinity);
  return Math.min(now + idle, absoluteEndOf(claims, policy));
}

export function absoluteEndOf(
  claims: Pick<SessionClaims, 'oiat' | 'abs'>,
  policy: ClockPolicy,
): number {
  return claims.oiat + Math.min(policy.absoluteSeconds, claims.abs ?? Infinity);
}

function intervalOf(
  claims: Pick<SessionClaims, 'int'>,
  policy: ClockPolicy,
): number {
  return Math.min(policy.intervalSeconds, claims.int ?? Infinity);
}

/** A number from 0 to 1 that every node derives from a session id alike (FNV-1a). */
function fractionOf(sid: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < sid.length; i += 1) {
    hash = Math.imul(hash ^ sid.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}
