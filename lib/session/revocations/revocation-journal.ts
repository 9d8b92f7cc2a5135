import { pause } from '../../deadline.js';
import {
  stopwatchOf,
  type MonotonicTime,
  type SessionClock,
} from '../../ports/clock.js';
import type { ResolvedRevocationOptions } from '../../options/resolved-options.js';
import { CallMeter } from '../model/call-meter.js';
import type { SessionEvents } from '../model/session-events.js';
import type { SessionMeasures } from '../model/session-measures.js';
import { LiveRevocations } from './live-revocations.js';
import { ProofsOfLife } from './proofs-of-life.js';
import { RevocationAppends } from './revocation-appends.js';
import { RevocationFeed } from './revocation-feed.js';
import { RevocationStanding } from './revocation-standing.js';
import type { RevocationTimes } from './revocation-times.js';
import { readEntry, writeEntry, type Revocation } from './revocation.js';

export interface RevocationJournalParts {
  readonly options: ResolvedRevocationOptions;
  /** Distinguishes the entries of this application. */
  readonly realm: string;
  readonly times: RevocationTimes;
  /** Whether a store records the sessions. */
  readonly isRecorded: boolean;
  /** Whether this application only reads the log. */
  readonly isVerifyOnly: boolean;
  readonly clock: SessionClock;
  readonly time: MonotonicTime;
  readonly events: SessionEvents;
  readonly measures: SessionMeasures;
}

/** A node writes a proof of life when the last one is as old as this part of the lag. */
const PROOF_AFTER = 1 / 4;
const TICK = 1 / 8;

/** The log as this node sees it: follows it, appends to it, proves that it lives, and keeps what is live in it. */
export class RevocationJournal {
  readonly live: LiveRevocations;
  /** Whether this node knows every revocation, and what that means for a session. */
  readonly standing: RevocationStanding;
  /** What the calls of the log show of it. */
  readonly meter: CallMeter;
  readonly #parts: RevocationJournalParts;
  readonly #feed: RevocationFeed;
  readonly #appends: RevocationAppends;
  readonly #proofs: ProofsOfLife;
  readonly #listeners: ((revocation: Revocation) => void)[] = [];
  #stopTimers: (() => void) | undefined;

