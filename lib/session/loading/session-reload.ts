import type { Refusal } from '../../errors/refusal.js';
import type { ResolvedLoaderOptions } from '../../options/resolved-options.js';
import type { Transport } from '../../ports/transport.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import { extendedTo } from '../model/freshness.js';
import type { LoadFailures } from './load-failures.js';
import { patiently } from './patiently.js';
import type { SessionExtension } from './session-extension.js';
import type { LoadedResult } from './loaded-result.js';
import type { SessionLoads } from './session-loads.js';
import type { SessionMemory } from '../model/session-memory.js';
import type { SessionOutcome } from '../model/session-outcome.js';
import { refusalOf, stale } from '../model/session-standing.js';
import type { SessionTransports } from '../request/session-transports.js';
import { SharedTokens, type SharedTokensParts } from './shared-tokens.js';
import type { SignedSession } from '../model/signed-session.js';
import {
  verifiedSession,
  type VerifiedSession,
} from '../model/verified-session.js';

export interface SessionReloadParts extends SharedTokensParts {
  readonly loads: SessionLoads;
  readonly failures: LoadFailures;
  readonly extension: SessionExtension;
  readonly transports: SessionTransports;
  readonly memory: SessionMemory;
  readonly options: ResolvedLoaderOptions;
}

/** Keeps sessions up to date: reloads their data and signs the tokens that contain it. */
export class SessionReload {
  readonly #parts: SessionReloadParts;
  readonly #shared: SharedTokens;

  constructor(parts: SessionReloadParts) {
    this.#parts = parts;
    this.#shared = new SharedTokens(parts);
  }

  /** Whether there is nothing to bring up to date. */
  isCurrent(
    session: VerifiedSession,
    now: number,
    isPassive: boolean,
  ): boolean {
    return (
      now < session.dueAt &&
      (isPassive || !this.#parts.extension.isDue(session, now)) &&
      !this.#parts.memory.isOutdated(session.claims)
    );
  }

  /** Returns a session with the newest data and attributes that this process remembers, however old they are. */
  newestOf(session: VerifiedSession): VerifiedSession {
    return this.#newest(
      session,
      this.#parts.loads.resultOf(session.claims.sid),
    );
  }

  /**
   * Brings a session up to date: its data is due, its idle end must move, or this process knows newer data or
   * attributes.
   *
   * @param carriers where its new token goes; `undefined` if nothing can be delivered
   */
  bringUpToDate(
    session: VerifiedSession,
    carriers: readonly Transport[] | undefined,
    now: number,
    isPassive: boolean,
  ): SessionOutcome | Promise<SessionOutcome> {
    const { sid } = session.claims;
    const result = this.#parts.loads.resultOf(sid);
    const newest = this.#newest(session, result);
    const isReplaced =
      !result && this.#parts.memory.hasReplaced(session.claims);
    if (now < newest.dueAt && !isReplaced) {
      return this.#loaded(session, result, carriers, isPassive);
    }
    const failure = this.#parts.failures.recentOf(sid);
    return failure
      ? stale(newest, failure, now)
      : this.#reload(session, newest, carriers, isPassive);
  }

