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
  dataOf,
  verifiedSession,
  type VerifiedSession,
} from '../model/verified-session.js';
import { required } from '../records/required-records.js';
import type { SessionRecords } from '../records/session-records.js';
import {
  checkPeriodOf,
  connectionTimesOf,
  keptUntil,
  RETRY_SECONDS,
  type ConnectionEnd,
  type ConnectionTimes,
} from './connection-times.js';
import { isNewer, type LiveSession } from './live-session.js';

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

  /** Whether a session must be checked now. Also after the clock was set back: it may have been for long. */
  isDue(live: LiveSession, now: number): boolean {
    return (
      now < live.checkedAt ||
      (live.isInDoubt && now >= live.checkedAt + RETRY_SECONDS) ||
      now >= this.timesOf(live).checkAt
    );
  }

  /** Whether a session can be used without a check. */
  isCurrent({ verified }: LiveSession, now: number): boolean {
    return (
      now < verified.dueAt && !this.#parts.memory.isOutdated(verified.claims)
    );
  }

  /** @throws {SessionError} `STORE_REQUIRED` */
  requireStore(): void {
    required(this.#parts.records);
  }

  /**
   * Checks a session and keeps the result in it.
   *
   * @throws what is neither an answer nor an outage
   */
  async check(live: LiveSession): Promise<SessionOutcome> {
    const { evaluate, records, clock } = this.#parts;
    const now = clock.nowSeconds();
    const since = live.checkedAt;
    live.checkedAt = now;
    live.verified = this.#notAhead(live.verified, now);
    const isActive = live.usedAt !== undefined && live.usedAt >= since;
    await this.#extend(live, now);
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
      live.isInDoubt = false;
    }
    return outcome;
  }

  /** Returns why the connections of a session end after a check, if they do. */
  endAfter(
    outcome: SessionOutcome,
    live: LiveSession,
  ): ConnectionEnd | undefined {
    switch (outcome.kind) {
      case 'authenticated':
      case 'unavailable':
        return this.#isKept(outcome.kind, live) ? undefined : 'uncertain';
      case 'rejected':
        return UNCERTAIN.has(outcome.refusal) ? 'uncertain' : 'ended';
      case 'anonymous':
        return 'ended';
    }
  }

  /** Whether what was learned last is recent enough. During an outage of the loader, requests go on with old data. */
  #isKept(
    kind: 'authenticated' | 'unavailable',
    { verified: { claims }, confirmedAt }: LiveSession,
  ): boolean {
    const { clock, policy, hasLoader } = this.#parts;
    if (kind === 'authenticated' && !hasLoader) {
      return true;
    }
    const since = hasLoader ? claims.lat : confirmedAt;
    return (
      clock.nowSeconds() <
      keptUntil(since, claims, policy, fractionOf(claims.sid))
    );
  }

  /**
   * Moves the idle end of an active session: in the record, and in this process if the tokens carry it. Not at each
   * check, since handlers may have the store queried for every message.
   */
  async #extend(live: LiveSession, now: number): Promise<void> {
    const { records, memory, policy } = this.#parts;
    const { usedAt, extendedAt, verified } = live;
    const { claims } = verified;
    if (
      usedAt === undefined ||
      usedAt <= extendedAt ||
      now < extendedAt + checkPeriodOf(claims, policy) / 2
    ) {
      return;
    }
    try {
      await records?.extended(claims);
      live.extendedAt = now;
    } catch {
      // The check that follows meets the same outage.
    }
    if (policy.accessSeconds === undefined) {
      memory.extend(claims.sid, endOfSessionUsedAt(usedAt, claims, policy));
    }
  }

  /** After the clock was set back, its times would lie ahead, and the session would count as not valid yet. */
  #notAhead(session: VerifiedSession, now: number): VerifiedSession {
    const { claims } = session;
    const { iat, lat, nbf = 0 } = claims;
    return Math.max(iat, lat, nbf) <= now
      ? session
      : verifiedSession(
          {
            ...claims,
            iat: Math.min(iat, now),
            lat: Math.min(lat, now),
            ...(claims.nbf !== undefined && { nbf: Math.min(nbf, now) }),
          },
          this.#parts.policy,
        );
  }

  /** Returns a session that does not end with its token, since others know better. */
  #withoutToken({ claims }: VerifiedSession): VerifiedSession {
    const { policy } = this.#parts;
    const exp = absoluteEndOf(claims, policy);
    return verifiedSession({ ...claims, exp }, policy);
  }

  /** Returns the session that handlers see after a check: the same object if nothing has changed. */
  #newest(before: VerifiedSession, after: VerifiedSession): VerifiedSession {
    const { exp } = before.claims;
    const isOlder = isNewer(before, after);
    // A store may have other data of the same second.
    const isSame =
      !isNewer(after, before) && dataOf(after.claims) === dataOf(before.claims);
    return isOlder || isSame
      ? before
      : verifiedSession({ ...after.claims, exp }, this.#parts.policy);
  }
}
