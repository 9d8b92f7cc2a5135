import { isOutage } from '../errors/session-error.js';
import type { RequestFacts } from '../ports/request-facts.js';
import { forgeryOf, type ForgeryParts } from './request/cross-site.js';
import {
  findRefreshToken,
  type FoundRefreshToken,
} from './request/find-refresh-token.js';
import type { StatelessRefreshClaims } from '../tokens/session-claims.js';
import { endOfSessionUsedAt, type ClockPolicy } from './model/freshness.js';
import type { Handling } from './model/handling.js';
import { needsDevice } from './model/bound-key.js';
import type { SessionMemory } from './model/session-memory.js';
import type { LoadFailures } from './loading/load-failures.js';
import type { SessionOutcome } from './model/session-outcome.js';
import { required } from './records/required-records.js';
import type { SessionRecords } from './records/session-records.js';
import type { SessionRefusals } from './session-refusals.js';
import type { RefreshExchange } from './refresh-exchange.js';
import { rewritten } from './tokens/refresh-claims.js';
import type { TokenIssuer } from './tokens/token-issuer.js';
import type { VerifiedSession } from './model/verified-session.js';

export interface GuardRefreshParts extends ForgeryParts {
  readonly refreshExchange: RefreshExchange;
  readonly refusals: SessionRefusals;
  /** `undefined` without a store. */
  readonly records: SessionRecords | undefined;
  /** Failures of early exchanges only: exchanges that are due do not wait for them. */
  readonly extensionFailures: LoadFailures;
  readonly tokens: TokenIssuer;
  readonly memory: SessionMemory;
  readonly policy: ClockPolicy;
}

/** Refreshes on behalf of the guard, if a request carries a refresh token. `SessionRefresh` serves the application. */
export class GuardRefresh {
  readonly #parts: GuardRefreshParts;

  constructor(parts: GuardRefreshParts) {
    this.#parts = parts;
  }

  /**
   * Exchanges the refresh token of a request whose session token has expired or is missing.
   *
   * @returns `undefined` for a request without any token
   */
  due(
    expired: VerifiedSession | undefined,
    facts: RequestFacts,
    { canDeliver, asksStore, isPassive }: Handling,
  ): SessionOutcome | 'unknown-key' | Promise<SessionOutcome> | undefined {
    const { refreshExchange, refusals, transports, records } = this.#parts;
    const found = canDeliver ? this.#find(facts, expired) : undefined;
    if (!found) {
      return expired && refusals.ofSession('refresh-due', facts, expired);
    }
    const { carriers } = found;
    if ('refusal' in found) {
      return found.refusal === 'unknown-key'
        ? found.refusal
        : refusals.ofTokens(found.refusal, facts, carriers);
    }
    const { claims } = found;
    if (asksStore) required(records);
    const forgery = forgeryOf(this.#parts, facts, claims.sid, found.isAmbient);
    return forgery
      ? refusals.ofTokens(forgery, facts, carriers)
      : refreshExchange
          .exchange(claims, transports.carriersOf(facts), isPassive)
          .then((result) =>
            refusals.ofRefresh(result, facts, claims, carriers),
          );
  }

  /**
   * Exchanges the refresh token of an active session before its session token expires. Passive requests keep that token
   * fresh, so the session would otherwise reach its idle end although the user is active. If the loader or the store
   * is unavailable, it returns nothing, since the session does not need new tokens yet.
   *
   * @returns `undefined` if it is not time yet, or if the request carries no valid refresh token of the session
   */
  early(
    session: VerifiedSession,
    facts: RequestFacts,
    { canDeliver, isPassive }: Handling,
    now: number,
  ): Promise<SessionOutcome | undefined> | undefined {
    const { sid } = session.claims;
    if (
      now < session.extendAt ||
      isPassive ||
      !canDeliver ||
      this.#parts.extensionFailures.recentOf(sid)
    ) {
      return undefined;
    }
    // Its record is extended instead.
    if (session.claims.cnf && this.#parts.records) {
      return undefined;
    }
    const found = this.#find(facts, session);
    if (
      !found ||
      'refusal' in found ||
      forgeryOf(this.#parts, facts, sid, found.isAmbient)
    ) {
      return undefined;
    }
    return session.claims.cnf
      ? this.#extended(found, session, now)
      : this.#exchanged(found, session, facts);
  }

  /**
   * Moves the idle end of a bound session that only its tokens know. Exchanges nothing, since a request cannot prove that
   * it comes from the device: the refresh token stays of no use without the key.
   */
  async #extended(
    { claims, carriers }: FoundRefreshToken,
    session: VerifiedSession,
    now: number,
  ): Promise<SessionOutcome | undefined> {
    const { tokens, memory, policy } = this.#parts;
    // Data that is due is reloaded first.
    if (now >= session.dueAt || !claims.cnf) {
      return undefined;
    }
    memory.extend(claims.sid, endOfSessionUsedAt(now, session.claims, policy));
    const refresh = rewritten(claims as StatelessRefreshClaims, session.claims);
    return tokens.sign(
      { session: tokens.reissued(session.claims, now), refresh },
      carriers,
      now,
    ).session;
  }

  async #exchanged(
    { claims, carriers }: FoundRefreshToken,
    session: VerifiedSession,
    facts: RequestFacts,
  ): Promise<SessionOutcome | undefined> {
    const { refreshExchange, refusals, transports, extensionFailures } =
      this.#parts;
    const result = await refreshExchange.exchange(
      claims,
      transports.carriersOf(facts),
      false,
    );
    // Bound without its cookies, the session has a token that does not say so, and needs no new one yet.
    if (result.kind === 'rejected' && needsDevice(result.refusal)) {
      return undefined;
    }
    if (result.kind !== 'failed') {
      extensionFailures.forget(session.claims.sid);
      return refusals.ofRefresh(result, facts, claims, carriers);
    }
    if (!isOutage(result.error)) {
      throw result.error;
    }
    // The loader backs off by itself; a store would be queried again immediately.
    if (result.error.code === 'STORE_UNAVAILABLE') {
      extensionFailures.add(session.claims, result.error);
    }
    return undefined;
  }

  #find(
    facts: RequestFacts,
    session: VerifiedSession | undefined,
  ): ReturnType<typeof findRefreshToken> {
    const { refreshExchange, refusals, transports } = this.#parts;
    return findRefreshToken(
      transports.all,
      facts,
      (token) => refreshExchange.verify(token),
      session && {
        sid: session.claims.sid,
        carriers: () => refusals.carriersOf(session, facts),
      },
    );
  }
}
