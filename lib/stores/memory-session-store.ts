import { SystemSessionClock, type SessionClock } from '../ports/clock.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import {
  LARGEST_PAGE,
  SessionStore,
  type BindOptions,
  type BindVerdict,
  type CreateOptions,
  type CreateVerdict,
  type EndAllOptions,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionPage,
  type SessionRecord,
} from '../ports/session-store.js';
import {
  changedEntry,
  isListedBefore,
  moveOn,
  newEntry,
  noteUse,
  recordOf,
} from './memory-entry.js';
import { MemoryRecords } from './memory-records.js';
import { riskOfThisProcess } from './risk-of-this-process.js';
import { continuedFrom, decideRotation } from './rotation.js';
import { whoMakesRoom } from './session-limit.js';

/** Options of {@link MemorySessionStore}. */
export interface MemorySessionStoreOptions {
  /**
   * Allows this store with `NODE_ENV=production` and in one process of several (`node:cluster`, PM2), although each
   * restart loses all sessions and no process knows those of another.
   *
   * @default false
   */
  allowInProduction?: boolean;
}

const SEEN_PAUSE = 60_000;

/**
 * Keeps sessions in the memory of one process, for development, tests, and single-process servers that may lose them. A
 * restart ends all sessions.
 */
export class MemorySessionStore extends SessionStore {
  readonly #records = new MemoryRecords();
  #clock: SessionClock = new SystemSessionClock();

  /** @throws {SessionConfigError} in production or in one process of several, unless `allowInProduction` is set */
  constructor(options: MemorySessionStoreOptions = {}) {
    super();
    const risk = options.allowInProduction
      ? undefined
      : riskOfThisProcess('session');
    if (risk) {
      throw new SessionConfigError([
        `store: MemorySessionStore ${risk}; use RedisSessionStore or PostgresSessionStore, or allow it with new MemorySessionStore({ allowInProduction: true })`,
      ]);
    }
  }

  /** How many records it holds. An expired record counts until it is looked up or swept. */
  get size(): number {
    return this.#records.size;
  }

  override useClock(clock: SessionClock): void {
    this.#clock = clock;
  }

  override async create(
    record: NewSessionRecord,
    { limit, replaces }: CreateOptions = {},
  ): Promise<CreateVerdict> {
    const now = this.#now();
    this.#records.sweepSome(now);
    const { subject } = record;
    const others = (limit ? this.#records.ofSubject(subject, now) : [])
      .filter((other) => other.id !== replaces)
      .toSorted((a, b) => a.createdAt - b.createdAt);
    const ended = limit ? whoMakesRoom(others, limit, now) : [];
    if (ended === 'refused') {
      return { kind: 'refused' };
    }
    for (const old of replaces === undefined ? ended : [...ended, replaces]) {
      this.#records.remove(old, subject);
    }
    this.#records.put(newEntry(record, now));
    return { kind: 'created', ended };
  }

  override async read(
    id: string,
    subject: string,
    use?: 'seen',
    generation?: number,
  ): Promise<SessionRecord | undefined> {
    const now = this.#now();
    const entry = this.#records.find(id, subject, now);
    if (!entry) {
      return undefined;
    }
    if (use && now >= entry.lastSeenAt + SEEN_PAUSE) {
      entry.lastSeenAt = now;
    }
    noteUse(entry, generation, now);
    return recordOf(entry, now);
  }

  override async confirmUse(
    id: string,
    subject: string,
    generation: number,
  ): Promise<void> {
    await this.read(id, subject, undefined, generation);
  }

  override async rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    const entry = this.#records.at(id, subject);
    if (!entry) {
      return 'unknown';
    }
    const now = this.#now();
    const verdict = decideRotation(entry, presented, now);
    switch (verdict) {
      case 'rotated':
      case 'rolled-forward':
        moveOn(entry, presented, now);
        break;
      case 'reused':
      case 'expired':
        this.#records.remove(id, subject);
        break;
      case 'recovered':
        entry.recovered = entry.generation;
        break;
      case 'repeated':
      case 'unproven':
        break;
    }
    return verdict;
  }

  override async bind(
    id: string,
    subject: string,
    key: string,
    { continuesFrom }: BindOptions = {},
  ): Promise<BindVerdict> {
    const now = this.#now();
    const entry = this.#records.find(id, subject, now);
    if (!entry) {
      return 'unknown';
    }
    if (entry.deviceKey === undefined) {
      entry.deviceKey = key;
      if (continuesFrom)
        Object.assign(entry, continuedFrom(continuesFrom, now));
    }
    if (entry.deviceKey === key) {
      return 'bound';
    }
    this.#records.remove(id, subject);
    return 'conflict';
  }

  override async update(
    id: string,
    subject: string,
    change: SessionChange,
  ): Promise<SessionRecord | undefined> {
    const now = this.#now();
    const entry = this.#records.find(id, subject, now);
    if (!entry) {
      return undefined;
    }
    const changed = changedEntry(entry, change, now);
    this.#records.put(changed);
    return recordOf(changed, now);
  }

  override async end(id: string, subject: string): Promise<boolean> {
    const wasAlive = this.#records.find(id, subject, this.#now()) !== undefined;
    this.#records.remove(id, subject);
    return wasAlive;
  }

  override async endAll(
    subject: string,
    except?: string,
    { begunUntil }: EndAllOptions = {},
  ): Promise<number | undefined> {
    const now = this.#now();
    const alive = this.#records.ofSubject(subject, now);
    const kept = alive.find(({ id }) => id === except);
    if (except !== undefined && !kept) {
      return undefined;
    }
    const last = begunUntil?.getTime() ?? Infinity;
    const leaving = alive.filter(
      (entry) => entry !== kept && entry.createdAt <= last,
    );
    for (const { id } of leaving) this.#records.remove(id, subject);
    return leaving.length;
  }

  override async list(
    subject: string,
    { limit = LARGEST_PAGE, after }: SessionPage = {},
  ): Promise<SessionRecord[]> {
    const now = this.#now();
    const alive = this.#records.ofSubject(subject, now);
    const last = alive.find(({ id }) => id === after);
    return alive
      .filter((entry) => !last || isListedBefore(last, entry))
      .toSorted((a, b) => (isListedBefore(a, b) ? -1 : 1))
      .slice(0, Math.min(limit, LARGEST_PAGE))
      .map((entry) => recordOf(entry, now));
  }

  /** Removes every expired record now and returns how many there were. Sign-ins remove them gradually. */
  sweep(): number {
    return this.#records.sweep(this.#now());
  }

  #now(): number {
    return this.#clock.nowSeconds() * 1000;
  }
}
