import type { MonotonicTime, SessionClock } from '../ports/clock.js';
import type { ResolvedStoreOptions } from '../options/resolved-options.js';
import type { SessionStore } from '../ports/session-store.js';
import type { SessionEvents } from '../session/model/session-events.js';
import { StoreHealth } from '../session/records/store-health.js';
import {
  DeadlineSessionStore,
  type LateAnswer,
} from '../stores/deadline-session-store.js';
import type { RareLogger } from './rare-logger.js';

interface Surroundings {
  readonly clock: SessionClock;
  readonly time: MonotonicTime;
  readonly events: SessionEvents;
  readonly logger: RareLogger;
  readonly onLateAnswer: (answer: LateAnswer) => void;
}

/** The options of a store whose calls have deadlines. */
export interface OpenedStore extends ResolvedStoreOptions {
  readonly store: DeadlineSessionStore;
  /** Whether the store itself notices that it has lost all its records. */
  readonly noticesLoss: boolean;
  /** Logs what the store warns of, once. */
  logWarnings(): void;
}

/** Adds deadlines, events and warnings to the application's store. Returns `undefined` without a store. */
export function openStore(
  options: ResolvedStoreOptions | undefined,
  { clock, time, events, logger, onLateAnswer }: Surroundings,
): OpenedStore | undefined {
  if (!options) {
    return undefined;
  }
  const { store, timeoutSeconds } = options;
  store.useClock?.(clock);
  const health = new StoreHealth(events, time);
  const warnings = new StoreWarnings(store, logger);
  return {
    ...options,
    noticesLoss: store.hasLostAll !== undefined,
    logWarnings: () => warnings.look(),
    store: new DeadlineSessionStore(store, timeoutSeconds, {
      onFailure: (operation, error) => health.failed(operation, error),
      onAnswer: () => {
        health.answered();
        warnings.look();
      },
      onLateAnswer,
    }),
  };
}

/** Logs the warnings of a store once: at startup or, if it was unreachable then, after its first answer. */
class StoreWarnings {
  readonly #store: SessionStore;
  readonly #logger: RareLogger;
  #attempts = 2;
  #isUnderWay = false;

  constructor(store: SessionStore, logger: RareLogger) {
    this.#store = store;
    this.#logger = logger;
  }

  look(): void {
    if (this.#attempts > 0 && !this.#isUnderWay && this.#store.warnings) {
      this.#attempts -= 1;
      this.#isUnderWay = true;
      void this.#log();
    }
  }

  /** Never rejects: an unavailable warning is not a fault. */
  async #log(): Promise<void> {
    try {
      for (const warning of await this.#store.warnings!()) {
        this.#logger.once('warn', warning, warning);
      }
      this.#attempts = 0;
    } catch {
      this.#isUnderWay = false;
    }
  }
}
