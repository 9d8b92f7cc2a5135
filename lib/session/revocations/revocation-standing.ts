import { SessionError } from '../../errors/session-error.js';
import type { ResolvedRevocationOptions } from '../../options/resolved-options.js';
import type { MonotonicTime } from '../../ports/clock.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import type { SessionEvents } from '../model/session-events.js';
import type { LiveRevocations } from './live-revocations.js';
import type { RevocationFeed } from './revocation-feed.js';
import type { RevocationTimes } from './revocation-times.js';

export interface RevocationStandingParts {
  readonly options: ResolvedRevocationOptions;
  readonly feed: RevocationFeed;
  readonly live: LiveRevocations;
  readonly times: RevocationTimes;
  readonly isRecorded: boolean;
  readonly isVerifyOnly: boolean;
  readonly events: SessionEvents;
  readonly time: MonotonicTime;
  /** Whole seconds, by the clock of the log. */
  readonly now: () => number;
}

/** Why revocations may be missing. */
export type LagReason = 'silent' | 'unreadable' | 'full' | 'gap';

/** What to do with a session about which a revocation may be missing. */
export type Doubt = 'ask-store' | 'refuse' | 'accept' | 'stale';

/** The claims by which a session is doubted. */
export type DoubtedClaims = Pick<SessionClaims, 'sid' | 'oiat' | 'lat'>;

/** Returns the error of a request that is refused since a revocation may be missing. */
export function lagError(): SessionError {
  return new SessionError(
    'STORE_UNAVAILABLE',
    'revocations may be missing, and the session cannot be confirmed',
    { retryAfterSeconds: 1 },
  );
}

const MOST_CONFIRMED = 100_000;
/** Parts of `maxEntries` at which the alarm is raised, and at which it may be raised again. */
const ALARM = 0.8;
const RELIEF = 0.7;

/** Whether this node knows every revocation. If it does not, it is never silent about that. */
export class RevocationStanding {
  readonly #parts: RevocationStandingParts;
  readonly #confirmed = new Set<string>();
  #unreadableUntil = 0;
  #fullUntil = 0;
  #gapAt = -Infinity;
  #shortestRetention = Infinity;
  #laggingSince: number | undefined;
  #isAlarmed = false;

  constructor(parts: RevocationStandingParts) {
    this.#parts = parts;
  }

  /** Whether revocations of any session may be missing. */
  get isBehind(): boolean {
    return this.reason !== undefined;
  }

  /** Why revocations of any session may be missing; `undefined` if none is. */
  get reason(): Exclude<LagReason, 'gap'> | undefined {
    if (this.#parts.feed.isBehind) {
      return 'silent';
    }
    const blindUntil = Math.max(this.#unreadableUntil, this.#fullUntil);
    if (blindUntil === 0 || this.#parts.now() >= blindUntil) {
      return undefined;
    }
    return this.#fullUntil === blindUntil ? 'full' : 'unreadable';
  }

  /** For how many seconds revocations may have been missing; `undefined` if none is. Noticed by {@link report}. */
  get behindForSeconds(): number | undefined {
    return this.#laggingSince === undefined
      ? undefined
      : this.#parts.time() - this.#laggingSince;
  }

  /** When the last gap was noticed that may still hide revocations of some sessions, by the clock of the log. */
  get gapAt(): number | undefined {
    const { times, now } = this.#parts;
    return now() < times.endOfCutOff(this.#gapAt) ? this.#gapAt : undefined;
  }

  /** Returns what to do with a session if its revocation may be missing. For every request. */
  doubtOf(claims: DoubtedClaims): Doubt | undefined {
    const { options, times, now, isVerifyOnly } = this.#parts;
    const { reason } = this;
    if (reason) {
      // Otherwise, an attacker who fills the memory could keep a stolen session alive.
      return reason === 'full' && options.whenLagging === 'accept'
        ? 'refuse'
        : options.whenLagging;
    }
    if (claims.oiat <= this.#gapAt && this.#isInGap(claims)) {
      return options.whenLagging;
    }
    return this.#shortestRetention < times.longestSeconds &&
      claims.lat < now() - this.#shortestRetention
      ? isVerifyOnly
        ? 'stale'
        : options.whenLagging
      : undefined;
  }

  /** Notes that the store has confirmed a session: it is not queried again because of the same gap. */
  noteConfirmed(sid: string): void {
    if (this.#gapAt === -Infinity || this.isBehind) return;
    if (this.#confirmed.size >= MOST_CONFIRMED) this.#confirmed.clear();
    this.#confirmed.add(sid);
  }

  /** Notes that entries are missing that the log should still have. */
  noteGap(): void {
    const { events, now } = this.#parts;
    this.#gapAt = now();
    this.#confirmed.clear();
    events.tell({ type: 'revocationsLagging', reason: 'gap' });
  }

  noteUnreadable(until: number | undefined): void {
    const { now, times } = this.#parts;
    this.#unreadableUntil = Math.max(
      this.#unreadableUntil,
      until ?? times.endOfCutOff(now()),
    );
  }

  noteFull(until: number): void {
    this.#fullUntil = Math.max(this.#fullUntil, until);
  }

  /** Notes for how long a node keeps entries. */
  noteRetention(seconds: number): void {
    this.#shortestRetention = Math.min(this.#shortestRetention, seconds);
  }

  /** Reports when this node falls behind and when it has caught up, and that the memory fills up. */
  report(): void {
    const { events, time, live, options } = this.#parts;
    const { reason } = this;
    if (reason && this.#laggingSince === undefined) {
      this.#laggingSince = time();
      events.tell({ type: 'revocationsLagging', reason });
    } else if (!reason && this.#laggingSince !== undefined) {
      const seconds = time() - this.#laggingSince;
      this.#laggingSince = undefined;
      events.tell({
        type: 'revocationsCaughtUp',
        awaySeconds: Math.round(seconds * 1000) / 1000,
      });
    }
    const { maxEntries } = options;
    if (live.size >= ALARM * maxEntries && !this.#isAlarmed) {
      this.#isAlarmed = true;
      events.tell({
        type: 'revocationsFilling',
        entries: live.size,
        maxEntries,
      });
    } else if (live.size < RELIEF * maxEntries) {
      this.#isAlarmed = false;
    }
  }

  /**
   * With a store, a token loaded since has met it, and every token has after the retention. Without one, nothing else
   * ends a session.
   */
  #isInGap({ sid, lat }: DoubtedClaims): boolean {
    const { isRecorded, times, now } = this.#parts;
    return (
      !(isRecorded && lat > this.#gapAt) &&
      now() < times.endOfCutOff(this.#gapAt) &&
      !this.#confirmed.has(sid)
    );
  }
}
