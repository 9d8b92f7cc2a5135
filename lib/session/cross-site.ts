import {
  isUnsafe,
  judgeCsrf,
  mustProveOrigin,
  type CsrfRefusal,
} from '../csrf/csrf-policy.js';
import type { CsrfTokens } from '../csrf/csrf-tokens.js';
import { REFUSALS, refusalError } from '../errors/refusal.js';
import type { ResolvedCsrfOptions } from '../options/resolved-options.js';
import type { Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { CarriedSessions } from './carried-sessions.js';
import type { SessionEvents } from './session-events.js';
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
  /** `undefined` where the application asks for it outside of a request. */
  readonly facts: RequestFacts | undefined;
  /** The transports that would write or clear tokens. */
  readonly carriers: readonly Transport[];
  /** What the application says of requests of other sites; only `true` lets them through. */
  readonly crossSite: unknown;
  /** Finds the sessions that CSRF tokens must belong to; `undefined` for a sign-in, which has none yet. */
  readonly carried?: CarriedSessions;
}

/**
 * Refuses a sign-in, refresh or sign-out that another site posts: it would put the user into the attacker's
 * session, or out of their own. All techniques that are on apply, the token only to sessions that the browser
 * sent along: whoever posts a token of their own knows its CSRF token too.
 *
 * @throws {SessionError} `CSRF_REFUSED`
 */
export async function refuseCrossSite(
  parts: CrossSiteParts,
  { facts, carriers, crossSite, carried }: SessionChange,
): Promise<void> {
  if (!facts || crossSite === true || !isUnsafe(facts)) {
    return;
  }
  const { transports, csrf, csrfTokens, events } = parts;
  const carrying = transports.carrying(facts);
  const mustProve = mustProveOrigin({
    writesAmbient: carriers.some(isAmbient),
    carriesAmbient: carrying.some(isAmbient),
    carriesProof: carrying.some((each) => each.provesOrigin?.(facts) === true),
  });
  if (!mustProve) {
    return;
  }
  const sessions =
    csrf.token && carried
      ? await carried.namedBy(transports.all.filter(isAmbient), facts)
      : [];
  const refusal = refusalOf(
    parts,
    facts,
    sessions.length > 0
      ? (token) => sessions.every(({ sid }) => csrfTokens.isOf(sid, token))
      : undefined,
  );
  if (refusal) {
    events.rejected(REFUSALS[refusal].code, refusal);
    throw refusalError(refusal);
  }
}

/**
 * Why a request with a session is forged: another site made the browser send what it sends on its own.
 *
 * @param isRead whether the session came that way; if not, the request may still carry something that does
 */
export function forgeryOf(
  parts: ForgeryParts,
  facts: RequestFacts,
  sid: string,
  isRead: boolean,
): CsrfRefusal | undefined {
  const { transports, csrfTokens } = parts;
  return transports.hasAmbient &&
    isUnsafe(facts) &&
    (isRead || transports.carrying(facts).some(isAmbient))
    ? refusalOf(parts, facts, (token) => csrfTokens.isOf(sid, token))
    : undefined;
}

export function isAmbient({ ambient }: Transport): boolean {
  return ambient !== false;
}

function refusalOf(
  { csrf, onForgery }: ForgeryParts,
  facts: RequestFacts,
  isOurToken: ((token: string) => boolean) | undefined,
): CsrfRefusal | undefined {
  const decision = judgeCsrf(facts, csrf, isOurToken);
  if (decision.allowed) {
    return undefined;
  }
  onForgery(facts, decision.reason);
  return decision.reason;
}
