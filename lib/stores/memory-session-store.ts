import { SystemSessionClock, type SessionClock } from '../clock.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import {
  SessionStore,
  type CreateOptions,
  type CreateVerdict,
  type NewSessionRecord,
  type PresentedRefresh,
  type RotationVerdict,
  type SessionChange,
  type SessionRecord,
} from '../options/session-store.js';
import {
  endOf,
  moveOn,
  newEntry,
  recordOf,
  type MemoryEntry,
} from './memory-entry.js';
import { mergeAttributes } from './merge-attributes.js';
import { riskOfThisProcess } from './risk-of-this-process.js';
import { judgeRotation } from './rotation.js';

/** Options of {@link MemorySessionStore}. */
export interface MemorySessionStoreOptions {
  /**
   * Starts with `NODE_ENV=production` and in one process of several (`node:cluster`, PM2) too, although
   * sessions are lost at each restart and no process knows those of another.
   *
   * @default false
   */
  allowInProduction?: boolean;
}

const SEEN_PAUSE = 60_000;
/** Records that one sign-in looks at to find some that have expired. */
const SWEPT_PER_CREATE = 16;

/**
 * Sessions in the memory of one process: for development, tests, and servers of one process that may forget
 * them. A restart ends them all.
 */
export class MemorySessionStore extends SessionStore {
  readonly #subjects = new Map<string, Map<string, MemoryEntry>>();
  #clock: SessionClock = new SystemSessionClock();
  #sweeper = this.#everyRecord();

  /** @throws {SessionConfigError} in production or in one process of several, unless that is allowed */
  constructor(options: MemorySessionStoreOptions = {}) {
    super();
    const risk = options.allowInProduction ? undefined : riskOfThisProcess();
    if (risk) {
      throw new SessionConfigError([
        `store: MemorySessionStore ${risk}: use RedisSessionStore or PostgresSessionStore, or say new MemorySessionStore({ allowInProduction: true }) if that is meant`,
      ]);
    }
  }

