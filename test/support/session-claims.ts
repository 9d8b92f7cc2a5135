import { randomBytes } from 'node:crypto';
import type { ClockPolicy } from '../../lib/session/model/freshness.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';

/** 2030-01-01T00:00:00Z, where the clock of tests stands at first. */
export const NOW = 1_893_456_000;

export const MINUTE = 60;
export const HOUR = 3_600;
export const DAY = 86_400;

/** The clocks of the module's defaults. */
export const POLICY: ClockPolicy = {
  intervalSeconds: 15 * MINUTE,
  idleSeconds: 7 * DAY,
  absoluteSeconds: 30 * DAY,
  maxStaleSeconds: 15 * MINUTE,
  toleranceSeconds: 5,
  accessSeconds: undefined,
};

export function newSessionId(): string {
  return randomBytes(32).toString('base64url');
}

/** Claims of a session that begins at {@link NOW}. */
export function claimsOf(
  overrides: Partial<SessionClaims> = {},
): SessionClaims {
  return {
    v: 1,
    iss: 'nestjs-session-jwt',
    aud: 'nestjs-session-jwt',
    sub: 'ada',
    sid: newSessionId(),
    jti: randomBytes(16).toString('base64url'),
    iat: NOW,
    exp: NOW + POLICY.idleSeconds,
    oiat: NOW,
    auth_time: NOW,
    lat: NOW,
    params: 'ada',
    data: { id: 'ada' },
    attrs: {},
    rev: 0,
    ...overrides,
  };
}

/** The claims that a token holds, unchecked. */
export function claimsIn(token: string | undefined): SessionClaims {
  return segmentOf(token, 1) as SessionClaims;
}

/** The header of a token, unchecked. */
export function headerIn(token: string | undefined): unknown {
  return segmentOf(token, 0);
}

function segmentOf(token: string | undefined, index: number): unknown {
  const segment = token?.split('.')[index];
  if (!segment) {
    throw new TypeError('not a token');
  }
  return JSON.parse(Buffer.from(segment, 'base64url').toString());
}
