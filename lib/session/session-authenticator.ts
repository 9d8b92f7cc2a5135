import type { SessionClock } from '../clock.js';
import { judgeCsrf, isUnsafe } from '../csrf/csrf-policy.js';
import { REFUSALS, type Refusal } from '../errors/refusal.js';
import { SessionError } from '../errors/session-error.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { AMBIGUOUS_TOKEN } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import { findRefreshToken } from './find-refresh-token.js';
import type { ClockPolicy } from './freshness.js';
import type { SessionEvents } from './session-events.js';
import type { SessionMemory } from './session-memory.js';
import { unavailable, type SessionOutcome } from './session-outcome.js';
import type { SessionRecords } from './session-records.js';
import type { SessionReload } from './session-reload.js';
import type { SessionRenewal } from './session-renewal.js';
import { refusalOf } from './session-standing.js';
import type { SessionTransports } from './session-transports.js';
import { verifiedSession, type VerifiedSession } from './verified-session.js';
import { VerifiedTokens } from './verified-tokens.js';

const ANONYMOUS: SessionOutcome = { kind: 'anonymous' };
const NOBODY_KNOWS =
  'without a store nobody can tell whether a session was ended';

export interface SessionAuthenticatorParts {
  readonly transports: SessionTransports;
  readonly codec: TokenCodec;
  readonly reload: SessionReload;
  /** `undefined` where there are no refresh tokens. */
  readonly renewal: SessionRenewal | undefined;
  /** `undefined` where there is no store. */
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  readonly events: SessionEvents;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  readonly options: ResolvedSessionJwtOptions;
}

/** Answers one question: is there a session in this request? */
export class SessionAuthenticator {
  readonly #transports: SessionTransports;
  readonly #codec: TokenCodec;
  readonly #reload: SessionReload;
  readonly #renewal: SessionRenewal | undefined;
  readonly #records: SessionRecords | undefined;
  readonly #memory: SessionMemory;
  readonly #events: SessionEvents;
  readonly #clock: SessionClock;
  readonly #policy: ClockPolicy;
  readonly #options: ResolvedSessionJwtOptions;
  readonly #verified: VerifiedTokens;

  constructor(parts: SessionAuthenticatorParts) {
    this.#transports = parts.transports;
    this.#codec = parts.codec;
    this.#reload = parts.reload;
    this.#renewal = parts.renewal;
    this.#records = parts.records;
    this.#memory = parts.memory;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#policy = parts.policy;
    this.#options = parts.options;
    this.#verified = new VerifiedTokens(parts.options.cache);
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
    const now = this.#clock.nowSeconds();
    let session: VerifiedSession | undefined;
    let isAmbient = false;
    for (const transport of this.#transports.all) {
      const token = transport.read(facts);
      if (token === undefined) {
        continue;
      }
      if (typeof token !== 'string') {
        return this.#refuse(
          token === AMBIGUOUS_TOKEN ? 'ambiguous' : 'malformed',
        );
      }
      const verified = this.#verify(token);
      if (typeof verified === 'string') {
        return this.#refuse(verified);
      }
      if (session && session.claims.sid !== verified.claims.sid) {
        return this.#refuse('conflict');
      }
      session ??= verified;
      isAmbient ||= transport.ambient !== false;
    }
    if (this.#renewal && !(session && now < session.endsAt)) {
      return this.#renew(session, facts, canDeliver, asksStore);
    }
    if (!session) {
      return ANONYMOUS;
    }
    const refusal =
      refusalOf(session, this.#memory, now) ?? this.#forgery(facts, isAmbient);
    if (refusal) {
      return this.#refuse(refusal);
    }
    return asksStore || this.#options.store?.isAlwaysAsked
      ? this.confirm(session, facts, canDeliver)
      : this.#upToDate(session, facts, canDeliver, now);
  }

