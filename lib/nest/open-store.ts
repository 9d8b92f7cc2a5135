import {
  stopwatchOf,
  type MonotonicTime,
  type SessionClock,
} from '../ports/clock.js';
import type { ResolvedStoreOptions } from '../options/resolved-options.js';
import type { SessionStore } from '../ports/session-store.js';
import { CallMeter } from '../session/model/call-meter.js';
import type { SessionEvents } from '../session/model/session-events.js';
import type { SessionMeasures } from '../session/model/session-measures.js';
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
  readonly measures: SessionMeasures;
  readonly onLateAnswer: (answer: LateAnswer) => void;
}

/** The options of a store whose calls have deadlines. */
export interface OpenedStore extends ResolvedStoreOptions {
  readonly store: DeadlineSessionStore;
  readonly meter: CallMeter;
  /** Whether the store itself notices that it has lost all its records. */
  readonly noticesLoss: boolean;
  /** Logs what the store warns of, once. */
  logWarnings(): void;
}

/** Adds deadlines, events and warnings to the application's store. Returns `undefined` without a store. */
export function openStore(
  options: ResolvedStoreOptions | undefined,
  { clock, time, events, logger, measures, onLateAnswer }: Surroundings,
): OpenedStore | undefined {
  if (!options) {
    return undefined;
  }
  const { store, timeoutSeconds } = options;
  store.useClock?.(clock);
  const health = new StoreHealth(events, time);
  const meter = new CallMeter({
    part: 'store',
    timeoutSeconds,
    failuresUntilDown: 1,
    time: stopwatchOf(clock),
    now: () => clock.nowSeconds(),
    measures,
  });
  const warnings = new StoreWarnings(store, logger);
  return {
    ...options,
    meter,
    noticesLoss: store.hasLostAll !== undefined,
    logWarnings: () => warnings.look(),
    store: new DeadlineSessionStore(store, timeoutSeconds, {
      onSend: () => meter.start(),
      onFailure: (operation, error, sentAt, end) => {
        meter.failed(operation, error, sentAt, end);
        health.failed(operation, error);
      },
      onAnswer: (operation, sentAt) => {
        meter.answered(operation, sentAt);
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
