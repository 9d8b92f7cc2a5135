import type { SessionClock } from '../clock.js';
import { judgeCsrf, isUnsafe } from '../csrf/csrf-policy.js';
import { REFUSALS, type Refusal } from '../errors/refusal.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { AMBIGUOUS_TOKEN } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import type { ClockPolicy } from './freshness.js';
import type { SessionEvents } from './session-events.js';
import type { SessionMemory } from './session-memory.js';
import type { SessionOutcome } from './session-outcome.js';
import type { SessionReload } from './session-reload.js';
import { refusalOf } from './session-standing.js';
import type { SessionTransports } from './session-transports.js';
import { verifiedSession, type VerifiedSession } from './verified-session.js';
import { VerifiedTokens } from './verified-tokens.js';

const ANONYMOUS: SessionOutcome = { kind: 'anonymous' };

export interface SessionAuthenticatorParts {
  readonly transports: SessionTransports;
  readonly codec: TokenCodec;
  readonly reload: SessionReload;
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
    this.#memory = parts.memory;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#policy = parts.policy;
    this.#options = parts.options;
    this.#verified = new VerifiedTokens(parts.options.cache);
  }

  /**
   * Takes no promise and makes no I/O for a fresh token that was seen before.
   *
   * @param canDeliver whether a re-issued token would reach the client; without that nothing is re-issued
   */
  authenticate(
    facts: RequestFacts,
    canDeliver: boolean,
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
    return session
      ? this.#admit(session, facts, isAmbient, canDeliver, now)
      : ANONYMOUS;
  }

  /** Checks a session token, nothing else: no loader is called, nothing is re-issued. */
  verify(token: string): VerifiedSession | Refusal {
    const session = this.#verify(token);
    if (typeof session === 'string') {
      return session;
    }
    return (
      refusalOf(session, this.#memory, this.#clock.nowSeconds()) ?? session
    );
  }

  #admit(
    session: VerifiedSession,
    facts: RequestFacts,
    isAmbient: boolean,
    canDeliver: boolean,
    now: number,
  ): SessionOutcome | Promise<SessionOutcome> {
    const refusal = refusalOf(session, this.#memory, now);
    if (refusal) {
      return this.#refuse(refusal);
    }
    if (isAmbient && isUnsafe(facts)) {
      const decision = judgeCsrf(facts, this.#options.csrf);
      if (!decision.allowed) {
        return this.#refuse(decision.reason);
      }
    }
    const { sid, rev } = session.claims;
    if (now < session.dueAt && !this.#memory.newerThan(sid, rev)) {
      return session;
    }
    const carriers = canDeliver
      ? this.#transports.carriersOf(facts)
      : undefined;
    return this.#reported(this.#reload.renew(session, carriers, now));
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
