import { everySecond, type SessionClock } from '../../ports/clock.js';
import type { SessionMemory } from '../model/session-memory.js';
import type { SessionOutcome } from '../model/session-outcome.js';
import type { VerifiedSession } from '../model/verified-session.js';
import type { ConnectionEnd } from './connection-times.js';
import { LiveSession, type Dependent } from './live-session.js';
import type { SessionChecks } from './session-checks.js';

export interface LiveSessionsParts {
  readonly checks: SessionChecks;
  readonly memory: SessionMemory;
  readonly clock: SessionClock;
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
  readonly #queue: LiveSession[] = [];
  #running = 0;
  #stopTimer: (() => void) | undefined;

  constructor(parts: LiveSessionsParts) {
    this.#parts = parts;
    parts.memory.whenEnded((sid) => {
      const live = this.#sessions.get(sid);
      if (live) this.#end(live, 'ended');
    });
  }

  /** Keeps a session in view for as long as a dependent needs it. */
  add(verified: VerifiedSession, dependent: Dependent): LiveSession {
    const { clock } = this.#parts;
    const { sid, lat } = verified.claims;
    let live = this.#sessions.get(sid);
    if (!live) {
      live = new LiveSession(verified, clock.nowSeconds());
      this.#sessions.set(sid, live);
      this.#stopTimer ??= everySecond(clock, () => this.#sweep());
    } else if (lat > live.verified.claims.lat) {
      live.verified = verified;
    }
    live.dependents.add(dependent);
    return live;
  }

  of(sid: string): LiveSession | undefined {
    return this.#sessions.get(sid);
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
      return refused(live);
    }
    if (!isPassive) live.usedAt = now;
    if (!asksStore && checks.isCurrent(live, now)) {
      return live.verified;
    }
    const check = (): Promise<SessionOutcome> => this.#check(live);
    // A check that is running may have queried the store before.
    const checked =
      asksStore && live.flight ? live.flight.then(check, check) : check();
    return checked.then((outcome) => {
      if (live.ended) return refused(live);
      return outcome.kind === 'unavailable' && asksStore
        ? outcome
        : live.verified;
    });
  }

  /**
   * Ends the sessions of a subject that the store has ended without naming them. Those of the same second are checked.
   *
   * @param calledAt when the store was asked to
   */
  async endAll(
    subject: string,
    except: string | undefined,
    calledAt: number,
  ): Promise<void> {
    const ofSubject = [...this.#sessions.values()].filter(
      ({ verified: { claims } }) =>
        claims.sub === subject && claims.sid !== except,
    );
    const checks: Promise<unknown>[] = [];
    for (const live of ofSubject) {
      if (live.verified.claims.oiat < calledAt) this.#end(live, 'ended');
      else checks.push(this.#check(live).catch(this.#parts.onDefect));
    }
    await Promise.all(checks);
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
        now >= checks.timesOf(live).checkAt &&
        !live.flight &&
        !live.isQueued &&
        this.#isNeeded(live)
      ) {
        live.isQueued = true;
        this.#queue.push(live);
      }
    }
    this.#startQueued();
  }

  #startQueued(): void {
    while (this.#running < this.#parts.concurrency) {
      const live = this.#queue.shift();
      if (!live) return;
      live.isQueued = false;
      if (live.ended || live.dependents.size === 0) continue;
      this.#running += 1;
      this.#check(live)
        .catch(this.#parts.onDefect)
        .finally(() => {
          this.#running -= 1;
          this.#startQueued();
        });
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
    const outcome = await checks.check(live);
    const end = checks.endAfter(outcome, live);
    if (end) this.#end(live, end);
    return outcome;
  }

  #endIfOver(live: LiveSession, now: number): boolean {
    if (now < live.endsAt) return false;
    const { endsAt, end } = this.#parts.checks.timesOf(live);
    live.endsAt = endsAt;
    if (now >= endsAt) this.#end(live, end);
    return now >= endsAt;
  }

  /** Drops the dependents that have gone without a word. */
  #isNeeded(live: LiveSession): boolean {
    for (const dependent of live.dependents) {
      if (dependent.isInUse?.() === false) this.remove(live, dependent);
    }
    return live.dependents.size > 0;
  }

  #end(live: LiveSession, reason: ConnectionEnd): void {
    if (live.ended) return;
    live.ended = reason;
    this.#forget(live);
    for (const dependent of live.dependents) dependent.end(reason);
    live.dependents.clear();
  }

  #forget(live: LiveSession): void {
    const { sid } = live.verified.claims;
    if (this.#sessions.get(sid) === live) this.#sessions.delete(sid);
    if (this.#sessions.size === 0) this.stop();
  }
}

function refused({ ended }: LiveSession): SessionOutcome {
  return {
    kind: 'rejected',
    refusal: ended === 'ended' ? 'ended' : 'expired',
    dispatch: undefined,
  };
}
