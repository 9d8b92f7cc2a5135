import { Inject, Injectable } from '@nestjs/common';
import type { CallMeter } from '../session/model/call-meter.js';
import { randomId } from '../session/model/random-id.js';
import {
  healthReport,
  type SessionHealthReport,
} from '../session/session-health-report.js';
import { quoteError } from './rare-logger.js';
import { SESSION_RUNTIME, type SessionRuntime } from './session-runtime.js';

/** A store that has answered within this time need not be queried to know that it does. */
const RECENT_SECONDS = 1;
/** A record that no store has. */
const PROBE = { id: randomId(32), subject: 'health' } as const;

/**
 * What the store, the revocation log, the data loader and the source of the keys are doing, for operators. Reads what
 * these parts know of the requests so far; no request pays for it. Reports contain no token, session id or secret.
 */
@Injectable()
export class SessionHealth {
  readonly #startedAt: number;

  /** @internal */
  constructor(
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
  ) {
    this.#startedAt = runtime.clock.nowSeconds();
  }

  /**
   * Returns how the parts are doing, by their last calls: a part that nothing has called yet is `up`, and a store
   * without requests stays `down`. See {@link probe}.
   */
  check(): SessionHealthReport {
    const { options, openedStore, loaderMeter, revocations, keys, clock } =
      this.runtime;
    return healthReport({
      store: openedStore?.meter,
      loader: loaderMeter,
      journal: revocations?.journal,
      revocations: options.revocations,
      keys: keys.ring.standing,
      now: clock.nowSeconds(),
      startedAt: this.#startedAt,
      quote: quoteError,
    });
  }

  /**
   * Works like {@link check}, but reads from the store first, unless it has just answered: a process that a load balancer
   * has taken out of service has no requests that would notice a store that is back. Takes at most `storeTimeout`.
   * Never rejects.
   */
  async probe(): Promise<SessionHealthReport> {
    const { openedStore } = this.runtime;
    if (openedStore && !hasJustAnswered(openedStore.meter)) {
      const { id, subject } = PROBE;
      await openedStore.store.read(id, subject).catch(() => undefined);
    }
    return this.check();
  }
}

function hasJustAnswered({ isFailing, silentSeconds }: CallMeter): boolean {
  return !isFailing && silentSeconds < RECENT_SECONDS;
}
