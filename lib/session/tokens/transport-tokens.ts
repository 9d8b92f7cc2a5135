import type { CsrfTokens } from '../../csrf/csrf-tokens.js';
import { SessionError } from '../../errors/session-error.js';
import type { Delivery, TransportTokens } from '../../ports/transport.js';
import type {
  RefreshClaims,
  SessionClaims,
} from '../../tokens/session-claims.js';
import { endOfToken, type ClockPolicy } from '../model/freshness.js';

/** The most that browsers store of one cookie: name, value and attributes (RFC 6265bis, section 5.6). */
const MAXIMUM_COOKIE_BYTES = 4096;

/**
 * How much earlier the cookie of a bound session ends than its token, at most: requests in flight must not meet the end
 * of the token. Also the largest part of its lifetime.
 */
const BOUND_LEAD_SECONDS = 10;
const BOUND_LEAD = 0.1;

/** Signed tokens and their claims. */
export interface TokensToSend {
  readonly claims: SessionClaims;
  readonly token: string;
  readonly refresh: RefreshClaims | undefined;
  readonly refreshToken: string | undefined;
}

/**
 * Returns tokens as transports send them.
 *
 * @param csrf set if a cookie delivers a CSRF token that must end with the session
 */
export function transportTokens(
  { claims, token, refresh, refreshToken }: TokensToSend,
  csrf: CsrfTokens | undefined,
  policy: ClockPolicy,
  now: number,
): TransportTokens {
  const isBound = claims.cnf !== undefined;
  const left = endOfToken(claims, policy) - now;
  return {
    sessionToken: token,
    maxAgeSeconds: isBound ? Math.max(1, left - leadOf(policy)) : left,
    persistent: claims.per !== false,
    ...(isBound && { isBound }),
    ...(refresh &&
      refreshToken !== undefined && {
        refresh: {
          token: refreshToken,
          maxAgeSeconds: endOfToken(refresh, policy) - now,
        },
      }),
    ...(csrf && {
      csrf: {
        token: csrf.issue(claims.sid),
        maxAgeSeconds: endOfToken(refresh ?? claims, policy) - now,
      },
    }),
  };
}

function leadOf({ accessSeconds = 0 }: ClockPolicy): number {
  return Math.min(BOUND_LEAD_SECONDS, Math.floor(accessSeconds * BOUND_LEAD));
}

/** @throws {SessionError} `SESSION_TOO_LARGE` for a cookie that no browser keeps */
export function refuseLargeCookies(deliveries: readonly Delivery[]): void {
  for (const delivery of deliveries) {
    const bytes =
      delivery.kind === 'cookie' ? Buffer.byteLength(delivery.line) : 0;
    if (bytes > MAXIMUM_COOKIE_BYTES) {
      throw new SessionError(
        'SESSION_TOO_LARGE',
        `the cookie ${delivery.name} has ${bytes} bytes, but browsers keep at most ${MAXIMUM_COOKIE_BYTES}`,
      );
    }
  }
}
