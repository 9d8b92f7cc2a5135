import {
  isUnsafe,
  judgeCsrf,
  mustProveOrigin,
  type CsrfRefusal,
} from '../../csrf/csrf-policy.js';
import type { CsrfTokens } from '../../csrf/csrf-tokens.js';
import { REFUSALS, refusalError } from '../../errors/refusal.js';
import type { ResolvedCsrfOptions } from '../../options/resolved-options.js';
import type { Transport } from '../../ports/transport.js';
import type { RequestFacts } from '../../ports/request-facts.js';
import type { NamedSession } from '../../tokens/session-claims.js';
import type { CarriedSessions } from './carried-sessions.js';
import type { SessionEvents } from '../model/session-events.js';
import type { SessionTransports } from './session-transports.js';

/** What decides whether a request is forged. */
export interface ForgeryParts {
  readonly transports: SessionTransports;
  readonly csrf: ResolvedCsrfOptions;
  readonly csrfTokens: CsrfTokens;
  /** Receives every refusal, so that operators get an explanation. */
  readonly onForgery: (facts: RequestFacts, reason: CsrfRefusal) => void;
}

export interface CrossSiteParts extends ForgeryParts {
  readonly events: SessionEvents;
}

/** A sign-in, refresh or sign-out. */
export interface SessionChange {
  /** `undefined` if the application makes the change outside a request. */
  readonly facts: RequestFacts | undefined;
  /** The transports that would write or clear tokens. */
  readonly carriers: readonly Transport[];
  /** What the application states about requests of other sites; only `true` lets them through. */
  readonly crossSite: unknown;
}

/**
 * Refuses a sign-in posted by another site: it would put the user into the attacker's session. There is no session yet
 * that a CSRF token could belong to.
 *
 * @throws {SessionError} `CSRF_REFUSED`
 */
export function refuseCrossSiteSignIn(
  parts: CrossSiteParts,
  change: SessionChange,
): void {
  const facts = unprovenFacts(parts, change);
  if (facts) {
    refuseForged(parts, facts, []);
  }
}

/**
 * Refuses a refresh or sign-out posted by another site: it would sign the user out of their session. Every enabled
 * technique applies. The CSRF token is required only for sessions that the browser attached: a client that posts a
 * session token itself also knows its CSRF token.
 *
 * @param carried finds the sessions that CSRF tokens must belong to
 * @throws {SessionError} `CSRF_REFUSED`
 */
export async function refuseCrossSite(
  parts: CrossSiteParts,
  change: SessionChange,
  carried: CarriedSessions,
): Promise<void> {
  const facts = unprovenFacts(parts, change);
  if (facts) {
    const ambient = parts.transports.all.filter(isAmbient);
    const sessions = parts.csrf.token
      ? await carried.namedBy(ambient, facts)
      : [];
    refuseForged(parts, facts, sessions);
  }
}

/** Returns the facts of a request that must prove its origin. */
function unprovenFacts(
  { transports }: CrossSiteParts,
  { facts, carriers, crossSite }: SessionChange,
): RequestFacts | undefined {
  if (!facts || crossSite === true || !isUnsafe(facts)) {
    return undefined;
  }
  const carrying = transports.carrying(facts);
  const mustProve = mustProveOrigin({
    writesAmbient: carriers.some(isAmbient),
    carriesAmbient: carrying.some(isAmbient),
    carriesProof: carrying.some((each) => each.provesOrigin?.(facts) === true),
  });
  return mustProve ? facts : undefined;
}

function refuseForged(
  parts: CrossSiteParts,
  facts: RequestFacts,
  sessions: readonly NamedSession[],
): void {
  const { events } = parts;
  const sids = sessions.map(({ sid }) => sid);
  const refusal = refusalOf(parts, facts, sids);
  if (refusal) {
    events.rejected(REFUSALS[refusal].code, refusal);
    throw refusalError(refusal);
  }
}

/**
 * Returns why a request with a session is forged: another site made the browser send what it sends on its own.
 *
 * @param isRead whether the session came that way; if not, the request may still carry something that does
 */
export function forgeryOf(
  parts: ForgeryParts,
  facts: RequestFacts,
  sid: string,
  isRead: boolean,
): CsrfRefusal | undefined {
  const { transports } = parts;
  return transports.hasAmbient &&
    isUnsafe(facts) &&
    (isRead || transports.carrying(facts).some(isAmbient))
    ? refusalOf(parts, facts, [sid])
    : undefined;
}

/** Returns whether the requests of a route can be refused as forged: only those of unsafe methods. */
export function canBeForged(
  { transports, csrf }: Pick<ForgeryParts, 'transports' | 'csrf'>,
  method: string,
): boolean {
  return (
    transports.hasAmbient &&
    isUnsafe({ method, headers: {} }) &&
    (csrf.checksOrigin ||
      csrf.headerName !== undefined ||
      csrf.token !== undefined)
  );
}

export function isAmbient({ ambient }: Transport): boolean {
  return ambient !== false;
}

/** @param sids the sessions that a CSRF token must belong to; none if there is no session to prove */
function refusalOf(
  { csrf, csrfTokens, onForgery }: ForgeryParts,
  facts: RequestFacts,
  sids: readonly string[],
): CsrfRefusal | undefined {
  const decision = judgeCsrf(
    facts,
    csrf,
    sids.length > 0
      ? (token) => sids.every((sid) => csrfTokens.isOf(sid, token))
      : undefined,
  );
  if (decision.allowed) {
    return undefined;
  }
  onForgery(facts, decision.reason);
  return decision.reason;
}
