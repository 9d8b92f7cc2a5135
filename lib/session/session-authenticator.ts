import type { SessionClock } from '../ports/clock.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../ports/transport.js';
import type { RequestFacts } from '../ports/request-facts.js';
import {
  forgeryOf,
  isAmbient,
  type ForgeryParts,
} from './request/cross-site.js';
import type { FirstUses } from './records/first-uses.js';
import type { GuardRefresh } from './guard-refresh.js';
import type { Handling } from './model/handling.js';
import type { SessionMeasures } from './model/session-measures.js';
import type { SessionMemory } from './model/session-memory.js';
import {
  keysUnavailable,
  unavailable,
  type SessionOutcome,
} from './model/session-outcome.js';
import { required } from './records/required-records.js';
import type { SessionRecords } from './records/session-records.js';
import type { SessionRefusals } from './session-refusals.js';
import type { SessionReload } from './loading/session-reload.js';
import { bothReady, trustedHandling } from './session-trust.js';
import { lagError } from './revocations/revocation-standing.js';
import type { SessionRevocations } from './revocations/session-revocations.js';
import { refusalOf, stalenessOf } from './model/session-standing.js';
import type { TokenVerifier } from './tokens/token-verifier.js';
import type { VerifiedSession } from './model/verified-session.js';

const ANONYMOUS: SessionOutcome = { kind: 'anonymous' };

export interface SessionAuthenticatorParts extends ForgeryParts {
  readonly refusals: SessionRefusals;
  readonly verifier: TokenVerifier;
  /** `undefined` if nothing is loaded or issued. */
  readonly reload: SessionReload | undefined;
  /** `undefined` without refresh tokens. */
  readonly refresh: GuardRefresh | undefined;
  /** `undefined` without a store. */
  readonly records: SessionRecords | undefined;
  readonly uses: FirstUses;
  readonly measures: SessionMeasures;
  readonly memory: SessionMemory;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
  readonly clock: SessionClock;
}

/** Answers one question: is there a session in this request? */
export class SessionAuthenticator {
  readonly #parts: SessionAuthenticatorParts;

  constructor(parts: SessionAuthenticatorParts) {
    this.#parts = parts;
  }

  /**
   * Finds the session of a request. Needs no promise and no I/O for a cached, fresh token, unless the store is queried.
   */
  authenticate(
    facts: RequestFacts,
    handling: Handling,
  ): SessionOutcome | Promise<SessionOutcome> {
    const { verifier, revocations } = this.#parts;
    const waiting = bothReady(verifier.ready(), revocations?.ready());
    return waiting
      ? waiting.then(() => this.#evaluated(facts, handling))
      : this.#evaluated(facts, handling);
  }

  #evaluated(
    facts: RequestFacts,
    handling: Handling,
  ): SessionOutcome | Promise<SessionOutcome> {
    let outcome = this.#evaluate(facts, handling);
    if (outcome === 'unknown-key')
      outcome = this.#evaluateAgain(facts, handling);
    return this.#parts.measures.counted(outcome);
  }

