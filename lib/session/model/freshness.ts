import type { ResolvedSessionJwtOptions } from '../../options/resolved-options.js';
import type { SessionLifetime } from '../../ports/session-store.js';
import type {
  SessionClaims,
  TokenClaims,
} from '../../tokens/session-claims.js';

/** The clocks as configured now, in seconds. */
export interface ClockPolicy {
  readonly intervalSeconds: number;
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
  readonly maxStaleSeconds: number;
  readonly toleranceSeconds: number;
  /** How long a session token lives if refresh tokens carry the lifetimes. */
  readonly accessSeconds: number | undefined;
}

/** Returns the clocks of sessions as configured. */
export function clockPolicyOf(options: ResolvedSessionJwtOptions): ClockPolicy {
  return {
    intervalSeconds: options.dataRefreshIntervalSeconds,
    idleSeconds: options.lifetime.idleSeconds,
    absoluteSeconds: options.lifetime.absoluteSeconds,
    maxStaleSeconds: options.loader.maxStaleSeconds,
    toleranceSeconds: options.clockToleranceSeconds,
    accessSeconds: options.refresh?.accessSeconds,
  };
}

/** The instants at which a session changes its state, in seconds since the Unix epoch. */
export interface SessionTimes {
  /** The session is not valid before this. */
  readonly validFrom: number;
  /** From here on, its data is due for a reload. */
  readonly dueAt: number;
  /** From here on, user activity moves its idle end; `Infinity` if that cannot move. */
  readonly extendAt: number;
  /** From here on, its data is too old to be used, even while the loader fails. */
  readonly staleUntil: number;
  /** From here on, it has expired (RFC 7519, section 4.1.4: `exp` itself counts as expired). */
  readonly endsAt: number;
}

export type Freshness = 'not-yet-valid' | 'fresh' | 'due' | 'expired';

/** The largest part that is subtracted from an interval, so that sessions created together do not reload together. */
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
    // With refresh tokens, the end of the session token is spread out instead.
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

/**
 * Returns when a token counts as issued: not before its data was loaded, and not before its user proved who they are.
 * Both may come from a node ahead of our clock.
 */
export function issueTimeOf(
  { lat, auth_time }: Pick<SessionClaims, 'lat' | 'auth_time'>,
  now: number,
): number {
  return Math.max(now, lat, auth_time);
}

/** Returns when a token becomes valid: nothing in it may lie ahead of our clock by more than the tolerance. */
export function validFrom(
  claims: Pick<TokenClaims, 'iat' | 'nbf'>,
  policy: ClockPolicy,
): number {
  return Math.max(claims.iat, claims.nbf ?? 0) - policy.toleranceSeconds;
}

/** Returns when a token ends. A lifetime shortened since it was issued applies as well. */
export function endOfToken(
  claims: Pick<TokenClaims, 'exp' | 'oiat' | 'abs'>,
  policy: ClockPolicy,
): number {
  return Math.min(claims.exp, absoluteEndOf(claims, policy));
}

/** Returns when a session token issued now ends. */
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

/** Returns when a session used now ends: after the idle time, but never past the absolute end. */
export function endOfSessionUsedAt(
  now: number,
  claims: Pick<TokenClaims, 'oiat' | 'idl' | 'abs'>,
  policy: ClockPolicy,
): number {
  const { idleSeconds } = lifetimeOf(claims, policy);
  return Math.min(now + idleSeconds, absoluteEndOf(claims, policy));
}

/** Returns the idle end in a session token; `undefined` if only the refresh token contains it. */
export function idleEndOf(
  claims: Pick<SessionClaims, 'exp' | 'rexp'>,
  policy: ClockPolicy,
): number | undefined {
  return policy.accessSeconds === undefined ? claims.exp : claims.rexp;
}

/** Returns the claims of a session token with the given idle end, if that is later than theirs. */
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
 * Returns when activity next moves the idle end: an interval after the last activity that moved it, unless the absolute
 * end holds it. If session tokens live longer than the interval, their lifetime counts: without passive requests the
 * end moves no more often either.
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

/** Returns the lifetime of a session: as configured, or shorter if `generate` requested that. */
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

/** Returns the longest time, in seconds, for which a token is used before it meets the store. */
export function longestWithoutStore({
  intervalSeconds,
  maxStaleSeconds,
  accessSeconds = 0,
  toleranceSeconds,
}: ClockPolicy): number {
  return (
    Math.max(intervalSeconds + maxStaleSeconds, accessSeconds) +
    toleranceSeconds
  );
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

/** Returns a number from 0 to 1 that every node derives from a session id in the same way (FNV-1a). */
export function fractionOf(sid: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < sid.length; i += 1) {
    hash = Math.imul(hash ^ sid.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}
