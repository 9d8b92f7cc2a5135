import { isOutage } from '../../errors/session-error.js';
import type { SessionClock } from '../../ports/clock.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import { endOfSessionUsedAt, type ClockPolicy } from '../model/freshness.js';
import type { LoadFailures } from './load-failures.js';
import type { SessionMemory } from '../model/session-memory.js';
import type { SessionRecords } from '../records/session-records.js';
import type { VerifiedSession } from '../model/verified-session.js';

export interface SessionExtensionParts {
  /** `undefined` without a store. */
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  /** Failures of extensions only: no load waits for them. */
  readonly failures: LoadFailures;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
}

/**
 * Moves the idle ends of active sessions while passive requests keep their data fresh: once per interval, without a
 * load.
 */
export class SessionExtension {
  readonly #parts: SessionExtensionParts;
  readonly #flights = new Map<string, Promise<boolean>>();

  constructor(parts: SessionExtensionParts) {
    this.#parts = parts;
  }

  /**
   * Whether activity moves the idle end now. With refresh tokens, only their exchange does, except for a bound session:
   * the browser exchanges them by itself, whether the user is active or not.
   */
  isDue({ extendAt, claims }: VerifiedSession, now: number): boolean {
    const { policy, records } = this.#parts;
    return (
      now >= extendAt &&
      (policy.accessSeconds === undefined ||
        (claims.cnf !== undefined && records !== undefined))
    );
  }

  /**
   * Moves the idle end if that is due; tokens signed afterwards contain the new one. If the store is unavailable, the
   * idle end stays where it is, and the store is not queried again for a while.
   *
   * @returns `false` if the store has ended the session
   */
  extend(session: VerifiedSession): boolean | Promise<boolean> {
    const { records, clock, failures } = this.#parts;
    const { claims } = session;
    const now = clock.nowSeconds();
    if (!this.isDue(session, now) || failures.recentOf(claims.sid)) {
      return true;
    }
    if (!records) {
      this.#note(claims, now);
      return true;
    }
    let flight = this.#flights.get(claims.sid);
    if (!flight) {
      flight = this.#record(claims, records, now).finally(() =>
        this.#flights.delete(claims.sid),
      );
      this.#flights.set(claims.sid, flight);
    }
    return flight;
  }

  async #record(
    claims: SessionClaims,
    records: SessionRecords,
    now: number,
  ): Promise<boolean> {
    const { failures } = this.#parts;
    try {
      const isAlive = await records.extended(claims);
      if (isAlive) {
        this.#note(claims, now);
      }
      failures.forget(claims.sid);
      return isAlive;
    } catch (error) {
      failures.add(claims, error);
      if (isOutage(error)) return true;
      throw error;
    }
  }

  #note(claims: SessionClaims, now: number): void {
    const { memory, policy } = this.#parts;
    memory.extend(claims.sid, endOfSessionUsedAt(now, claims, policy));
  }
}
