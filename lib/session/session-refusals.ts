import {
  hasSkippedRefresh,
  isPageOfOtherSite,
} from '../binding/binding-headers.js';
import { REFUSALS, type Refusal } from '../errors/refusal.js';
import type { Transport } from '../ports/transport.js';
import type { RequestFacts } from '../ports/request-facts.js';
import type { NamedSession } from '../tokens/session-claims.js';
import type { CarriedSessions } from './request/carried-sessions.js';
import { clearedByConflict } from './request/conflict-carriers.js';
import type { SessionEvents } from './model/session-events.js';
import {
  proofUnavailable,
  unavailable,
  type SessionOutcome,
} from './model/session-outcome.js';
import { isUnproven, type RefreshResult } from './model/refresh-result.js';
import type { SessionTransports } from './request/session-transports.js';
import type { VerifiedSession } from './model/verified-session.js';

export interface SessionRefusalsParts {
  readonly transports: SessionTransports;
  readonly carried: CarriedSessions;
  readonly events: SessionEvents;
}

type Rejected = Extract<SessionOutcome, { kind: 'rejected' }>;

/** Refuses requests: reports why, and clears the tokens of the transports that carried what is refused. */
export class SessionRefusals {
  readonly #parts: SessionRefusalsParts;

  constructor(parts: SessionRefusalsParts) {
    this.#parts = parts;
  }

  /**
   * Refuses tokens.
   *
   * @param carriers the transports that carried them: no other one loses its tokens
   */
  ofTokens(
    refusal: Refusal,
    facts: RequestFacts | undefined,
    carriers: readonly Transport[],
  ): Rejected {
    this.#parts.events.rejected(REFUSALS[refusal].code, refusal);
    return this.#parts.transports.rejected(refusal, facts, carriers);
  }

  /** Refuses a session that a request carries, and with it every token that names it. */
  ofSession(
    refusal: Refusal,
    facts: RequestFacts,
    session: VerifiedSession,
  ): Rejected {
    const carriers = REFUSALS[refusal].clears
      ? this.carriersOf(session, facts)
      : [];
    return this.ofTokens(refusal, facts, carriers);
  }

  /** Refuses a request in which another transport names another session. */
  ofConflict(
    facts: RequestFacts,
    session: VerifiedSession,
    other: Transport,
  ): Rejected {
    const carriers = this.carriersOf(session, facts);
    return this.ofTokens('conflict', facts, clearedByConflict(carriers, other));
  }

  /** Returns the transports that carry tokens of a session of this request. */
  carriersOf(
    { claims }: VerifiedSession,
    facts: RequestFacts,
  ): readonly Transport[] {
    const { transports, carried } = this.#parts;
    // A single transport must have carried it, which is cheaper to know.
    return transports.all.length === 1
      ? transports.all
      : carried.carriersOf(facts, claims.sid);
  }

  /** Applies the outcome of a reload to the request that needed it. */
  afterReload(
    outcome: SessionOutcome | Promise<SessionOutcome>,
    facts: RequestFacts,
    session: VerifiedSession,
  ): SessionOutcome | Promise<SessionOutcome> {
    if (outcome instanceof Promise) {
      return outcome.then((settled) =>
        this.afterReload(settled, facts, session),
      );
    }
    return outcome.kind === 'rejected'
      ? this.ofSession(outcome.refusal, facts, session)
      : outcome;
  }

  /**
   * Applies the result of an exchange to the request that needed it.
   *
   * @param session the session that the refresh token names
   * @param carriers the transports that carried it
   */
  ofRefresh(
    result: RefreshResult,
    facts: RequestFacts,
    session: NamedSession,
    carriers: readonly Transport[],
  ): SessionOutcome {
    const judged = this.unproven(result, facts, session);
    switch (judged.kind) {
      case 'signed':
        return judged.signed.session;
      case 'failed':
        return unavailable(judged.error);
      case 'rejected': {
        const rejected = this.ofTokens(judged.refusal, facts, carriers);
        return isUnproven(judged) && isPageOfOtherSite(facts)
          ? { ...rejected, dispatch: this.#parts.transports.loadingAgain() }
          : rejected;
      }
    }
  }

  /**
   * Returns the result of a refresh that only the browser itself can make, since the session is bound. A browser that
   * could not refresh says so, and will try again: that is an outage. A page opened by another site has not tried yet,
   * and does so when it is loaded again. Anything else was sent without the device.
   */
  unproven(
    result: RefreshResult,
    facts: RequestFacts | undefined,
    session: NamedSession,
  ): RefreshResult {
    if (!isUnproven(result)) {
      return result;
    }
    if (facts && hasSkippedRefresh(facts)) {
      return { kind: 'failed', error: proofUnavailable() };
    }
    if (!facts || !isPageOfOtherSite(facts)) {
      const event = { type: 'boundRefused', reason: 'no-proof' } as const;
      this.#parts.events.ofSession(session, event);
    }
    return result;
  }
}
