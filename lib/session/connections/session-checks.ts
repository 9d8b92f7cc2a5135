import type { Refusal } from '../../errors/refusal.js';
import type { SessionClock } from '../../ports/clock.js';
import {
  absoluteEndOf,
  endOfSessionUsedAt,
  fractionOf,
  type ClockPolicy,
} from '../model/freshness.js';
import { handlingOf, type Handling } from '../model/handling.js';
import type { SessionMemory } from '../model/session-memory.js';
import type { SessionOutcome } from '../model/session-outcome.js';
import {
  verifiedSession,
  type VerifiedSession,
} from '../model/verified-session.js';
import type { SessionRecords } from '../records/session-records.js';
import {
  connectionTimesOf,
  keptUntil,
  type ConnectionEnd,
  type ConnectionTimes,
} from './connection-times.js';
import type { LiveSession } from './live-session.js';

export interface SessionChecksParts {
  /** Checks a session whose sender is known. */
  readonly evaluate: (
    session: VerifiedSession,
    handling: Handling,
  ) => SessionOutcome | Promise<SessionOutcome>;
  /** `undefined` without a store. */
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  readonly hasLoader: boolean;
}

/** Refusals after which another token of the same session may still be accepted. */
const UNCERTAIN: ReadonlySet<Refusal> = new Set<Refusal>([
  'stale',
  'expired',
  'refresh-due',
  'not-yet-valid',
]);

/** Checks a session without a request: queries the store and the loader, whether it goes on and with what data. */
export class SessionChecks {
  readonly #parts: SessionChecksParts;

  constructor(parts: SessionChecksParts) {
    this.#parts = parts;
  }

  timesOf({
    verified,
    usedAt,
    checkedAt,
  }: Pick<LiveSession, 'verified' | 'usedAt' | 'checkedAt'>): ConnectionTimes {
    const { memory, policy, hasLoader, records } = this.#parts;
    const { claims, dueAt } = verified;
    return connectionTimesOf(
      claims,
      { usedAt, checkedAt, knownIdleEnd: memory.idleEndOf(claims.sid) },
      memory.isOutdated(claims) ? 0 : dueAt,
      policy,
      { hasLoader, hasStore: records !== undefined },
    );
  }

  /** Whether a session can be used without a check. */
  isCurrent({ verified }: LiveSession, now: number): boolean {
    return (
      now < verified.dueAt && !this.#parts.memory.isOutdated(verified.claims)
    );
  }

  /**
   * Checks a session and keeps the result in it.
   *
   * @throws what is neither an answer nor an outage
   */
  async check(live: LiveSession): Promise<SessionOutcome> {
    const { evaluate, records, clock } = this.#parts;
    const since = live.checkedAt;
    live.checkedAt = clock.nowSeconds();
    const isActive = live.usedAt !== undefined && live.usedAt >= since;
    if (isActive) await this.#extend(live.verified, live.usedAt!);
    const outcome = await evaluate(
      this.#withoutToken(live.verified),
      handlingOf({
        canDeliver: false,
        asksStore: records !== undefined,
        isPassive: !isActive,
      }),
    );
    if (outcome.kind === 'authenticated') {
      live.verified = this.#newest(live.verified, outcome);
      live.confirmedAt = clock.nowSeconds();
    }
    return outcome;
  }

  /** Returns why the connections of a session end after a check, if they do. */
  endAfter(
    outcome: SessionOutcome,
    live: LiveSession,
  ): ConnectionEnd | undefined {
    const { clock, policy, hasLoader } = this.#parts;
    switch (outcome.kind) {
      case 'authenticated':
        return undefined;
      case 'unavailable': {
        const { claims } = live.verified;
        const since = hasLoader ? claims.lat : live.confirmedAt;
        const until = keptUntil(since, claims, policy, fractionOf(claims.sid));
        return clock.nowSeconds() < until ? undefined : 'uncertain';
      }
      case 'rejected':
        return UNCERTAIN.has(outcome.refusal) ? 'uncertain' : 'ended';
      case 'anonymous':
        return 'ended';
    }
  }

  /** Moves the idle end in the record, and in this process if the tokens carry it. */
  async #extend({ claims }: VerifiedSession, usedAt: number): Promise<void> {
    const { records, memory, policy } = this.#parts;
    // The check that follows meets the same outage.
    await records?.extended(claims).catch(() => undefined);
    if (policy.accessSeconds === undefined) {
      memory.extend(claims.sid, endOfSessionUsedAt(usedAt, claims, policy));
    }
  }

  /** Returns a session that does not end with its token, since others know better. */
  #withoutToken({ claims }: VerifiedSession): VerifiedSession {
    const { policy } = this.#parts;
    const exp = absoluteEndOf(claims, policy);
    return verifiedSession({ ...claims, exp }, policy);
  }

  /** Returns the session that handlers see after a check: the same object if nothing has changed. */
  #newest(before: VerifiedSession, after: VerifiedSession): VerifiedSession {
    const { lat, rev, exp } = before.claims;
    return after.claims.lat === lat && after.claims.rev === rev
      ? before
      : verifiedSession({ ...after.claims, exp }, this.#parts.policy);
  }
}
