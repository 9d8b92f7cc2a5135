import type { SessionClock } from '../clock.js';
import type { SessionError } from '../errors/session-error.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import { forgeryOf, isAmbient, type ForgeryParts } from './cross-site.js';
import { findRefreshToken } from './find-refresh-token.js';
import type { SessionMemory } from './session-memory.js';
import {
  keysUnavailable,
  unavailable,
  type SessionOutcome,
} from './session-outcome.js';
import { required, type SessionRecords } from './session-records.js';
import type { SessionRefusals } from './session-refusals.js';
import type { SessionReload } from './session-reload.js';
import type { SessionRenewal } from './session-renewal.js';
import { refusalOf, stalenessOf } from './session-standing.js';
import type { TokenVerifier } from './token-verifier.js';
import type { VerifiedSession } from './verified-session.js';

const ANONYMOUS: SessionOutcome = { kind: 'anonymous' };

export interface SessionAuthenticatorParts extends ForgeryParts {
  readonly refusals: SessionRefusals;
  readonly verifier: TokenVerifier;
  /** `undefined` where nothing is loaded or issued. */
  readonly reload: SessionReload | undefined;
  /** `undefined` where there are no refresh tokens. */
  readonly renewal: SessionRenewal | undefined;
  /** `undefined` where there is no store. */
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  readonly clock: SessionClock;
  readonly options: ResolvedSessionJwtOptions;
}

/** Answers one question: is there a session in this request? */
export class SessionAuthenticator {
  readonly #parts: SessionAuthenticatorParts;

  constructor(parts: SessionAuthenticatorParts) {
    this.#parts = parts;
  }

  /**
   * Without a promise or I/O for a fresh token that was seen before, unless the store is asked.
   *
   * @param canDeliver whether a re-issued token would reach the client; without that nothing is re-issued
   * @param asksStore whether the store is asked if the session is still alive
   */
  authenticate(
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore = false,
  ): SessionOutcome | Promise<SessionOutcome> {
    const waiting = this.#parts.verifier.ready();
    if (waiting) {
      return waiting.then(() =>
        this.authenticate(facts, canDeliver, asksStore),
      );
    }
    const outcome = this.#judge(facts, canDeliver, asksStore);
    return outcome === 'unknown-key'
      ? this.#judgeAgain(facts, canDeliver, asksStore)
      : outcome;
  }

