import type { SessionClock } from '../clock.js';
import type { CsrfTokens } from '../csrf/csrf-tokens.js';
import type { SessionError } from '../errors/session-error.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { AMBIGUOUS_TOKEN } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import { forgeryOf } from './cross-site.js';
import type { GuardRefresh } from './guard-refresh.js';
import { handlingOf, type Handling } from './handling.js';
import { refused, reported } from './outcome-reports.js';
import type { SessionEvents } from './session-events.js';
import type { SessionMemory } from './session-memory.js';
import {
  keysUnavailable,
  storeRequired,
  unavailable,
  type SessionOutcome,
} from './session-outcome.js';
import type { SessionRecords } from './session-records.js';
import type { SessionReload } from './session-reload.js';
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
  readonly refresh: GuardRefresh | undefined;
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
   * @param isPassive whether the request is no activity of the user, so that it moves no idle end
   */
  authenticate(
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore = false,
    isPassive = false,
  ): SessionOutcome | Promise<SessionOutcome> {
    const handling = handlingOf(canDeliver, asksStore, isPassive);
    const waiting = this.#parts.verifier.ready();
    return waiting
      ? waiting.then(() => this.#judged(facts, handling))
      : this.#judged(facts, handling);
  }

  #judged(
    facts: RequestFacts,
    handling: Handling,
  ): SessionOutcome | Promise<SessionOutcome> {
    const outcome = this.#judge(facts, handling);
    return outcome === 'unknown-key'
      ? this.#judgeAgain(facts, handling)
      : outcome;
  }

  /** A token names a key that is not known here: it may have been added meanwhile. */
  async #judgeAgain(
    facts: RequestFacts,
    handling: Handling,
  ): Promise<SessionOutcome> {
    const learning = this.#parts.verifier.learn();
    const outcome = learning
      ? await learning.then(() => this.#judge(facts, handling))
      : 'unknown-key';
    if (outcome !== 'unknown-key') {
      return outcome;
    }
    if (this.#parts.verifier.hasNoKeys) {
      return unavailable(keysUnavailable());
    }
    // A key that was removed must not keep anybody out who has a good refresh token.
    const renewed = await this.#parts.refresh?.due(undefined, facts, handling);
    return !renewed || renewed === 'unknown-key'
      ? refused(this.#parts, 'unknown-key')
      : renewed;
  }

  #judge(
    facts: RequestFacts,
    handling: Handling,
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
        return refused(
          this.#parts,
          token === AMBIGUOUS_TOKEN ? 'ambiguous' : 'malformed',
        );
      }
      const verified = this.#parts.verifier.verify(token);
      if (typeof verified === 'string') {
        return verified === 'unknown-key'
          ? verified
          : refused(this.#parts, verified);
      }
      if (session && session.claims.sid !== verified.claims.sid) {
        return refused(this.#parts, 'conflict');
      }
      session ??= verified;
      isAmbient ||= transport.ambient !== false;
    }
    const { refresh } = this.#parts;
    if (refresh && !(session && now < session.endsAt)) {
      return refresh.due(session, facts, handling) ?? ANONYMOUS;
    }
    if (!session) {
      return ANONYMOUS;
    }
    const refusal =
      refusalOf(session, this.#parts.memory, now) ??
      (isAmbient
        ? forgeryOf(this.#parts, facts, session.claims.sid)
        : undefined);
    if (refusal) {
      return refused(this.#parts, refusal);
    }
    const early = refresh?.early(session, facts, handling, now);
    return early
      ? this.#refreshed(early, session, facts, handling)
      : this.#checked(session, facts, handling, now);
  }

  /** Where an early exchange brings nothing, the session goes on with the token that it has. */
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
    return handling.asksStore || this.#parts.options.store?.isAlwaysAsked
      ? this.confirm(session, facts, handling)
      : this.#upToDate(session, facts, handling, now);
  }

  /** A session as the store has it now, if it has not ended there. */
  async confirm(
    session: VerifiedSession,
    facts: RequestFacts,
    handling: Handling,
  ): Promise<SessionOutcome> {
    const { records } = this.#parts;
    if (!records) throw storeRequired();
    const { sid } = session.claims;
    try {
      const current = await records.current(session, handling.isPassive);
      const end = this.#parts.memory.endOf(sid);
      const now = this.#parts.clock.nowSeconds();
      return current && !end
        ? await this.#upToDate(current, facts, handling, now)
        : refused(this.#parts, end ?? 'unknown');
    } catch (error) {
      return unavailable(error as SessionError);
    }
  }

  /** Brings a session up to date that is due, and hands out what is newer than its token. */
  #upToDate(
    session: VerifiedSession,
    facts: RequestFacts,
    { canDeliver, isPassive }: Handling,
    now: number,
  ): SessionOutcome | Promise<SessionOutcome> {
    if (!this.#parts.reload) {
      const staleness = stalenessOf(session, now);
      return staleness ? refused(this.#parts, staleness) : session;
    }
    if (this.#parts.reload.isCurrent(session, now, isPassive)) {
      return session;
    }
    const carriers = canDeliver
      ? this.#parts.transports.carriersOf(facts)
      : undefined;
    return reported(
      this.#parts,
      this.#parts.reload.renew(session, carriers, now, isPassive),
    );
  }
}
