import type { SessionClock } from '../../ports/clock.js';
import type { ClockPolicy } from '../model/freshness.js';
import type { SessionEvents } from '../model/session-events.js';

interface Parts {
  readonly clock: SessionClock;
  readonly policy: ClockPolicy;
  readonly events: SessionEvents;
}

/** Compares the clock of a store with that of this process. */
export class ClockSkew {
  readonly #parts: Parts;
  #isKnown = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Reports a difference once. */
  note(timeOfStore: Date): void {
    const { clock, policy, events } = this.#parts;
    if (!this.#isKnown) {
      const ahead = clock.nowSeconds() - timeOfStore.getTime() / 1000;
      if (Math.abs(ahead) > policy.toleranceSeconds + 1) {
        this.#isKnown = true;
        events.clockSkewed(Math.round(ahead));
      }
    }
  }
}
