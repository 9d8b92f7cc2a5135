import { everySecond, type SessionClock } from '../../ports/clock.js';
import type { SessionMemory } from '../model/session-memory.js';
import { unavailable, type SessionOutcome } from '../model/session-outcome.js';
import type { VerifiedSession } from '../model/verified-session.js';
import { lagError } from '../revocations/revocation-standing.js';
import type { SessionRevocations } from '../revocations/session-revocations.js';
import { CheckQueue } from './check-queue.js';
import type { ConnectionEnd } from './connection-times.js';
import { isNewer, LiveSession, type Dependent } from './live-session.js';
import type { SessionChecks } from './session-checks.js';

export interface LiveSessionsParts {
  readonly checks: SessionChecks;
  readonly memory: SessionMemory;
  readonly clock: SessionClock;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
  /** How many checks run in parallel. */
  readonly concurrency: number;
  /** Receives what is neither an answer nor an outage. */
  readonly onDefect: (error: unknown) => void;
}

/**
 * The sessions that outlive their requests. Checks each one once per reload interval, however many connections it has,
 * and ends its dependents when it ends. One timer for all.
 */
export class LiveSessions {
  readonly #parts: LiveSessionsParts;
  readonly #sessions = new Map<string, LiveSession>();
  readonly #queue: CheckQueue;
  #stopTimer: (() => void) | undefined;

