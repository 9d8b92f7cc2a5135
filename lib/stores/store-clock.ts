import type { WriteDeadline } from '../options/session-store.js';

/** How long an answer says something of the clock of the store. Milliseconds. */
const MEMORY = 30_000;
/** A deadline that lies further ahead than so many times the time of a call was set before the clock went back. */
const FURTHEST = 2;

/** How far ahead of our monotonic clock the clock of the store is, at least and at most. Milliseconds. */
interface Offset {
  readonly least: number;
  readonly most: number;
  /** When this was last learned. */
  readonly at: number;
}

/**
 * The clock of a store, as far as its answers tell it. An answer was given between the moment when its question was sent
 * and the one when it arrived; so it bounds the difference of the two clocks from both sides. The clock of this process
 * has no say, and may be wrong.
 */
export class StoreClock {
  readonly #now: () => number;
  #recent: Offset | undefined;
  #before: Offset | undefined;
  #recentSince = -Infinity;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** When something happens, for {@link note}. */
  get instant(): number {
    return this.#now();
  }

  /** Learns from an answer, which tells whole milliseconds, to a question that was sent at an instant. */
  note(asOf: Date, sentAt: number): void {
    const at = this.#now();
    const time = asOf.getTime();
    if (at >= this.#recentSince + MEMORY) {
      this.#before = this.#recent;
      this.#recent = undefined;
      this.#recentSince = at;
    }
    const offset = { least: time - at, most: time + 1 - sentAt, at };
    this.#recent = narrowed(this.#recent, offset);
    // Of a clock that was set meanwhile the older answers say nothing any more.
    if (this.#before && !overlaps(this.#before, offset)) {
      this.#before = undefined;
    }
  }

  /** Whether enough is known to set deadlines. */
  get isKnown(): boolean {
    return this.#known() !== undefined;
  }

  /**
   * Until when a store may carry out a call that is sent now: never later than its caller waits.
   *
   * @param wait how long the caller waits, in milliseconds
   * @param timeout how long a caller waits at most
   */
  deadlineIn(wait: number, timeout: number): WriteDeadline {
    const known = this.#known();
    if (!known) {
      return {};
    }
    const notAfter = this.#now() + known.least + wait;
    return {
      notBefore: new Date(Math.floor(notAfter - FURTHEST * timeout)),
      notAfter: new Date(Math.floor(notAfter)),
    };
  }

  #known(): Offset | undefined {
    const now = this.#now();
    const recent = isRemembered(this.#recent, now);
    const before = isRemembered(this.#before, now);
    return recent && before ? narrowed(before, recent) : (recent ?? before);
  }
}

function isRemembered(
  offset: Offset | undefined,
  now: number,
): Offset | undefined {
  return offset && now < offset.at + 2 * MEMORY ? offset : undefined;
}

function overlaps(one: Offset, other: Offset): boolean {
  return one.least <= other.most && other.least <= one.most;
}

/** What both say; where they contradict each other, the clock was set, and the newer one counts. */
function narrowed(older: Offset | undefined, newer: Offset): Offset {
  return older && overlaps(older, newer)
    ? {
        least: Math.max(older.least, newer.least),
        most: Math.min(older.most, newer.most),
        at: newer.at,
      }
    : newer;
}