  /** A session as the store has it now, if it has not ended there. */
  async confirm(
    session: VerifiedSession,
    facts: RequestFacts,
    canDeliver: boolean,
  ): Promise<SessionOutcome> {
    const records = this.#requireStore();
    const { sid } = session.claims;
    try {
      const current = await records.current(session);
      const end = this.#memory.endOf(sid);
      const now = this.#clock.nowSeconds();
      return current && !end
        ? await this.#upToDate(current, facts, canDeliver, now)
        : this.#refuse(end ?? 'unknown');
    } catch (error) {
      return unavailable(error as SessionError);
    }
  }

  /**
   * Checks a session token, nothing else: no loader is called, nothing is re-issued. The store is asked only
   * where the token is a reference to it.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`
   */
  async verify(token: string): Promise<VerifiedSession | Refusal> {
    const session = this.#verify(token);
    if (typeof session === 'string') {
      return session;
    }
    const refusal = refusalOf(session, this.#memory, this.#clock.nowSeconds());
    if (refusal || !this.#options.store?.keepsData) {
      return refusal ?? session;
    }
    return (await this.#records?.current(session)) ?? 'unknown';
  }

  #requireStore(): SessionRecords {
    if (this.#records) return this.#records;
    throw new SessionError('STORE_REQUIRED', NOBODY_KNOWS);
  }

  /** Whether another site made the browser send this request. */
  #forgery(facts: RequestFacts, isAmbient: boolean): Refusal | undefined {
    if (!isAmbient || !isUnsafe(facts)) return undefined;
    const decision = judgeCsrf(facts, this.#options.csrf);
    return decision.allowed ? undefined : decision.reason;
  }

  /** Brings a session up to date that is due, and hands out what is newer than its token. */
  #upToDate(
    session: VerifiedSession,
    facts: RequestFacts,
    canDeliver: boolean,
    now: number,
  ): SessionOutcome | Promise<SessionOutcome> {
    if (this.#reload.isCurrent(session, now)) {
      return session;
    }
    const carriers = canDeliver
      ? this.#transports.carriersOf(facts)
      : undefined;
    return this.#reported(this.#reload.renew(session, carriers, now));
  }

  /** The session token has expired or is gone: its refresh token may bring a new one. */
  #renew(
    expired: VerifiedSession | undefined,
    facts: RequestFacts,
    canDeliver: boolean,
    asksStore: boolean,
  ): SessionOutcome | Promise<SessionOutcome> {
    const renewal = this.#renewal!;
    const found = canDeliver
      ? findRefreshToken(
          this.#transports.all,
          facts,
          (token) => renewal.verify(token),
          expired?.claims.sid,
        )
      : undefined;
    if (!found) {
      return expired ? this.#refuse('refresh-due') : ANONYMOUS;
    }
    if (typeof found === 'string') {
      return this.#refuse(found);
    }
    const { claims, isAmbient } = found;
    if (asksStore) this.#requireStore();
    const forgery = this.#forgery(facts, isAmbient);
    return forgery
      ? this.#refuse(forgery)
      : renewal
          .renew(claims, this.#transports.carriersOf(facts))
          .then((renewed) =>
            this.#reported(this.#transports.outcomeOf(renewed)),
          );
  }

  #verify(token: string): VerifiedSession | Refusal {
    const known = this.#verified.get(token);
    if (known) {
      return known;
    }
    const claims = this.#codec.verify(token);
    if (typeof claims === 'string') {
      return claims;
    }
    const session = verifiedSession(claims, this.#policy);
    this.#verified.set(token, session);
    return session;
  }

  #refuse(refusal: Refusal): SessionOutcome {
    this.#events.rejected(REFUSALS[refusal].code, refusal);
    return this.#transports.rejected(refusal);
  }

  #reported(
    outcome: SessionOutcome | Promise<SessionOutcome>,
  ): SessionOutcome | Promise<SessionOutcome> {
    if (outcome instanceof Promise) {
      return outcome.then((settled) => this.#reported(settled));
    }
    if (outcome.kind === 'rejected') {
      this.#events.rejected(REFUSALS[outcome.refusal].code, outcome.refusal);
    }
    return outcome;
  }
}
