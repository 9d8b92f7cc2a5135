import type { SessionLifetime } from '../options/session-store.js';
import type { SessionClaims, TokenClaims } from '../tokens/session-claims.js';

/** The clocks as configured now. Seconds. */
export interface ClockPolicy {
  readonly intervalSeconds: number;
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
  readonly maxStaleSeconds: number;
  readonly toleranceSeconds: number;
  /** How long a session token lives where refresh tokens carry the lifetimes. */
  readonly accessSeconds: number | undefined;
}

/** The instants at which a session changes its state. Seconds since the Unix epoch. */
export interface SessionTimes {
  /** Before this it is not valid yet. */
  readonly validFrom: number;
  /** From here on its data is to be loaded again. */
  readonly dueAt: number;
  /** From here on activity of the user moves its idle end; `Infinity` where that cannot move. */
  readonly extendAt: number;
  /** From here on its data is too old to be used, even while the loader fails. */
  readonly staleUntil: number;
  /** From here on it is over (RFC 7519, section 4.1.4: `exp` itself counts as expired). */
  readonly endsAt: number;
}

export type Freshness = 'not-yet-valid' | 'fresh' | 'due' | 'expired';

/** At most this part of the interval is taken off, so that sessions of one moment do not reload in one. */
const JITTER = 0.1;

export function assessFreshness(
  times: Pick<SessionTimes, 'validFrom' | 'dueAt' | 'endsAt'>,
  now: number,
): Freshness {
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
    validFrom: validFrom(claims, policy),
    // With refresh tokens it is the end of the session token that is spread out.
    dueAt:
      claims.lat +
      (policy.accessSeconds === undefined
        ? jittered(interval, claims.sid)
        : interval),
    extendAt: extensionPointOf(claims, policy),
    staleUntil: claims.lat + interval + policy.maxStaleSeconds,
    endsAt: endOfToken(claims, policy),
  };
}

/** From when a token is valid: nothing in it may lie ahead of our clock by more than the tolerance. */
export function validFrom(
  claims: Pick<TokenClaims, 'iat' | 'nbf'>,
  policy: ClockPolicy,
): number {
  return Math.max(claims.iat, claims.nbf ?? 0) - policy.toleranceSeconds;
}

/** When a token ends: a lifetime that was shortened since it was issued counts for it too. */
export function endOfToken(
  claims: Pick<TokenClaims, 'exp' | 'oiat' | 'abs'>,
  policy: ClockPolicy,
): number {
  return Math.min(claims.exp, absoluteEndOf(claims, policy));
}

/** When a session token that is issued now ends. */
export function endOfSessionTokenIssuedAt(
  now: number,
  claims: Pick<TokenClaims, 'sid' | 'oiat' | 'idl' | 'abs'>,
  policy: ClockPolicy,
  idleEnd = endOfSessionUsedAt(now, claims, policy),
): number {
  return policy.accessSeconds === undefined
    ? idleEnd
    : Math.min(now + jittered(policy.accessSeconds, claims.sid), idleEnd);
}

/** When a session that is used now ends: idle time from now, never past the absolute end. */
export function endOfSessionUsedAt(
  now: number,
  claims: Pick<TokenClaims, 'oiat' | 'idl' | 'abs'>,
  policy: ClockPolicy,
): number {
  const { idleSeconds } = lifetimeOf(claims, policy);
  return Math.min(now + idleSeconds, absoluteEndOf(claims, policy));
}

/** The idle end that a session token says; `undefined` where the refresh token alone says it. */
export function idleEndOf(
  claims: Pick<SessionClaims, 'exp' | 'rexp'>,
  policy: ClockPolicy,
): number | undefined {
  return policy.accessSeconds === undefined ? claims.exp : claims.rexp;
}

/** The claims of a session token with that idle end, if it is later than theirs. */
export function extendedTo(
  end: number,
  claims: SessionClaims,
  policy: ClockPolicy,
): SessionClaims {
  if (end <= (idleEndOf(claims, policy) ?? Infinity)) {
    return claims;
  }
  return policy.accessSeconds === undefined
    ? { ...claims, exp: end }
    : { ...claims, rexp: end };
}

/**
 * An interval after the last activity that moved the idle end, unless the absolute end holds that. Where session tokens
 * live longer than the interval it is their life: without passive requests the end does not move more often either.
 */
function extensionPointOf(claims: SessionClaims, policy: ClockPolicy): number {
  const end = idleEndOf(claims, policy) ?? Infinity;
  if (end >= absoluteEndOf(claims, policy)) {
    return Infinity;
  }
  const { idleSeconds } = lifetimeOf(claims, policy);
  const { accessSeconds = 0 } = policy;
  const interval = intervalOf(claims, policy);
  return (
    end -
    idleSeconds +
    // A session with a short custom idle time must not end before its session token.
    (accessSeconds < idleSeconds ? Math.max(interval, accessSeconds) : interval)
  );
}

/** The lifetime of a session: as configured, or shorter if `generate` was told so. */
export function lifetimeOf(
  claims: Pick<TokenClaims, 'idl' | 'abs'>,
  policy: ClockPolicy,
): SessionLifetime {
  return {
    idleSeconds: Math.min(policy.idleSeconds, claims.idl ?? Infinity),
    absoluteSeconds: Math.min(policy.absoluteSeconds, claims.abs ?? Infinity),
  };
}

export function absoluteEndOf(
  claims: Pick<TokenClaims, 'oiat' | 'abs'>,
  policy: ClockPolicy,
): number {
  return claims.oiat + lifetimeOf(claims, policy).absoluteSeconds;
}

export function intervalOf(
  claims: Pick<TokenClaims, 'int'>,
  policy: ClockPolicy,
): number {
  return Math.min(policy.intervalSeconds, claims.int ?? Infinity);
}

function jittered(seconds: number, sid: string): number {
  return Math.ceil(seconds * (1 - JITTER * fractionOf(sid)));
}

/** A number from 0 to 1 that every node derives from a session id alike (FNV-1a). */
function fractionOf(sid: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < sid.length; i += 1) {
    hash = Math.imul(hash ^ sid.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}
