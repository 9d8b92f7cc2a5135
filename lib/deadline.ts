/** A timer that fires this many milliseconds late shows that the event loop was blocked. */
const TOLERANCE = 5;
/** The last part of a deadline, in milliseconds, which has a separate timer. */
const LAST_PART = 50;
/**
 * What a deadline grants after a block: this many parts of this many milliseconds, however often the loop is blocked
 * again.
 */
const GRANTED_PARTS = 5;
const GRANTED_PART = 10;

/** Resolves after some milliseconds. Keeps no process alive. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}

/**
 * A deadline that does not mistake a blocked event loop for a silent server.
 *
 * After a block, due timers run before the responses that arrived meanwhile are read, and a request made before the
 * block may be sent after it. A deadline that notices a block therefore grants 50 ms from the end of the block, once,
 * in five parts. A loop that is blocked again in each part still reads five times what has arrived; then the deadline
 * passes.
 */
export class Deadline {
  #onPassed: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #part: number;
  #partsLeft: number;
  #wasBlocked = false;
  #isOver = false;

  /** @param onPassed called once, unless the deadline is cleared first */
  constructor(milliseconds: number, onPassed: () => void) {
    this.#onPassed = onPassed;
    // Two timers: a block that ends together with the deadline makes only the first of them late.
    this.#part = Math.floor(Math.min(LAST_PART, milliseconds / 2));
    this.#partsLeft = this.#part > 0 ? 1 : 0;
    this.#wait(milliseconds - this.#part);
  }

  /**
   * Whether the time is up, so that new work is in vain. What has arrived is still read before the deadline passes.
   */
  get isOver(): boolean {
    const late = performance.now() - this.#dueAt;
    return (
      this.#isOver ||
      // Timers may fire a fraction of a millisecond early, and those of other deadlines may fire first.
      (this.#partsLeft === 0 &&
        late > -1 &&
        (late <= TOLERANCE || this.#wasBlocked))
    );
  }

  /** Keeps the deadline from passing, and releases its callback. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#onPassed = undefined;
  }

  #wait(milliseconds: number): void {
    this.#dueAt = performance.now() + milliseconds;
    this.#timer = setTimeout(Deadline.#look, milliseconds, this);
    // A deadline alone does not keep a process alive.
    this.#timer.unref?.();
  }

  // Static, so that no call needs a closure for its timer.
  static #look(this: void, deadline: Deadline): void {
    const late = performance.now() - deadline.#dueAt;
    if (late > TOLERANCE && !deadline.#wasBlocked) {
      deadline.#wasBlocked = true;
      deadline.#part = GRANTED_PART;
      deadline.#partsLeft = GRANTED_PARTS;
    }
    if (deadline.#partsLeft > 0) {
      deadline.#partsLeft -= 1;
      deadline.#wait(deadline.#part);
    } else {
      deadline.#isOver = true;
      // Sockets are read between a timer and this callback.
      setImmediate(Deadline.#pass, deadline);
    }
  }

  static #pass(this: void, deadline: Deadline): void {
    const onPassed = deadline.#onPassed;
    deadline.#onPassed = undefined;
    onPassed?.();
  }
}
