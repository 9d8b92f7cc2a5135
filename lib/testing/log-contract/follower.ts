import assert from 'node:assert/strict';
import type {
  AppendOptions,
  RevocationBatch,
  RevocationLog,
} from '../../ports/revocation-log.js';
import type { AddTest } from '../contract-suite.js';
import type { RevocationLogFixture } from './fixture.js';

/** Seconds for which entries are kept in these tests, unless a test sets another retention. */
export const RETENTION = 1_000;

/** What a test of a log works with: a fixture with defaults applied. */
export interface LogBench {
  readonly log: RevocationLog;
  readonly another: RevocationLog;
  readonly advance: (seconds: number) => Promise<void>;
  readonly lose: (() => Promise<void> | void) | undefined;
  readonly cut: (() => Promise<void> | void) | undefined;
  /** Follows a log until the test ends. */
  readonly follow: (log: RevocationLog, from?: string) => Follower;
}

/** What a fixture of a log may not be able to do: to break connections, and to lose entries. */
export type LogAbility = 'cut' | 'lose';

/** Adds one test of a log to the suite. */
export type AddLogTest = AddTest<LogBench, LogAbility>;

/** Runs a test on a fixture, and ends what it has left open. */
export async function runLogTest(
  fixture: RevocationLogFixture,
  body: (bench: LogBench) => Promise<void>,
): Promise<void> {
  const { log, another = log, patienceSeconds } = fixture;
  const followers: Follower[] = [];
  try {
    await body({
      log,
      another,
      advance: async (seconds) => fixture.advance(seconds),
      lose: fixture.lose?.bind(fixture),
      cut: fixture.cut?.bind(fixture),
      follow(followed, from) {
        const follower = new Follower(followed, from, patienceSeconds);
        followers.push(follower);
        return follower;
      },
    });
  } finally {
    await Promise.all(followers.map((follower) => follower.stop()));
    await fixture.close?.();
  }
}

/** Appends entries with the retention of these tests. */
export function append(
  log: RevocationLog,
  entries: readonly string[],
  options: Partial<AppendOptions> = {},
): Promise<Date> {
  return log.append(entries, { retentionSeconds: RETENTION, ...options });
}

/** Returns texts that differ. */
export function texts(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i}`);
}

/** Collects what a log delivers. */
export class Follower {
  readonly batches: RevocationBatch[] = [];
  /** Every text that was delivered, in the order of delivery. */
  readonly received: string[] = [];
  /** Called with each batch. */
  onBatch: (batch: RevocationBatch) => void = () => undefined;
  /** Fulfilled when `follow` has resolved; rejected with its error. */
  readonly ended: Promise<void>;
  readonly #patience: number;
  readonly #controller = new AbortController();
  readonly #texts = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(log: RevocationLog, from?: string, patienceSeconds = 300) {
    this.#patience = patienceSeconds * 1000;
    const { signal } = this.#controller;
    this.ended = log.follow(from, (batch) => this.#note(batch), signal);
    this.ended.catch(() => undefined);
  }

  /** The position after the last batch. */
  get position(): string | undefined {
    return this.batches.at(-1)?.position;
  }

  /** The last `asOf`, in milliseconds; -Infinity if there was none. */
  get asOf(): number {
    return this.batches.at(-1)?.asOf?.getTime() ?? -Infinity;
  }

  has(text: string): boolean {
    return this.#texts.has(text);
  }

  hasAll(entries: readonly string[]): boolean {
    return entries.every((text) => this.#texts.has(text));
  }

  /**
   * Waits for the batch after which a condition holds.
   *
   * @throws {Error} if follow() ends before, or if no batch arrives for too long
   */
  async until(
    condition: () => boolean,
    expected: () => string = () => String(condition),
  ): Promise<this> {
    const failed = this.ended.then(() => {
      throw new Error(`expected ${expected()}, but follow() resolved`);
    });
    failed.catch(() => undefined);
    while (!condition()) {
      let timer: NodeJS.Timeout | undefined;
      const woken = new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        timer = setTimeout(() => {
          reject(new Error(`expected ${expected()}, but no batch arrived`));
        }, this.#patience);
      });
      await Promise.race([woken, failed]).finally(() => clearTimeout(timer));
    }
    return this;
  }

  /** Waits until everything that is there has been delivered. */
  untilCaughtUp(): Promise<this> {
    return this.until(
      () => this.batches.at(-1)?.asOf !== undefined,
      () => 'a batch with asOf',
    );
  }

  /** Waits until all these texts have been delivered. */
  untilAll(entries: readonly string[]): Promise<this> {
    return this.until(
      () => this.hasAll(entries),
      () => {
        const missing = entries.filter((text) => !this.has(text));
        return `the ${missing.length} entries ${JSON.stringify(missing.slice(0, 3))}…`;
      },
    );
  }

  /**
   * Waits until follow() rejects.
   *
   * @throws {Error} if it does not for too long
   */
  async untilRejected(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const goesOn = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error('expected follow() to reject, but it goes on'));
      }, this.#patience);
    });
    await Promise.race([assert.rejects(this.ended), goesOn]).finally(() =>
      clearTimeout(timer),
    );
  }

  abort(): void {
    this.#controller.abort();
  }

  /** Ends it, and waits for that. */
  async stop(): Promise<void> {
    this.abort();
    await this.ended.catch(() => undefined);
  }

  #note(batch: RevocationBatch): void {
    this.batches.push(batch);
    for (const text of batch.entries) {
      this.received.push(text);
      this.#texts.add(text);
    }
    this.onBatch(batch);
    this.#wake();
  }
}