  /** How many records it holds; one that has expired counts until it is asked for or swept. */
  get size(): number {
    let size = 0;
    for (const sessions of this.#subjects.values()) size += sessions.size;
    return size;
  }

  override useClock(clock: SessionClock): void {
    this.#clock = clock;
  }

  override async create(
    record: NewSessionRecord,
    { limit, replaces }: CreateOptions = {},
  ): Promise<CreateVerdict> {
    const now = this.#now();
    this.#sweepSome(now);
    const { id, subject } = record;
    const others = (limit ? this.#alive(subject, now) : [])
      .filter((other) => other.id !== replaces)
      .toSorted((a, b) => a.createdAt - b.createdAt);
    const surplus = limit ? others.length + 1 - limit.max : 0;
    if (surplus > 0 && limit?.policy === 'refuse') {
      return { kind: 'refused' };
    }
    const ended = others.slice(0, Math.max(surplus, 0)).map((each) => each.id);
    for (const old of replaces === undefined ? ended : [...ended, replaces]) {
      this.#remove(subject, old);
    }
    const sessions =
      this.#subjects.get(subject) ?? new Map<string, MemoryEntry>();
    this.#subjects.set(subject, sessions);
    sessions.set(id, newEntry(record, now));
    return { kind: 'created', ended };
  }

  override async read(
    id: string,
    subject: string,
    use?: 'seen',
  ): Promise<SessionRecord | undefined> {
    const now = this.#now();
    const entry = this.#find(id, subject, now);
    if (entry && use && now >= entry.lastSeenAt + SEEN_PAUSE) {
      entry.lastSeenAt = now;
    }
    return entry && recordOf(entry, now);
  }

  override async rotate(
    id: string,
    subject: string,
    presented: PresentedRefresh,
  ): Promise<RotationVerdict> {
    const entry = this.#subjects.get(subject)?.get(id);
    if (!entry) {
      return 'unknown';
    }
    const now = this.#now();
    const verdict = judgeRotation(entry, presented, now);
    switch (verdict) {
      case 'rotated':
      case 'rolled-forward':
        moveOn(entry, presented, now);
        break;
      case 'reused':
      case 'expired':
        this.#remove(subject, id);
        break;
      case 'repeated':
        break;
    }
    return verdict;
  }

  override async update(
    id: string,
    subject: string,
    { attributes, data, extend, isPassive }: SessionChange,
  ): Promise<SessionRecord | undefined> {
    const now = this.#now();
    const entry = this.#find(id, subject, now);
    if (!entry) {
      return undefined;
    }
    const changed: MemoryEntry = {
      ...entry,
      ...(!isPassive && { lastSeenAt: now }),
      ...(attributes && {
        attributes: mergeAttributes(entry.attributes, attributes),
        revision: entry.revision + 1,
      }),
      ...(data &&
        !(entry.data && entry.data.loadedAt > data.loadedAt) && { data }),
      ...(extend && { expiresAt: endOf(now, entry.createdAt, extend) }),
    };
    this.#subjects.get(subject)?.set(id, changed);
    return recordOf(changed, now);
  }

  override async end(id: string, subject: string): Promise<boolean> {
    const wasAlive = this.#find(id, subject, this.#now()) !== undefined;
    this.#remove(subject, id);
    return wasAlive;
  }

  override async endAll(
    subject: string,
    except?: string,
  ): Promise<number | undefined> {
    const now = this.#now();
    const kept =
      except === undefined ? undefined : this.#find(except, subject, now);
    if (except !== undefined && !kept) {
      return undefined;
    }
    let ended = 0;
    for (const entry of this.#subjects.get(subject)?.values() ?? []) {
      ended += Number(entry !== kept && now < entry.expiresAt);
      if (kept && entry !== kept) this.#remove(subject, entry.id);
    }
    if (!kept) this.#subjects.delete(subject);
    return ended;
  }

  override async list(subject: string): Promise<SessionRecord[]> {
    const now = this.#now();
    return this.#alive(subject, now).map((entry) => recordOf(entry, now));
  }

  /** Removes every expired record now. Sign-ins do it by and by. */
  sweep(): number {
    const now = this.#now();
    let removed = 0;
    for (const entry of this.#everyRecord()) {
      removed += Number(this.#removeExpired(entry, now));
    }
    return removed;
  }

  #now(): number {
    return this.#clock.nowSeconds() * 1000;
  }

  /** A record that was found expired is gone for good, whatever the clock says later. */
  #find(id: string, subject: string, now: number): MemoryEntry | undefined {
    const entry = this.#subjects.get(subject)?.get(id);
    return entry && !this.#removeExpired(entry, now) ? entry : undefined;
  }

  #alive(subject: string, now: number): MemoryEntry[] {
    const entries = [...(this.#subjects.get(subject)?.values() ?? [])];
    return entries.filter((entry) => !this.#removeExpired(entry, now));
  }

  #removeExpired(
    { id, subject, expiresAt }: MemoryEntry,
    now: number,
  ): boolean {
    if (now < expiresAt) {
      return false;
    }
    this.#remove(subject, id);
    return true;
  }

  #remove(subject: string, id: string): void {
    const sessions = this.#subjects.get(subject);
    sessions?.delete(id);
    if (sessions?.size === 0) {
      this.#subjects.delete(subject);
    }
  }

  #sweepSome(now: number): void {
    for (let i = 0; i < SWEPT_PER_CREATE; i += 1) {
      const { done, value } = this.#sweeper.next();
      if (done) {
        this.#sweeper = this.#everyRecord();
        return;
      }
      this.#removeExpired(value, now);
    }
  }

  *#everyRecord(): Generator<MemoryEntry, undefined> {
    for (const sessions of this.#subjects.values()) {
      yield* sessions.values();
    }
    return undefined;
  }
}
