import type { WriteDeadline } from '../ports/session-store.js';

/** Milliseconds for which an answer says something about the clock of the store. */
const MEMORY = 30_000;
/** A deadline more than this many call timeouts ahead was set before the clock went back. */
const FURTHEST = 2;

/** How far the clock of the store is ahead of our monotonic clock, at least and at most. Milliseconds. */
interface Offset {
  readonly least: number;
  readonly most: number;
  /** When this was last learnt. */
  readonly at: number;
}

/**
 * Estimates the clock of a store from its answers. The store gave each answer after the call was sent and before the
 * answer arrived, which bounds the difference between the two clocks from both sides. The time of day of this process
 * is not used and may be wrong.
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

  /** The current instant, for {@link note}. */
  get instant(): number {
    return this.#now();
  }

  /** Learns from an answer, in whole milliseconds, to a call that was sent at an instant. */
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
    // Once the clock has been set, older answers say nothing about it.
    if (this.#before && !overlaps(this.#before, offset)) {
      this.#before = undefined;
    }
  }

  /** The time of the store, in milliseconds, or a little earlier; `undefined` if its last answer was long ago. */
  get earliest(): number | undefined {
    const known = this.#known();
    return known && this.#now() + known.least;
  }

  /** Whether enough is known to set deadlines. */
  get isKnown(): boolean {
    return this.#known() !== undefined;
  }

  /**
   * Returns the deadline of a call that is sent now: the store may never carry it out later than its caller waits.
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

/** Returns what both agree on. If they contradict each other, the clock was set and the newer one counts. */
function narrowed(older: Offset | undefined, newer: Offset): Offset {
  return older && overlaps(older, newer)
    ? {
        least: Math.max(older.least, newer.least),
        most: Math.min(older.most, newer.most),
        at: newer.at,
      }
    : newer;
}
