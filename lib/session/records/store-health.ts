import type { MonotonicTime } from '../../ports/clock.js';
import type { SessionEvents } from '../model/session-events.js';

/** Reports when the store fails and, when it answers again, how long it was away. */
export class StoreHealth {
  readonly #events: SessionEvents;
  readonly #time: MonotonicTime;
  #failingSince: number | undefined;

  constructor(events: SessionEvents, time: MonotonicTime) {
    this.#events = events;
    this.#time = time;
  }

  failed(operation: string, error: unknown): void {
    this.#failingSince ??= this.#time();
    this.#events.storeFailed(operation, error);
  }

  answered(): void {
    if (this.#failingSince !== undefined) {
      const seconds = this.#time() - this.#failingSince;
      this.#failingSince = undefined;
      this.#events.tell({
        type: 'storeRecovered',
        awaySeconds: Math.round(seconds * 1000) / 1000,
      });
    }
  }
}