  constructor(parts: RevocationJournalParts) {
    const { options, times, events, time, clock, measures } = parts;
    const { log, maxLagSeconds, timeoutSeconds } = options;
    const failed = (operation: 'append' | 'follow', error: unknown): void =>
      events.tell({ type: 'revocationsFailed', operation, error });
    this.#parts = parts;
    const meter = new CallMeter({
      part: 'revocations',
      timeoutSeconds,
      failuresUntilDown: 1,
      time: stopwatchOf(clock),
      now: () => clock.nowSeconds(),
      measures,
    });
    this.meter = meter;
    this.live = new LiveRevocations(options.maxEntries);
    const feed = new RevocationFeed({
      log,
      clock: parts.clock,
      time,
      maxLagSeconds,
      onEntry: (entry) => this.#receive(entry),
      onGap: () => this.standing.noteGap(),
      onFailure(error) {
        meter.failed('follow', error);
        failed('follow', error);
      },
    });
    const appends = new RevocationAppends({
      log,
      feed,
      timeoutSeconds,
      meter,
      retentionSeconds: times.retentionSeconds,
      onFailure: (error) => failed('append', error),
    });
    this.#feed = feed;
    this.#appends = appends;
    this.#proofs = new ProofsOfLife({
      feed,
      appends,
      timeoutSeconds,
      write: (id) => this.#proof(id),
    });
    this.standing = new RevocationStanding({
      ...parts,
      feed,
      live: this.live,
      now: () => this.now,
    });
  }

  /** The time of the log in whole seconds since the Unix epoch, never ahead of it. */
  get now(): number {
    const { now } = this.#feed;
    return now === undefined
      ? this.#parts.clock.nowSeconds()
      : Math.floor(now / 1000);
  }

  /** Seconds since this process knew every revocation; `Infinity` before the log was read. */
  get lagSeconds(): number {
    return this.#feed.lagSeconds;
  }

  /** How many entries are not confirmed yet. */
  get unconfirmed(): number {
    return this.#appends.size;
  }

  /** Calls a listener for each revocation that ends more than the ones before. */
  whenRevoked(listener: (revocation: Revocation) => void): void {
    this.#listeners.push(listener);
  }

  /** `undefined` once the log has been read, or could not be; until then a promise that never rejects. */
  ready(): Promise<void> | undefined {
    this.start();
    return this.#feed.starting;
  }

  /** Follows the log from now on. */
  start(): void {
    if (this.#stopTimers) return;
    const { clock, options } = this.#parts;
    const tick = (): void => this.#tick();
    const timer = setInterval(tick, options.maxLagSeconds * 1000 * TICK);
    timer.unref();
    const stopClock = clock.everySecond?.(tick);
    this.#stopTimers = () => {
      clearInterval(timer);
      stopClock?.();
    };
    options.log.useClock?.(clock);
    this.#feed.start();
    tick();
  }

  /** Follows the log no longer. Waits for entries that are on their way. */
  async stop(): Promise<void> {
    this.#stopTimers?.();
    await this.#appends.stop();
    this.#feed.stop();
  }

  /** Resolves with `true` when every entry confirmed before is known; with `false` if the log cannot tell in time. */
  async caughtUp(): Promise<boolean> {
    await this.ready();
    return this.#proofs.caughtUp();
  }

  /** Resolves in the next second of the log, by real time. */
  async nextSecond(): Promise<void> {
    const { now } = this.#feed;
    if (now !== undefined) await pause(1000 - (now % 1000));
  }

  /**
   * Appends revocations. In this process, they take effect before they are confirmed.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`; it is tried again in the background
   */
  append(revocations: readonly Revocation[]): Promise<void> {
    for (const each of revocations) this.#apply(each);
    return this.#appends.append(
      revocations.map((each) => writeEntry(this.#parts.realm, each)),
    );
  }

  /**
   * Appends revocations that take effect once they are confirmed.
   *
   * @throws {SessionError} `STORE_UNAVAILABLE`; it is not tried again
   */
  async appendOnce(revocations: readonly Revocation[]): Promise<void> {
    await this.#appends.appendOnce(
      revocations.map((each) => writeEntry(this.#parts.realm, each)),
    );
    for (const each of revocations) this.#apply(each);
  }

  #tick(): void {
    const { options, isVerifyOnly } = this.#parts;
    this.live.sweep(this.now);
    this.#feed.replaceIfSilent();
    const isDue = this.#feed.lagSeconds >= options.maxLagSeconds * PROOF_AFTER;
    if (isDue && !isVerifyOnly && !this.#proofs.isUnderWay) {
      void this.#proofs.caughtUp();
    }
    if (!this.#feed.starting) this.standing.report();
  }

  #receive(text: string): void {
    const entry = readEntry(this.#parts.realm, text);
    switch (entry?.kind) {
      case undefined:
        break;
      case 'unreadable':
        this.standing.noteUnreadable(entry.until);
        break;
      case 'proof':
        this.#proofs.note(entry);
        this.standing.noteRetention(entry.retentionSeconds);
        if (entry.everything) {
          this.#apply({ kind: 'everything', ...entry.everything });
        }
        break;
      default:
        this.#apply(entry!);
    }
  }

  #apply(revocation: Revocation): void {
    const verdict = this.live.add(revocation);
    if (verdict === 'full') this.standing.noteFull(revocation.until);
    if (verdict === 'added') {
      for (const listener of this.#listeners) listener(revocation);
    }
  }

  /** A proof carries on the last cut-off of all sessions, which outlives the retention of its entry. */
  #proof(id: string): string {
    const { realm, times } = this.#parts;
    const { everything } = this.live;
    return writeEntry(realm, {
      kind: 'proof',
      id,
      retentionSeconds: times.retentionSeconds,
      ...(everything && { everything }),
    });
  }
}