  /** Looks for an unknown key that a token names: it may have been added meanwhile. */
  async #evaluateAgain(
    facts: RequestFacts,
    handling: Handling,
  ): Promise<SessionOutcome> {
    const learning = this.#parts.verifier.learn();
    const outcome = learning
      ? await learning.then(() => this.#evaluate(facts, handling))
      : 'unknown-key';
    if (outcome !== 'unknown-key') {
      return outcome;
    }
    if (this.#parts.verifier.hasNoKeys) {
      return unavailable(keysUnavailable());
    }
    // A removed key must not lock out clients with a valid refresh token.
    const refreshed = await this.#parts.refresh?.due(
      undefined,
      facts,
      handling,
    );
    return !refreshed || refreshed === 'unknown-key'
      ? this.#parts.refusals.ofTokens('unknown-key', facts, [])
      : refreshed;
  }

  #evaluate(
    facts: RequestFacts,
    handling: Handling,
  ): SessionOutcome | 'unknown-key' | Promise<SessionOutcome> {
    const now = this.#parts.clock.nowSeconds();
    const { refusals, refresh } = this.#parts;
    let session: VerifiedSession | undefined;
    let carrier: Transport | undefined;
    let isRead = false;
    for (const transport of this.#parts.transports.all) {
      const token = transport.read(facts);
      if (token === undefined) {
        continue;
      }
      if (typeof token !== 'string') {
        const refusal = token === AMBIGUOUS_TOKEN ? 'ambiguous' : 'malformed';
        return refusals.ofTokens(refusal, facts, [transport]);
      }
      const verified = this.#parts.verifier.verify(token);
      if (typeof verified === 'string') {
        return verified === 'unknown-key'
          ? verified
          : refusals.ofTokens(verified, facts, [transport]);
      }
      if (session && session.claims.sid !== verified.claims.sid) {
        return refusals.ofConflict(facts, session, transport);
      }
      session ??= verified;
      carrier ??= transport;
      isRead ||= isAmbient(transport);
    }
    if (refresh && !(session && now < session.endsAt)) {
      return refresh.due(session, facts, handling) ?? ANONYMOUS;
    }
    if (!session) {
      return ANONYMOUS;
    }
    // Another transport may carry a newer token of the same session.
    return now < session.endsAt
      ? this.evaluateSession(session, isRead, facts, handling)
      : refusals.ofTokens('expired', facts, [carrier!]);
  }

  /**
   * Checks a session whose token is valid.
   *
   * @param isRead whether a browser may have sent it on its own; `undefined` if the sender of the request is known
   */
  evaluateSession(
    session: VerifiedSession,
    isRead: boolean | undefined,
    facts: RequestFacts,
    handling: Handling,
  ): SessionOutcome | Promise<SessionOutcome> {
    const { memory, refusals, refresh, clock, revocations } = this.#parts;
    const now = clock.nowSeconds();
    const refusal =
      refusalOf(session, memory, now) ??
      (isRead === undefined
        ? undefined
        : forgeryOf(this.#parts, facts, session.claims.sid, isRead));
    if (refusal) {
      return refusals.ofSession(refusal, facts, session);
    }
    const trusted = trustedHandling(handling, session.claims, revocations);
    if (typeof trusted === 'string') {
      return trusted === 'stale'
        ? refusals.ofSession(trusted, facts, session)
        : unavailable(lagError());
    }
    if (!trusted.asksStore) {
      this.#parts.uses.note(session.claims);
    }
    const early = refresh?.early(session, facts, trusted, now);
    return early
      ? this.#refreshed(early, session, facts, trusted)
      : this.#checked(session, facts, trusted, now);
  }

  /** Continues with the token that the session has, if an early exchange returns nothing. */
  async #refreshed(
    early: Promise<SessionOutcome | undefined>,
    session: VerifiedSession,
    facts: RequestFacts,
    handling: Handling,
  ): Promise<SessionOutcome> {
    const outcome = await early;
    const now = this.#parts.clock.nowSeconds();
    return outcome ?? this.#checked(session, facts, handling, now);
  }

  #checked(
    session: VerifiedSession,
    facts: RequestFacts,
    handling: Handling,
    now: number,
  ): SessionOutcome | Promise<SessionOutcome> {
    return handling.asksStore
      ? this.#confirm(session, facts, handling)
      : this.#upToDate(session, facts, handling, now);
  }

  /** Continues with the session as the store has it now, unless it has ended there. */
  async #confirm(
    session: VerifiedSession,
    facts: RequestFacts,
    handling: Handling,
  ): Promise<SessionOutcome> {
    const records = required(this.#parts.records);
    try {
      const current = await records.current(session, handling.isPassive);
      const end = this.#parts.memory.endOf(session.claims);
      const now = this.#parts.clock.nowSeconds();
      if (current) this.#parts.revocations?.noteConfirmed(session.claims.sid);
      return current && !end
        ? await this.#upToDate(current, facts, handling, now)
        : this.#parts.refusals.ofSession(end ?? 'unknown', facts, session);
    } catch (error) {
      return unavailable(error);
    }
  }

  /** Reloads a session that is due, and delivers what is newer than its token. */
  #upToDate(
    session: VerifiedSession,
    facts: RequestFacts,
    { canDeliver, isPassive }: Handling,
    now: number,
  ): SessionOutcome | Promise<SessionOutcome> {
    const { reload, refusals, transports } = this.#parts;
    if (!reload) {
      const staleness = stalenessOf(session, now);
      return staleness
        ? refusals.ofSession(staleness, facts, session)
        : session;
    }
    if (reload.isCurrent(session, now, isPassive)) {
      return session;
    }
    const carriers = canDeliver ? transports.bringersOf(facts) : undefined;
    const outcome = reload.bringUpToDate(session, carriers, now, isPassive);
    return refusals.afterReload(outcome, facts, session);
  }
}
