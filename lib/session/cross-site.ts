import {
  isUnsafe,
  judgeCsrf,
  judgeOrigin,
  mustProveOrigin,
} from '../csrf/csrf-policy.js';
import type { CsrfTokens } from '../csrf/csrf-tokens.js';
import { REFUSALS, refusalError, type Refusal } from '../errors/refusal.js';
import type {
  ResolvedCsrfOptions,
  ResolvedSessionJwtOptions,
} from '../options/resolved-options.js';
import type { Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { SessionEvents } from './session-events.js';
import type { SessionTransports } from './session-transports.js';

export interface CrossSiteParts {
  readonly transports: SessionTransports;
  readonly csrf: ResolvedCsrfOptions;
  readonly events: SessionEvents;
}

/**
 * Refuses a sign-in, refresh or sign-out that another site posts: it would put the user into the attacker's
 * session, or out of their own.
 *
 * @param carriers the transports that would write tokens
 * @throws {SessionError} `CSRF_REFUSED`
 */
export function refuseCrossSite(
  { transports, csrf, events }: CrossSiteParts,
  facts: RequestFacts | undefined,
  carriers: readonly Transport[],
  crossSite: unknown,
): void {
  if (!facts || crossSite === true || !isUnsafe(facts)) {
    return;
  }
  const carrying = transports.carrying(facts);
  const mustProve = mustProveOrigin({
    writesAmbient: carriers.some(isAmbient),
    carriesAmbient: carrying.some(isAmbient),
    carriesToken: carrying.length > 0,
  });
  if (!mustProve) {
    return;
  }
  const decision = judgeOrigin(facts, csrf);
  if (!decision.allowed) {
    events.rejected(REFUSALS[decision.reason].code, decision.reason);
    throw refusalError(decision.reason);
  }
}

/** Whether another site made the browser send a request that carries a session by itself. */
export function forgeryOf(
  {
    options,
    csrfTokens,
  }: {
    readonly options: ResolvedSessionJwtOptions;
    readonly csrfTokens: CsrfTokens;
  },
  facts: RequestFacts,
  sid: string,
): Refusal | undefined {
  if (!isUnsafe(facts)) {
    return undefined;
  }
  const decision = judgeCsrf(facts, options.csrf, (token) =>
    csrfTokens.isOf(sid, token),
  );
  return decision.allowed ? undefined : decision.reason;
}

export function isAmbient({ ambient }: Transport): boolean {
  return ambient !== false;
}