  /** A token names a key that is not known here: it may have been added meanwhile. */
  async #judgeAgain(
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): Promise<SessionOutcome> {
    const learning = this.#parts.verifier.learn();
    const outcome = learning
      ? await learning.then(() => this.#judge(facts, canDeliver, asksStore))
      : 'unknown-key';
    if (outcome !== 'unknown-key') {
      return outcome;
    }
    if (this.#parts.verifier.hasNoKeys) {
      return unavailable(keysUnavailable());
    }
    // A key that was removed must not keep anybody out who has a good refresh token.
    const renewed = this.#parts.renewal
      ? await this.#renew(undefined, facts, canDeliver, asksStore)
      : ANONYMOUS;
    return renewed === 'unknown-key' || renewed.kind === 'anonymous'
      ? this.#parts.refusals.ofTokens('unknown-key', facts, [])
      : renewed;
  }

  #judge(
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): SessionOutcome | 'unknown-key' | Promise<SessionOutcome> {
    const now = this.#parts.clock.nowSeconds();
    const { refusals } = this.#parts;
    let session: VerifiedSession | undefined;
    let carrier: Transport | undefined;
    let isRead = false;
    for (const transport of this.#parts.transports.all) {
      const token = transport.read(facts);
      if (token === undefined) {
        continue;
      }
      if (typeof token !== 'string') {
        return refusals.ofTokens(
          token === AMBIGUOUS_TOKEN ? 'ambiguous' : 'malformed',
          facts,
          [transport],
        );
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
    if (this.#parts.renewal && !(session && now < session.endsAt)) {
      return this.#renew(session, facts, canDeliver, asksStore);
    }
    if (!session) {
      return ANONYMOUS;
    }
    // Another transport may carry a younger token of the same session.
    return now < session.endsAt
      ? this.judgeSession(session, isRead, facts, canDeliver, asksStore)
      : refusals.ofTokens('expired', facts, [carrier!]);
  }

  /**
   * Judges a session whose token is good, and exchanges no refresh token for it.
   *
   * @param isRead whether a browser may have sent it by itself; `undefined` where who sent the request is known
   */
  judgeSession(
    session: VerifiedSession,
    isRead: boolean | undefined,
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): SessionOutcome | Promise<SessionOutcome> {
    const now = this.#parts.clock.nowSeconds();
    const refusal =
      refusalOf(session, this.#parts.memory, now) ??
      (isRead === undefined
        ? undefined
        : forgeryOf(this.#parts, facts, session.claims.sid, isRead));
    if (refusal) {
      return this.#parts.refusals.ofSession(refusal, facts, session);
    }
    return asksStore || this.#parts.options.store?.isAlwaysAsked
      ? this.#confirm(session, facts, canDeliver)
      : this.#upToDate(session, facts, canDeliver, now);
  }

  /** A session as the store has it now, if it has not ended there. */
  async #confirm(
    session: VerifiedSession,
    facts: RequestFacts,
    canDeliver: boolean,
  ): Promise<SessionOutcome> {
    const records = required(this.#parts.records);
    const { sid } = session.claims;
    try {
      const current = await records.current(session);
      const end = this.#parts.memory.endOf(sid);
      const now = this.#parts.clock.nowSeconds();
      return current && !end
        ? await this.#upToDate(current, facts, canDeliver, now)
        : this.#parts.refusals.ofSession(end ?? 'unknown', facts, session);
    } catch (error) {
      return unavailable(error as SessionError);
    }
  }

  /** Brings a session up to date that is due, and hands out what is newer than its token. */
  #upToDate(
    session: VerifiedSession,
    facts: RequestFacts,
    canDeliver: boolean,
    now: number,
  ): SessionOutcome | Promise<SessionOutcome> {
    if (!this.#parts.reload) {
      const staleness = stalenessOf(session, now);
      return staleness
        ? this.#parts.refusals.ofSession(staleness, facts, session)
        : session;
    }
    if (this.#parts.reload.isCurrent(session, now)) {
      return session;
    }
    const carriers = canDeliver
      ? this.#parts.transports.bringersOf(facts)
      : undefined;
    const outcome = this.#parts.reload.renew(session, carriers, now);
    return this.#parts.refusals.afterReload(outcome, facts, session);
  }

  /** The session token has expired or is gone: its refresh token may bring a new one. */
  #renew(
    expired: VerifiedSession | undefined,
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): SessionOutcome | 'unknown-key' | Promise<SessionOutcome> {
    const { refusals } = this.#parts;
    const renewal = this.#parts.renewal!;
    const found = canDeliver
      ? findRefreshToken(
          this.#parts.transports.all,
          facts,
          (token) => renewal.verify(token),
          expired && {
            sid: expired.claims.sid,
            carriers: () => refusals.carriersOf(expired, facts),
          },
        )
      : undefined;
    if (!found) {
      return expired
        ? refusals.ofSession('refresh-due', facts, expired)
        : ANONYMOUS;
    }
    const { carriers } = found;
    if ('refusal' in found) {
      return found.refusal === 'unknown-key'
        ? found.refusal
        : refusals.ofTokens(found.refusal, facts, carriers);
    }
    const { claims } = found;
    if (asksStore) required(this.#parts.records);
    const forgery = forgeryOf(this.#parts, facts, claims.sid, found.isAmbient);
    return forgery
      ? refusals.ofTokens(forgery, facts, carriers)
      : renewal
          .renew(claims, this.#parts.transports.carriersOf(facts))
          .then((renewed) => refusals.afterRenewal(renewed, facts, carriers));
  }
}