  constructor(parts: LiveSessionsParts) {
    this.#parts = parts;
    this.#queue = new CheckQueue(parts.concurrency, (live) =>
      this.#check(live).catch(parts.onDefect),
    );
    parts.memory.whenEnded((sid) => {
      const live = this.#sessions.get(sid);
      if (live) this.#endAsRemembered(live);
    });
  }

  /** How many sessions are kept in view. */
  get size(): number {
    return this.#sessions.size;
  }

  /** How many connections and signals depend on them. Counted anew each time. */
  get dependents(): number {
    let count = 0;
    for (const live of this.#sessions.values()) count += live.dependents.size;
    return count;
  }

  /** Whether no check waits or runs. */
  get isIdle(): boolean {
    return this.#queue.isIdle;
  }

  /** Keeps a session in view for as long as a dependent needs it. One that has ended meanwhile ends the dependent. */
  add(verified: VerifiedSession, dependent: Dependent): LiveSession {
    const { clock } = this.#parts;
    const now = clock.nowSeconds();
    const { sid } = verified.claims;
    let live = this.#sessions.get(sid);
    if (!live) {
      live = new LiveSession(verified, now);
      this.#sessions.set(sid, live);
      this.#stopTimer ??= everySecond(clock, () => this.#sweep());
    } else if (isNewer(verified, live.verified)) {
      live.verified = verified;
      this.#announceChange(live);
    }
    live.dependents.add(dependent);
    this.#endIfOver(live, now);
    return live;
  }

  of(sid: string): LiveSession | undefined {
    return this.#sessions.get(sid);
  }

  /** Returns the sessions of a subject. */
  ofSubject(subject: string): LiveSession[] {
    return [...this.#sessions.values()].filter(
      ({ verified: { claims } }) => claims.sub === subject,
    );
  }

  remove(live: LiveSession, dependent: Dependent): void {
    live.dependents.delete(dependent);
    if (live.dependents.size === 0) this.#forget(live);
  }

  /** Notes activity outside connections. For every request: one comparison while there are none. */
  noteUse(sid: string): void {
    if (this.#sessions.size === 0) return;
    const live = this.#sessions.get(sid);
    if (live) live.usedAt = this.#parts.clock.nowSeconds();
  }

  /**
   * Returns whether a session may act now. Needs no promise while its data is fresh.
   *
   * @param asksStore whether the store must confirm it
   * @throws {SessionError} `STORE_REQUIRED` if there is none
   */
  admit(
    live: LiveSession,
    isPassive: boolean,
    asksStore: boolean,
  ): SessionOutcome | Promise<SessionOutcome> {
    const { clock, checks } = this.#parts;
    const now = clock.nowSeconds();
    this.#endIfOver(live, now);
    if (live.ended) {
      return live.refused();
    }
    if (asksStore) checks.requireStore();
    const doubt = this.#parts.revocations?.doubtOf(live.verified.claims);
    if (doubt === 'refuse') {
      return unavailable(lagError());
    }
    if (!isPassive && !doubt) live.usedAt = now;
    const mustConfirm = asksStore || live.isInDoubt || doubt === 'ask-store';
    if (!mustConfirm && checks.isCurrent(live, now)) {
      return live.verified;
    }
    const checked = mustConfirm ? this.confirm(live) : this.#check(live);
    return checked.then((outcome) =>
      outcome.kind === 'unavailable' && (mustConfirm || live.ended)
        ? outcome
        : live.ended
          ? live.refused()
          : live.verified,
    );
  }

  /** Checks a session with the store, by a query that begins now or later. */
  confirm(live: LiveSession): Promise<SessionOutcome> {
    const check = (): Promise<SessionOutcome> => this.#check(live);
    // A check that is running may have queried the store before.
    return live.flight ? live.flight.then(check, check) : check();
  }

  /** Ends the sessions that a revocation of many has ended. */
  endRevoked(): void {
    const now = this.#parts.clock.nowSeconds();
    for (const live of this.#sessions.values()) this.#endIfOver(live, now);
  }

  /** Checks nothing any more: the application shuts down. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#sessions.clear();
  }

  #sweep(): void {
    const { clock, checks } = this.#parts;
    const now = clock.nowSeconds();
    for (const live of this.#sessions.values()) {
      if (
        !this.#endIfOver(live, now) &&
        !live.flight &&
        checks.isDue(live, now) &&
        this.#isNeeded(live)
      ) {
        this.#queue.add(live);
      }
    }
  }

  #check(live: LiveSession): Promise<SessionOutcome> {
    live.flight ??= this.#checked(live).finally(() => {
      live.flight = undefined;
    });
    return live.flight;
  }

  async #checked(live: LiveSession): Promise<SessionOutcome> {
    const { checks } = this.#parts;
    const before = live.verified;
    const outcome = await checks.check(live);
    const end = checks.endAfter(outcome, live);
    if (end) this.#end(live, end);
    else if (live.verified !== before) this.#announceChange(live);
    return outcome;
  }

  #endIfOver(live: LiveSession, now: number): boolean {
    const { memory, checks } = this.#parts;
    if (memory.endOf(live.verified.claims)) {
      this.#endAsRemembered(live);
    } else if (now >= live.endsAt) {
      const { endsAt, end } = checks.timesOf(live);
      live.endsAt = endsAt;
      if (now >= endsAt) this.#end(live, end);
    }
    return live.ended !== undefined;
  }

  /** A session that a new sign-in has replaced: its client reconnects with the new one. */
  #endAsRemembered(live: LiveSession): void {
    const how = this.#parts.memory.endOf(live.verified.claims);
    this.#end(live, how === 'replaced' ? 'uncertain' : 'ended');
  }

  /** Drops the dependents that have gone without a word. */
  #isNeeded(live: LiveSession): boolean {
    for (const dependent of live.dependents) {
      if (dependent.isInUse?.() === false) this.remove(live, dependent);
    }
    return live.dependents.size > 0;
  }

  #announceChange(live: LiveSession): void {
    this.#callEach(live, (dependent) => dependent.changed?.());
  }

  #end(live: LiveSession, reason: ConnectionEnd): void {
    if (live.ended) return;
    live.ended = reason;
    this.#forget(live);
    this.#callEach(live, (dependent) => dependent.end(reason));
    live.dependents.clear();
  }

  /** A dependent that throws must not keep the others from hearing of it. */
  #callEach(live: LiveSession, call: (dependent: Dependent) => void): void {
    for (const dependent of live.dependents) {
      try {
        call(dependent);
      } catch (error) {
        this.#parts.onDefect(error);
      }
    }
  }

  #forget(live: LiveSession): void {
    const { sid } = live.verified.claims;
    if (this.#sessions.get(sid) === live) this.#sessions.delete(sid);
    if (this.#sessions.size === 0) this.stop();
  }
}
