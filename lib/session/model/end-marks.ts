import type { NamedSession } from '../../tokens/session-claims.js';
import { FairShares, type Kept } from './fair-shares.js';

/** How a session ended: replaced by a new sign-in of its client, or in any other way. */
export type End = 'ended' | 'replaced';

/** An ended session, and until when a token of it may live, in seconds since the Unix epoch. */
export interface EndedSession extends NamedSession {
  readonly how: End;
  readonly until: number;
}

interface Mark extends Kept {
  readonly sid: string;
  readonly how: End;
  until: number;
}

/** Separate bounds, so that sign-ins cannot evict sign-outs. */
const MAXIMUM: Readonly<Record<End, number>> = {
  ended: 100_000,
  replaced: 50_000,
};
const SWEEP_PAUSE_SECONDS = 60;

/**
 * Remembers which sessions have ended in this process. Bounded: among ends whose tokens may still live, it evicts the
 * oldest one of the subject with the most, so that no subject can evict the ends of another.
 */
export class EndMarks {
  readonly #marks = new Map<string, Mark>();
  readonly #shares = {
    ended: new FairShares<Mark>(),
    replaced: new FairShares<Mark>(),
  };
  readonly #sweptAt = { ended: -Infinity, replaced: -Infinity };
  readonly #now: () => number;
  readonly #onEvicted: (session: EndedSession) => void;

  /**
   * @param now seconds since the Unix epoch
   * @param onEvicted receives each evicted end of which a token may still live
   */
  constructor(
    now: () => number = () => 0,
    onEvicted: (session: EndedSession) => void = () => undefined,
  ) {
    this.#now = now;
    this.#onEvicted = onEvicted;
  }

  /** Returns how a session ended. One lookup, for every request. */
  of(sid: string): End | undefined {
    return this.#marks.get(sid)?.how;
  }

  set({ sid, sub, how, until }: EndedSession): void {
    const known = this.#marks.get(sid);
    if (known) this.#delete(known);
    if (this.#shares[how].size >= MAXIMUM[how]) this.#makeRoom(how);
    const mark: Mark = {
      sid,
      how,
      until,
      owner: sub,
      older: undefined,
      newer: undefined,
    };
    this.#marks.set(sid, mark);
    this.#shares[how].add(mark);
  }

  /** Notes that no token of the session lives longer than `until`. */
  shorten(sid: string, until: number): void {
    const mark = this.#marks.get(sid);
    if (mark) mark.until = Math.min(mark.until, until);
  }

  #makeRoom(how: End): void {
    const now = this.#now();
    const shares = this.#shares[how];
    const sinceSweep = now - this.#sweptAt[how];
    // A clock that was set back does not delay the sweep.
    if (sinceSweep < 0 || sinceSweep >= SWEEP_PAUSE_SECONDS) {
      this.#sweptAt[how] = now;
      for (const mark of this.#marks.values()) {
        if (mark.how === how && now >= mark.until) this.#delete(mark);
      }
    }
    const first = shares.size >= MAXIMUM[how] ? shares.first() : undefined;
    if (first) {
      const { sid, owner: sub, until } = first;
      this.#delete(first);
      if (now < until) this.#onEvicted({ sid, sub, how, until });
    }
  }

  #delete(mark: Mark): void {
    this.#marks.delete(mark.sid);
    this.#shares[mark.how].remove(mark);
  }
}
