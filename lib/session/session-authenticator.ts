import type { SessionClock } from '../clock.js';
import type { CsrfTokens } from '../csrf/csrf-tokens.js';
import { REFUSALS, type Refusal } from '../errors/refusal.js';
import type { SessionError } from '../errors/session-error.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { AMBIGUOUS_TOKEN } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import { forgeryOf } from './cross-site.js';
import { findRefreshToken } from './find-refresh-token.js';
import type { SessionEvents } from './session-events.js';
import type { SessionMemory } from './session-memory.js';
import {
  keysUnavailable,
  reported,
  unavailable,
  type SessionOutcome,
} from './session-outcome.js';
import { required, type SessionRecords } from './session-records.js';
import type { SessionReload } from './session-reload.js';
import type { SessionRenewal } from './session-renewal.js';
import { refusalOf, stalenessOf } from './session-standing.js';
import type { SessionTransports } from './session-transports.js';
import type { TokenVerifier } from './token-verifier.js';
import type { VerifiedSession } from './verified-session.js';

const ANONYMOUS: SessionOutcome = { kind: 'anonymous' };

export interface SessionAuthenticatorParts {
  readonly transports: SessionTransports;
  readonly csrfTokens: CsrfTokens;
  readonly verifier: TokenVerifier;
  /** `undefined` where nothing is loaded or issued. */
  readonly reload: SessionReload | undefined;
  /** `undefined` where there are no refresh tokens. */
  readonly renewal: SessionRenewal | undefined;
  /** `undefined` where there is no store. */
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  readonly events: SessionEvents;
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
      ? this.#refuse('unknown-key')
      : renewed;
  }

  #judge(
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): SessionOutcome | 'unknown-key' | Promise<SessionOutcome> {
    const now = this.#parts.clock.nowSeconds();
    let session: VerifiedSession | undefined;
    let isAmbient = false;
    for (const transport of this.#parts.transports.all) {
      const token = transport.read(facts);
      if (token === undefined) {
        continue;
      }
      if (typeof token !== 'string') {
        return this.#refuse(
          token === AMBIGUOUS_TOKEN ? 'ambiguous' : 'malformed',
        );
      }
      const verified = this.#parts.verifier.verify(token);
      if (typeof verified === 'string') {
        return verified === 'unknown-key' ? verified : this.#refuse(verified);
      }
      if (session && session.claims.sid !== verified.claims.sid) {
        return this.#refuse('conflict');
      }
      session ??= verified;
      isAmbient ||= transport.ambient !== false;
    }
    if (this.#parts.renewal && !(session && now < session.endsAt)) {
      return this.#renew(session, facts, canDeliver, asksStore);
    }
    if (!session) {
      return ANONYMOUS;
    }
    return this.judgeSession(session, isAmbient, facts, canDeliver, asksStore);
  }

  /**
   * Judges a session whose token is good, and exchanges no refresh token for it.
   *
   * @param isAmbient whether another site may have made the browser send it
   */
  judgeSession(
    session: VerifiedSession,
    isAmbient: boolean,
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): SessionOutcome | Promise<SessionOutcome> {
    const now = this.#parts.clock.nowSeconds();
    const refusal =
      refusalOf(session, this.#parts.memory, now) ??
      (isAmbient
        ? forgeryOf(this.#parts, facts, session.claims.sid)
        : undefined);
    if (refusal) {
      return this.#refuse(refusal);
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
        : this.#refuse(end ?? 'unknown');
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
      return staleness ? this.#refuse(staleness) : session;
    }
    if (this.#parts.reload.isCurrent(session, now)) {
      return session;
    }
    const carriers = canDeliver
      ? this.#parts.transports.carriersOf(facts)
      : undefined;
    return reported(
      this.#parts.reload.renew(session, carriers, now),
      this.#parts.events,
    );
  }

  /** The session token has expired or is gone: its refresh token may bring a new one. */
  #renew(
    expired: VerifiedSession | undefined,
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): SessionOutcome | 'unknown-key' | Promise<SessionOutcome> {
    const renewal = this.#parts.renewal!;
    const found = canDeliver
      ? findRefreshToken(
          this.#parts.transports.all,
          facts,
          (token) => renewal.verify(token),
          expired?.claims.sid,
        )
      : undefined;
    if (!found) {
      return expired ? this.#refuse('refresh-due') : ANONYMOUS;
    }
    if (typeof found === 'string') {
      return found === 'unknown-key' ? found : this.#refuse(found);
    }
    const { claims, isAmbient } = found;
    if (asksStore) required(this.#parts.records);
    const forgery = isAmbient
      ? forgeryOf(this.#parts, facts, claims.sid)
      : undefined;
    return forgery
      ? this.#refuse(forgery)
      : renewal
          .renew(claims, this.#parts.transports.carriersOf(facts))
          .then((renewed) =>
            reported(
              this.#parts.transports.outcomeOf(renewed),
              this.#parts.events,
            ),
          );
  }

  #refuse(refusal: Refusal): SessionOutcome {
    this.#parts.events.rejected(REFUSALS[refusal].code, refusal);
    return this.#parts.transports.rejected(refusal);
  }
}
