const BATCH = 500;
/** Milliseconds between two sweeps that sign-ins start in one process. */
const PAUSE = 60_000;

/** Removes expired records in batches, never in two sweeps in parallel. */
export class ExpirySweep {
  readonly #removeBatch: (size: number) => Promise<number>;
  #last: Promise<unknown> = Promise.resolve();
  #begunAt = -Infinity;

  /** @param removeBatch removes at most that many records and returns how many it found */
  constructor(removeBatch: (size: number) => Promise<number>) {
    this.#removeBatch = removeBatch;
  }

  /** Removes all expired records, once any sweep in progress has finished. */
  run(): Promise<number> {
    this.#begunAt = performance.now();
    const sweep = this.#last.then(() => this.#removeAll());
    this.#last = sweep.catch(() => undefined);
    return sweep;
  }

  /** Starts a sweep in the background unless one started recently, in real time. Never fails. */
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
