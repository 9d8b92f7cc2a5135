import {
  RevocationLog,
  type AppendOptions,
  type RevocationBatch,
} from '../../lib/ports/revocation-log.js';
import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import type { TestSessionClock } from '../../lib/testing/test-session-clock.js';

/** A log in memory that loses its entries on demand, and the connections of its followers. */
export class BreakableLog extends RevocationLog {
  readonly #clock: TestSessionClock;
  #log: MemoryRevocationLog;
  #losses = 0;
  readonly #followers = new Set<() => void>();

  constructor(clock: TestSessionClock) {
    super();
    this.#clock = clock;
    this.#log = this.#newLog();
  }

  append(entries: readonly string[], options: AppendOptions): Promise<Date> {
    return this.#log.append(entries, options);
  }

  async follow(
    from: string | undefined,
    listener: (batch: RevocationBatch) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const losses = this.#losses;
    const [known, position] = from?.split(':') ?? [String(losses)];
    const isKnown = known === String(losses);
    let hasGap = !isKnown;
    const broken = new AbortController();
    const breakIt = () => broken.abort(new Error('broken'));
    this.#followers.add(breakIt);
    await this.#log.follow(
      isKnown ? position : undefined,
      (batch) => {
        listener({ ...batch, hasGap, position: `${losses}:${batch.position}` });
        hasGap = false;
      },
      AbortSignal.any([signal, broken.signal]),
    );
    this.#followers.delete(breakIt);
    if (!signal.aborted) broken.signal.throwIfAborted();
  }

  cut(): void {
    for (const breakIt of this.#followers) breakIt();
  }

  lose(): void {
    this.#losses += 1;
    this.#log = this.#newLog();
    this.cut();
  }

  #newLog(): MemoryRevocationLog {
    const log = new MemoryRevocationLog();
    log.useClock(this.#clock);
    return log;
  }
}
