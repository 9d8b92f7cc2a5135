const BATCH = 500;
/** Milliseconds between two sweeps that sign-ins cause in one process. */
const PAUSE = 60_000;

/** Removes expired records in batches, never in two sweeps at once. */
export class ExpirySweep {
  readonly #removeBatch: (size: number) => Promise<number>;
  #last: Promise<unknown> = Promise.resolve();
  #begunAt = -Infinity;

  /** @param removeBatch removes that many at most and says how many it found */
  constructor(removeBatch: (size: number) => Promise<number>) {
    this.#removeBatch = removeBatch;
  }

  /** Removes all; waits for a sweep that is under way. */
  run(): Promise<number> {
    this.#begunAt = performance.now();
    const sweep = this.#last.then(() => this.#removeAll());
    this.#last = sweep.catch(() => undefined);
    return sweep;
  }

  /** Begins a sweep that nobody waits for, unless one began lately. Real time, and never an error. */
  runNowAndThen(): void {
    if (performance.now() >= this.#begunAt + PAUSE) {
      this.run().catch(() => undefined);
    }
  }

  async #removeAll(): Promise<number> {
    let total = 0;
    for (;;) {
      const removed = await this.#removeBatch(BATCH);
      total += removed;
      if (removed < BATCH) {
        return total;
      }
    }
  }
}