  /**
   * Reloads the data now, whatever its age.
   *
   * @throws {SessionError} the loader's failure, or `SESSION_TOO_LARGE`
   */
  async reloadNow(
    session: VerifiedSession,
    carriers: readonly Transport[],
    isPassive: boolean,
  ): Promise<SignedSession | { readonly refusal: Refusal }> {
    await this.#parts.tokens.ready();
    const over = this.#refusalOf(session);
    if (over) {
      return { refusal: over };
    }
    const sign = (result: LoadedResult): SignedSession =>
      this.#shared.sign(
        this.#newest(session, result),
        result,
        carriers,
        isPassive,
      );
    const reloaded = await this.#parts.loads.loadAnew(
      session.claims,
      sign,
      isPassive,
    );
    const end = this.#refusalOf(session);
    if (end) {
      return { refusal: end };
    }
    switch (reloaded.kind) {
      case 'loaded':
        return sign(reloaded.result);
      case 'rejected':
        return { refusal: reloaded.refusal };
      case 'failed':
        throw reloaded.error;
    }
  }

  async #reload(
    session: VerifiedSession,
    newest: VerifiedSession,
    carriers: readonly Transport[] | undefined,
    isPassive: boolean,
  ): Promise<SessionOutcome> {
    const sign = (result: LoadedResult): void => {
      const loaded = this.#newest(session, result);
      if (carriers) this.#shared.sign(loaded, result, carriers, isPassive);
    };
    const flight = this.#parts.loads.load(
      session.claims,
      sign,
      // A token that reaches no client cannot move the idle end.
      isPassive || !carriers,
    );
    const reloaded = await patiently(flight, this.#parts.options);
    const end = this.#refusalOf(session);
    if (end) {
      return this.#parts.transports.rejected(end);
    }
    switch (reloaded.kind) {
      case 'loaded':
        return this.#loaded(session, reloaded.result, carriers, isPassive);
      case 'rejected':
        return this.#parts.transports.rejected(reloaded.refusal);
      case 'failed':
        return stale(newest, reloaded.error, this.#parts.clock.nowSeconds());
    }
  }

  /** Returns a session whose data need not be reloaded now, and moves its idle end if that is due. */
  #loaded(
    session: VerifiedSession,
    result: LoadedResult | undefined,
    carriers: readonly Transport[] | undefined,
    isPassive: boolean,
  ): SessionOutcome | Promise<SessionOutcome> {
    const newest = this.#newest(session, result);
    const isAlive =
      isPassive || !carriers || this.#parts.extension.extend(newest);
    return typeof isAlive === 'boolean'
      ? this.#offer(session, result, carriers, isPassive)
      : isAlive.then((stillAlive) => {
          const end = stillAlive ? this.#refusalOf(session) : 'unknown';
          // A reload on demand may have replaced the result meanwhile.
          const latest = this.#parts.loads.resultOf(session.claims.sid);
          return end
            ? this.#parts.transports.rejected(end)
            : this.#offer(session, latest ?? result, carriers, isPassive);
        });
  }

  #refusalOf(session: VerifiedSession): Refusal | undefined {
    const { memory, clock } = this.#parts;
    return refusalOf(session, memory, clock.nowSeconds());
  }

  /** Returns a session with the newest data and attributes that this process knows. */
  #newest(
    session: VerifiedSession,
    result: LoadedResult | undefined,
  ): VerifiedSession {
    const { claims } = session;
    const newer = result && result.lat >= claims.lat ? result : undefined;
    const { memory, policy } = this.#parts;
    const revision = memory.newerThan(claims.sid, claims.rev);
    const extended = extendedTo(memory.idleEndOf(claims.sid), claims, policy);
    if (!newer && !revision && extended === claims) {
      return session;
    }
    const merged: SessionClaims = {
      ...extended,
      lat: newer ? newer.lat : memory.loadTimeOf(claims),
      ...(newer && 'data' in claims && { data: newer.data }),
      ...revision,
    };
    return verifiedSession(merged, policy);
  }

  #offer(
    session: VerifiedSession,
    result: LoadedResult | undefined,
    carriers: readonly Transport[] | undefined,
    isPassive: boolean,
  ): SessionOutcome {
    const newest = this.#newest(session, result);
    if (!carriers || newest === session) {
      return newest;
    }
    try {
      return this.#shared.sign(newest, result, carriers, isPassive).session;
    } catch (error) {
      // The new data does not fit into a token: the old token stays, and the application receives an event.
      const { loads, failures, clock } = this.#parts;
      const now = clock.nowSeconds();
      loads.discard(session.claims.sid);
      const failure =
        failures.recentOf(session.claims.sid) ??
        failures.add(session.claims, error);
      return stale(session, failure, now);
    }
  }
}
