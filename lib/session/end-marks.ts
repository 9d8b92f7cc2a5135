import type { NamedSession } from '../tokens/session-claims.js';
import { FairShares, type Kept } from './fair-shares.js';

/** How a session ended: a new sign-in of its client replaced it, or anything else. */
export type End = 'ended' | 'replaced';

/** A session that ended, and until when a token of it may live, in seconds since the Unix epoch. */
export interface EndedSession extends NamedSession {
  readonly how: End;
  readonly until: number;
}

interface Mark extends Kept {
  readonly sid: string;
  readonly how: End;
  until: number;
}

/** Sign-ins cannot push out sign-outs. */
const MAXIMUM: Readonly<Record<End, number>> = {
  ended: 100_000,
  replaced: 50_000,
};
const SWEEP_PAUSE_SECONDS = 60;

/**
 * Which sessions have ended in this process. Bounded: of those whose tokens may still live, the subject with the most
 * loses its oldest one first, so that no subject can push out the ends of another.
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
   * @param onEvicted hears of each that is forgotten though a token of it may still live
   */
  constructor(
    now: () => number = () => 0,
    onEvicted: (session: EndedSession) => void = () => undefined,
  ) {
    this.#now = now;
    this.#onEvicted = onEvicted;
  }

  /** One look, for every request. */
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

  /** No token of the session lives longer than that. */
  shorten(sid: string, until: number): void {
    const mark = this.#marks.get(sid);
    if (mark) mark.until = Math.min(mark.until, until);
  }

  #makeRoom(how: End): void {
    const now = this.#now();
    const shares = this.#shares[how];
    const sinceSweep = now - this.#sweptAt[how];
    // A clock that was set back delays no sweep.
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
