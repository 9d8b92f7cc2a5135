import type { LiveSession } from './live-session.js';

/** Runs the checks that are due, a few at a time. A session waits at most once. */
export class CheckQueue {
  readonly #concurrency: number;
  readonly #check: (live: LiveSession) => Promise<unknown>;
  readonly #waiting = new Set<LiveSession>();
  #running = 0;

  /** @param check must not reject */
  constructor(
    concurrency: number,
    check: (live: LiveSession) => Promise<unknown>,
  ) {
    this.#concurrency = concurrency;
    this.#check = check;
  }

  get isIdle(): boolean {
    return this.#running === 0;
  }

  add(live: LiveSession): void {
    this.#waiting.add(live);
    this.#start();
  }

  #start(): void {
    for (const live of this.#waiting) {
      if (this.#running >= this.#concurrency) return;
      this.#waiting.delete(live);
      if (live.ended || live.dependents.size === 0) continue;
      this.#running += 1;
      void this.#check(live).then(() => {
        this.#running -= 1;
        this.#start();
      });
    }
  }
}
